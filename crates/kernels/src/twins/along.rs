//! A sparse matrix along an axis.

use candle_core::{Result, Shape, Tensor};

use super::call::{Call, Made};
use super::node::Back;

/// A sparse matrix on a device: where each row's entries begin, and one more; their columns; their weights.
#[derive(Debug, Clone)]
pub(crate) struct Entries {
    pub(crate) arrays: [Tensor; 3],
    pub(crate) rows: usize,
}

/// `y[.., j, ..] = Σ_i m[j, i] x[.., i, ..]` along `axis`, with the matrix and its transpose.
pub(crate) fn along(x: &Tensor, axis: usize, [forward, adjoint]: [Entries; 2]) -> Result<Tensor> {
    let made = product(&forward, x, axis)?;
    made.of_one("along", x, move |Back { g, .. }| Ok([Some(product(&adjoint, g, axis)?.tensor())]))
}

fn product(matrix: &Entries, x: &Tensor, axis: usize) -> Result<Made> {
    let mut dims = x.dims().to_vec();
    let inner: usize = dims[axis + 1..].iter().product();
    let sources = std::mem::replace(&mut dims[axis], matrix.rows);
    let shape = Shape::from(dims);
    let [offsets, columns, weights] = &matrix.arrays;
    let sizes = [shape.elem_count(), matrix.rows, sources, inner];
    Call::new("along", &[x, offsets, columns, weights], &sizes)?.make(shape)
}
