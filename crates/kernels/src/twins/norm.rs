//! Layer norm and RMS norm.

use candle_core::{Result, Shape, Tensor};

use super::call::{Call, Made};
use super::node::Back;
use super::sums::{TERMS, sums};
use crate::tensor::rows_of;

/// `w (x − mean) / √(variance + eps) + b`, or with the mean square and no mean where not `centred`.
pub(crate) fn norm(x: &Tensor, [w, b]: [&Tensor; 2], centred: bool, eps: f64) -> Result<Tensor> {
    let (rows, _) = rows_of(x)?;
    let call = of_rows("norm_value", &[x, w, b], centred, eps)?;
    let [made] = call.make_by_rows(rows, [x.shape().clone()])?;
    let (x_kept, w_kept) = (x.detach(), w.detach());
    made.of_three("norm", [x, w, b], move |Back { g, wanted, .. }| {
        let call = of_rows("norm_adjoint", &[&x_kept, &w_kept, g], centred, eps)?;
        let shapes = [x_kept.shape().clone(), Shape::from((rows, 2))];
        let [dx, moments] = call.make_by_rows(rows, shapes)?.map(Made::tensor);
        if !(wanted[1] || wanted[2]) {
            return Ok([Some(dx), None, None]);
        }
        let [dw, db] = of_weights(&x_kept, g, &moments)?;
        Ok([Some(dx), Some(dw), Some(db)])
    })
}

/// `w s (v − mean v − x̂ mean(v x̂))` along `dx`, without a graph.
pub(crate) fn norm_tangent(
    (x, dx): (&Tensor, &Tensor),
    w: &Tensor,
    centred: bool,
    eps: f64,
) -> Result<Tensor> {
    let (rows, _) = rows_of(x)?;
    let call = of_rows("norm_tangent", &[x, dx, w], centred, eps)?;
    let [made] = call.make_by_rows(rows, [x.shape().clone()])?;
    Ok(made.tensor())
}

fn of_rows(name: &'static str, arrays: &[&Tensor], centred: bool, eps: f64) -> Result<Call> {
    let (rows, width) = rows_of(arrays[0])?;
    Ok(Call::new(name, arrays, &[rows, width, usize::from(centred)])?.numbers(&[eps]))
}

/// `Σ g x̂` and `Σ g` over rows.
fn of_weights(x: &Tensor, g: &Tensor, moments: &Tensor) -> Result<[Tensor; 2]> {
    let (rows, width) = rows_of(x)?;
    let blocks = rows.div_ceil(TERMS);
    let mut call = Call::new("norm_weights", &[x, g, moments], &[rows, width, TERMS])?;
    call.threads = blocks * width;
    let [storage] = call.run([2 * blocks * width])?;
    let parts = Made { storage, shape: Shape::from((2, blocks, width)) }.tensor();
    let both = sums(&parts, [2, blocks, width], (2, width))?.tensor();
    Ok([both.get(0)?, both.get(1)?])
}
