//! Scalars and sets of coordinates: the fast default.

use candle_core::{DType, Tensor};
use langevin_core::{Condition, ConfigError, Network, State, Times, config::require};
use langevin_kernels::Activation;
use langevin_nn::{Builder, Init, Layer, Linear, TimeFeaturesConfig};
use serde::{Deserialize, Serialize};

use super::Told;
use super::trunk::{Seen, Trunk};

/// `[network] kind = "scalar_vector"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScalarVectorConfig {
    /// Features of an atom.
    pub width: usize,
    /// Features of a message between two atoms; narrow ones keep the n² part cheap.
    pub message: usize,
    /// Sets of coordinates that move on their own.
    pub sets: usize,
    /// Layers.
    pub layers: usize,
    /// Centres of the soft grid of distances.
    pub radial: usize,
    /// Whether the network looks at its estimate of the step before (self-conditioning).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recall: bool,
    /// What the network is told of the time.
    pub time: TimeFeaturesConfig,
}

impl ScalarVectorConfig {
    /// Nothing if the section makes sense.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn check(&self) -> Result<(), ConfigError> {
        for (key, value) in [
            ("width", self.width),
            ("message", self.message),
            ("sets", self.sets),
            ("layers", self.layers),
        ] {
            require(key, value, |n| n >= 1, "at least 1")?;
        }
        require("radial", self.radial, |n| n >= 2, "at least 2")?;
        self.time.build().map(drop).map_err(|error| error.within("time"))
    }
}

/// An E(3)-equivariant network of atoms with scalars `h_i` and S sets of coordinates `x_i^s`.
///
/// The estimate of the clean positions is the input plus a weighted sum of the displacements of the sets that the
/// layers move, that of the species is read from `h`.
///
/// # Shapes and units
/// - positions `[B, n, 3]` and species `[B, n]` to the same positions and `[B, n, elements]`
///
/// # Sources
/// The split pair block: Satorras et al. (2021); sets of coordinates: Irwin et al. (2024), SemlaFlow.
#[derive(Debug, Clone)]
pub struct ScalarVector {
    recalls: bool,
    trunk: Trunk,
    species: Linear,
    /// Weight of each set in the estimate, `[sets]`.
    mix: Tensor,
}

impl ScalarVector {
    /// The network for what it is told of.
    ///
    /// # Errors
    /// Those of [`Builder::parameter`]; the config was checked by [`ScalarVectorConfig::check`].
    pub fn new(
        builder: &Builder,
        config: &ScalarVectorConfig,
        of: Told,
    ) -> langevin_nn::Result<Self> {
        let (elements, sets) = (of.elements, config.sets + usize::from(config.recall));
        let part = builder.part("species");
        Ok(Self {
            recalls: config.recall,
            trunk: Trunk::new(builder, config, of)?,
            species: Linear::new(&part, config.width, elements, Activation::Identity)?,
            mix: builder.parameter("mix", &[sets], Init::Ones)?,
        })
    }
}

impl Network for ScalarVector {
    fn forward(
        &self,
        x: &State,
        t: &Times,
        _: &Times,
        condition: &Condition,
    ) -> langevin_core::Result<State> {
        let positions = x.part(0);
        let Seen { h, sets } = self.trunk.see(x, t, condition)?;
        let mut estimate = positions.clone();
        for (s, set) in sets.iter().enumerate() {
            let weight = self.mix.narrow(0, s, 1)?;
            estimate = (estimate + (set - positions)?.broadcast_mul(&weight)?)?;
        }
        Ok(State::new(vec![estimate, self.species.forward(&h)?]))
    }

    fn dtype(&self) -> DType {
        self.trunk.dtype()
    }

    fn recalls(&self) -> bool {
        self.recalls
    }
}

#[cfg(test)]
mod tests {
    use langevin_core::Seed;
    use langevin_nn::ParamStore;

    use super::*;
    use crate::network::testing::{every_parameter_learns, is_equivariant};
    use crate::species::SpeciesForm;

    fn built(recall: bool) -> (ParamStore, ScalarVector) {
        let time = TimeFeaturesConfig::Fourier { pairs: 2, lowest: 0.5, highest: 1.0 };
        let config = ScalarVectorConfig {
            width: 12,
            message: 6,
            sets: 3,
            layers: 2,
            radial: 4,
            recall,
            time,
        };
        config.check().unwrap();
        let form = SpeciesForm::Classes;
        let told = Told { form, elements: 4, conditions: 0, species: true, piece: true };
        let build = |builder: &Builder| ScalarVector::new(builder, &config, told);
        ParamStore::create(DType::F64, Seed(1), build).unwrap()
    }

    #[test]
    fn the_answer_turns_with_the_molecule() {
        for recall in [false, true] {
            is_equivariant(&built(recall).1);
        }
    }

    #[test]
    fn every_weight_is_reached() {
        for recall in [false, true] {
            let (store, network) = built(recall);
            every_parameter_learns(&store, &network);
        }
    }

    #[test]
    fn impossible_sizes_are_named() {
        let time = TimeFeaturesConfig::Raw;
        let config = ScalarVectorConfig {
            width: 8,
            message: 8,
            sets: 0,
            layers: 1,
            radial: 4,
            recall: false,
            time,
        };
        assert_eq!(config.check().unwrap_err().to_string(), "sets: found 0, allowed: at least 1");
    }
}
