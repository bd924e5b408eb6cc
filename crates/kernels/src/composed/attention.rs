//! Attention, with the scores of all pairs at once.

use candle_core::{Result, Tensor};

use super::{softmax, softmax_tangent};

/// `softmax(scale · q kᵀ) v`.
pub(crate) fn attention(q: &Tensor, k: &Tensor, v: &Tensor, scale: f64) -> Result<Tensor> {
    softmax(&scores(q, k, scale)?)?.matmul(&v.contiguous()?)
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
    dp.matmul(&v.contiguous()?)? + p.matmul(&dv.contiguous()?)?
}

fn scores(q: &Tensor, k: &Tensor, scale: f64) -> Result<Tensor> {
    q.contiguous()?.matmul(&k.t()?.contiguous()?)? * scale
}
