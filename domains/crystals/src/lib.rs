//! Crystals: a lattice and the atoms in its cell.
//!
//! Conventions: the rows of a lattice's matrix are its vectors a, b, c in Å; angles in degrees;
//! fractional coordinates are rows that multiply the matrix from the left and lie in [0, 1).
//! An atom's number is its place in [`record::Crystal::species`], from 0; messages count from 1.

pub mod base;
pub mod baselines;
pub mod config;
pub mod constraint;
pub mod geometry;
pub mod group_symbol;
pub mod lattice;
pub mod makeup;
pub mod matcher;
pub mod metrics;
pub mod network;
pub mod novelty;
pub mod orbits;
pub mod partition;
pub mod primitive;
pub mod random_structure;
pub mod ranking;
pub mod record;
pub mod source;
pub mod space;
pub mod stoichiometry;
pub mod substitution;
pub mod symmetry;
pub mod traits;
pub mod validity;
pub mod wyckoff;

pub use langevin_atoms::{element, formula, property};
