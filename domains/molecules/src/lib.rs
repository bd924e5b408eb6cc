//! Molecules: atoms with positions, and optionally bonds, formal charges and labels.
//!
//! Conventions: positions in Å, angles in degrees, energies in eV; hydrogens are explicit. An atom's
//! number is its place in [`record::Molecule::species`], from 0; messages count from 1, as files do.

pub mod aromaticity;
pub mod bond_table;
pub mod canonical;
pub mod composition;
pub mod config;
pub mod distributions;
pub mod graph;
mod kekule;
mod labelling;
pub mod likelihood;
pub mod metrics;
pub mod network;
pub mod perception;
pub mod prediction;
pub mod radii;
pub mod record;
pub mod rings;
pub mod scaffold;
pub mod source;
pub mod space;
pub mod species;
pub mod unsaturation;
pub mod valence;
pub mod validity;

pub use langevin_atoms::{element, formula, property};
