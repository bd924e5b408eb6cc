//! The convolutions of one lattice.

use candle_core::Tensor;
use langevin_core::Result;
use langevin_kernels::{Activation, Conv2d as Window};
use langevin_nn::{Builder, Conv2d, Init, Layer, Linear};

/// Windows of three by three cells.
const NEAR: Window = Window { stride: 1, padding: 1 };
/// Windows of one cell.
pub(super) const SINGLE: Window = Window { stride: 1, padding: 0 };

/// Convolutions on one lattice: an entry for what comes from the lattice before and for noise, and residual blocks.
#[derive(Debug)]
pub(super) struct Lattice {
    entry: Conv2d,
    told: Linear,
    blocks: Vec<[Conv2d; 2]>,
    project: Conv2d,
}

impl Lattice {
    /// From `before` channels to `width`, told of samples by `told` numbers, and shown to a decoder of width `decoder`.
    ///
    /// # Errors
    /// Those of [`Builder::parameter`].
    pub(super) fn new(
        builder: &Builder,
        before: usize,
        width: usize,
        blocks: usize,
        told: usize,
        decoder: usize,
    ) -> langevin_nn::Result<Self> {
        let block = |i: usize| {
            let part = builder.part(&format!("block{i}"));
            let last = Init::Uniform(0.1 / (9.0 * width as f64).sqrt());
            Ok([
                Conv2d::new(&part.part("0"), width, width, 3, NEAR)?,
                Conv2d::with_init(&part.part("1"), width, width, 3, NEAR, last)?,
            ])
        };
        Ok(Self {
            entry: Conv2d::new(&builder.part("entry"), before + 1, width, 3, NEAR)?,
            told: Linear::new(&builder.part("told"), told, width, Activation::Identity)?,
            blocks: (0..blocks).map(block).collect::<langevin_nn::Result<_>>()?,
            project: Conv2d::new(&builder.part("project"), width, decoder, 1, SINGLE)?,
        })
    }

    /// `h` `[B, before, n, m]` and noise `[B, 1, n, m]` to `[B, width, n, m]`.
    ///
    /// # Errors
    /// If shapes do not fit.
    pub(super) fn forward(&self, h: &Tensor, noise: &Tensor, told: &Tensor) -> Result<Tensor> {
        let mut h = self.entry.forward(&Tensor::cat(&[h, noise], 1)?)?;
        h = h.broadcast_add(&channels(&self.told.forward(told)?)?)?;
        for [first, second] in &self.blocks {
            let inner = first.forward(&Activation::Silu.apply(&h)?)?;
            h = (h + second.forward(&Activation::Silu.apply(&inner)?)?)?;
        }
        Ok(Activation::Silu.apply(&h)?)
    }

    /// What the decoder sees of `h`.
    ///
    /// # Errors
    /// If shapes do not fit.
    pub(super) fn project(&self, h: &Tensor) -> Result<Tensor> {
        Ok(self.project.forward(h)?)
    }
}

/// Numbers of samples `[B, C]` for all of their cells, `[B, C, 1, 1]`.
pub(super) fn channels(x: &Tensor) -> Result<Tensor> {
    Ok(x.unsqueeze(2)?.unsqueeze(3)?)
}
