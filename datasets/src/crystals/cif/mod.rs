//! CIF: one crystal per data block.

mod block;
mod read;
mod write;

pub(super) use read::parse;
pub(super) use write::write;
