//! The pair block, with everything of size n² H.

use candle_core::{D, Result, Tensor};

use super::geometry::without_diagonal;
use super::linear::{biased, biased_times};
use super::pointwise::sigmoid;
use super::{derivative, rows_times, value};
use crate::activation::Activation;
use crate::pair::{PairOutput, PairWeights};
use crate::twins;

/// Sum and head of the messages `m_ij`.
pub(crate) fn pair_block(
    [a, b, e]: [&Tensor; 3],
    weights: &PairWeights,
    activation: Activation,
) -> Result<PairOutput> {
    let u = first_layer([a, b, e], weights, activation)?;
    let m = biased(activation, &rows_times(&u, &weights.w2)?, Some(&weights.b2))?;
    let sum = |()| match &weights.gate {
        Some(gate) => gated_sum(&m, gate),
        None => plain_sum(&m),
    };
    let head = |(w, b): &(Tensor, Tensor)| {
        without_diagonal(&biased(Activation::Identity, &rows_times(&m, w)?, Some(b))?)
    };
    Ok(PairOutput {
        sum: weights.sum.then_some(()).map(sum).transpose()?,
        head: weights.head.as_ref().map(head).transpose()?,
    })
}

/// The tangent of [`pair_block`] along the inputs, without a graph.
pub(crate) fn pair_tangent(
    [a, b, e]: [&Tensor; 3],
    [da, db, de]: [&Tensor; 3],
    weights: &PairWeights,
    activation: Activation,
) -> Result<PairOutput> {
    let [a, b, e, da, db, de] = [a, b, e, da, db, de].map(Tensor::detach);
    let weights = &detached(weights);
    let z1 = first([&a.broadcast_add(&weights.b1)?, &b, &e], weights)?;
    let du = (derivative(activation, &z1)? * first([&da, &db, &de], weights)?)?;
    let z2 = rows_times(&value(activation, &z1)?, &weights.w2)?;
    let dm = biased_times(activation, &z2, Some(&weights.b2), &rows_times(&du, &weights.w2)?)?;
    let sum = |()| match &weights.gate {
        Some(gate) => gated_tangent((&biased(activation, &z2, Some(&weights.b2))?, &dm), gate),
        None => plain_sum(&dm),
    };
    let head = |(w, _): &(Tensor, Tensor)| without_diagonal(&rows_times(&dm, w)?);
    Ok(PairOutput {
        sum: weights.sum.then_some(()).map(sum).transpose()?,
        head: weights.head.as_ref().map(head).transpose()?,
    })
}

/// `σ(a_i + b_j + e_ij C + b1)`.
fn first_layer(
    [a, b, e]: [&Tensor; 3],
    weights: &PairWeights,
    activation: Activation,
) -> Result<Tensor> {
    // The bias of a pair is one of its first point as well, of which there are fewer.
    let a = &biased(Activation::Identity, a, Some(&weights.b1))?;
    if twins::here(a) {
        return twins::first_layer([a, b, &rows_times(e, &weights.c.t()?)?], activation);
    }
    value(activation, &first([a, b, e], weights)?)
}

/// `a_i + b_j + e_ij C`; by a kernel of a GPU it has no graph.
fn first([a, b, e]: [&Tensor; 3], weights: &PairWeights) -> Result<Tensor> {
    let z = rows_times(e, &weights.c.t()?)?;
    if twins::here(&z) {
        return twins::first_sum([a, b, &z]);
    }
    z.broadcast_add(&a.unsqueeze(2)?)?.broadcast_add(&b.unsqueeze(1)?)
}

/// `Σ_{j ≠ i} m_ij`.
fn plain_sum(m: &Tensor) -> Result<Tensor> {
    if twins::here(m) {
        return twins::pair_sum(m);
    }
    without_diagonal(m)?.sum(2)
}

/// `Σ_{j ≠ i} gate_ij m_ij`.
fn gated_sum(m: &Tensor, gate: &(Tensor, Tensor)) -> Result<Tensor> {
    if twins::here(m) {
        return twins::gate(m, [&gate.0, &gate.1]).map(|(sum, _)| sum);
    }
    plain_sum(&m.broadcast_mul(&opened(m, gate)?)?)
}

/// The tangent of [`gated_sum`] along `dm`.
fn gated_tangent((m, dm): (&Tensor, &Tensor), gate: &(Tensor, Tensor)) -> Result<Tensor> {
    if twins::here(m) {
        let (_, open) = twins::gate(m, [&gate.0, &gate.1])?;
        let dopen = twins::gate_tangent(dm, &gate.0, &open)?;
        return twins::gated_sum(m, &dopen)? + twins::gated_sum(dm, &open)?;
    }
    let open = opened(m, gate)?;
    let slope = (&open * (1.0 - &open)?)?;
    let dopen = (dm.broadcast_mul(&gate.0)?.sum_keepdim(D::Minus1)? * slope)?;
    plain_sum(&(m.broadcast_mul(&dopen)? + dm.broadcast_mul(&open)?)?)
}

/// `1 / (1 + exp(−w_g · m − b_g))`, `[B, n, n, 1]`.
fn opened(m: &Tensor, (w, b): &(Tensor, Tensor)) -> Result<Tensor> {
    sigmoid(&m.broadcast_mul(w)?.sum_keepdim(D::Minus1)?.broadcast_add(b)?)
}

fn detached(weights: &PairWeights) -> PairWeights {
    let both = |(w, b): &(Tensor, Tensor)| (w.detach(), b.detach());
    PairWeights {
        c: weights.c.detach(),
        b1: weights.b1.detach(),
        w2: weights.w2.detach(),
        b2: weights.b2.detach(),
        gate: weights.gate.as_ref().map(both),
        head: weights.head.as_ref().map(both),
        sum: weights.sum,
    }
}
