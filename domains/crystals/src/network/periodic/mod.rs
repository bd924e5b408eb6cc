//! The fast network: scalars of atoms, narrow messages along all pairs, directions from sines.

mod config;
#[cfg(test)]
mod tests;

use candle_core::{DType, Tensor};
use langevin_core::{Condition, Network, State, Times};
use langevin_kernels::{Activation, mean_over_points, to_points, whole_product};
use langevin_nn::{
    Builder, Init, Layer, LayerNorm, Linear, PairHead, PairLayer, PairOptions, PairSum,
    TimeFeatures, one_hot,
};

use super::composition::Composition;
use super::directions::{DIRECTIONS, Vectors, along, displacements};
use super::pairs::{Pairs, gram, width};
use super::{GivenSpecies, Told};
use crate::space::{COORDS_FACTOR, LATTICE_FACTOR, SPECIES_FACTOR};

pub use config::PeriodicConfig;

/// One layer: messages along pairs feed the atoms and give directions.
#[derive(Debug, Clone)]
struct Block {
    norm: LayerNorm,
    /// What a condition adds to an atom's features.
    condition: Option<Linear>,
    /// What the composition adds to them.
    composition: Option<Linear>,
    pair: PairLayer,
    gather: Linear,
    update: Linear,
}

/// A network of atoms in a cell with scalars `h_i`.
///
/// Each layer sends messages `m_ij` that see even features of the pair ([`Pairs`]), the same in all layers, and
/// with vectors `u_i^c += Σ_j χ_ij^{ca} sin 2πΔ_ij^a/n` of the layers before also `u_i^c · sin 2πΔ_ij` and
/// `u_j^c · sin 2πΔ_ji`, which inversion does not change either. It
/// sets `h_i += MLP(norm h_i, Σ_j g_ij m_ij/n, t, cell, ln n)`. With `φ_ij` read from the messages of all layers, the
/// displacement of an atom to its clean place is `v_i^a = Σ_j (Σ_b φ_ij^{ab} sin 2πΔ_ij^b + ψ_ij^a sin 4πΔ_ij^a)/n`:
/// it turns round under inversion, and at a centre of inversion it is zero whatever the weights. The estimate
/// of the cell is the input plus a function of the atoms' mean, that of the species is read from `h`, with copies
/// plus `Σ_j κ_ij onehot(s_j)` with a scalar κ of the last messages. What is asked for and the composition as a whole
/// ([`Composition`]) add to `norm h_i`, each layer in its own way, the composition also to the atoms' mean.
///
/// # Shapes and units
/// - coords `[B, n, 3]`, cell `[B, 6]` and species `[B, n]` to displacements, a cell and `[B, n, elements]`
///
/// # Sources
/// Fourier features of fractional differences: Jiao et al. (2023), DiffCSP; the split pair block: Satorras et al.
/// (2021).
#[derive(Debug, Clone)]
pub struct Periodic {
    config: PeriodicConfig,
    told: Told,
    time: TimeFeatures,
    embed: Linear,
    composition: Option<Composition>,
    /// What given species add to an atom's first features.
    given: Option<Linear>,
    blocks: Vec<Block>,
    norm: LayerNorm,
    cell: [Linear; 2],
    /// What the composition adds to the atoms' mean that the cell is read from.
    cell_composition: Option<Linear>,
    species: Option<Linear>,
    dtype: DType,
}

impl Periodic {
    /// The network for what it is told of.
    ///
    /// # Errors
    /// Those of [`Builder::parameter`]; the config was checked by [`PeriodicConfig::check`].
    pub fn new(
        builder: &Builder,
        config: &PeriodicConfig,
        told: Told,
    ) -> langevin_nn::Result<Self> {
        let copies = config.copies && told.species != GivenSpecies::Always;
        let PeriodicConfig {
            width: own,
            message,
            layers,
            frequencies,
            radial,
            vectors,
            composition,
            ..
        } = *config;
        let elements = told.elements;
        let time = config.time.build().map_err(langevin_nn::NnError::Setting)?;
        let shared = shared_width(&time);
        let linear = |part: &str, inputs, outputs, activation| {
            Linear::new(&builder.part(part), inputs, outputs, activation)
        };
        // Small, so that a model that was not told of the composition is a start for one that is.
        let composed = |part: &Builder| {
            let (part, law) = (part.part("composition"), Init::Normal(0.01));
            let layer =
                || Linear::with_init(&part, composition, own, Activation::Identity, law, None);
            (composition > 0).then(layer).transpose()
        };
        let block = |i: usize| -> langevin_nn::Result<Block> {
            let part = builder.part(&format!("{i}"));
            // The first layer has no vectors yet, and nothing sees those of the last one, which copies.
            let (first, last) = (i == 0, i + 1 == layers);
            let seen = if first { 0 } else { vectors };
            let more = if last { usize::from(copies) } else { 3 * vectors };
            let options = PairOptions {
                inputs: own,
                pair_inputs: width(frequencies, radial) + 2 * seen,
                width: message,
                activation: Activation::Silu,
                sum: PairSum::Gated,
                head: Some(PairHead {
                    scalars: DIRECTIONS + more,
                    weight: Init::Normal(0.01),
                    bias: true,
                }),
            };
            let seen = own + message + shared;
            // Parameters of their own, so that a model without conditions is a start for one with.
            let asked = || {
                let (part, law) = (part.part("condition"), Init::FanIn(told.conditions));
                Linear::with_init(&part, told.conditions, own, Activation::Identity, law, None)
            };
            Ok(Block {
                norm: LayerNorm::new(&part.part("norm"), own, 1e-5)?,
                condition: (told.conditions > 0).then(asked).transpose()?,
                composition: composed(&part)?,
                pair: PairLayer::new(&part.part("pair"), &options)?,
                gather: Linear::new(&part.part("gather"), seen, own, Activation::Silu)?,
                update: Linear::new(&part.part("update"), own, own, Activation::Identity)?,
            })
        };
        let given = || {
            let (own_part, law) = (builder.part("given"), Init::FanIn(own));
            Linear::with_init(&own_part, elements, own, Activation::Identity, law, None)
        };
        let small = |part: &str, outputs| {
            let law = (Init::Normal(0.01), Some(Init::Zeros));
            let part = builder.part(part);
            Linear::with_init(&part, own, outputs, Activation::Identity, law.0, law.1)
        };
        Ok(Self {
            config: config.clone(),
            told,
            embed: linear("embed", elements + shared, own, Activation::Identity)?,
            composition: (composition > 0)
                .then(|| Composition::new(&builder.part("composition"), elements, composition))
                .transpose()?,
            given: (told.species == GivenSpecies::Sometimes).then(given).transpose()?,
            blocks: (0..layers).map(block).collect::<langevin_nn::Result<_>>()?,
            norm: LayerNorm::new(&builder.part("norm"), own, 1e-5)?,
            cell: [linear("cell.hidden", own, own, Activation::Silu)?, small("cell.out", 6)?],
            cell_composition: composed(&builder.part("cell"))?,
            species: (told.species != GivenSpecies::Always)
                .then(|| linear("species", own, elements, Activation::Identity))
                .transpose()?,
            time,
            dtype: builder.dtype(),
        })
    }

    /// What all atoms of a sample are told: time, cell, number of atoms; `[B, width]`.
    fn shared(&self, cell: &Tensor, t: &Times, atoms: usize) -> candle_core::Result<Tensor> {
        let size = (cell.narrow(1, 0, 1)?.zeros_like()? + (atoms as f64).ln())?;
        Tensor::cat(&[&self.time.of(t, self.dtype, cell.device())?, cell, &size], 1)
    }
}

/// Width of [`Periodic::shared`].
fn shared_width(time: &TimeFeatures) -> usize {
    time.width() + 6 + 1
}

impl Network for Periodic {
    fn forward(
        &self,
        x: &State,
        t: &Times,
        _: &Times,
        condition: &Condition,
    ) -> langevin_core::Result<State> {
        let (coords, cell) = (x.part(COORDS_FACTOR), x.part(LATTICE_FACTOR));
        let (batch, n, _) = coords.dims3()?;
        let elements = self.told.elements;
        let gram = gram(cell, &self.told.cells, n)?;
        let PeriodicConfig { frequencies, radial, vectors, .. } = self.config;
        let Pairs { even, odd } = Pairs::new(coords, &gram, frequencies, radial)?;
        let shared = to_points(&self.shared(cell, t, n)?, n)?;
        let species = one_hot(x.part(SPECIES_FACTOR), elements, self.dtype)?;
        let mut h = self.embed.forward(&Tensor::cat(&[&species, &shared], 2)?)?;
        if let (Some(layer), Some(_)) = (&self.given, condition.given()) {
            h = (h + layer.forward(&species)?)?;
        }
        let asked = condition.input(self.dtype)?;
        let composition = self.composition.as_ref();
        let composition =
            composition.map(|c| c.of(x.part(SPECIES_FACTOR), self.dtype)).transpose()?;
        let mut sums: Option<Tensor> = None;
        let mut vectors = Vectors::new(vectors, &odd)?;
        let mut copied: Option<Tensor> = None;
        for (i, block) in self.blocks.iter().enumerate() {
            let mut seen = block.norm.forward(&h)?;
            if let (Some(layer), Some(asked)) = (&block.condition, &asked) {
                seen = (seen + to_points(&layer.forward(asked)?, n)?)?;
            }
            if let (Some(layer), Some(composition)) = (&block.composition, &composition) {
                seen = (seen + to_points(&layer.forward(composition)?, n)?)?;
            }
            let messages = block.pair.forward(&seen, &vectors.beside(&even)?)?;
            let (Some(sum), Some(head)) = (messages.sum, messages.head) else {
                unreachable!("both were asked for")
            };
            let last = i + 1 == self.blocks.len();
            let own = if last { 0 } else { self.config.vectors };
            let width = DIRECTIONS + 3 * own;
            if head.dim(3)? > width {
                copied = Some(head.narrow(3, width, 1)?.squeeze(3)?);
            }
            let along = along(&head.narrow(3, 0, width)?, &odd, own)?;
            if own > 0 {
                vectors.add(&along.narrow(2, DIRECTIONS, 3 * own)?)?;
            }
            let along = along.narrow(2, 0, DIRECTIONS)?;
            sums = Some(sums.map_or_else(|| Ok(along.clone()), |all| all + &along)?);
            let seen = Tensor::cat(&[&seen, &(sum / n as f64)?, &shared], 2)?.contiguous()?;
            h = (h + block.update.forward(&block.gather.forward(&seen)?)?)?;
        }
        let h = self.norm.forward(&h)?;
        let moved = displacements(&sums.expect("there is a layer"))?;
        let mut whole = mean_over_points(&h)?;
        if let (Some(layer), Some(composition)) = (&self.cell_composition, &composition) {
            whole = (whole + layer.forward(composition)?)?;
        }
        let [hidden, out] = &self.cell;
        let cell = (cell + out.forward(&hidden.forward(&whole)?)?)?;
        let logits = match (&self.species, copied) {
            (Some(layer), Some(weights)) => {
                (layer.forward(&h)? + whole_product(&weights.contiguous()?, &species)?)?
            }
            (Some(layer), None) => layer.forward(&h)?,
            (None, _) => Tensor::zeros((batch, n, elements), self.dtype, coords.device())?,
        };
        Ok(State::new(vec![moved, cell, logits]))
    }

    fn dtype(&self) -> DType {
        self.dtype
    }
}
