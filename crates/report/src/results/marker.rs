//! The marks between which a Markdown file shows results.

/// What stands on a line.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Line {
    Open(Selection),
    Close,
    /// Looks like a mark but cannot be read.
    Bad,
    Other,
}

/// What a block asks for.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Selection {
    pub(super) topic: String,
    pub(super) rows: Vec<String>,
    pub(super) columns: Option<Vec<String>>,
    pub(super) caption: bool,
}

/// Read one line; a mark stands alone on its line.
pub(super) fn read(line: &str) -> Line {
    let Some(inner) = line.trim().strip_prefix("<!--") else { return Line::Other };
    let inner = inner.trim_start();
    if !inner.starts_with("results:") && !inner.starts_with("/results") {
        return Line::Other;
    }
    let Some(inner) = inner.strip_suffix("-->") else { return Line::Bad };
    match inner.trim_end().strip_prefix("results:") {
        Some(inner) => selection(inner).map_or(Line::Bad, Line::Open),
        None if inner.trim_end() == "/results" => Line::Close,
        None => Line::Bad,
    }
}

fn selection(text: &str) -> Option<Selection> {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (topic, mut rest) = text.split_at(end);
    // A topic becomes a file name, so it is letters, digits and joining signs only.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if topic.is_empty() || !topic.chars().all(plain) {
        return None;
    }
    let mut selection =
        Selection { topic: topic.to_string(), caption: true, ..Selection::default() };
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Some(selection);
        }
        let (key, after) = rest.split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        let list = |separator: char| {
            value.split(separator).map(|part| part.trim().to_string()).collect::<Vec<_>>()
        };
        match (key, value) {
            ("rows", _) => selection.rows = list('|'),
            ("columns", _) => selection.columns = Some(list(',')),
            ("caption", "no") => selection.caption = false,
            ("caption", "yes") => selection.caption = true,
            _ => return None,
        }
        rest = after;
    }
}

/// Whether `text` is `pattern`, where `*` stands for any text.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(head) else { return false };
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| matches(tail, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read() {
        assert_eq!(read("<!-- /results -->"), Line::Close);
        assert_eq!(read("text <!-- /results -->"), Line::Other);
        assert_eq!(read("<!-- resultset -->"), Line::Other);
        let Line::Open(selection) =
            read(r#"  <!-- results:points rows="W2*|NFE" columns="what, value" caption="no" -->"#)
        else {
            panic!("a well-written mark")
        };
        assert_eq!(selection.topic, "points");
        assert_eq!(selection.rows, ["W2*", "NFE"]);
        assert_eq!(selection.columns.unwrap(), ["what", "value"]);
        assert!(!selection.caption);
    }

    #[test]
    fn misspelt_marks_are_not_taken_for_text() {
        for line in [
            "<!-- results:points",
            "<!-- results:../secret -->",
            "<!-- results: -->",
            r#"<!-- results:points row="W2" -->"#,
            r#"<!-- results:points rows="W2 -->"#,
            "<!-- /results: -->",
        ] {
            assert_eq!(read(line), Line::Bad, "{line}");
        }
    }

    #[test]
    fn a_star_is_any_text() {
        for pattern in ["W2, moons", "W2*", "*moons", "W*moons", "*", "**", "W2*, m*s"] {
            assert!(matches(pattern, "W2, moons"), "{pattern}");
        }
        for pattern in ["w2*", "W2", "*moon", "W2*x*", ""] {
            assert!(!matches(pattern, "W2, moons"), "{pattern}");
        }
        assert!(matches("ä*ü", "äöü"));
    }
}
