//! SDF and mol files: records of a header, a table of atoms and bonds, and data items.
//!
//! The first line of a record is the note `name`, the third the note `comment`. Of a table (V2000 or
//! V3000) elements, positions, bonds of order 1 to 4 and formal charges are read. Data items of one
//! finite number become labels, all others notes. A record without bonds does not say that there are
//! none, so they stay unknown, and then charges do too unless one is given.

mod items;
mod read;
mod v2000;
mod v3000;
mod write;

pub(super) use read::{cut, parse};
pub(super) use write::{fits, write};

/// What ends a record.
const END: &str = "$$$$";
/// The note of a record's first line.
const NAME: &str = "name";
/// The note of a record's third line.
const COMMENT: &str = "comment";
