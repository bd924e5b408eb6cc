//! The affine layer.

use candle_core::{Result, Tensor};

use super::{derivative, rows_times, value};
use crate::activation::Activation;

/// `σ(x Wᵀ + b)`.
pub(crate) fn linear_act(
    x: &Tensor,
    w: &Tensor,
    b: Option<&Tensor>,
    activation: Activation,
) -> Result<Tensor> {
    value(activation, &affine(x, w, b)?)
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
    match activation {
        Activation::Identity => Ok(dz),
        _ => derivative(activation, &affine(&x.detach(), &w, b.as_ref())?)? * dz,
    }
}

fn affine(x: &Tensor, w: &Tensor, b: Option<&Tensor>) -> Result<Tensor> {
    let z = rows_times(x, w)?;
    b.map_or_else(|| Ok(z.clone()), |b| z.broadcast_add(b))
}
