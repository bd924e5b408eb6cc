//! Differences and means of points, directions of pairs, and sparse matrices along an axis.

use candle_core::{D, Result, Tensor};

use super::of_two;
use crate::along::SparseRows;
use crate::precision::whole_product;
use crate::twins;

/// `x_i − x_j`, `[B, n, n, D]`.
fn differences(x: &Tensor) -> Result<Tensor> {
    x.unsqueeze(2)?.broadcast_sub(&x.unsqueeze(1)?)
}

/// `|x_i − x_j|²`, `[B, n, n, 1]`.
pub(crate) fn squared_distances(x: &Tensor) -> Result<Tensor> {
    if twins::here(x) {
        return twins::squared_distances(x);
    }
    differences(x)?.sqr()?.sum_keepdim(D::Minus1)
}

/// `2 (x_i − x_j) · (dx_i − dx_j)`, without a graph.
pub(crate) fn squared_distances_tangent(x: &Tensor, dx: &Tensor) -> Result<Tensor> {
    if twins::here(x) {
        return twins::squared_distances_tangent(x, dx);
    }
    let products = (differences(&x.detach())? * differences(&dx.detach())?)?;
    products.sum_keepdim(D::Minus1)? * 2.0
}

/// `Σ_{j ≠ i} φ_ij (x_i − x_j) / (√(d²_ij + eps) + offset)`.
pub(crate) fn displacement_sum(x: &Tensor, phi: &Tensor, offset: f64, eps: f64) -> Result<Tensor> {
    if twins::here(x) {
        return twins::displacement_sum(x, phi, offset, eps);
    }
    let difference = differences(x)?;
    let length = (difference.sqr()?.sum_keepdim(D::Minus1)? + eps)?.sqrt()?;
    let weight = (phi / (length + offset)?)?;
    difference.broadcast_mul(&weight)?.sum(2)
}

/// The tangent of [`displacement_sum`] along `(dx, dφ)`, without a graph.
pub(crate) fn displacement_tangent(
    (x, dx): (&Tensor, &Tensor),
    (phi, dphi): (&Tensor, &Tensor),
    offset: f64,
    eps: f64,
) -> Result<Tensor> {
    if twins::here(x) {
        return twins::displacement_tangent((x, dx), (phi, dphi), offset, eps);
    }
    let (difference, d) = (differences(&x.detach())?, differences(&dx.detach())?);
    let (phi, dphi) = (phi.detach(), dphi.detach());
    let length = (difference.sqr()?.sum_keepdim(D::Minus1)? + eps)?.sqrt()?;
    let scale = (&length + offset)?.recip()?;
    let dlength = ((&difference * &d)?.sum_keepdim(D::Minus1)? / &length)?;
    let weight = (&phi * &scale)?;
    let dweight = ((dphi * &scale)? - ((&weight * &scale)? * dlength)?)?;
    (difference.broadcast_mul(&dweight)? + d.broadcast_mul(&weight)?)?.sum(2)
}

/// `Σ_j φ_ij^s o_ij^{axes[s]}`; a point's pair with itself counts.
pub(crate) fn directed_sums(
    scalars: &Tensor,
    directions: &Tensor,
    axes: &[usize],
) -> Result<Tensor> {
    if twins::here(scalars) {
        return twins::directed_sums(scalars, directions, axes);
    }
    let count = directions.dim(D::Minus1)?;
    let mut chosen = vec![0f64; axes.len() * count];
    axes.iter().enumerate().for_each(|(s, &axis)| chosen[s * count + axis] = 1.0);
    let chosen = Tensor::from_vec(chosen, (axes.len(), count), scalars.device())?;
    let along = super::by_rows(directions, &chosen.to_dtype(scalars.dtype())?, |x, w| {
        whole_product(x, &w.t()?)
    })?;
    (scalars * along)?.sum(2)
}

/// `y[.., j, ..] = Σ_i m[j, i] x[.., i, ..]` along `axis`.
pub(crate) fn sparse_along(x: &Tensor, axis: usize, matrix: &SparseRows) -> Result<Tensor> {
    if twins::here(x) {
        return twins::along(x, axis, matrix.entries(x)?);
    }
    along(x, axis, &matrix.dense(x)?)
}

/// `y[.., j, ..] = Σ_i m[j, i] x[.., i, ..]` along `axis`, `m` `[J, I]` filled with zeros.
pub(super) fn along(x: &Tensor, axis: usize, matrix: &Tensor) -> Result<Tensor> {
    let last = x.rank() - 1;
    let rows = x.transpose(axis, last)?.contiguous()?;
    super::whole_rows_times(&rows, matrix)?.transpose(axis, last)?.contiguous()
}

/// `Σ_i x_bi/n`.
pub(crate) fn mean_over_points(x: &Tensor) -> Result<Tensor> {
    if twins::here(x) {
        return twins::sum_over_points(x)? / x.dim(1)? as f64;
    }
    x.mean(1)
}

/// `y_bi = x_b`.
pub(crate) fn to_points(x: &Tensor, points: usize) -> Result<Tensor> {
    if twins::here(x) {
        return twins::to_points(x, points);
    }
    let (batch, d) = x.dims2()?;
    x.unsqueeze(1)?.broadcast_as((batch, points, d))?.contiguous()
}

/// Nothing where a pair is a point with itself.
pub(super) fn without_diagonal(pairs: &Tensor) -> Result<Tensor> {
    if twins::here(pairs) {
        return twins::without_diagonal(pairs);
    }
    pairs.broadcast_mul(&of_two(pairs.dim(1)?, pairs)?)
}
