//! Gradients of a loss, those of variables without detours.

use std::cell::RefCell;
use std::collections::HashMap;

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, TensorId};

use crate::turn::in_turn;

/// Gradients that operations gave straight to their variables.
type Leaves = HashMap<TensorId, Tensor>;

thread_local! {
    /// Of the backward passes that this thread is in: a task that the pool runs in the middle of one may begin another.
    static OPEN: RefCell<Vec<Leaves>> = const { RefCell::new(Vec::new()) };
}

/// candle's `backward`, with the same gradients but for the order of sums.
///
/// candle makes zeros for each gradient and adds it to them. Affine layers and norms pass gradients of their weights,
/// most of what a small batch computes, around it.
///
/// # Errors
/// Those of the operations.
pub fn backward(loss: &Tensor) -> Result<GradStore> {
    in_turn(|| gradients(loss))
}

fn gradients(loss: &Tensor) -> Result<GradStore> {
    let open = Open::new();
    let store = loss.backward();
    let leaves = open.close();
    let mut store = store?;
    for (id, grad) in leaves {
        let grad = store.get_id(id).map_or_else(|| Ok(grad.clone()), |other| other + &grad)?;
        store.insert_id(id, grad);
    }
    Ok(store)
}

/// What an operation answers for its input `x`: nothing if `x` is a variable in [`backward`], which has the gradient.
///
/// The innermost pass of this thread takes it to be its own: passes within one of these must not be candle's.
pub(crate) fn given(x: &Tensor, grad: Tensor) -> Result<Option<Tensor>> {
    if !x.is_variable() {
        return Ok(Some(grad));
    }
    let before = OPEN.with_borrow_mut(|open| open.last_mut().map(|leaves| leaves.remove(&x.id())));
    let Some(before) = before else { return Ok(Some(grad)) };
    let sum = before.map_or_else(|| Ok(grad.clone()), |before| before + &grad)?;
    OPEN.with_borrow_mut(|open| open.last_mut().map(|leaves| leaves.insert(x.id(), sum)));
    Ok(None)
}

/// A pass that is open until it is closed or, on a panic, dropped.
struct Open;

impl Open {
    fn new() -> Self {
        OPEN.with_borrow_mut(|open| open.push(Leaves::new()));
        Self
    }

    fn close(self) -> Leaves {
        OPEN.with_borrow_mut(|open| open.last_mut().map(std::mem::take)).unwrap_or_default()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        OPEN.with_borrow_mut(Vec::pop);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;
    use crate::{layer_norm, linear};
    use candle_core::Var;

    /// Weights used twice, by operations of this crate and by candle's, and a variable that is an input.
    #[test]
    fn gradients_are_candles() {
        let shapes: [&[usize]; 4] = [&[6, 5], &[5, 5], &[5], &[5]];
        let vars: Vec<Var> = shapes
            .iter()
            .zip(1..)
            .map(|(shape, seed)| Var::from_tensor(&normal::<f64>(seed, shape)).unwrap())
            .collect();
        let [x, w, b, scale] = &vars[..] else { unreachable!() };
        let loss = || {
            let y = linear(x, w, Some(b)).unwrap();
            let y = layer_norm(&y, Some(scale), Some(b), 1e-5).unwrap();
            let y = linear(&y, w, None).unwrap().broadcast_mul(scale).unwrap();
            (y.sqr().unwrap().sum_all().unwrap() + w.sqr().unwrap().sum_all().unwrap()).unwrap()
        };
        let (ours, candles) = (backward(&loss()).unwrap(), loss().backward().unwrap());
        for (i, var) in vars.iter().enumerate() {
            let (a, b) = (ours.get(var).unwrap(), candles.get(var).unwrap());
            assert_close(&format!("gradient {i}"), a, b, 1e-12);
        }
        OPEN.with_borrow(|open| assert!(open.is_empty()));
        // In a pass candle is not given them.
        let pass = Open::new();
        let y = linear(x, w, Some(b)).unwrap();
        assert!(y.sum_all().unwrap().backward().unwrap().get(w).is_none());
        assert_eq!(pass.close().len(), 3);
    }

    /// A pass within a pass, as of a task that the pool runs in the middle, has gradients of its own.
    #[test]
    fn passes_within_passes_are_their_own() {
        let x = Var::from_tensor(&normal::<f64>(1, &[4, 3])).unwrap();
        let w = Var::from_tensor(&normal::<f64>(2, &[2, 3])).unwrap();
        let loss = || linear(&x, &w, None).unwrap().sqr().unwrap().sum_all().unwrap();
        let outer = Open::new();
        let y = loss();
        let inner = backward(&y).unwrap();
        assert!(outer.close().is_empty());
        let plain = loss().backward().unwrap();
        assert_close("inner", inner.get(&w).unwrap(), plain.get(&w).unwrap(), 1e-14);
    }

    #[test]
    fn a_failed_pass_leaves_nothing_open() {
        let x = Var::from_tensor(&normal::<f32>(1, &[3])).unwrap();
        let failed = std::panic::catch_unwind(|| {
            let _open = Open::new();
            panic!("in an operation");
        });
        assert!(failed.is_err());
        OPEN.with_borrow(|open| assert!(open.is_empty()));
        assert!(backward(&x.sqr().unwrap().sum_all().unwrap()).is_ok());
    }
}
