//! Readers and writers of the formats in which people keep points, molecules and crystals, and splits
//! of what was read.
//!
//! [`read_points`] and [`write_points`], [`read_molecules`] and [`write_molecules`],
//! [`read_crystals`] and [`write_crystals`] choose the format by the file's extension. What is written
//! is read back bit for bit: coordinates, names, labels and geometry; of molecules as far as the format
//! holds it, of crystals to the last digits of a double, as their cells are stored in other terms. A
//! file is replaced whole or not at all, and only when asked to. An error names the file, the row and
//! the column, what was found there and what is allowed.
//!
//! Rows and columns are counted from 1; in a text file the row is the line, comments included.

mod array;
mod crystals;
mod csv;
mod error;
mod fingerprint;
mod hdf5;
mod molecules;
mod netcdf;
mod npy;
mod points;
mod split;

pub use crystals::{
    BadCrystal, CrystalFault, CrystalFile, CrystalFileError, CrystalPlace, check_crystal_target,
    read_crystals, write_crystals,
};
pub use csv::TextTable;
pub use error::{Column, DatasetError, Place};
pub use fingerprint::fingerprint;
pub use molecules::{
    BadFrame, Fault, MoleculeFile, MoleculeFileError, MoleculeReader, Where, check_molecule_target,
    read_molecules, stage_molecules, write_molecules,
};
pub use netcdf::{
    FieldSource, GridFile, GridFileError, GridWriter, Named, WriteOptions, write_grid, write_made,
};
pub use points::{ReadOptions, check_target, read_points, write_points};
pub use split::{Split, SplitBy, SplitConfig, deduplicate, distinct_positions, split};
