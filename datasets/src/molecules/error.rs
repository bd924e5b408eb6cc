//! What can be wrong with a file of molecules, and where in it.

use std::fmt;
use std::path::PathBuf;

use langevin_files::WriteError;
use langevin_molecules::element::UnknownElement;
use langevin_molecules::record::MoleculeError;

use crate::DatasetError;

/// A file of molecules could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MoleculeFileError {
    /// What can happen to any file of data.
    #[error(transparent)]
    File(#[from] DatasetError),
    /// A text cannot be read to its end: the operating system refused, or a packed file is damaged.
    #[error("cannot read {path} beyond line {line}, in frame {frame}")]
    Cut {
        /// The file.
        path: PathBuf,
        /// The frame that is cut, from 1.
        frame: usize,
        /// The last line that could be read whole.
        line: usize,
        /// What was said.
        source: std::io::Error,
    },
    /// One frame holds no molecule.
    #[error("{path}, {bad}")]
    Frame {
        /// The file.
        path: PathBuf,
        /// Which, and why.
        bad: Box<BadFrame>,
    },
    /// Nothing at all.
    #[error("{path}: found no molecule, allowed: at least one")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The format has no room for it.
    #[error("{path}: cannot hold the {what} of molecule {molecule}, allowed: {allowed}")]
    CannotHold {
        /// The file.
        path: PathBuf,
        /// Which molecule, from 1.
        molecule: usize,
        /// What it has.
        what: String,
        /// What the format can hold.
        allowed: &'static str,
    },
}

impl From<WriteError> for MoleculeFileError {
    fn from(error: WriteError) -> Self {
        Self::File(error.into())
    }
}

/// A frame of a file that holds no molecule.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("frame {frame}, {at}: {fault}")]
pub struct BadFrame {
    /// Which frame or record, from 1.
    pub frame: usize,
    /// Where in the file.
    pub at: Where,
    /// What is wrong.
    pub fault: Fault,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// Line of a text, from 1.
    Line(usize),
    /// Group of an HDF5 file.
    Group(String),
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Group(name) => write!(f, "group {name}"),
        }
    }
}

/// What is wrong with a frame.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Something else than what must stand there.
    #[error("found {found}, allowed: {allowed}")]
    Text {
        /// What stands there.
        found: String,
        /// What may stand there.
        allowed: &'static str,
    },
    /// Fewer atoms or bonds than were counted.
    #[error("found {found}, allowed: {what} {number} of the {count} that line {counted} counts")]
    Missing {
        /// What stands there.
        found: String,
        /// Atom or bond.
        what: &'static str,
        /// Which of them, from 1.
        number: usize,
        /// How many there must be.
        count: usize,
        /// Line of the count.
        counted: usize,
    },
    /// More lines than atoms were counted.
    #[error(
        "found {found} after the {count} atoms that line {counted} counts, allowed: the next count, or the end"
    )]
    Further {
        /// What stands there.
        found: String,
        /// How many atoms there must be.
        count: usize,
        /// Line of the count.
        counted: usize,
    },
    /// Columns of an atom that are not those announced.
    #[error("found {found} columns, allowed: {allowed}, as Properties says")]
    Columns {
        /// How many there are.
        found: usize,
        /// How many there must be.
        allowed: usize,
    },
    /// A crystal, or a box that repeats.
    #[error("found a lattice, so this is a periodic structure, allowed: molecules")]
    Periodic,
    /// No element.
    #[error(transparent)]
    Element(#[from] UnknownElement),
    /// Atoms that make no molecule.
    #[error(
        "{0}, allowed: a molecule of atoms in different places, each pair with one bond or none"
    )]
    Molecule(#[from] MoleculeError),
}
