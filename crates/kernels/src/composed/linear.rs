//! The affine layer.

use candle_core::{Result, Tensor};

use super::{derivative, rows_times, value};
use crate::activation::Activation;
use crate::twins;

/// `σ(x Wᵀ + b)`.
pub(crate) fn linear_act(
    x: &Tensor,
    w: &Tensor,
    b: Option<&Tensor>,
    activation: Activation,
) -> Result<Tensor> {
    biased(activation, &rows_times(x, w)?, b)
}

/// `σ'(x Wᵀ + b) · dx Wᵀ`, without a graph.
pub(crate) fn linear_tangent(
    (x, dx): (&Tensor, &Tensor),
    w: &Tensor,
    b: Option<&Tensor>,
    activation: Activation,
) -> Result<Tensor> {
    let (w, b) = (w.detach(), b.map(Tensor::detach));
    let dz = rows_times(&dx.detach(), &w)?;
    if activation == Activation::Identity {
        return Ok(dz);
    }
    biased_times(activation, &rows_times(&x.detach(), &w)?, b.as_ref(), &dz)
}

/// `σ(z + b)`.
pub(super) fn biased(activation: Activation, z: &Tensor, b: Option<&Tensor>) -> Result<Tensor> {
    match b {
        None => value(activation, z),
        Some(b) if twins::here(z) => twins::biased(activation, z, b),
        Some(b) => value(activation, &z.broadcast_add(b)?),
    }
}

/// `σ'(z + b) v`, without a graph.
pub(super) fn biased_times(
    activation: Activation,
    z: &Tensor,
    b: Option<&Tensor>,
    v: &Tensor,
) -> Result<Tensor> {
    match b {
        None => derivative(activation, z)? * v,
        Some(b) if twins::here(z) => twins::biased_times(activation, z, b, v),
        Some(b) => derivative(activation, &z.broadcast_add(b)?)? * v,
    }
}
