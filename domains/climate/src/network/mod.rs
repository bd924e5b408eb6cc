//! The network of fields: an encoder of the coarse field, lattices that refine it, and a decoder that is a field.

mod decoder;
mod lattice;
mod maps;
#[cfg(test)]
mod tests;
mod tiles;

use candle_core::{DType, Tensor};
use langevin_core::config::require;
use langevin_core::{Condition, ConfigError, Error, Head, Network, Result, State, Times};
use langevin_kernels::{Activation, imitates_another_device};
use langevin_nn::{Builder, Layer, Linear, TimeFeatures, TimeFeaturesConfig};
use serde::{Deserialize, Serialize};

use crate::space::{Fields, Quantity};
use decoder::Decoder;
use lattice::{Lattice, channels};
pub(crate) use maps::between;
use maps::{AxisMaps, Maps, Part};

/// `[network]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NetworkConfig {
    /// Convolutions on lattices that halve the coarse cells, and a perceptron for each fine cell.
    NeuralField(NeuralFieldConfig),
}

/// Sizes of [`NeuralField`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeuralFieldConfig {
    /// Channels on the coarse grid, on the lattice with cells half as wide, and so on.
    pub widths: Vec<usize>,
    /// Residual blocks of two convolutions on each.
    pub blocks: Vec<usize>,
    /// Width of the decoder.
    pub decoder: usize,
    /// Width of what all layers are told of sizes and time.
    pub told: usize,
    /// How the time is told.
    pub time: TimeFeaturesConfig,
}

impl NetworkConfig {
    /// Nothing, if a network of these sizes can be.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn check(&self) -> Result<(), ConfigError> {
        let Self::NeuralField(config) = self;
        let positive = |sizes: &[usize]| sizes.iter().all(|&size| size > 0);
        if config.widths.is_empty() || config.widths.len() > 5 || !positive(&config.widths) {
            let found = format!("{:?}", config.widths);
            return Err(ConfigError::new("widths", found, "1 to 5 numbers above 0"));
        }
        if config.blocks.len() != config.widths.len() {
            let (found, allowed) = (config.blocks.len(), "one for each of network.widths");
            return Err(ConfigError::new("blocks", format!("{found} numbers"), allowed));
        }
        require("decoder", config.decoder, |n| n > 0, "1 or more")?;
        require("told", config.told, |n| n > 0, "1 or more")?;
        config.time.build().map_err(|error| error.within("time"))?;
        Ok(())
    }

    /// Coarse cells around a cell beyond which nothing enters it, whatever the factor.
    pub fn reach(&self) -> usize {
        let Self::NeuralField(config) = self;
        reach(&config.blocks)
    }

    /// The network for `fields`, whose output is read under `head`.
    ///
    /// # Errors
    /// Those of [`Builder::parameter`].
    pub fn build(
        &self,
        builder: &Builder,
        fields: &Fields,
        head: Head,
    ) -> langevin_nn::Result<Box<dyn Network>> {
        let Self::NeuralField(config) = self;
        Ok(Box::new(NeuralField::new(builder, config, fields, head)?))
    }
}

/// `x̂_0` of fine fields under a coarse one `c`, on any finer grid.
///
/// The state, noise at t = 1, enters as its sums over the cells of each lattice (white noise on every one of them) and as it
/// is in the decoder. Lattice `l` has cells `2^l` times narrower than `c`; those finer than the fine grid are left out. The
/// decoder sees, for a fine cell, what the lattices hold at its centre, where in their cells that is, the state there
/// and `c` between centres, and gives a number `n`. Then, `A` the mean over a coarse cell and `ĉ` the field `c` between
/// centres:
///
/// - amounts: `y = (ĉ + δ) exp(n)`, `x̂_0 = y · c/(A y)`;
/// - relative amounts: `y = (ĉ + δ) φ(1 + n + g x)`, `φ` a soft ramp and `g` a number for each time: without noise there is
///   nothing to learn. `y · c/(A y)` made relative to `ĉ` is `x̂_0`;
/// - values: `y = ĉ + n`, `x̂_0 = y + (c − A y)`.
///
/// So coarse means are kept inside of the network, at any time, if its output is the clean end. Under other heads it is `n` as it is,
/// and means are kept in the end alone. A result does not depend on what lies farther than the reach of the
/// convolutions, and large fields are made in tiles with as much around them, with the same bits.
///
/// # Source
/// Local latents and a perceptron: Chen, Liu & Wang (2021), CVPR, 8628–8638 (LIIF). Constraints: Harder et al. (2023), JMLR 24
/// (365). Noise at several resolutions and a proper score: Alet et al. (2025), arXiv:2506.10772.
#[derive(Debug)]
pub struct NeuralField {
    quantity: Quantity,
    /// Least amount, as a state.
    least: f64,
    time: TimeFeatures,
    told: [Linear; 2],
    lattices: Vec<Lattice>,
    decoder: Decoder,
    /// Whether the output is `x̂_0`, and not what another head reads.
    clean: bool,
    /// How much of a relative state stays, by what is told.
    gain: Option<Linear>,
    /// Coarse cells around a part beyond which nothing enters it.
    reach: usize,
    dtype: DType,
}

impl NeuralField {
    fn new(
        builder: &Builder,
        config: &NeuralFieldConfig,
        fields: &Fields,
        head: Head,
    ) -> langevin_nn::Result<Self> {
        let clean = head == Head::Clean;
        let time = config.time.build()?;
        let (told, width) = (config.told, config.decoder);
        let linear = |name: &str, inputs: usize| {
            Linear::new(&builder.part(name), inputs, told, Activation::Silu)
        };
        let lattice = |l: usize| {
            let before = if l == 0 { 1 } else { config.widths[l - 1] };
            let part = builder.part(&format!("lattice{l}"));
            Lattice::new(&part, before, config.widths[l], config.blocks[l], told, width)
        };
        let least = match fields.quantity {
            Quantity::Amount { least, .. } => least / fields.scale,
            Quantity::Value => 0.0,
        };
        let gain = |_| Linear::new(&builder.part("gain"), told, 1, Activation::Identity);
        Ok(Self {
            quantity: fields.quantity,
            least,
            told: [linear("told.0", 2 + time.width())?, linear("told.1", told)?],
            time,
            lattices: (0..config.widths.len()).map(lattice).collect::<Result<_, _>>()?,
            decoder: Decoder::new(&builder.part("decoder"), width, told)?,
            clean,
            gain: fields.relative_to().filter(|_| clean).map(gain).transpose()?,
            reach: reach(&config.blocks),
            dtype: builder.dtype(),
        })
    }

    /// Lattices that are no finer than a fine grid of this factor.
    fn lattices_for(&self, factor: f64) -> usize {
        let fits = (0..self.lattices.len()).filter(|&l| f64::from(1u32 << l) <= factor * 1.001);
        fits.count().max(1)
    }

    /// What all layers are told: the size of coarse cells, the factor, the time. `[B, told]`
    fn told(&self, condition: &Condition, factor: f64, t: &Times) -> Result<Tensor> {
        let Some(sizes) = condition.features() else {
            return Err(missing("the size of its cells"));
        };
        let sizes = sizes.to_dtype(self.dtype)?;
        let factors = (sizes.ones_like()? * factor.ln())?;
        let x = Tensor::cat(&[&sizes, &factors, &self.time.of(t, self.dtype, sizes.device())?], 1)?;
        Ok(self.told[1].forward(&self.told[0].forward(&x)?)?)
    }

    /// A coarse field as the encoder sees it: amounts by their logarithm.
    fn shown(&self, coarse: &Tensor) -> Result<Tensor> {
        match self.quantity {
            Quantity::Amount { .. } => {
                Ok(((coarse / self.least)? + 1.0)?.log()?.affine(0.5, 0.0)?)
            }
            Quantity::Value => Ok(coarse.clone()),
        }
    }

    /// The estimate of a part: `x` `[B, 1, H, W]` under `coarse` `[B, 1, h, w]`.
    fn part(
        &self,
        maps: &Maps,
        lattices: usize,
        x: &Tensor,
        coarse: &Tensor,
        told: &Tensor,
    ) -> Result<Tensor> {
        let mut h = self.shown(coarse)?;
        let mut latents: Option<Tensor> = None;
        for (l, lattice) in self.lattices[..lattices].iter().enumerate() {
            if l > 0 {
                h = maps.double(&h, l - 1)?;
            }
            h = lattice.forward(&h, &maps.pool(x, l)?, told)?;
            let own = lattice.project(&h)?;
            latents = Some(match latents {
                None => self.decoder.told(&own, told)?,
                Some(before) => (maps.double(&before, l - 1)? + own)?,
            });
        }
        let between = maps.lift(coarse, 0)?;
        let latents = maps.lift(&latents.expect("there is a lattice"), lattices - 1)?;
        let n = self.decoder.forward(&latents, x, &self.shown(&between)?, maps)?;
        if !self.clean {
            return Ok(n);
        }
        let Some(gain) = &self.gain else {
            return self.constrained(maps, &self.detailed(&n, &between)?, coarse);
        };
        let n = (n + x.broadcast_mul(&channels(&gain.forward(told)?)?)?)?;
        let around = (&between + self.least)?;
        let fine = self.constrained(maps, &(&around * ramp(&n)?)?, coarse)?;
        Ok(((fine - between)? / around)?)
    }

    /// The field between centres, `between`, with the decoder's numbers as its details.
    fn detailed(&self, n: &Tensor, between: &Tensor) -> Result<Tensor> {
        match self.quantity {
            Quantity::Amount { .. } => {
                // Bounded, so that nothing overflows: a cell has between e⁻⁸ and e⁸ of its share.
                let n = ((n / 8.0)?.tanh()? * 8.0)?;
                Ok(((between + self.least * 1e-3)? * n.exp()?)?)
            }
            Quantity::Value => Ok((between + n)?),
        }
    }

    /// `y` with the means of `coarse`.
    fn constrained(&self, maps: &Maps, y: &Tensor, coarse: &Tensor) -> Result<Tensor> {
        match self.quantity {
            Quantity::Amount { .. } => {
                let change = (coarse / (maps.means(y)? + self.least * 1e-9)?)?;
                Ok((y * maps.spread(&change)?)?)
            }
            Quantity::Value => Ok((y + maps.spread(&(coarse - maps.means(y)?)?)?)?),
        }
    }
}

/// `φ(1 + n)`: next to `1 + n` above 0 and to 0 below.
fn ramp(n: &Tensor) -> Result<Tensor> {
    const SHARP: f64 = 4.0;
    Ok((Activation::Softplus.apply(&n.affine(SHARP, SHARP)?)? / SHARP)?)
}

impl Network for NeuralField {
    fn forward(&self, x: &State, t: &Times, _: &Times, condition: &Condition) -> Result<State> {
        let Some(context) = condition.context() else { return Err(missing("a coarse field")) };
        let (x, coarse) = (x.part(0).to_dtype(self.dtype)?, context.part(0).to_dtype(self.dtype)?);
        let (_, _, height, width) = x.dims4()?;
        let (_, _, rows, columns) = coarse.dims4()?;
        let whole = [Part::whole(rows, height), Part::whole(columns, width)];
        let factor = (whole[0].factor * whole[1].factor).sqrt();
        let lattices = self.lattices_for(factor);
        let told = self.told(condition, factor, t)?;
        let on_cpu = x.device().is_cpu() && !imitates_another_device();
        let made = tiles::made(&whole, self.reach, on_cpu, |[y, x_part]| {
            let maps = Maps { y: AxisMaps::new(y, lattices)?, x: AxisMaps::new(x_part, lattices)? };
            let cut = |tensor: &Tensor,
                       rows: &std::ops::Range<usize>,
                       columns: &std::ops::Range<usize>| {
                tensor
                    .narrow(2, rows.start, rows.len())?
                    .narrow(3, columns.start, columns.len())?
                    .contiguous()
            };
            let (x, coarse) =
                (cut(&x, &y.fine, &x_part.fine)?, cut(&coarse, &y.coarse, &x_part.coarse)?);
            self.part(&maps, lattices, &x, &coarse, &told)
        })?;
        Ok(State::single(made))
    }

    fn dtype(&self) -> DType {
        self.dtype
    }
}

/// Coarse cells that convolutions, `blocks` of two on each lattice, and interpolation reach.
fn reach(blocks: &[usize]) -> usize {
    // A convolution reaches one cell of its lattice; interpolation from the lattice before one of its cells, two of this one;
    // that to the fine cells another.
    let own = |(l, blocks): (usize, &usize)| (2 * blocks + 4) as f64 / f64::from(1u32 << l);
    blocks.iter().enumerate().map(own).sum::<f64>().ceil() as usize + 1
}

/// A condition that lacks something.
fn missing(what: &str) -> Error {
    Error::Shape { what: format!("condition without {what}"), found: vec![], expected: vec![1] }
}
