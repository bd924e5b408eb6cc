//! Sums over an axis, and their adjoint.

use candle_core::{Result, Shape, Tensor};

use super::call::{Call, Made};
use super::node::Back;

/// Terms that one thread adds: long sums are added in parts, and those again.
pub(super) const TERMS: usize = 64;

/// `Σ_c x[o, c, i]` of `x` seen as `[outer, many, inner]`, in `shape`.
///
/// # Errors
/// Those of the call.
pub(super) fn sums(
    x: &Tensor,
    [outer, many, inner]: [usize; 3],
    shape: impl Into<Shape>,
) -> Result<Made> {
    // Of nothing there is a sum too.
    let parts = many.div_ceil(TERMS).max(1);
    let call = Call::new("sums", &[x], &[outer, many, inner, parts])?;
    if parts == 1 {
        return call.make(shape);
    }
    let sums_of_parts = call.make((outer, parts, inner))?.tensor();
    sums(&sums_of_parts, [outer, parts, inner], shape)
}

/// `x[o, i]` at each of `many` c, in `shape`.
///
/// # Errors
/// Those of the call.
pub(super) fn spread(
    x: &Tensor,
    [many, inner]: [usize; 2],
    shape: impl Into<Shape>,
) -> Result<Made> {
    let shape = shape.into();
    Call::new("spread", &[x], &[shape.elem_count(), many, inner])?.make(shape)
}

/// `Σ_i x_bi`: `[B, n, d]` to `[B, d]`.
pub(crate) fn sum_over_points(x: &Tensor) -> Result<Tensor> {
    let (batch, n, d) = x.dims3()?;
    let made = sums(x, [batch, n, d], (batch, d))?;
    made.of_one("sum_over_points", x, move |Back { g, .. }| {
        Ok([Some(spread(g, [n, d], (batch, n, d))?.tensor())])
    })
}

/// `y_bi = x_b`: `[B, d]` to `[B, n, d]`.
pub(crate) fn to_points(x: &Tensor, n: usize) -> Result<Tensor> {
    let (batch, d) = x.dims2()?;
    let made = spread(x, [n, d], (batch, n, d))?;
    made.of_one("to_points", x, move |Back { g, .. }| {
        Ok([Some(sums(g, [batch, n, d], (batch, d))?.tensor())])
    })
}
