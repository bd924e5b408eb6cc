//! What stands between the products of a pair block.

use candle_core::{Result, Shape, Tensor};

use super::call::{Call, Made};
use super::node::Back;
use super::sums::sums;
use crate::activation::Activation;

/// `σ(a_i + b_j + z_ij)` of `[B, n, H]` and `[B, n, n, H]`.
pub(crate) fn first_layer([a, b, z]: [&Tensor; 3], sigma: Activation) -> Result<Tensor> {
    let (batch, n, width) = a.dims3()?;
    let sizes = [z.elem_count(), n, width, sigma as usize];
    let made = Call::new("pair_first", &[a, b, z], &sizes)?.make(z.shape())?;
    let kept = [a, b, z].map(Tensor::detach);
    made.of_three("pair_first", [a, b, z], move |Back { g, wanted, .. }| {
        let [a, b, z] = &kept;
        let call = Call::new("pair_first_times", &[a, b, z, g], &sizes)?;
        let dz = call.make(z.shape())?.tensor();
        let over = |axes, wanted: bool| {
            wanted.then(|| sums(&dz, axes, a.shape()).map(Made::tensor)).transpose()
        };
        let da = over([batch * n, n, width], wanted[0])?;
        let db = over([batch, n, n * width], wanted[1])?;
        Ok([da, db, Some(dz)])
    })
}

/// `a_i + b_j + z_ij`, without a graph.
pub(crate) fn first_sum([a, b, z]: [&Tensor; 3]) -> Result<Tensor> {
    let (_, n, width) = a.dims3()?;
    let call = Call::new("pair_first_sum", &[a, b, z], &[z.elem_count(), n, width])?;
    Ok(call.make(z.shape())?.tensor())
}

/// `Σ_{j ≠ i} m_ij` of `[B, n, n, H]`.
pub(crate) fn pair_sum(m: &Tensor) -> Result<Tensor> {
    let (batch, n, _, width) = m.dims4()?;
    let made = of_points("pair_sums", &[m], m)?;
    made.of_one("pair_sums", m, move |Back { g, .. }| {
        let sizes = [batch * n * n * width, n, width];
        Ok([Some(Call::new("pair_spread", &[g], &sizes)?.make((batch, n, n, width))?.tensor())])
    })
}

/// `Σ_j gate_ij m_ij` of [`gate`]s and messages, without a graph.
pub(crate) fn gated_sum(m: &Tensor, gate: &Tensor) -> Result<Tensor> {
    Ok(of_points("gated_sums", &[m, gate], m)?.tensor())
}

/// Something of points, `[B, n, H]`.
fn of_points(name: &'static str, arrays: &[&Tensor], m: &Tensor) -> Result<Made> {
    let (batch, n, _, width) = m.dims4()?;
    Call::new(name, arrays, &[batch * n * width, n, width])?.make((batch, n, width))
}

/// `Σ_{j ≠ i} m_ij / (1 + exp(−w · m_ij − b))`, differentiable, and the gates `[B, n, n]` with 0 on the diagonal.
pub(crate) fn gate(m: &Tensor, [w, b]: [&Tensor; 2]) -> Result<(Tensor, Tensor)> {
    let (batch, n, _, width) = m.dims4()?;
    let (pairs, of_pairs) = (batch * n * n, Shape::from((batch, n, n)));
    let call = Call::new("gate_value", &[m, w, b], &[pairs, n, width])?;
    let [gates] = call.make_by_rows(pairs, [of_pairs.clone()])?.map(Made::tensor);
    let made = of_points("gated_sums", &[m, &gates], m)?;
    let (m_kept, w_kept, kept) = (m.detach(), w.detach(), gates.clone());
    let sum = made.of_three("gated_sums", [m, w, b], move |Back { g, wanted, .. }| {
        let arrays = [&m_kept, &w_kept, &kept, g];
        let call = Call::new("gate_adjoint", &arrays, &[pairs, n, width])?;
        let shapes = [m_kept.shape().clone(), of_pairs.clone()];
        let [dm, dz] = call.make_by_rows(pairs, shapes)?.map(Made::tensor);
        if !(wanted[1] || wanted[2]) {
            return Ok([Some(dm), None, None]);
        }
        // A product with one row: sums over all pairs.
        let dw = dz.reshape((1, pairs))?.matmul(&m_kept.reshape((pairs, width))?)?;
        let db = sums(&dz, [1, pairs, 1], 1)?.tensor();
        Ok([Some(dm), Some(dw.reshape(width)?), Some(db)])
    })?;
    Ok((sum, gates))
}

/// The tangent of gates along `dm`, without a graph.
pub(crate) fn gate_tangent(dm: &Tensor, w: &Tensor, gates: &Tensor) -> Result<Tensor> {
    let (batch, n, _, width) = dm.dims4()?;
    let pairs = batch * n * n;
    let call = Call::new("gate_tangent", &[dm, w, gates], &[pairs, width])?;
    let [made] = call.make_by_rows(pairs, [gates.shape().clone()])?;
    Ok(made.tensor())
}

/// `x_ij`, and 0 where a pair is a point with itself.
pub(crate) fn without_diagonal(x: &Tensor) -> Result<Tensor> {
    let (_, n, _, width) = x.dims4()?;
    let of = move |x: &Tensor| {
        Call::new("without_diagonal", &[x], &[x.elem_count(), n, width])?.make(x.shape())
    };
    of(x)?.of_one("without_diagonal", x, move |Back { g, .. }| Ok([Some(of(g)?.tensor())]))
}
