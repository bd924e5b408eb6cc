//! Networks on crystals: invariant under rotations, equivariant under translations, exchanges of atoms and
//! inversion.

mod composition;
mod directions;
mod pairs;
mod periodic;

use langevin_core::{ConfigError, Network};
use langevin_nn::Builder;
use serde::{Deserialize, Serialize};

use crate::space::CellLaw;

pub use periodic::{Periodic, PeriodicConfig};

/// `[network]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NetworkConfig {
    /// Scalars with messages along all pairs of atoms.
    Periodic(PeriodicConfig),
}

impl NetworkConfig {
    /// Nothing if the section makes sense.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn check(&self) -> Result<(), ConfigError> {
        match self {
            Self::Periodic(config) => config.check(),
        }
    }

    /// The network for what it is `told`.
    ///
    /// # Errors
    /// Those of [`Builder::parameter`]; the section was checked.
    pub fn build(&self, builder: &Builder, told: Told) -> langevin_nn::Result<Box<dyn Network>> {
        match self {
            Self::Periodic(config) => Ok(Box::new(Periodic::new(builder, config, told)?)),
        }
    }
}

/// What a network is told of crystals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Told {
    /// Kinds of atoms.
    pub elements: usize,
    /// How cells were standardised.
    pub cells: CellLaw,
    /// Features of a condition, flags included.
    pub conditions: usize,
    /// When species are clean already.
    pub species: GivenSpecies,
}

/// When a state shows the clean species.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenSpecies {
    /// Never: they are made.
    Never,
    /// In a part of the training; the network is told when.
    Sometimes,
    /// Always: structures of compositions that are known.
    Always,
}
