//! The optimiser's arithmetic, on all parameters behind one another.

use candle_core::{Result, Tensor};

use super::call::{Call, Made};
use super::sums::{TERMS, sums};
use crate::optim::Scalars;

/// `Σ x²`, brought to the CPU.
pub(crate) fn square_sum(x: &Tensor) -> Result<f64> {
    let n = x.elem_count();
    let parts = n.div_ceil(TERMS).max(1);
    let parts_of = Call::new("squares", &[x], &[n, parts])?.make(parts)?.tensor();
    let sum = sums(&parts_of, [1, parts, 1], 1)?.tensor();
    sum.get(0)?.to_dtype(candle_core::DType::F64)?.to_scalar()
}

/// Parameters and both moments after a step along the gradient `g`, where parameters have one: 1 in `has`, else 0.
pub(crate) fn adamw(
    [theta, m, v]: [&Tensor; 3],
    [g, has]: [&Tensor; 2],
    s: Scalars,
) -> Result<[Tensor; 3]> {
    let call = Call::new("adamw", &[theta, g, m, v, has], &[theta.elem_count()])?;
    let (rest1, rest2) = (1.0 - s.beta1, 1.0 - s.beta2);
    let numbers = [s.clip, rest1, s.beta2, rest2, s.shrink, s.rate, s.root, s.eps];
    Ok(call.numbers(&numbers).make_several(theta.shape())?.map(Made::tensor))
}

/// `ema + (1 − decay) (θ − ema)`.
pub(crate) fn average(theta: &Tensor, ema: &Tensor, decay: f64) -> Result<Tensor> {
    let call = Call::new("average", &[theta, ema], &[theta.elem_count()])?;
    Ok(call.numbers(&[1.0 - decay]).make(theta.shape())?.tensor())
}
