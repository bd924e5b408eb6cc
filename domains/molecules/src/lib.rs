//! Molecules: atoms with positions, and optionally bonds, formal charges and labels.
//!
//! Conventions: positions in Å, angles in degrees, energies in eV; hydrogens are explicit. An atom's
//! number is its place in [`record::Molecule::species`], from 0; messages count from 1, as files do.

pub mod element;
pub mod record;
pub mod source;
pub mod space;
