//! Attention, with the scores of all pairs at once.

use candle_core::{Result, Tensor};

use super::product::reduced;
use super::{softmax, softmax_tangent};

/// `softmax(scale · q kᵀ) v`.
pub(crate) fn attention(q: &Tensor, k: &Tensor, v: &Tensor, scale: f64) -> Result<Tensor> {
    product(&softmax(&scores(q, k, scale)?)?, v)
}

/// `dP v + P dv`, `P` being the attention, without a graph.
pub(crate) fn attention_tangent(
    [q, k, v]: [&Tensor; 3],
    [dq, dk, dv]: [&Tensor; 3],
    scale: f64,
) -> Result<Tensor> {
    let [q, k, v, dq, dk, dv] = [q, k, v, dq, dk, dv].map(Tensor::detach);
    let p = softmax(&scores(&q, &k, scale)?)?;
    let dp = softmax_tangent(&p, &(scores(&dq, &k, scale)? + scores(&q, &dk, scale)?)?)?;
    product(&dp, &v)? + product(&p, &dv)?
}

fn scores(q: &Tensor, k: &Tensor, scale: f64) -> Result<Tensor> {
    product(q, &k.t()?)? * scale
}

fn product(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    reduced(&a.contiguous()?, &b.contiguous()?, Tensor::matmul)
}
