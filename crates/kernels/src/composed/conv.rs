//! Convolution.

use candle_core::{Result, Tensor};

use super::geometry::along;
use super::product::reduced;
use crate::conv::Conv2d;
use crate::twins;

/// candle's with stride 1, of whose pixels every so many are kept, plus the bias of each channel: its gradient for longer
/// strides fails where they leave pixels over.
pub(crate) fn conv2d(x: &Tensor, w: &Tensor, b: &Tensor, conv: Conv2d) -> Result<Tensor> {
    if twins::here(x) {
        return twins::conv2d([x, w, b], conv, |a, b| reduced(a, b, Tensor::matmul));
    }
    let product = |x: &Tensor, w: &Tensor| x.conv2d(w, conv.padding, 1, 1, 1);
    let mut y = reduced(&x.contiguous()?, &w.contiguous()?, product)?;
    if conv.stride > 1 {
        for axis in [2, 3] {
            y = along(&y, axis, &every(conv.stride, y.dim(axis)?, &y)?)?;
        }
    }
    y.broadcast_add(&b.reshape((1, b.elem_count(), 1, 1))?)
}

/// The matrix that keeps the first of `count` numbers and every `stride`-th after it.
fn every(stride: usize, count: usize, like: &Tensor) -> Result<Tensor> {
    let kept = count.div_ceil(stride);
    let mut all = vec![0f64; kept * count];
    (0..kept).for_each(|row| all[row * count + row * stride] = 1.0);
    Tensor::from_vec(all, (kept, count), like.device())?.to_dtype(like.dtype())
}
