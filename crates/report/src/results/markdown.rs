//! Rewriting the marked blocks of a Markdown file.

use std::fs;
use std::path::Path;

use super::ResultsError;
use super::block::{self, Place};
use super::marker::{self, Line, Selection};

/// Whether to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Rewrite the file if a block is out of date.
    Write,
    /// Only look.
    Check,
}

/// A block whose text was not what the results say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleBlock {
    /// Line of its opening mark, from 1.
    pub line: usize,
    /// Its topic.
    pub topic: String,
}

/// What was found, and with [`Mode::Write`] also done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Update {
    /// Number of blocks in the file.
    pub blocks: usize,
    /// Blocks that were out of date.
    pub stale: Vec<StaleBlock>,
}

impl Update {
    /// Whether the file changed, or with [`Mode::Check`] would have.
    pub fn changed(&self) -> bool {
        !self.stale.is_empty()
    }
}

/// Bring the blocks of the Markdown file at `path` up to date with `<results_dir>/<topic>.json`.
///
/// What lies outside the marks is kept byte by byte; a second run changes nothing.
///
/// # Errors
/// [`ResultsError`] naming file and line for a mark that cannot be served, and the results file, row
/// and field for results that do not make sense. Nothing is written then.
pub fn update_markdown(
    path: &Path,
    results_dir: &Path,
    mode: Mode,
) -> Result<Update, ResultsError> {
    let old = fs::read_to_string(path)
        .map_err(|source| ResultsError::Read { path: path.to_path_buf(), source })?;
    let mut update = Update::default();
    let mut new = String::with_capacity(old.len());
    let mut open: Option<(usize, Selection, String)> = None;
    let mut fence: Option<&str> = None;
    for (index, text) in old.split_inclusive('\n').enumerate() {
        let line = index + 1;
        if open.is_none() {
            fence = next_fence(fence, text);
        }
        let mark = if fence.is_some() { Line::Other } else { marker::read(text) };
        match (mark, open.take()) {
            (Line::Bad, _) => {
                let mark = text.trim().to_string();
                return Err(ResultsError::BadMark { path: path.to_path_buf(), line, mark });
            }
            (Line::Open(_), Some((line, selection, _))) => {
                let topic = selection.topic;
                return Err(ResultsError::Unclosed { path: path.to_path_buf(), line, topic });
            }
            (Line::Close, None) => {
                return Err(ResultsError::StrayEnd { path: path.to_path_buf(), line });
            }
            (Line::Open(selection), None) => {
                new.push_str(text);
                open = Some((line, selection, String::new()));
            }
            (Line::Close, Some((line, selection, was))) => {
                let Selection { topic, .. } = &selection;
                let block = block::render(&selection, results_dir, Place { path, line })?;
                if block != was {
                    update.stale.push(StaleBlock { line, topic: topic.clone() });
                }
                update.blocks += 1;
                new.push_str(&block);
                new.push_str(text);
            }
            (Line::Other, None) => new.push_str(text),
            (Line::Other, Some((line, selection, mut was))) => {
                was.push_str(text);
                open = Some((line, selection, was));
            }
        }
    }
    if let Some((line, Selection { topic, .. }, _)) = open {
        return Err(ResultsError::Unclosed { path: path.to_path_buf(), line, topic });
    }
    if update.changed() && mode == Mode::Write {
        langevin_files::write_whole(path, new.as_bytes())?;
    }
    Ok(update)
}

/// The fence of the code block that the line lies in, opens or, with `None`, closes.
fn next_fence<'a>(fence: Option<&'a str>, line: &'a str) -> Option<&'a str> {
    let mark = ["```", "~~~"].into_iter().find(|mark| line.trim_start().starts_with(mark));
    match (fence, mark) {
        (None, mark) => mark,
        (Some(open), Some(mark)) if open == mark => None,
        (fence, _) => fence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::file::tests::example;
    use std::path::PathBuf;

    struct Docs {
        folder: tempfile::TempDir,
    }

    impl Docs {
        fn new(markdown: &str) -> Self {
            let docs = Self { folder: tempfile::tempdir().unwrap() };
            example().write(&docs.folder.path().join("points.json")).unwrap();
            fs::write(docs.readme(), markdown).unwrap();
            docs
        }

        fn readme(&self) -> PathBuf {
            self.folder.path().join("README.md")
        }

        fn update(&self, mode: Mode) -> Result<Update, ResultsError> {
            update_markdown(&self.readme(), self.folder.path(), mode)
        }

        fn text(&self) -> String {
            fs::read_to_string(self.readme()).unwrap()
        }
    }

    const PAGE: &str = "# Title\r\n\n<!-- results:points rows=\"W2*\" columns=\"what,value,holds\" -->\n\
        old\n<!-- /results -->\n```md\n<!-- results:nowhere -->\n```\nend, no line break";

    #[test]
    fn blocks_are_replaced_and_all_else_is_kept() {
        let docs = Docs::new(PAGE);
        let stale = StaleBlock { line: 3, topic: "points".into() };
        let update = Update { blocks: 1, stale: vec![stale] };
        assert_eq!(docs.update(Mode::Check).unwrap(), update);
        assert_eq!(docs.text(), PAGE, "a check writes nothing");
        assert_eq!(docs.update(Mode::Write).unwrap(), update);
        let text = docs.text();
        assert!(text.starts_with("# Title\r\n\n<!-- results:points"));
        assert!(text.contains("| W2, moons | 0.0213 ± 0.0012 | ✓ |\n"));
        assert!(!text.contains("C2ST") && !text.contains("\nold\n"));
        assert!(text.contains("version 0.1.0, 2026-02-28"));
        assert!(text.ends_with("<!-- results:nowhere -->\n```\nend, no line break"));
    }

    #[test]
    fn a_second_run_changes_nothing() {
        let docs = Docs::new(PAGE);
        docs.update(Mode::Write).unwrap();
        let once = docs.text();
        let update = docs.update(Mode::Write).unwrap();
        assert!(!update.changed() && update.blocks == 1);
        assert_eq!(docs.text(), once);
    }

    #[test]
    fn errors_name_line_and_fact() {
        let message = |markdown: &str| {
            let docs = Docs::new(markdown);
            let message = docs.update(Mode::Write).unwrap_err().to_string();
            assert_eq!(docs.text(), markdown, "nothing is written on an error");
            message
        };
        let unknown = message("\n<!-- results:moleculs -->\n<!-- /results -->\n");
        assert!(unknown.contains("README.md, line 2: no results for topic \"moleculs\""));
        assert!(unknown.ends_with("there are: points"), "{unknown}");
        let open = message("<!-- results:points -->\n<!-- results:points -->\n<!-- /results -->");
        assert!(open.ends_with("line 1: block results:points has no <!-- /results -->"));
        assert!(message("<!-- results:points -->\n").contains("line 1: block results:points"));
        assert!(message("a\n<!-- /results -->\n").contains("line 2"));
        let column = message("<!-- results:points columns=\"val\" -->\n<!-- /results -->\n");
        assert!(column.contains("no column \"val\"; there are: what, value, unit"), "{column}");
        let row = message("<!-- results:points rows=\"FID*\" -->\n<!-- /results -->\n");
        assert!(row.contains("no row of topic \"points\" matches \"FID*\""), "{row}");
    }
}
