//! What can be wrong with a file, and where in it.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use langevin_files::WriteError;
use langevin_points::record::{PointsError, UNIT_TOLERANCE};

/// A file, or a data set inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The data set within an HDF5 file.
    pub dataset: Option<String>,
}

impl Place {
    pub(crate) fn file(path: &Path) -> Self {
        Self { path: path.to_path_buf(), dataset: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        self.dataset.as_ref().map_or(Ok(()), |name| write!(f, ", data set {name}"))
    }
}

/// A column by its name in the header, or by its number, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// Named in the header.
    Name(String),
    /// Counted from 1.
    Number(usize),
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name:?}"),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

/// A file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The operating system refused, or a compressed file is damaged.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What was said.
        source: std::io::Error,
    },
    /// The operating system refused; the old file, if there was one, is whole.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What was said.
        source: std::io::Error,
    },
    /// There is such a file already.
    #[error("{path} exists: choose another name, or overwrite it by force")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The name does not say what is in the file.
    #[error("{path}: found no known extension, allowed: {allowed}")]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// Extensions of the formats there are.
        allowed: &'static str,
    },
    /// One number of a table.
    #[error("{place}, row {row}, column {column}: found {found}, allowed: {allowed}")]
    Cell {
        /// The table.
        place: Place,
        /// Line of a text file, or row of an array, from 1.
        row: usize,
        /// The column.
        column: Column,
        /// What stands there.
        found: String,
        /// What may stand there.
        allowed: &'static str,
    },
    /// A row of another length than the first.
    #[error("{place}, row {row}: found {found} columns, allowed: {expected}, as in row {first}")]
    Width {
        /// The table.
        place: Place,
        /// Line, from 1.
        row: usize,
        /// Its columns.
        found: usize,
        /// Columns of the first row.
        expected: usize,
        /// Line of the first row.
        first: usize,
    },
    /// A quote that is not closed on its line, or has text after it.
    #[error(
        "{place}, row {row}: found a quote that does not end its field, allowed: \"…\" around a field"
    )]
    Quote {
        /// The table.
        place: Place,
        /// Line, from 1.
        row: usize,
    },
    /// Bytes that are no text.
    #[error("{place}, row {row}: found bytes that are not UTF-8, allowed: text")]
    NotText {
        /// The file.
        place: Place,
        /// Line, from 1.
        row: usize,
    },
    /// A vector that is not on the sphere.
    #[error(
        "{place}, row {row}: found a vector of length {length}, allowed: 1 within {UNIT_TOLERANCE:e}"
    )]
    NotUnit {
        /// The table.
        place: Place,
        /// Line or row, from 1.
        row: usize,
        /// Its length.
        length: f64,
    },
    /// A column that was asked for is not there.
    #[error("{place}: found no column {name:?}, allowed: {}", .columns.join(", "))]
    NoColumn {
        /// The table.
        place: Place,
        /// The name asked for.
        name: String,
        /// The names there are; numbers from 1 where there is no header.
        columns: Vec<String>,
    },
    /// More columns than a position on the globe has.
    #[error("{place}: found latitude and longitude beside {}, allowed: a choice of columns, or geometry = \"flat\"", .columns.join(", "))]
    BesidePosition {
        /// The table.
        place: Place,
        /// The other columns.
        columns: Vec<String>,
    },
    /// No point at all.
    #[error("{place}: found no row of numbers, allowed: at least one")]
    Empty {
        /// The table.
        place: Place,
    },
    /// A binary file, or an array in it, is not of a kind that holds points.
    #[error("{place}: found {what} {found}, allowed: {allowed}")]
    Array {
        /// The file or data set.
        place: Place,
        /// What was looked at: its type, shape, version.
        what: &'static str,
        /// How it is.
        found: String,
        /// How it may be.
        allowed: &'static str,
    },
    /// Nothing is left for coordinates.
    #[error("{place}: found no column beside the label, allowed: at least one coordinate")]
    NoCoordinate {
        /// The table.
        place: Place,
    },
    /// An HDF5 data set that was asked for is not there.
    #[error("{place}: found no data set {name}, allowed: {}", .names.join(", "))]
    NoDataset {
        /// The file.
        place: Place,
        /// The path asked for.
        name: String,
        /// Those with two axes.
        names: Vec<String>,
    },
    /// More than one HDF5 data set could be meant.
    #[error("{place}: found several data sets with two axes, allowed: one, or the path of one of {}", .names.join(", "))]
    ManyDatasets {
        /// The file.
        place: Place,
        /// Their paths.
        names: Vec<String>,
    },
    /// Labels that are not one per point.
    #[error("{place}: found labels of shape {found:?}, allowed: [{expected}], one per point")]
    Labels {
        /// The labels' data set.
        place: Place,
        /// Their shape.
        found: Vec<usize>,
        /// How many points there are.
        expected: usize,
    },
    /// A file that is shorter or longer than it says.
    #[error("{place}: found {found} bytes of {part}, allowed: {expected}, as its header says")]
    Length {
        /// The file.
        place: Place,
        /// Header or data.
        part: &'static str,
        /// Bytes there are.
        found: u64,
        /// Bytes there must be.
        expected: u64,
    },
    /// The HDF5 library failed.
    #[error("{place}: the HDF5 library failed")]
    Hdf5 {
        /// The file or data set.
        place: Place,
        /// What it said.
        source: hdf5::Error,
    },
    /// The file beside an NPY file is not what was written there.
    #[error("{path}: found no description of points")]
    Sidecar {
        /// The JSON file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The file beside an NPY file describes another array.
    #[error(
        "{path}: found the description of another array than {array}, allowed: its own, or none"
    )]
    Stranger {
        /// The JSON file.
        path: PathBuf,
        /// The NPY file.
        array: PathBuf,
    },
    /// Numbers that were read are no cloud of points.
    #[error("{place} holds no cloud of points")]
    Points {
        /// The file.
        place: Place,
        /// Why.
        source: PointsError,
    },
}

impl From<WriteError> for DatasetError {
    fn from(WriteError { path, source }: WriteError) -> Self {
        match source.kind() {
            ErrorKind::AlreadyExists => Self::Exists { path },
            _ => Self::Write { path, source },
        }
    }
}

/// A field for a message: short, in quotes.
pub(crate) fn shown(text: &str) -> String {
    // 40 characters show what it is; a file that is no table may have a line of megabytes.
    match (text.is_empty(), text.char_indices().nth(40)) {
        (true, _) => "nothing".into(),
        (_, None) => format!("{text:?}"),
        (_, Some((end, _))) => format!("{:?} …", &text[..end]),
    }
}
