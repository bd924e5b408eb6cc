//! Scaled dot-product attention, one node: the score matrix is never kept.

mod passes;

use crate::composed;
use crate::real::Real;
use crate::tensor::{View, by_dtype, dtype_of, same_dtype, slice_of, tensor, wants_gradient};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use passes::{Attention, Sizes};

/// `softmax(scale · q kᵀ) v` for each sample and head; Vaswani et al. (2017), Eq. 1.
///
/// The adjoint computes the scores again, block by block, instead of keeping `[B, H, L, L]`.
///
/// # Shapes and units
/// - `q`: `[B, H, L, d]`; `k`: `[B, H, M, d]`; `v`: `[B, H, M, c]`; returns `[B, H, L, c]`
/// - `scale`: usually `1/√d`
///
/// # Errors
/// If shapes or element types do not fit, or a tensor is not f32 or f64.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, scale: f64) -> Result<Tensor> {
    let op = Attention { sizes: sizes(q, k, v)?, scale };
    if composed::elsewhere(q) {
        return composed::attention(q, k, v, scale);
    }
    q.contiguous()?.apply_op3(&k.contiguous()?, &v.contiguous()?, op)
}

/// Value and tangent of [`attention`] along `(dq, dk, dv)`; only the value has a graph.
///
/// # Errors
/// As [`attention`], or if a tangent differs from its input in shape or element type.
pub fn attention_dual(
    (q, dq): (&Tensor, &Tensor),
    (k, dk): (&Tensor, &Tensor),
    (v, dv): (&Tensor, &Tensor),
    scale: f64,
) -> Result<(Tensor, Tensor)> {
    for (x, dx) in [(q, dq), (k, dk), (v, dv)] {
        same_dtype(x, dx)?;
        if x.dims() != dx.dims() {
            bail!("tangent {:?} of an input {:?}", dx.dims(), x.dims());
        }
    }
    fn run<T: Real>(op: Attention, x: [Tensor; 3], d: [Tensor; 3]) -> Result<Tensor> {
        let [q, k, v] = &x;
        let [dq, dk, dv] = &d;
        let views =
            (View::of(q)?, View::of(k)?, View::of(v)?, View::of(dq)?, View::of(dk)?, View::of(dv)?);
        let (q_, k_, v_) = (views.0.slice::<T>()?, views.1.slice::<T>()?, views.2.slice::<T>()?);
        let (dq_, dk_, dv_) = (views.3.slice::<T>()?, views.4.slice::<T>()?, views.5.slice::<T>()?);
        let out = op.tangent([q_, k_, v_], [dq_, dk_, dv_]);
        let (b, h, l, _) = q.dims4()?;
        tensor(out, (b, h, l, op.sizes.c))
    }
    let op = Attention { sizes: sizes(q, k, v)?, scale };
    let value = attention(q, k, v, scale)?;
    if composed::elsewhere(q) {
        let tangent = composed::attention_tangent([q, k, v], [dq, dk, dv], scale)?;
        return Ok((value, tangent));
    }
    let own = |t: &Tensor| t.detach().contiguous();
    let x = [own(q)?, own(k)?, own(v)?];
    let d = [own(dq)?, own(dk)?, own(dv)?];
    Ok((value, by_dtype!(q.dtype(), run(op, x, d))?))
}

fn sizes(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Sizes> {
    let ((b, h, l, d), (kb, kh, m, kd), (vb, vh, vm, c)) = (q.dims4()?, k.dims4()?, v.dims4()?);
    if (kb, kh, kd) != (b, h, d) || (vb, vh, vm) != (b, h, m) {
        bail!("q {:?}, k {:?} and v {:?} do not fit", q.dims(), k.dims(), v.dims());
    }
    same_dtype(q, k)?;
    same_dtype(q, v)?;
    Ok(Sizes { heads: b * h, l, m, d, c })
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        sq: &CpuStorage,
        lq: &Layout,
        sk: &CpuStorage,
        lk: &Layout,
        sv: &CpuStorage,
        lv: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(
            op: Attention,
            q: (&CpuStorage, &Layout),
            k: (&CpuStorage, &Layout),
            v: (&CpuStorage, &Layout),
        ) -> Result<CpuStorage> {
            let x = [slice_of::<T>(q.0, q.1)?, slice_of(k.0, k.1)?, slice_of(v.0, v.1)?];
            Ok(T::storage(op.forward(x)))
        }
        let out = by_dtype!(dtype_of(sq), run(*self, (sq, lq), (sk, lk), (sv, lv)))?;
        let (b, h, l, _) = lq.shape().dims4()?;
        Ok((out, (b, h, l, self.sizes.c).into()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        fn run<T: Real>(
            op: Attention,
            q: &Tensor,
            k: &Tensor,
            v: &Tensor,
            grad: &Tensor,
        ) -> Result<[Tensor; 3]> {
            let (qv, kv, vv, gv) = (View::of(q)?, View::of(k)?, View::of(v)?, View::of(grad)?);
            let [dq, dk, dv] =
                op.adjoint([qv.slice::<T>()?, kv.slice()?, vv.slice()?], gv.slice()?);
            Ok([tensor(dq, q.shape())?, tensor(dk, k.shape())?, tensor(dv, v.shape())?])
        }
        let [dq, dk, dv] = by_dtype!(q.dtype(), run(*self, q, k, v, &grad.contiguous()?))?;
        let wanted = |t: &Tensor, grad| wants_gradient(t).then_some(grad);
        Ok((wanted(q, dq), wanted(k, dk), wanted(v, dv)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::on_each;
    use crate::testing::*;
    use candle_core::{DType, Var};

    fn plain(q: &Tensor, k: &Tensor, v: &Tensor, scale: f64) -> Tensor {
        let [q, k, v] = [q, k, v].map(|t| t.to_dtype(DType::F64).unwrap());
        let s =
            (q.matmul(&k.transpose(2, 3).unwrap().contiguous().unwrap()).unwrap() * scale).unwrap();
        let e = s.exp().unwrap();
        let p = e.broadcast_div(&e.sum_keepdim(3).unwrap()).unwrap();
        p.matmul(&v).unwrap()
    }

    fn inputs(b: usize, h: usize, l: usize, m: usize, d: usize, c: usize) -> [Tensor; 3] {
        [
            normal::<f64>(1, &[b, h, l, d]),
            normal::<f64>(2, &[b, h, m, d]),
            normal::<f64>(3, &[b, h, m, c]),
        ]
    }

    #[test]
    fn values_are_candles() {
        on_each(|_| {
            for (l, m, d, c) in [(1, 1, 1, 1), (5, 7, 3, 4), (130, 33, 16, 16)] {
                let [q, k, v] = inputs(2, 3, l, m, d, c);
                assert_close(
                    "f64",
                    &attention(&q, &k, &v, 0.3).unwrap(),
                    &plain(&q, &k, &v, 0.3),
                    1e-13,
                );
                let [q, k, v] = [q, k, v].map(|t| t.to_dtype(DType::F32).unwrap());
                let y = attention(&q, &k, &v, 0.3).unwrap().to_dtype(DType::F64).unwrap();
                assert_close("f32", &y, &plain(&q, &k, &v, 0.3), 1e-5);
            }
        });
    }

    #[test]
    fn adjoint() {
        on_each(|_| {
            for (l, m) in [(5, 7), (100, 3)] {
                check_adjoint(&inputs(2, 1, l, m, 3, 4), |t| attention(&t[0], &t[1], &t[2], 0.7));
            }
        });
    }

    #[test]
    fn tangent_along_each_input() {
        let [q, k, v] = inputs(1, 2, 6, 5, 3, 4);
        let zero = |t: &Tensor| t.zeros_like().unwrap();
        let (zq, zk, zv) = (zero(&q), zero(&k), zero(&v));
        on_each(|_| {
            check_tangent(
                &q,
                |q| attention(q, &k, &v, 0.7),
                |q, dq| attention_dual((q, dq), (&k, &zk), (&v, &zv), 0.7),
            );
            check_tangent(
                &k,
                |k| attention(&q, k, &v, 0.7),
                |k, dk| attention_dual((&q, &zq), (k, dk), (&v, &zv), 0.7),
            );
            check_tangent(
                &v,
                |v| attention(&q, &k, v, 0.7),
                |v, dv| attention_dual((&q, &zq), (&k, &zk), (v, dv), 0.7),
            );
        });
    }

    #[test]
    fn threads_batch_and_strides_change_nothing() {
        let x = inputs(3, 4, 50, 60, 16, 16).map(|t| t.to_dtype(DType::F32).unwrap());
        check_threads(|| {
            let v = x.each_ref().map(|t| Var::from_tensor(t).unwrap());
            let y = attention(&v[0], &v[1], &v[2], 0.25).unwrap();
            let grads = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            let mut all = vec![y.detach()];
            all.extend(v.iter().map(|v| grads.get(v).unwrap().clone()));
            all
        });
        let whole = attention(&x[0], &x[1], &x[2], 0.25).unwrap();
        let one = x.each_ref().map(|t| t.narrow(0, 1, 1).unwrap().narrow(1, 2, 1).unwrap());
        let y = attention(&one[0], &one[1], &one[2], 0.25).unwrap();
        assert_eq!(flat(&y), flat(&whole.narrow(0, 1, 1).unwrap().narrow(1, 2, 1).unwrap()));
    }
}
