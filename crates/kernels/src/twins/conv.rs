//! Two-dimensional convolution: patches, and products with them.

use candle_core::{Result, Shape, Tensor};

use super::call::{Call, Made};
use super::node::Back;
use super::pointwise::add_bias;
use super::sums::{spread, sums};
use crate::conv::Conv2d;

/// A product of matrices `[B, m, k]` and `[B, k, n]`.
pub(crate) type Product = fn(&Tensor, &Tensor) -> Result<Tensor>;

/// `Σ w x + b`; the patches, as large as the kernel times the image, are made again for the adjoint.
pub(crate) fn conv2d([x, w, b]: [&Tensor; 3], conv: Conv2d, product: Product) -> Result<Tensor> {
    let sizes = Sizes::of(x, w, conv)?;
    let y = product(&sizes.weights(w)?, &sizes.patches(x)?)?;
    let made = add_bias(&y, b, sizes.high * sizes.wide, sizes.output())?;
    let (x_kept, w_kept) = (x.detach(), w.detach());
    made.of_three("conv2d", [x, w, b], move |Back { g, wanted, .. }| {
        let Sizes { batch, outs, .. } = sizes;
        let pixels = sizes.high * sizes.wide;
        let g = g.reshape((batch, outs, pixels))?;
        let dx = || {
            let turned = sizes.weights(&w_kept)?.transpose(1, 2)?;
            sizes.image(&product(&turned, &g)?)
        };
        let dw = || {
            let turned = sizes.patches(&x_kept)?.transpose(1, 2)?;
            let each = product(&g, &turned)?;
            sums(&each, [1, batch, w_kept.elem_count()], w_kept.shape())
        };
        let db = || {
            let each = sums(&g, [batch * outs, pixels, 1], (batch, outs))?.tensor();
            sums(&each, [1, batch, outs], outs)
        };
        let tensor = |made: Option<Made>| made.map(Made::tensor);
        Ok([
            wanted[0].then(dx).transpose()?,
            tensor(wanted[1].then(dw).transpose()?),
            tensor(wanted[2].then(db).transpose()?),
        ])
    })
}

#[derive(Clone, Copy)]
struct Sizes {
    batch: usize,
    channels: usize,
    image: [usize; 2],
    outs: usize,
    kernel: [usize; 2],
    high: usize,
    wide: usize,
    conv: Conv2d,
}

impl Sizes {
    fn of(x: &Tensor, w: &Tensor, conv: Conv2d) -> Result<Self> {
        let ((batch, channels, h, w_), (outs, _, kh, kw)) = (x.dims4()?, w.dims4()?);
        let out = |size: usize, kernel: usize| (size + 2 * conv.padding - kernel) / conv.stride + 1;
        let (high, wide) = (out(h, kh), out(w_, kw));
        Ok(Self { batch, channels, image: [h, w_], outs, kernel: [kh, kw], high, wide, conv })
    }

    fn output(&self) -> Shape {
        Shape::from((self.batch, self.outs, self.high, self.wide))
    }

    /// Numbers of a patch.
    fn patch(&self) -> usize {
        self.channels * self.kernel[0] * self.kernel[1]
    }

    /// The weights at each sample, `[B, O, C h w]`.
    fn weights(&self, w: &Tensor) -> Result<Tensor> {
        let shape = (self.batch, self.outs, self.patch());
        Ok(spread(w, [self.batch, w.elem_count()], shape)?.tensor())
    }

    /// `[B, C h w, pixels]`.
    fn patches(&self, x: &Tensor) -> Result<Tensor> {
        let shape = (self.batch, self.patch(), self.high * self.wide);
        if self.pixels_alone() {
            return x.contiguous()?.reshape(shape);
        }
        Ok(self.call("patches", x, Shape::from(shape).elem_count())?.make(shape)?.tensor())
    }

    /// The adjoint of [`Sizes::patches`].
    fn image(&self, patches: &Tensor) -> Result<Tensor> {
        let shape = (self.batch, self.channels, self.image[0], self.image[1]);
        if self.pixels_alone() {
            return patches.contiguous()?.reshape(shape);
        }
        let all = Shape::from(shape).elem_count();
        Ok(self.call("patches_adjoint", patches, all)?.make(shape)?.tensor())
    }

    /// Whether a patch is one pixel of all channels, so that an image is its patches.
    fn pixels_alone(&self) -> bool {
        self.kernel == [1, 1] && self.conv == Conv2d { stride: 1, padding: 0 }
    }

    fn call(&self, name: &'static str, x: &Tensor, all: usize) -> Result<Call> {
        let ([h, w], [kh, kw], Conv2d { stride, padding }) = (self.image, self.kernel, self.conv);
        Call::new(name, &[x], &[all, h, w, kh, kw, self.high, self.wide, stride, padding])
    }
}
