//! Networks on molecules: equivariant under rotations, reflections, translations and exchanges of atoms.

mod egnn;
mod inputs;
mod properties;
mod scalar_vector;
#[cfg(test)]
mod testing;
mod trunk;

use langevin_core::{ConfigError, Network};
use langevin_nn::Builder;
use serde::{Deserialize, Serialize};

use crate::species::SpeciesForm;

pub use egnn::{Egnn, EgnnConfig};
pub use properties::PropertyNetwork;
pub use scalar_vector::{ScalarVector, ScalarVectorConfig};

/// `[network]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NetworkConfig {
    /// Scalars and several sets of coordinates, with narrow messages: the fast default.
    ScalarVector(ScalarVectorConfig),
    /// EDM's network: the baseline.
    Egnn(EgnnConfig),
}

impl NetworkConfig {
    /// Nothing if the section makes sense for species in this `form`.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn check(&self, form: SpeciesForm) -> Result<(), ConfigError> {
        match (self, form) {
            (Self::ScalarVector(_), SpeciesForm::Features) => Err(ConfigError::new(
                "kind",
                "scalar_vector",
                "egnn, where data.species is \"features\"",
            )),
            (Self::ScalarVector(config), SpeciesForm::Classes) => config.check(),
            (Self::Egnn(config), _) => config.check(),
        }
    }

    /// The network for what it is `told`.
    ///
    /// # Errors
    /// Those of [`Builder::parameter`]; the section was checked.
    pub fn build(&self, builder: &Builder, told: Told) -> langevin_nn::Result<Box<dyn Network>> {
        let Told { form, elements, conditions, .. } = told;
        Ok(match (self, form) {
            (Self::ScalarVector(config), _) => Box::new(ScalarVector::new(builder, config, told)?),
            (Self::Egnn(config), SpeciesForm::Classes) => {
                Box::new(Egnn::on_classes(builder, config, elements, conditions)?)
            }
            (Self::Egnn(config), SpeciesForm::Features) => {
                let features = SpeciesForm::width(elements);
                Box::new(Egnn::on_features(builder, config, features, conditions)?)
            }
        })
    }
}

/// What a network is told of molecules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// How a state says which element an atom is.
    pub form: SpeciesForm,
    /// Kinds of atoms.
    pub elements: usize,
    /// Features of a condition, flags included.
    pub conditions: usize,
    /// Whether it is told that species are clean already.
    pub species: bool,
    /// Whether it is told of a piece that is held.
    pub piece: bool,
}
