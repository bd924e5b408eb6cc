//! What can be wrong with a file of crystals, and where in it.

use std::fmt;
use std::path::{Path, PathBuf};

use langevin_atoms::element::UnknownElement;
use langevin_crystals::record::CrystalError;
use langevin_files::WriteError;

use crate::DatasetError;

/// A file of crystals could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CrystalFileError {
    /// What can happen to any file of data.
    #[error(transparent)]
    File(#[from] DatasetError),
    /// One entry holds no crystal.
    #[error("{path}, {bad}")]
    Entry {
        /// The file.
        path: PathBuf,
        /// Which, and why.
        bad: Box<BadCrystal>,
    },
    /// Nothing at all.
    #[error("{path}: found no crystal, allowed: at least one")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Too many for the format.
    #[error(
        "{path}: found {found} crystals for a format that holds one, allowed: .cif, .extxyz, or one"
    )]
    Single {
        /// The file.
        path: PathBuf,
        /// How many there are.
        found: usize,
    },
}

impl From<WriteError> for CrystalFileError {
    fn from(error: WriteError) -> Self {
        Self::File(error.into())
    }
}

/// An entry of a file that holds no crystal.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{at}: {fault}")]
pub struct BadCrystal {
    /// Where in the file.
    pub at: CrystalPlace,
    /// What is wrong.
    pub fault: CrystalFault,
}

impl BadCrystal {
    pub(super) fn line(line: usize, fault: impl Into<CrystalFault>) -> Self {
        Self { at: CrystalPlace::Line(line), fault: fault.into() }
    }

    /// Something else than what is allowed on `line`.
    pub(super) fn text(line: usize, found: impl Into<String>, allowed: &'static str) -> Self {
        Self::line(line, CrystalFault::Text { found: found.into(), allowed })
    }

    pub(super) fn of(self, path: &Path) -> CrystalFileError {
        CrystalFileError::Entry { path: path.into(), bad: Box::new(self) }
    }
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CrystalPlace {
    /// Line of a text, from 1.
    Line(usize),
    /// Row of a table, from 1 without the header, and the line within its `cif`.
    Row {
        /// The row.
        row: usize,
        /// The line of the cell's text.
        line: usize,
    },
}

impl fmt::Display for CrystalPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Row { row, line } => write!(f, "row {row}, line {line} of its cif"),
        }
    }
}

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CrystalFault {
    /// Something else than what must stand there.
    #[error("found {found}, allowed: {allowed}")]
    Text {
        /// What stands there.
        found: String,
        /// What may stand there.
        allowed: &'static str,
    },
    /// Something that must be said is not.
    #[error("found no {0}")]
    Missing(&'static str),
    /// A place that holds an atom in a part of the cells only.
    #[error(
        "found the occupancy {occupancy} of {site}, allowed: 1; replace disordered sites by ordered ones first"
    )]
    Occupancy {
        /// The site's name.
        site: String,
        /// Its occupancy.
        occupancy: f64,
    },
    /// A CIF without a cell.
    #[error("found no {0}, needed: three lengths and three angles of a cell in this data block")]
    NoCell(&'static str),
    /// No space group.
    #[error(
        "found no space group {0:?}, allowed: a Hall or Hermann–Mauguin symbol, a number, or a list of its operations, as \
         _space_group_symop_operation_xyz"
    )]
    NoGroup(String),
    /// A space group whose operations are not told.
    #[error(
        "found the space group {0:?}, which leaves its origin or axes open, allowed: a setting behind it, as F d -3 m :2, or a \
         list of its operations, as _space_group_symop_operation_xyz"
    )]
    Operations(String),
    /// No element.
    #[error(transparent)]
    Element(#[from] UnknownElement),
    /// Atoms and a cell that make no crystal.
    #[error(transparent)]
    Crystal(#[from] CrystalError),
}
