//! The perceptron of a fine cell.

use candle_core::Tensor;
use langevin_core::Result;
use langevin_kernels::Activation;
use langevin_nn::{Builder, Conv2d, Init, Layer, Linear};

use super::lattice::{SINGLE, channels};
use super::maps::Maps;

/// Numbers of a cell's place: two along each axis.
const PLACES: usize = 4;

/// A perceptron of two hidden layers for every fine cell: it knows no neighbours, so any cell can be asked for alone.
#[derive(Debug)]
pub(super) struct Decoder {
    entry: Conv2d,
    told: Linear,
    hidden: Conv2d,
    last: Conv2d,
}

impl Decoder {
    /// A decoder of `width`.
    ///
    /// # Errors
    /// Those of [`Builder::parameter`].
    pub(super) fn new(builder: &Builder, width: usize, told: usize) -> langevin_nn::Result<Self> {
        // At first next to nothing is added to the field between centres.
        let last = Init::Uniform(0.1 / (width as f64).sqrt());
        Ok(Self {
            entry: Conv2d::new(&builder.part("entry"), 2 + PLACES, width, 1, SINGLE)?,
            told: Linear::new(&builder.part("told"), told, width, Activation::Identity)?,
            hidden: Conv2d::new(&builder.part("hidden"), width, width, 1, SINGLE)?,
            last: Conv2d::with_init(&builder.part("last"), width, 1, 1, SINGLE, last)?,
        })
    }

    /// Latents of the coarse grid, with what the decoder is told of samples: interpolation leaves it as it is.
    ///
    /// # Errors
    /// If shapes do not fit.
    pub(super) fn told(&self, latents: &Tensor, told: &Tensor) -> Result<Tensor> {
        Ok(latents.broadcast_add(&channels(&self.told.forward(told)?)?)?)
    }

    /// A number for each fine cell, `[B, 1, H, W]`, from `latents` `[B, width, H, W]`, the state and the coarse field there.
    ///
    /// # Errors
    /// If shapes do not fit.
    pub(super) fn forward(
        &self,
        latents: &Tensor,
        x: &Tensor,
        between: &Tensor,
        maps: &Maps,
    ) -> Result<Tensor> {
        let own = Tensor::cat(&[x, between, &places(maps, x)?], 1)?;
        let h = (latents + self.entry.forward(&own)?)?;
        let h = self.hidden.forward(&Activation::Silu.apply(&h)?)?;
        Ok(self.last.forward(&Activation::Silu.apply(&h)?)?)
    }
}

/// Where fine cells lie, `[B, 4, H, W]`.
fn places(maps: &Maps, like: &Tensor) -> Result<Tensor> {
    let (batch, _, height, width) = like.dims4()?;
    let mut values = Vec::with_capacity(PLACES * height * width);
    for k in 0..2 {
        values.extend(maps.y.places.iter().flat_map(|place| std::iter::repeat_n(place[k], width)));
        (0..height).for_each(|_| values.extend(maps.x.places.iter().map(|place| place[k])));
    }
    let places = Tensor::from_vec(values, (1, PLACES, height, width), like.device())?;
    Ok(places.to_dtype(like.dtype())?.broadcast_as((batch, PLACES, height, width))?.contiguous()?)
}
