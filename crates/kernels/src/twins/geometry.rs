//! Distances of points, and sums of displacements.

use candle_core::{Result, Tensor};

use super::call::{Call, Made};
use super::node::Back;

/// `|x_i − x_j|²`: `[B, n, D]` to `[B, n, n, 1]`.
pub(crate) fn squared_distances(x: &Tensor) -> Result<Tensor> {
    let made = of_pairs("squared_distances", &[x], &[])?;
    let kept = x.detach();
    made.of_one("squared_distances", x, move |Back { g, .. }| {
        Ok([Some(of_coordinates("squared_distances_adjoint", &[&kept, g], &[])?.tensor())])
    })
}

/// `2 (x_i − x_j) · (dx_i − dx_j)`, without a graph.
pub(crate) fn squared_distances_tangent(x: &Tensor, dx: &Tensor) -> Result<Tensor> {
    Ok(of_pairs("squared_distances_tangent", &[x, dx], &[])?.tensor())
}

/// `Σ_{j ≠ i} φ_ij (x_i − x_j) / (√(d²_ij + eps) + offset)`.
pub(crate) fn displacement_sum(x: &Tensor, phi: &Tensor, offset: f64, eps: f64) -> Result<Tensor> {
    let numbers = [offset, eps];
    let made = of_coordinates("displacement_sums", &[x, phi], &numbers)?;
    let (x_kept, phi_kept) = (x.detach(), phi.detach());
    made.of_two("displacement_sums", [x, phi], move |Back { g, wanted, .. }| {
        let (x, phi) = (&x_kept, &phi_kept);
        let dx = || of_coordinates("displacement_adjoint", &[x, phi, g], &numbers);
        let dphi = || of_pairs("displacement_weights", &[x, g], &numbers);
        let tensor = |made: Option<Made>| made.map(Made::tensor);
        Ok([tensor(wanted[0].then(dx).transpose()?), tensor(wanted[1].then(dphi).transpose()?)])
    })
}

/// The tangent of [`displacement_sum`] along `(dx, dφ)`, without a graph.
pub(crate) fn displacement_tangent(
    (x, dx): (&Tensor, &Tensor),
    (phi, dphi): (&Tensor, &Tensor),
    offset: f64,
    eps: f64,
) -> Result<Tensor> {
    Ok(of_coordinates("displacement_tangent", &[x, dx, phi, dphi], &[offset, eps])?.tensor())
}

/// Something of pairs, `[B, n, n, 1]`, of points that come first.
fn of_pairs(name: &'static str, arrays: &[&Tensor], numbers: &[f64]) -> Result<Made> {
    let (batch, n, dim) = arrays[0].dims3()?;
    let call = Call::new(name, arrays, &[batch * n * n, n, dim])?;
    call.numbers(numbers).make((batch, n, n, 1))
}

/// Something of coordinates, `[B, n, D]`, as the points that come first.
fn of_coordinates(name: &'static str, arrays: &[&Tensor], numbers: &[f64]) -> Result<Made> {
    let (batch, n, dim) = arrays[0].dims3()?;
    let call = Call::new(name, arrays, &[batch * n * dim, n, dim])?;
    call.numbers(numbers).make((batch, n, dim))
}
