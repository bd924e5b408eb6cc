//! What stands between two marks.

use std::fs;
use std::path::Path;

use super::marker::{self, Selection};
use super::show::Field;
use super::{Results, ResultsError, Row};

/// Where a block stands, for errors.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) path: &'a Path,
    pub(super) line: usize,
}

/// The text between two marks.
pub(super) fn render(
    selection: &Selection,
    folder: &Path,
    at: Place<'_>,
) -> Result<String, ResultsError> {
    let file = folder.join(format!("{}.json", selection.topic));
    if !file.is_file() {
        return Err(ResultsError::UnknownTopic {
            path: at.path.to_path_buf(),
            line: at.line,
            topic: selection.topic.clone(),
            folder: folder.to_path_buf(),
            known: topics(folder),
        });
    }
    let results = Results::read(&file)?;
    let rows = chosen_rows(&results, selection, at)?;
    let fields = chosen_fields(selection, at)?;
    // Blank lines around: GitHub takes a table right after a comment for text.
    let mut text = format!("\n{}\n", results.table_of(&rows, fields.as_deref()).to_markdown());
    if selection.caption {
        let Results { command, version, machine, date, .. } = &results;
        text.push_str(&format!("`{command}`, version {version}, {date}; {machine}.\n\n"));
    }
    Ok(text)
}

fn chosen_rows<'a>(
    results: &'a Results,
    selection: &Selection,
    at: Place<'_>,
) -> Result<Vec<&'a Row>, ResultsError> {
    let hits = |pattern: &str, row: &Row| marker::matches(pattern, &row.what);
    for pattern in &selection.rows {
        if !results.rows.iter().any(|row| hits(pattern, row)) {
            return Err(ResultsError::NoSuchRow {
                path: at.path.to_path_buf(),
                line: at.line,
                topic: selection.topic.clone(),
                pattern: pattern.clone(),
            });
        }
    }
    let all = selection.rows.is_empty();
    let wanted = |row: &&Row| all || selection.rows.iter().any(|pattern| hits(pattern, row));
    Ok(results.rows.iter().filter(wanted).collect())
}

fn chosen_fields(selection: &Selection, at: Place<'_>) -> Result<Option<Vec<Field>>, ResultsError> {
    let Some(columns) = &selection.columns else { return Ok(None) };
    let field = |column: &String| {
        Field::parse(column).ok_or_else(|| ResultsError::UnknownColumn {
            path: at.path.to_path_buf(),
            line: at.line,
            column: column.clone(),
            known: Field::names(),
        })
    };
    columns.iter().map(field).collect::<Result<Vec<_>, _>>().map(Some)
}

/// Topics that have a file, sorted; a folder that cannot be read has none.
fn topics(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let json = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let mut topics: Vec<String> =
        json.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
    topics.sort();
    topics
}
