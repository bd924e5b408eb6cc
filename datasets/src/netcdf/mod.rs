//! Fields on grids in NetCDF files, by the conventions CF.

mod coordinates;
mod error;
mod file;
mod interpolated;
mod made;
mod packing;
mod roles;
mod writer;

pub use error::GridFileError;
pub use file::{FieldSource, GridFile};
pub use made::{Named, write_made};
pub use writer::{GridWriter, WriteOptions, write_grid};

#[cfg(test)]
mod tests;
