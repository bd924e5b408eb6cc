//! NumPy's array files: one array with a header that says its type, order and shape.
//!
//! An array has no room for more, so column names, labels, geometry and provenance stand in a JSON
//! file beside it, `points.npy.json` for `points.npy`. Without one the array is read as it is.

mod header;
mod read;
mod sidecar;
mod write;

pub(crate) use read::read;
pub(crate) use sidecar::{Sidecar, beside};
pub(crate) use write::write;

/// The first bytes of every such file.
const MAGIC: &[u8] = b"\x93NUMPY";
