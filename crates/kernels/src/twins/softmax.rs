//! Softmax along the last axis.

use candle_core::{Result, Tensor};

use super::call::{Call, Made};
use super::node::Back;
use crate::tensor::rows_of;

/// `e^x / Σ e^x`.
pub(crate) fn softmax(x: &Tensor) -> Result<Tensor> {
    of_rows("softmax_value", &[x])?
        .of_one("softmax", x, |Back { y, g, .. }| Ok([Some(softmax_jacobian(y, g)?)]))
}

/// `y (v − ⟨y, v⟩)` of a softmax with the values `y`, without a graph: its adjoint and its tangent.
pub(crate) fn softmax_jacobian(y: &Tensor, v: &Tensor) -> Result<Tensor> {
    Ok(of_rows("softmax_jacobian", &[y, v])?.tensor())
}

fn of_rows(name: &'static str, arrays: &[&Tensor]) -> Result<Made> {
    let (rows, width) = rows_of(arrays[0])?;
    let shape = arrays[0].shape().clone();
    let [made] = Call::new(name, arrays, &[rows, width])?.make_by_rows(rows, [shape])?;
    Ok(made)
}
