//! The affine layer as one node of candle's graph.

use super::passes::{Multiply, Sizes, column_sums, forward, input_gradient, weight_gradient};
use crate::activation::Activation;
use crate::backward::given;
use crate::composed;
use crate::isa::dispatch;
use crate::parallel::{Shared, for_blocks, unwritten};
use crate::real::Real;
use crate::tensor::{View, by_dtype, rows_of, same_dtype, slice_of, tensor, wants_gradient};
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};
use std::sync::{Arc, OnceLock};

/// `y = x Wᵀ + b`.
///
/// # Shapes and units
/// - `x`: `[.., in]`; `w`: `[out, in]`; `b`: `[out]`; returns `[.., out]`
///
/// # Errors
/// If shapes or element types do not fit, or a tensor is not f32 or f64.
pub fn linear(x: &Tensor, w: &Tensor, b: Option<&Tensor>) -> Result<Tensor> {
    linear_act(x, w, b, Activation::Identity)
}

/// `y = σ(x Wᵀ + b)` as one node: keeps σ' (not the pre-activation) for the adjoint.
///
/// # Shapes and units
/// As [`linear`].
///
/// # Errors
/// As [`linear`].
pub fn linear_act(
    x: &Tensor,
    w: &Tensor,
    b: Option<&Tensor>,
    activation: Activation,
) -> Result<Tensor> {
    sizes(x, w, b)?;
    if composed::elsewhere(x) {
        return composed::linear_act(x, w, b, activation);
    }
    let tracked = [Some(x), Some(w), b].into_iter().flatten().any(wants_gradient);
    fn run<T: Real>(
        x: &Tensor,
        w: &Tensor,
        b: Option<&Tensor>,
        activation: Activation,
        keep: bool,
    ) -> Result<Tensor> {
        apply::<T>(x, w, b, activation, keep).map(|(y, _)| y)
    }
    by_dtype!(same_dtype(x, w)?, run(x, w, b, activation, tracked))
}

/// `(y, dx Wᵀ)` of [`linear`]: value and tangent along `dx`; only the value has a graph.
///
/// # Errors
/// As [`linear`], or if `dx` differs from `x` in shape or element type.
pub fn linear_dual(
    x: &Tensor,
    dx: &Tensor,
    w: &Tensor,
    b: Option<&Tensor>,
) -> Result<(Tensor, Tensor)> {
    linear_act_dual(x, dx, w, b, Activation::Identity)
}

/// `(y, σ'(x Wᵀ + b) · dx Wᵀ)` of [`linear_act`]; only the value has a graph.
///
/// # Errors
/// As [`linear_dual`].
pub fn linear_act_dual(
    x: &Tensor,
    dx: &Tensor,
    w: &Tensor,
    b: Option<&Tensor>,
    activation: Activation,
) -> Result<(Tensor, Tensor)> {
    if x.dims() != dx.dims() {
        bail!("shapes differ: x {:?}, dx {:?}", x.dims(), dx.dims());
    }
    same_dtype(x, dx)?;
    if composed::elsewhere(x) {
        let y = linear_act(x, w, b, activation)?;
        return Ok((y, composed::linear_tangent((x, dx), w, b, activation)?));
    }
    fn run<T: Real>(
        x: &Tensor,
        dx: &Tensor,
        w: &Tensor,
        b: Option<&Tensor>,
        activation: Activation,
    ) -> Result<(Tensor, Tensor)> {
        let (y, slope) = apply::<T>(x, w, b, activation, true)?;
        let dx = dx.detach().contiguous()?;
        let w = w.detach().contiguous()?;
        let sizes = sizes(x, &w, b)?;
        let (dxv, wv) = (View::of(&dx)?, View::of(&w)?);
        // SAFETY: the forward pass writes every element.
        let mut dy = unsafe { unwritten(sizes.rows * sizes.outer) };
        forward(sizes, (dxv.slice()?, wv.slice()?, None), Activation::Identity, &mut dy, None);
        if let Some(slope) = slope.get() {
            dy = times(&dy, slope);
        }
        Ok((y.clone(), tensor(dy, y.shape())?))
    }
    by_dtype!(same_dtype(x, w)?, run(x, dx, w, b, activation))
}

/// Records the node; the slopes are there if they were asked for and σ is not the identity.
fn apply<T: Real>(
    x: &Tensor,
    w: &Tensor,
    b: Option<&Tensor>,
    activation: Activation,
    keep: bool,
) -> Result<(Tensor, Arc<OnceLock<Vec<T>>>)> {
    sizes(x, w, b)?;
    let slope = Arc::new(OnceLock::new());
    let op = Affine { activation, keep, slope: slope.clone() };
    let (x, w) = (x.contiguous()?, w.contiguous()?);
    let y = match b {
        Some(b) => {
            same_dtype(&x, b)?;
            x.apply_op3(&w, &b.contiguous()?, op)?
        }
        None => x.apply_op2(&w, op)?,
    };
    Ok((y, slope))
}

fn sizes(x: &Tensor, w: &Tensor, b: Option<&Tensor>) -> Result<Sizes> {
    let (rows, inner) = rows_of(x)?;
    let (outer, w_inner) = w.dims2()?;
    if inner != w_inner {
        bail!("x has {inner} features, w takes {w_inner}");
    }
    if let Some(b) = b
        && b.dims() != [outer]
    {
        bail!("w gives {outer} features, b has shape {:?}", b.dims());
    }
    Ok(Sizes { rows, inner, outer })
}

/// `a b`, element by element.
fn times<T: Real>(a: &[T], b: &[T]) -> Vec<T> {
    // SAFETY: the blocks below cover every element.
    let mut out = unsafe { unwritten(a.len()) };
    let shared = Shared::new(&mut out);
    for_blocks(a.len(), crate::activation::POINTWISE_BLOCK, a.len(), |_, r| {
        // SAFETY: blocks are disjoint.
        let out = unsafe { shared.part(r.clone()) };
        dispatch(Multiply(&a[r.clone()], &b[r], out));
    });
    out
}

struct Affine<T> {
    activation: Activation,
    keep: bool,
    /// σ'(z), left by the forward pass.
    slope: Arc<OnceLock<Vec<T>>>,
}

impl<T: Real> Affine<T> {
    fn run(
        &self,
        (sx, lx): (&CpuStorage, &Layout),
        (sw, lw): (&CpuStorage, &Layout),
        b: Option<(&CpuStorage, &Layout)>,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, w) = (slice_of::<T>(sx, lx)?, slice_of::<T>(sw, lw)?);
        let b = b.map(|(s, l)| slice_of::<T>(s, l)).transpose()?;
        let (outer, inner) = lw.shape().dims2()?;
        let rows = lx.shape().elem_count() / inner.max(1);
        let keep = self.keep && self.activation != Activation::Identity;
        // SAFETY: the forward pass writes every element of both.
        let mut y = unsafe { unwritten(rows * outer) };
        // SAFETY: as above.
        let mut slope = keep.then(|| unsafe { unwritten(rows * outer) });
        let sizes = Sizes { rows, inner, outer };
        forward(sizes, (x, w, b), self.activation, &mut y, slope.as_deref_mut());
        if let Some(slope) = slope {
            // A second forward of the same node would compute the same numbers.
            let _ = self.slope.set(slope);
        }
        let mut shape = lx.dims().to_vec();
        *shape.last_mut().expect("sizes() saw a last dimension") = outer;
        Ok((T::storage(y), shape.into()))
    }

    fn gradients(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: Option<&Tensor>,
        grad: &Tensor,
    ) -> Result<[Option<Tensor>; 3]> {
        let s = sizes(x, w, b)?;
        let grad = grad.contiguous()?;
        let (xv, wv, gv) = (View::of(x)?, View::of(w)?, View::of(&grad)?);
        let scaled =
            self.slope.get().map(|slope| gv.slice().map(|g| times(g, slope))).transpose()?;
        let g: &[T] = scaled.as_deref().map_or_else(|| gv.slice(), Ok)?;
        let dx = wants_gradient(x).then(|| {
            // SAFETY: the product writes every element.
            let mut dx = unsafe { unwritten(s.rows * s.inner) };
            input_gradient(s, g, wv.slice()?, &mut dx);
            given(x, tensor(dx, x.shape())?)
        });
        let dw = wants_gradient(w).then(|| {
            // SAFETY: the product writes every element.
            let mut dw = unsafe { unwritten(s.outer * s.inner) };
            weight_gradient(s, g, xv.slice()?, &mut dw);
            given(w, tensor(dw, w.shape())?)
        });
        let db = b
            .filter(|b| wants_gradient(b))
            .map(|b| given(b, tensor(column_sums(g, s.outer), b.shape())?));
        Ok([dx.transpose()?.flatten(), dw.transpose()?.flatten(), db.transpose()?.flatten()])
    }
}

impl<T: Real> CustomOp2 for Affine<T> {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        sx: &CpuStorage,
        lx: &Layout,
        sw: &CpuStorage,
        lw: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.run((sx, lx), (sw, lw), None)
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [dx, dw, _] = self.gradients(x, w, None, grad)?;
        Ok((dx, dw))
    }
}

impl<T: Real> CustomOp3 for Affine<T> {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        sx: &CpuStorage,
        lx: &Layout,
        sw: &CpuStorage,
        lw: &Layout,
        sb: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.run((sx, lx), (sw, lw), Some((sb, lb)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [dx, dw, db] = self.gradients(x, w, Some(b), grad)?;
        Ok((dx, dw, db))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::ALL;
    use crate::isa::on_each;
    use crate::testing::*;
    use candle_core::{DType, Var};

    fn plain(x: &Tensor, w: &Tensor, b: &Tensor) -> Tensor {
        let to = |t: &Tensor| t.to_dtype(DType::F64).unwrap();
        to(x).broadcast_matmul(&to(w).t().unwrap()).unwrap().broadcast_add(&to(b)).unwrap()
    }

    #[test]
    fn values_are_candles() {
        on_each(|_| {
            for (batch, inner, outer) in [(1, 1, 1), (7, 3, 65), (4, 130, 31)] {
                let (x, w, b) = (
                    normal::<f64>(1, &[2, batch, inner]),
                    normal::<f64>(2, &[outer, inner]),
                    normal::<f64>(3, &[outer]),
                );
                assert_close("f64", &linear(&x, &w, Some(&b)).unwrap(), &plain(&x, &w, &b), 1e-12);
                let [x, w, b] = [x, w, b].map(|t| t.to_dtype(DType::F32).unwrap());
                let y = linear(&x, &w, Some(&b)).unwrap().to_dtype(DType::F64).unwrap();
                assert_close("f32", &y, &plain(&x, &w, &b), 2e-5);
            }
        });
    }

    #[test]
    fn no_rows_have_no_weight_gradient() {
        let mut dw = [1.0f64; 6];
        weight_gradient(Sizes { rows: 0, inner: 3, outer: 2 }, &[], &[], &mut dw);
        assert_eq!(dw, [0.0; 6]);
    }

    #[test]
    fn adjoint_and_tangent() {
        on_each(|_| {
            let (x, w, b) =
                (normal::<f64>(1, &[3, 7, 5]), normal::<f64>(2, &[9, 5]), normal::<f64>(3, &[9]));
            check_adjoint(&[x.clone(), w.clone()], |t| linear(&t[0], &t[1], None));
            for activation in ALL {
                let f = |x: &Tensor| linear_act(x, &w, Some(&b), activation);
                check_adjoint(&[x.clone(), w.clone(), b.clone()], |t| {
                    linear_act(&t[0], &t[1], Some(&t[2]), activation)
                });
                check_tangent(&x, f, |x, dx| linear_act_dual(x, dx, &w, Some(&b), activation));
            }
        });
    }

    /// More rows than a summing block, so that merging is in the test.
    #[test]
    fn long_batches_sum_right() {
        let (x, w, b) =
            (normal::<f64>(1, &[700, 3]), normal::<f64>(2, &[130, 3]), normal::<f64>(3, &[130]));
        check_adjoint(&[x, w, b], |t| linear_act(&t[0], &t[1], Some(&t[2]), Activation::Silu));
    }

    #[test]
    fn rows_do_not_know_their_batch() {
        let (x, w, b) =
            (normal::<f32>(1, &[256, 64]), normal::<f32>(2, &[70, 64]), normal::<f32>(3, &[70]));
        let whole = linear_act(&x, &w, Some(&b), Activation::Silu).unwrap();
        for batch in [1, 7, 100] {
            for start in [0, 1, 101, 156] {
                let some = x.narrow(0, start, batch).unwrap();
                let y = linear_act(&some, &w, Some(&b), Activation::Silu).unwrap();
                assert_eq!(
                    flat(&y),
                    flat(&whole.narrow(0, start, batch).unwrap()),
                    "{batch} from {start}"
                );
            }
        }
    }

    #[test]
    fn threads_change_nothing() {
        let (x, w, b) = (
            normal::<f32>(1, &[1000, 130]),
            normal::<f32>(2, &[140, 130]),
            normal::<f32>(3, &[140]),
        );
        check_threads(|| {
            let vars = [&x, &w, &b].map(|t| Var::from_tensor(t).unwrap());
            let y = linear_act(&vars[0], &vars[1], Some(&vars[2]), Activation::Gelu).unwrap();
            let grads = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            let mut all = vec![y.detach()];
            all.extend(vars.iter().map(|v| grads.get(v).unwrap().clone()));
            all
        });
    }

    #[test]
    fn strided_inputs_are_handled() {
        let (x, w) = (normal::<f64>(1, &[5, 7]), normal::<f64>(2, &[5, 9]));
        let y = linear(&x.t().unwrap(), &w.t().unwrap(), None).unwrap();
        let expected = x.t().unwrap().contiguous().unwrap().matmul(&w).unwrap();
        assert_close("transposed", &y, &expected, 1e-13);
        check_adjoint(&[x, w], |t| linear(&t[0].t()?, &t[1].t()?, None));
    }

    #[test]
    fn wrong_shapes_are_named() {
        let (x, w) = (normal::<f32>(1, &[2, 3]), normal::<f32>(2, &[4, 5]));
        let message = linear(&x, &w, None).unwrap_err().to_string();
        assert!(message.contains("x has 3 features, w takes 5"), "{message}");
    }
}
