//! Layers of scalars and sets of coordinates: what the networks built on them have in common.

use candle_core::{DType, Tensor};
use langevin_core::{Condition, State, Times};
use langevin_kernels::{Activation, displacement_sum, squared_distances, to_points};
use langevin_nn::{
    Builder, Init, Layer, LayerNorm, Linear, PairHead, PairLayer, PairOptions, PairSum,
    TimeFeatures, one_hot, radial_basis,
};

use super::{ScalarVectorConfig, Told};

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

/// The layers of [`super::ScalarVector`], from atoms to features and displaced sets of coordinates.
///
/// Each layer sees the distances of every set, sends `m_ij`, and sets
/// `x_i^s += Σ_j φ^s_ij (x_i^s − x_j^s)/(|x_i^s − x_j^s| + 1)/n` and
/// `h_i += MLP(norm h_i, Σ_j g_ij m_ij, |x_i^s − x_i|², t)`. All sets begin at the atoms.
/// With `recall`, one more set begins at the positions that were estimated before, whose distances go on a
/// soft grid too, and the probabilities of the species join the atoms' first features.
#[derive(Debug, Clone)]
pub(super) struct Trunk {
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
    dtype: DType,
}

/// What the layers make of the atoms.
pub(super) struct Seen {
    /// Features of each atom, normalised, `[B, n, width]`.
    pub(super) h: Tensor,
    /// Sets of coordinates, `[B, n, 3]` each; what was recalled is the last.
    pub(super) sets: Vec<Tensor>,
}

impl Trunk {
    /// The layers for what they are told of.
    ///
    /// # Errors
    /// Those of [`Builder::parameter`]; the config was checked by [`ScalarVectorConfig::check`].
    pub(super) fn new(
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
            time,
            dtype: builder.dtype(),
        })
    }

    /// Precision of weights.
    pub(super) fn dtype(&self) -> DType {
        self.dtype
    }

    /// Features and sets of the atoms of `x`, positions and species, at times `t`.
    pub(super) fn see(
        &self,
        x: &State,
        t: &Times,
        condition: &Condition,
    ) -> langevin_core::Result<Seen> {
        let positions = x.part(0);
        let (_, n, _) = positions.dims3()?;
        let told = to_points(&self.time.of(t, self.dtype, positions.device())?, n)?;
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
                seen = (seen + to_points(&layer.forward(asked)?, n)?)?;
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
        Ok(Seen { h: self.norm.forward(&h)?, sets })
    }
}
