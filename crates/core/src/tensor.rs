//! The few tensor expressions that several factors share.

use candle_core::{D, Tensor};

use crate::Result;

/// `Σ_k w_k x_k` with weights `[B, 1, …]` that broadcast.
///
/// # Errors
/// [`crate::Error::Tensor`] only.
pub fn combine(terms: &[(&Tensor, &Tensor)]) -> Result<Tensor> {
    let (weight, x) = terms[0];
    let mut sum = x.broadcast_mul(weight)?;
    for (weight, x) in &terms[1..] {
        sum = (sum + x.broadcast_mul(weight)?)?;
    }
    Ok(sum)
}

/// Mean over all axes but the first: `[B, …]` to `[B]`.
///
/// # Errors
/// [`crate::Error::Tensor`] only.
pub fn mean_per_sample(x: &Tensor) -> Result<Tensor> {
    if x.rank() == 1 {
        return Ok(x.clone());
    }
    Ok(x.flatten_from(1)?.mean(1)?)
}

/// Sum over all axes but the first: `[B, …]` to `[B]`.
///
/// # Errors
/// [`crate::Error::Tensor`] only.
pub fn sum_per_sample(x: &Tensor) -> Result<Tensor> {
    if x.rank() == 1 {
        return Ok(x.clone());
    }
    Ok(x.flatten_from(1)?.sum(1)?)
}

/// ln Σ exp over the last axis, kept as an axis of length 1.
///
/// # Errors
/// [`crate::Error::Tensor`] only.
pub fn log_sum_exp(x: &Tensor) -> Result<Tensor> {
    // The maximum is a constant shift: its gradient cancels, and detaching it avoids candle's full
    // gradient to each tied maximum.
    let max = x.max_keepdim(D::Minus1)?.detach();
    Ok((x.broadcast_sub(&max)?.exp()?.sum_keepdim(D::Minus1)?.log()? + max)?)
}

/// Log-probabilities of logits over the last axis.
///
/// # Errors
/// [`crate::Error::Tensor`] only.
pub fn log_softmax(x: &Tensor) -> Result<Tensor> {
    Ok(x.broadcast_sub(&log_sum_exp(x)?)?)
}
