//! XYZ and extended XYZ: frames of a count, a comment and a line per atom.
//!
//! A comment with `Properties=`, or of nothing but `key=value`, is extended XYZ: unquoted finite
//! numbers become labels, all else notes (a key alone: `T`). Any other comment becomes the note
//! `comment`. Besides species and positions, an integer column `formal_charges` (or `formal_charge`,
//! `charges`, `charge`) is read; real charges are partial ones and are not, like all other columns.
//!
//! Written is always extended XYZ, bonds as `bonds="1-2:1 …"` (atoms from 1, order 1 to 4) in the
//! comment, which other programs leave alone.

mod comment;
mod cut;
mod read;
mod write;

pub(crate) use comment::Comment;
pub(super) use cut::cut;
pub(super) use read::parse;
pub(super) use write::write;
pub(crate) use write::{write_pairs, write_provenance};

/// The key that says which column is what.
const PROPERTIES: &str = "Properties";
/// The key of a periodic structure.
const LATTICE: &str = "Lattice";
/// The key of bonds.
const BONDS: &str = "bonds";
/// The note that a plain comment becomes.
const COMMENT: &str = "comment";
