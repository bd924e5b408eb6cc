//! What can be wrong with a file of fields, and where in it.

use std::path::PathBuf;

use langevin_climate::axis::AxisError;
use langevin_files::WriteError;

/// A file of fields could not be read or written. Indices are counted from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GridFileError {
    /// It cannot be opened: it is not there, no NetCDF file, or cut off.
    #[error("cannot read {path} as NetCDF")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the library said.
        source: Box<netcdf::Error>,
    },
    /// No variable of this name.
    #[error("{path}: found no variable {name}, allowed: {}", allowed.join(", "))]
    NoVariable {
        /// The file.
        path: PathBuf,
        /// The name that was asked for.
        name: String,
        /// Fields that there are, those of similar names first.
        allowed: Vec<String>,
    },
    /// No name was given, and there is not exactly one field.
    #[error("{path}: found {} fields on grids{}, needed: the name of one", found.len(), listed(found))]
    WhichVariable {
        /// The file.
        path: PathBuf,
        /// Their names.
        found: Vec<String>,
    },
    /// A variable is on no grid.
    #[error("{path}, variable {variable}: {why}")]
    NoGrid {
        /// The file.
        path: PathBuf,
        /// The variable.
        variable: String,
        /// What was found and what is needed.
        why: String,
    },
    /// An axis cannot be.
    #[error("{path}, axis {axis}: {source}")]
    Axis {
        /// The file.
        path: PathBuf,
        /// Name of the axis.
        axis: String,
        /// What is wrong.
        source: AxisError,
    },
    /// Values cannot be read.
    #[error("{path}, variable {variable}: cannot read{}", at(*frame))]
    Read {
        /// The file.
        path: PathBuf,
        /// The variable.
        variable: String,
        /// The frame, if one was read.
        frame: Option<usize>,
        /// What the library said.
        source: Box<netcdf::Error>,
    },
    /// A field holds nothing.
    #[error(
        "{path}, variable {variable}, frame {frame}: found missing cells only, allowed: a field with a value"
    )]
    AllMissing {
        /// The file.
        path: PathBuf,
        /// The variable.
        variable: String,
        /// Its frame.
        frame: usize,
    },
    /// The library cannot write it.
    #[error("cannot write {path}")]
    Make {
        /// The file.
        path: PathBuf,
        /// What the library said.
        source: Box<netcdf::Error>,
    },
    /// The file cannot be put in its place.
    #[error(transparent)]
    Write(#[from] WriteError),
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
}

fn at(frame: Option<usize>) -> String {
    frame.map_or(String::new(), |frame| format!(" frame {frame}"))
}
