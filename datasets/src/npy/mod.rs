//! NumPy's array file: one array of points, and beside it a JSON file with what it has no place for.

mod header;
mod read;
mod sidecar;
mod write;

pub(crate) use read::read;
pub(crate) use sidecar::{Sidecar, path as sidecar_path};
pub(crate) use write::write;
