//! What can be wrong with a results file or with a Markdown file that shows it.

use std::path::PathBuf;

use crate::WriteError;

/// Why results cannot be read, written or shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResultsError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Not JSON of the expected form; `field` is a path such as `rows[2].value`.
    #[error("{path}: {field}: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where in the document.
        field: String,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// A field of the file itself does not make sense.
    #[error("{path}: {field} {problem}")]
    Header {
        /// The file.
        path: PathBuf,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: Problem,
    },
    /// A field of a row does not make sense.
    #[error("{path}: row {row} ({what:?}): {field} {problem}")]
    Row {
        /// The file.
        path: PathBuf,
        /// Index of the row, from 0.
        row: usize,
        /// What the row measures.
        what: String,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: Problem,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A block names a topic without a file.
    #[error("{path}, line {line}: no results for topic {topic:?} in {folder}; there are: {}", known.join(", "))]
    UnknownTopic {
        /// The Markdown file.
        path: PathBuf,
        /// Line of the mark, from 1.
        line: usize,
        /// The topic asked for.
        topic: String,
        /// Where results are kept.
        folder: PathBuf,
        /// Topics that have a file.
        known: Vec<String>,
    },
    /// A block asks for a column that rows do not have.
    #[error("{path}, line {line}: no column {column:?}; there are: {}", known.join(", "))]
    UnknownColumn {
        /// The Markdown file.
        path: PathBuf,
        /// Line of the mark, from 1.
        line: usize,
        /// The column asked for.
        column: String,
        /// Columns that exist.
        known: Vec<String>,
    },
    /// A pattern of a block matches no row.
    #[error("{path}, line {line}: no row of topic {topic:?} matches {pattern:?}")]
    NoSuchRow {
        /// The Markdown file.
        path: PathBuf,
        /// Line of the mark, from 1.
        line: usize,
        /// The topic.
        topic: String,
        /// The pattern.
        pattern: String,
    },
    /// A mark that cannot be read.
    #[error(
        "{path}, line {line}: cannot read {mark:?}: write <!-- results:topic rows=\"…\" columns=\"…\" caption=\"no\" -->"
    )]
    BadMark {
        /// The Markdown file.
        path: PathBuf,
        /// Line of the mark, from 1.
        line: usize,
        /// The mark as found.
        mark: String,
    },
    /// A block that is not closed before the next one, or before the end of the file.
    #[error("{path}, line {line}: block results:{topic} has no <!-- /results -->")]
    Unclosed {
        /// The Markdown file.
        path: PathBuf,
        /// Line of the opening mark, from 1.
        line: usize,
        /// The topic.
        topic: String,
    },
    /// A closing mark without an opening one.
    #[error("{path}, line {line}: <!-- /results --> closes no block")]
    StrayEnd {
        /// The Markdown file.
        path: PathBuf,
        /// Line of the mark, from 1.
        line: usize,
    },
}

/// What is wrong with a field; reads on after its name.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Nothing is written.
    #[error("is empty")]
    Empty,
    /// NaN or infinite, which JSON cannot hold.
    #[error("is {0}, not a finite number")]
    NotFinite(f64),
    /// A standard deviation below zero.
    #[error("is {0}, below zero")]
    Negative(f64),
    /// A number of seeds of zero.
    #[error("is 0, but a number needs at least one seed")]
    NoSeed,
    /// The same name as an earlier row.
    #[error("is that of row {first} too")]
    Duplicate {
        /// Index of the earlier row, from 0.
        first: usize,
    },
    /// `holds` without a bar.
    #[error("is {holds}, but there is no bar")]
    WithoutBar {
        /// What `holds` says.
        holds: bool,
    },
    /// `holds` of a value that was not measured.
    #[error("is {holds}, but the value was not measured")]
    Unmeasured {
        /// What `holds` says.
        holds: bool,
    },
    /// A bar without `holds`.
    #[error("is missing, but there is a bar {bar:?}")]
    Unjudged {
        /// The bar.
        bar: String,
    },
    /// `holds` says one thing, the numbers another.
    #[error("is {holds}, but {value} {} {bar:?}", if *holds { "does not meet" } else { "meets" })]
    Contradiction {
        /// What `holds` says.
        holds: bool,
        /// The value.
        value: f64,
        /// The bar.
        bar: String,
    },
    /// The file has another name than its topic.
    #[error("is {topic:?}, but the file is named {stem:?}")]
    OtherName {
        /// The topic in the file.
        topic: String,
        /// Name of the file without extension.
        stem: String,
    },
    /// Not a day as `YYYY-MM-DD`.
    #[error("is {0:?}, not a day as YYYY-MM-DD")]
    NotADay(String),
}
