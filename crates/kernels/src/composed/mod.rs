//! What the fused operations mean, composed of candle's own: they run where tensors are not on the CPU, and check the
//! kernels there. On a GPU candle makes the products, and [`crate::twins`] what stands between them.
//!
//! Shapes were checked by the callers. No operation here has a gradient of candle's that is wrong or slow on a GPU: rows
//! are picked by products with matrices of ones and zeros, not by indices.

mod attention;
mod conv;
mod geometry;
mod linear;
mod norm;
mod pair;
mod pointwise;
mod product;
#[cfg(test)]
mod tests;

pub(crate) use attention::{attention, attention_tangent};
pub(crate) use conv::conv2d;
pub(crate) use geometry::{
    directed_sums, displacement_sum, displacement_tangent, mean_over_points, sparse_along,
    squared_distances, squared_distances_tangent, to_points,
};
pub(crate) use linear::{linear_act, linear_tangent};
pub(crate) use norm::{layer_or_rms_norm, norm_tangent, softmax, softmax_tangent};
pub(crate) use pair::{pair_block, pair_tangent};
pub(crate) use pointwise::{derivative, value};

use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::{Result, Tensor};

use crate::twins;

static EVERYWHERE: AtomicBool = AtomicBool::new(false);

/// From now on operations are composed on the CPU too, in this whole process: what other devices do, where there is none.
pub fn compose_everywhere() {
    EVERYWHERE.store(true, Ordering::Relaxed);
}

/// What `f` gives while operations are composed on the CPU too, by candle's own alone, by all threads.
pub fn composing<T>(f: impl FnOnce() -> T) -> T {
    let before = EVERYWHERE.swap(true, Ordering::Relaxed);
    let done = f();
    EVERYWHERE.store(before, Ordering::Relaxed);
    done
}

/// Whether candle's operations alone are composed now.
pub(crate) fn by_candle_alone() -> bool {
    EVERYWHERE.load(Ordering::Relaxed)
}

/// Whether the CPU does now what another device does.
pub fn imitates_another_device() -> bool {
    by_candle_alone() || twins::emulated::is_on()
}

/// Whether no kernel of the CPU is to run where `x` lies.
pub(crate) fn elsewhere(x: &Tensor) -> bool {
    !x.device().is_cpu() || imitates_another_device()
}

/// `x wᵀ` of rows `[.., in]` with one matrix `[out, in]` of weights, as one product.
fn rows_times(x: &Tensor, w: &Tensor) -> Result<Tensor> {
    by_rows(x, w, |x, w| product::reduced(x, &w.t()?, Tensor::matmul))
}

/// As [`rows_times`], whole in every precision: of what is no feature of a network.
fn whole_rows_times(x: &Tensor, w: &Tensor) -> Result<Tensor> {
    by_rows(x, w, |x, w| x.matmul(&w.t()?))
}

fn by_rows(
    x: &Tensor,
    w: &Tensor,
    product: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let (rows, width) = crate::tensor::rows_of(x)?;
    let mut dims = x.dims().to_vec();
    *dims.last_mut().expect("rows have a last axis") = w.dim(0)?;
    product(&x.reshape((rows, width))?, w)?.reshape(dims)
}

/// 1 for pairs `[1, n, n, 1]` of two points, 0 on the diagonal.
fn of_two(n: usize, like: &Tensor) -> Result<Tensor> {
    (1.0 - Tensor::eye(n, like.dtype(), like.device())?)?.reshape((1, n, n, 1))
}
