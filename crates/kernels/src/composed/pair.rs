//! The pair block, with everything of size n² H.

use candle_core::{D, Result, Tensor};

use super::geometry::without_diagonal;
use super::pointwise::sigmoid;
use super::{derivative, rows_times, value};
use crate::activation::Activation;
use crate::pair::{PairOutput, PairWeights};

/// Sum and head of the messages `m_ij`.
pub(crate) fn pair_block(
    [a, b, e]: [&Tensor; 3],
    weights: &PairWeights,
    activation: Activation,
) -> Result<PairOutput> {
    let u = value(activation, &first(a, b, e, weights, true)?)?;
    let m = value(activation, &rows_times(&u, &weights.w2)?.broadcast_add(&weights.b2)?)?;
    let sum = |()| -> Result<Tensor> {
        let weighted = match &weights.gate {
            Some(gate) => m.broadcast_mul(&opened(&m, gate)?)?,
            None => m.clone(),
        };
        without_diagonal(&weighted)?.sum(2)
    };
    let head = |(w, b): &(Tensor, Tensor)| without_diagonal(&rows_times(&m, w)?.broadcast_add(b)?);
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
    let z1 = first(&a, &b, &e, weights, true)?;
    let du = (derivative(activation, &z1)? * first(&da, &db, &de, weights, false)?)?;
    let z2 = rows_times(&value(activation, &z1)?, &weights.w2)?.broadcast_add(&weights.b2)?;
    let dm = (derivative(activation, &z2)? * rows_times(&du, &weights.w2)?)?;
    let sum = |()| -> Result<Tensor> {
        let Some(gate) = &weights.gate else { return without_diagonal(&dm)?.sum(2) };
        let m = value(activation, &z2)?;
        let open = opened(&m, gate)?;
        let slope = (&open * (1.0 - &open)?)?;
        let dopen = (dm.broadcast_mul(&gate.0)?.sum_keepdim(D::Minus1)? * slope)?;
        let d = (m.broadcast_mul(&dopen)? + dm.broadcast_mul(&open)?)?;
        without_diagonal(&d)?.sum(2)
    };
    let head = |(w, _): &(Tensor, Tensor)| without_diagonal(&rows_times(&dm, w)?);
    Ok(PairOutput {
        sum: weights.sum.then_some(()).map(sum).transpose()?,
        head: weights.head.as_ref().map(head).transpose()?,
    })
}

/// `a_i + b_j + e_ij C`, and `b1` if `whole`: without it, its tangent.
fn first(a: &Tensor, b: &Tensor, e: &Tensor, w: &PairWeights, whole: bool) -> Result<Tensor> {
    let z = rows_times(e, &w.c.t()?)?.broadcast_add(&a.unsqueeze(2)?)?;
    let z = z.broadcast_add(&b.unsqueeze(1)?)?;
    if whole { z.broadcast_add(&w.b1) } else { Ok(z) }
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
