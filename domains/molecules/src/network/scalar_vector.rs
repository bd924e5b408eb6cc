//! Scalars and sets of coordinates: the fast default.

use candle_core::{DType, Tensor};
use langevin_core::{Condition, ConfigError, Network, State, Times, config::require};
use langevin_kernels::{Activation, displacement_sum, squared_distances};
use langevin_nn::{
    Builder, Init, Layer, LayerNorm, Linear, PairHead, PairLayer, PairOptions, PairSum,
    TimeFeatures, TimeFeaturesConfig, one_hot, radial_basis, to_points,
};
use serde::{Deserialize, Serialize};

use super::Told;

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

/// Reach of the soft grid of distances, in units of a state: 4 Å where these are 1.4 Å.
const REACH: f64 = 3.0;

/// One layer: messages along pairs move the coordinate sets and feed the atoms.
#[derive(Debug, Clone)]
struct Block {
    norm: LayerNorm,
    pair: PairLayer,
    condition: Option<Linear>,
    gather: Linear,
    update: Linear,
}

/// An E(3)-equivariant network of atoms with scalars `h_i` and S sets of coordinates `x_i^s`.
///
/// Each layer sees the distances of every set, sends `m_ij`, and sets
/// `x_i^s += Σ_j φ^s_ij (x_i^s − x_j^s)/(|x_i^s − x_j^s| + 1)/n` and
/// `h_i += MLP(norm h_i, Σ_j g_ij m_ij, |x_i^s − x_i|², t)`. All sets begin at the atoms; the estimate of the clean
/// positions is the input plus a weighted sum of the sets' displacements, that of the species is read from `h`.
/// With `recall`, one more set begins at the positions that were estimated before, whose distances go on a
/// soft grid too, and the probabilities of the species join the atoms' first features.
///
/// # Shapes and units
/// - positions `[B, n, 3]` and species `[B, n]` to the same positions and `[B, n, elements]`
///
/// # Sources
/// The split pair block: Satorras et al. (2021); sets of coordinates: Irwin et al. (2024), SemlaFlow.
#[derive(Debug, Clone)]
pub struct ScalarVector {
    config: ScalarVectorConfig,
    time: TimeFeatures,
    elements: usize,
    embed: Linear,
    /// What given species add to an atom's first features.
    given: Option<Linear>,
    /// What being held adds to an atom's first features, `[width]`.
    held: Option<Tensor>,
    blocks: Vec<Block>,
    norm: LayerNorm,
    species: Linear,
    /// Weight of each set in the estimate, `[sets]`.
    mix: Tensor,
    dtype: DType,
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
        let Told { elements, conditions, .. } = of;
        let ScalarVectorConfig { width, message, layers, radial, recall, .. } = *config;
        let sets = config.sets + usize::from(recall);
        let time = config.time.build().map_err(langevin_nn::NnError::Setting)?;
        let told = time.width();
        let linear = |builder: Builder, inputs, outputs, activation| {
            Linear::new(&builder, inputs, outputs, activation)
        };
        // Parameters of their own, so that a model without conditions is a start for one with.
        let asked = |builder: &Builder| {
            let new = || {
                let (own, law) = (builder.part("condition"), Init::FanIn(conditions));
                Linear::with_init(&own, conditions, width, Activation::Identity, law, None)
            };
            (conditions > 0).then(new).transpose()
        };
        let block = |i: usize| -> langevin_nn::Result<Block> {
            let own = builder.part(&format!("{i}"));
            let options = PairOptions {
                inputs: width,
                pair_inputs: radial + sets + if recall { radial } else { 0 },
                width: message,
                activation: Activation::Silu,
                sum: PairSum::Gated,
                head: Some(PairHead { scalars: sets, weight: Init::Normal(0.01), bias: true }),
            };
            let seen = width + message + told + sets;
            Ok(Block {
                norm: LayerNorm::new(&own.part("norm"), width, 1e-5)?,
                pair: PairLayer::new(&own.part("pair"), &options)?,
                condition: asked(&own)?,
                gather: linear(own.part("gather"), seen, width, Activation::Silu)?,
                update: linear(own.part("update"), width, width, Activation::Identity)?,
            })
        };
        let given = || {
            let own = builder.part("given");
            Linear::with_init(&own, elements, width, Activation::Identity, Init::FanIn(width), None)
        };
        let held = || builder.part("held").parameter("weight", &[width], Init::FanIn(width));
        Ok(Self {
            config: config.clone(),
            elements,
            given: of.species.then(given).transpose()?,
            held: of.piece.then(held).transpose()?,
            embed: linear(
                builder.part("embed"),
                elements + told + if recall { elements } else { 0 },
                width,
                Activation::Identity,
            )?,
            blocks: (0..layers).map(block).collect::<langevin_nn::Result<_>>()?,
            norm: LayerNorm::new(&builder.part("norm"), width, 1e-5)?,
            species: linear(builder.part("species"), width, elements, Activation::Identity)?,
            mix: builder.parameter("mix", &[sets], Init::Ones)?,
            time,
            dtype: builder.dtype(),
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
        let (_, n, _) = positions.dims3()?;
        let told = to_points(&self.time.of(t, self.dtype)?, n)?;
        let asked = condition.input(self.dtype)?;
        let mut inputs = vec![one_hot(x.part(1), self.elements, self.dtype)?, told.clone()];
        let mut sets = vec![positions.clone(); self.config.sets];
        let grid = |x: &Tensor| radial_basis(&squared_distances(x)?, self.config.radial, REACH);
        let (basis, mut recalled_basis) = (grid(positions)?, None);
        if self.config.recall {
            let (before, probabilities) = match condition.recalled() {
                Some(estimate) => {
                    let estimate = estimate.to_dtype(self.dtype)?;
                    (estimate.part(0).clone(), estimate.part(1).exp()?)
                }
                // Before the first estimate: the state itself, and no species at all.
                None => (positions.clone(), inputs[0].zeros_like()?),
            };
            recalled_basis = Some(grid(&before)?);
            inputs.push(probabilities);
            sets.push(before);
        }
        let mut h = self.embed.forward(&Tensor::cat(&inputs, 2)?)?;
        if let (Some(layer), Some(_)) = (&self.given, condition.given()) {
            h = (h + layer.forward(&inputs[0])?)?;
        }
        if let (Some(weight), Some(piece)) = (&self.held, condition.piece()) {
            let mask = piece.mask.to_dtype(self.dtype)?.unsqueeze(2)?;
            h = (h + mask.broadcast_mul(weight)?)?;
        }
        for block in &self.blocks {
            let mut pairs = vec![basis.clone()];
            for set in &sets {
                pairs.push(squared_distances(set)?);
            }
            pairs.extend(recalled_basis.clone());
            let mut seen = block.norm.forward(&h)?;
            if let (Some(layer), Some(asked)) = (&block.condition, &asked) {
                seen = seen.broadcast_add(&layer.forward(&asked.unsqueeze(1)?)?)?;
            }
            let messages = block.pair.forward(&seen, &Tensor::cat(&pairs, 3)?.contiguous()?)?;
            let (Some(sum), Some(heads)) = (messages.sum, messages.head) else {
                unreachable!("both were asked for")
            };
            let heads = (heads / n as f64)?;
            let mut lengths = Vec::with_capacity(sets.len());
            for (s, set) in sets.iter_mut().enumerate() {
                let phi = heads.narrow(3, s, 1)?.contiguous()?;
                *set = (&*set + displacement_sum(set, &phi, 1.0, 1e-8)?)?;
                lengths.push((&*set - positions)?.sqr()?.sum_keepdim(2)?);
            }
            let lengths = Tensor::cat(&lengths, 2)?;
            let seen = Tensor::cat(&[&seen, &sum, &told, &lengths], 2)?.contiguous()?;
            h = (h + block.update.forward(&block.gather.forward(&seen)?)?)?;
        }
        let mut estimate = positions.clone();
        for (s, set) in sets.iter().enumerate() {
            let weight = self.mix.narrow(0, s, 1)?;
            estimate = (estimate + (set - positions)?.broadcast_mul(&weight)?)?;
        }
        let logits = self.species.forward(&self.norm.forward(&h)?)?;
        Ok(State::new(vec![estimate, logits]))
    }

    fn dtype(&self) -> DType {
        self.dtype
    }

    fn recalls(&self) -> bool {
        self.config.recall
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
