//! Pointwise functions, alone and behind a bias.

use candle_core::{Result, Shape, Tensor};

use super::call::{Call, Made};
use super::node::Back;
use super::sums::sums;
use crate::activation::Activation;
use crate::tensor::rows_of;

/// `σ(x)`.
pub(crate) fn value(sigma: Activation, x: &Tensor) -> Result<Tensor> {
    let made = of_elements("activation_value", &[x], sigma)?;
    let kept = x.detach();
    made.of_one("activation", x, move |Back { g, .. }| {
        Ok([Some(of_elements("activation_times", &[&kept, g], sigma)?.tensor())])
    })
}

/// `σ'(x)`, without a graph.
pub(crate) fn slope(sigma: Activation, x: &Tensor) -> Result<Tensor> {
    Ok(of_elements("activation_slope", &[x], sigma)?.tensor())
}

fn of_elements(name: &'static str, arrays: &[&Tensor], sigma: Activation) -> Result<Made> {
    let x = arrays[0];
    Call::new(name, arrays, &[x.elem_count(), sigma as usize])?.make(x.shape())
}

/// `σ(z + b)` of rows `z`, `[.., width]`, and `b`, `[width]`.
pub(crate) fn biased(sigma: Activation, z: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (rows, width) = rows_of(z)?;
    let sizes = [z.elem_count(), width, 1, sigma as usize];
    let made = Call::new("biased_value", &[z, b], &sizes)?.make(z.shape())?;
    let (z_kept, b_kept) = (z.detach(), b.detach());
    made.of_two("biased", [z, b], move |Back { g, wanted, .. }| {
        let dz = biased_times(sigma, &z_kept, &b_kept, g)?;
        let db = wanted[1].then(|| sums(&dz, [1, rows, width], width)).transpose()?;
        Ok([Some(dz), db.map(Made::tensor)])
    })
}

/// `v σ'(z + b)`, without a graph.
pub(crate) fn biased_times(
    sigma: Activation,
    z: &Tensor,
    b: &Tensor,
    v: &Tensor,
) -> Result<Tensor> {
    if sigma == Activation::Identity {
        return Ok(v.detach());
    }
    let (_, width) = rows_of(z)?;
    let call = Call::new("biased_times", &[z, b, v], &[z.elem_count(), width, sigma as usize])?;
    Ok(call.make(z.shape())?.tensor())
}

/// `z + b` where `inner` neighbours have the same bias, in `shape`.
pub(super) fn add_bias(
    z: &Tensor,
    b: &Tensor,
    inner: usize,
    shape: impl Into<Shape>,
) -> Result<Made> {
    let identity = Activation::Identity as usize;
    let sizes = [z.elem_count(), b.elem_count(), inner, identity];
    Call::new("biased_value", &[z, b], &sizes)?.make(shape)
}
