//! The network of EDM, exactly: the baseline that others are held against.

mod body;

use candle_core::{DType, Tensor};
use langevin_core::{Condition, ConfigError, Network, State, Times, config::require};
use langevin_nn::{Builder, TimeFeatures, TimeFeaturesConfig, one_hot};
use serde::{Deserialize, Serialize};

use self::body::EgnnBody;
use super::inputs::shared;
use crate::species::ONE_HOT;

/// `[network] kind = "egnn"`; EDM on QM9 is width 256, 9 layers, range 15, raw time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EgnnConfig {
    /// Features of an atom and of a message.
    pub width: usize,
    /// Layers.
    pub layers: usize,
    /// Most that one atom moves another in one layer, in units of a state's positions.
    pub coordinate_range: f64,
    /// What the network is told of the time.
    pub time: TimeFeaturesConfig,
}

impl EgnnConfig {
    /// Nothing if the section makes sense.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn check(&self) -> Result<(), ConfigError> {
        for (key, value) in [("width", self.width), ("layers", self.layers)] {
            require(key, value, |n| n >= 1, "at least 1")?;
        }
        let positive = |r: f64| r > 0.0 && r.is_finite();
        require("coordinate_range", self.coordinate_range, positive, "a positive number")?;
        self.time.build().map(drop).map_err(|error| error.within("time"))
    }
}

/// What the second part of a state is.
#[derive(Debug, Clone, Copy)]
enum Species {
    /// One of so many classes per atom.
    Classes(usize),
    /// So many continuous features per atom.
    Features(usize),
}

/// The E(3)-equivariant network of EDM, as a denoiser of classes or of continuous features.
///
/// The velocity is the displacement of the body's positions less its mean over the atoms.
///
/// # Shapes and units
/// - [`Egnn::on_classes`]: positions `[B, n, 3]` and species `[B, n]` to positions plus velocity and
///   logits `[B, n, elements]`
/// - [`Egnn::on_features`]: positions and features `[B, n, F]` to the velocity and `[B, n, F]`: EDM's
///   estimate of the noise, on one-hot species / 4 and atomic numbers / 10
///
/// # Source
/// Hoogeboom, Satorras, Vignac & Welling (2022), arXiv:2203.17003. A velocity that is not a number
/// stays so, where their code puts 0: a run must not hide it.
#[derive(Debug, Clone)]
pub struct Egnn {
    body: EgnnBody,
    time: TimeFeatures,
    species: Species,
    dtype: DType,
}

impl Egnn {
    /// The network for atoms of `elements` kinds and `conditions` conditioning features.
    ///
    /// # Errors
    /// Those of [`Builder::parameter`]; the config was checked by [`EgnnConfig::check`].
    pub fn on_classes(
        builder: &Builder,
        config: &EgnnConfig,
        elements: usize,
        conditions: usize,
    ) -> langevin_nn::Result<Self> {
        Self::new(builder, config, Species::Classes(elements), conditions)
    }

    /// The network for atoms of `features` continuous features and `conditions` conditioning features.
    ///
    /// # Errors
    /// As [`Egnn::on_classes`].
    pub fn on_features(
        builder: &Builder,
        config: &EgnnConfig,
        features: usize,
        conditions: usize,
    ) -> langevin_nn::Result<Self> {
        Self::new(builder, config, Species::Features(features), conditions)
    }

    fn new(
        builder: &Builder,
        config: &EgnnConfig,
        species: Species,
        conditions: usize,
    ) -> langevin_nn::Result<Self> {
        let time = config.time.build().map_err(langevin_nn::NnError::Setting)?;
        let told = time.width() + conditions;
        let (inputs, outputs) = match species {
            Species::Classes(elements) => (elements + told, elements),
            // EDM answers as many numbers as it is given, and drops those of time and condition.
            Species::Features(features) => (features + told, features + told),
        };
        let body = EgnnBody::new(builder, config, inputs, outputs)?;
        Ok(Self { body, time, species, dtype: builder.dtype() })
    }
}

impl Network for Egnn {
    fn forward(
        &self,
        x: &State,
        t: &Times,
        _: &Times,
        condition: &Condition,
    ) -> langevin_core::Result<State> {
        let positions = x.part(0);
        let (_, n, _) = positions.dims3()?;
        let told = shared(&self.time, t, condition, (n, self.dtype), positions.device())?;
        let own = match self.species {
            Species::Classes(elements) => (one_hot(x.part(1), elements, self.dtype)? / ONE_HOT)?,
            Species::Features(_) => x.part(1).clone(),
        };
        let (moved, h) = self.body.forward(positions, &Tensor::cat(&[&own, &told], 2)?)?;
        let displacement = (moved - positions)?;
        let velocity = displacement.broadcast_sub(&displacement.mean_keepdim(1)?)?;
        Ok(State::new(match self.species {
            Species::Classes(_) => vec![(positions + velocity)?, h],
            Species::Features(features) => vec![velocity, h.narrow(2, 0, features)?.contiguous()?],
        }))
    }

    fn dtype(&self) -> DType {
        self.dtype
    }
}

#[cfg(test)]
mod tests {
    use langevin_core::Seed;
    use langevin_nn::{Init, ParamStore, one_hot};

    use super::*;
    use crate::network::testing::{every_parameter_learns, is_equivariant};

    fn config(width: usize, layers: usize) -> EgnnConfig {
        let time = TimeFeaturesConfig::Raw;
        EgnnConfig { width, layers, coordinate_range: 15.0, time }
    }

    /// Classes shown as features, and the velocity added to the positions: what the shared tests ask of.
    struct ByFeatures(Egnn);

    impl Network for ByFeatures {
        fn forward(
            &self,
            x: &State,
            t: &Times,
            s: &Times,
            condition: &Condition,
        ) -> langevin_core::Result<State> {
            let features = one_hot(x.part(1), 4, DType::F64)?;
            let seen = State::new(vec![x.part(0).clone(), features]);
            let out = self.0.forward(&seen, t, s, condition)?;
            let mean = out.part(0).mean(1)?.abs()?.max_all()?.to_scalar::<f64>()?;
            assert!(mean < 1e-12, "the velocity has mean {mean}");
            Ok(State::new(vec![(x.part(0) + out.part(0))?, out.part(1).clone()]))
        }

        fn dtype(&self) -> DType {
            DType::F64
        }
    }

    /// Both kinds, with weights that move atoms by lengths of order one.
    fn both() -> [(ParamStore, Box<dyn Network>); 2] {
        let config = config(12, 2);
        config.check().unwrap();
        let of_classes = |builder: &Builder| -> langevin_nn::Result<Box<dyn Network>> {
            Ok(Box::new(Egnn::on_classes(builder, &config, 4, 0)?))
        };
        let of_features = |builder: &Builder| -> langevin_nn::Result<Box<dyn Network>> {
            Ok(Box::new(ByFeatures(Egnn::on_features(builder, &config, 4, 0)?)))
        };
        let built = [
            ParamStore::create(DType::F64, Seed(1), of_classes).unwrap(),
            ParamStore::create(DType::F64, Seed(1), of_features).unwrap(),
        ];
        for (store, _) in &built {
            for (name, var) in store.iter().filter(|(name, _)| name.ends_with("head.weight")) {
                let values = Init::Normal(0.1).values(Seed(2), name, var.elem_count());
                let values = Tensor::from_vec(values, var.dims(), var.device()).unwrap();
                var.set(&values).unwrap();
            }
        }
        built
    }

    #[test]
    fn the_answer_turns_with_the_molecule() {
        both().iter().for_each(|(_, network)| is_equivariant(network.as_ref()));
    }

    #[test]
    fn every_weight_is_reached() {
        both().iter().for_each(|(store, network)| every_parameter_learns(store, network.as_ref()));
    }

    /// EDM on QM9 has 5 elements, the atomic number and the time; its conditional form, of width 192,
    /// also has 7 inputs. The counts are those of its code.
    #[test]
    fn parameters_are_as_many_as_edms() {
        for (width, expected) in [(256, 5_339_920), (192, 3_009_616)] {
            let build = |builder: &Builder| Egnn::on_features(builder, &config(width, 9), 6, 0);
            let (store, _) = ParamStore::create(DType::F32, Seed(1), build).unwrap();
            assert_eq!(store.count(), expected);
        }
    }

    #[test]
    fn impossible_sizes_are_named() {
        let error = EgnnConfig { coordinate_range: 0.0, ..config(8, 1) }.check().unwrap_err();
        assert_eq!(error.to_string(), "coordinate_range: found 0, allowed: a positive number");
    }
}
