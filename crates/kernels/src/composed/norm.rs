//! Norms and softmax along the last axis.

use candle_core::{D, Result, Tensor};

use crate::twins;

/// `w (x − mean) / √(variance + eps) + b`, or with the mean square and no mean where not `centred`.
pub(crate) fn layer_or_rms_norm(
    x: &Tensor,
    (w, b): (&Tensor, &Tensor),
    centred: bool,
    eps: f64,
) -> Result<Tensor> {
    if twins::here(x) {
        return twins::norm(x, [w, b], centred, eps);
    }
    let (unit, _) = unit(x, centred, eps)?;
    unit.broadcast_mul(w)?.broadcast_add(b)
}

/// `w s (v − mean v − x̂ mean(v x̂))` along `dx`, without a graph.
pub(crate) fn norm_tangent(
    (x, dx): (&Tensor, &Tensor),
    w: &Tensor,
    centred: bool,
    eps: f64,
) -> Result<Tensor> {
    if twins::here(x) {
        return twins::norm_tangent((x, dx), w, centred, eps);
    }
    let dx = dx.detach();
    let (unit, scale) = unit(&x.detach(), centred, eps)?;
    let v = if centred { dx.broadcast_sub(&dx.mean_keepdim(D::Minus1)?)? } else { dx.clone() };
    let along = (&dx * &unit)?.mean_keepdim(D::Minus1)?;
    let v = (v - unit.broadcast_mul(&along)?)?;
    v.broadcast_mul(&scale)?.broadcast_mul(&w.detach())
}

/// `x̂` and what it was multiplied by.
fn unit(x: &Tensor, centred: bool, eps: f64) -> Result<(Tensor, Tensor)> {
    let x = if centred { x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)? } else { x.clone() };
    let scale = (x.sqr()?.mean_keepdim(D::Minus1)? + eps)?.sqrt()?.recip()?;
    Ok((x.broadcast_mul(&scale)?, scale))
}

/// `e^x / Σ e^x`.
pub(crate) fn softmax(x: &Tensor) -> Result<Tensor> {
    if twins::here(x) {
        return twins::softmax(x);
    }
    // What is taken off changes no value, so no gradient either.
    let e = x.broadcast_sub(&x.detach().max_keepdim(D::Minus1)?)?.exp()?;
    e.broadcast_div(&e.sum_keepdim(D::Minus1)?)
}

/// `y (dx − Σ y dx)` of a softmax with the values `y`, without a graph.
pub(crate) fn softmax_tangent(y: &Tensor, dx: &Tensor) -> Result<Tensor> {
    if twins::here(y) {
        return twins::softmax_jacobian(y, dx);
    }
    let (y, dx) = (y.detach(), dx.detach());
    let mean = (&y * &dx)?.sum_keepdim(D::Minus1)?;
    y * dx.broadcast_sub(&mean)?
}
