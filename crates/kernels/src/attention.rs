//! Scaled dot-product attention, one node: the score matrix is never kept.

use crate::gemm::{Pack, Product, Start, Strided, packed_len};
use crate::isa::{Kernel, dispatch};
use crate::norm::{softmax_row, softmax_row_adjoint};
use crate::parallel::{Shared, for_blocks};
use crate::real::Real;
use crate::scratch;
use crate::simd::Simd;
use crate::tensor::{View, by_dtype, dtype_of, same_dtype, slice_of, tensor, wants_gradient};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

/// Queries per block: at 256 keys in f32 a block of scores is 96 KiB.
const BLOCK: usize = 96;

/// `softmax(scale · q kᵀ) v` for each sample and head; Vaswani et al. (2017), Eq. 1.
///
/// The adjoint computes the scores again, block by block, instead of keeping `[B, H, L, L]`.
///
/// # Shapes and units
/// - `q`: `[B, H, L, d]`; `k`: `[B, H, M, d]`; `v`: `[B, H, M, c]`; returns `[B, H, L, c]`
/// - `scale`: usually `1/√d`
///
/// # Errors
/// If shapes or element types do not fit, or a tensor is not f32 or f64 on the CPU.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, scale: f64) -> Result<Tensor> {
    let op = Attention { sizes: sizes(q, k, v)?, scale };
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
        let views = (View::of(q)?, View::of(k)?, View::of(v)?, View::of(dq)?, View::of(dk)?, View::of(dv)?);
        let (q_, k_, v_) = (views.0.slice::<T>()?, views.1.slice::<T>()?, views.2.slice::<T>()?);
        let (dq_, dk_, dv_) = (views.3.slice::<T>()?, views.4.slice::<T>()?, views.5.slice::<T>()?);
        let out = op.tangent([q_, k_, v_], [dq_, dk_, dv_]);
        let (b, h, l, _) = q.dims4()?;
        tensor(out, (b, h, l, op.sizes.c))
    }
    let op = Attention { sizes: sizes(q, k, v)?, scale };
    let value = attention(q, k, v, scale)?;
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

#[derive(Clone, Copy)]
struct Sizes {
    /// Samples times heads.
    heads: usize,
    /// Queries.
    l: usize,
    /// Keys.
    m: usize,
    /// Length of queries and keys.
    d: usize,
    /// Length of values.
    c: usize,
}

impl Sizes {
    fn work(self) -> usize {
        self.heads * self.l * self.m * (self.d + self.c) / 8
    }
}

#[derive(Clone, Copy)]
struct Attention {
    sizes: Sizes,
    scale: f64,
}

/// `rows ← softmax(scale · rows)`.
struct Probabilities<'a, T>(&'a mut [T], usize, T);

impl<T: Real> Kernel<T> for Probabilities<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        for row in self.0.chunks_exact_mut(self.1) {
            softmax_row::<V>(row, self.2);
        }
    }
}

/// `g ← scale · p (g − ⟨p, g⟩)` row by row.
struct ScoreGradient<'a, T>(&'a [T], &'a mut [T], usize, T);

impl<T: Real> Kernel<T> for ScoreGradient<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let Self(p, g, width, scale) = self;
        for (p, g) in p.chunks_exact(width).zip(g.chunks_exact_mut(width)) {
            let g = g.as_mut_ptr();
            // SAFETY: both rows have `width` elements; input and output may be the same.
            unsafe { softmax_row_adjoint::<V>(p.as_ptr(), g, g, width, scale) };
        }
    }
}

fn pack<'a, T: Real>(b: Strided<'_, T>, inner: usize, cols: usize, to: &'a mut [T]) -> &'a [T] {
    dispatch(Pack { b, inner, cols, to: &mut *to });
    to
}

fn multiply<T: Real>(
    a: Strided<'_, T>,
    packed: &[T],
    (rows, inner, cols): (usize, usize, usize),
    c: &mut [T],
    start: Start<'_, T>,
) {
    dispatch(Product { a, packed, c, ldc: cols, rows, inner, cols, start });
}

impl Attention {
    fn forward<T: Real>(self, [q, k, v]: [&[T]; 3]) -> Vec<T> {
        let Sizes { heads, l, m, d, c } = self.sizes;
        let scale = T::of(self.scale);
        let mut out = vec![T::ZERO; heads * l * c];
        let shared = Shared::new(&mut out);
        let (keys, values) = (packed_len(d, m), packed_len(m, c));
        for_blocks(heads, 1, self.sizes.work(), |head, _| {
            let (q, k, v) = (&q[head * l * d..][..l * d], &k[head * m * d..][..m * d], &v[head * m * c..][..m * c]);
            scratch::with(keys + values + BLOCK * m, |buffer| {
                let (keys, rest) = buffer.split_at_mut(keys);
                let (values, scores) = rest.split_at_mut(values);
                let keys = pack(Strided::transposed(k, d), d, m, keys);
                let values = pack(Strided::rows(v, c), m, c, values);
                for first in (0..l).step_by(BLOCK) {
                    let rows = BLOCK.min(l - first);
                    let p = &mut scores[..rows * m];
                    multiply(Strided::rows(&q[first * d..], d), keys, (rows, d, m), p, Start::Zero);
                    dispatch(Probabilities(p, m, scale));
                    let at = (head * l + first) * c;
                    // SAFETY: a head and a block of its queries belong to one task.
                    let out = unsafe { shared.part(at..at + rows * c) };
                    multiply(Strided::rows(p, m), values, (rows, m, c), out, Start::Zero);
                }
            });
        });
        out
    }

    fn adjoint<T: Real>(self, [q, k, v]: [&[T]; 3], grad: &[T]) -> [Vec<T>; 3] {
        let Sizes { heads, l, m, d, c } = self.sizes;
        let scale = T::of(self.scale);
        let (mut dq, mut dk, mut dv) = (vec![T::ZERO; q.len()], vec![T::ZERO; k.len()], vec![T::ZERO; v.len()]);
        let (dq_all, dk_all, dv_all) = (Shared::new(&mut dq), Shared::new(&mut dk), Shared::new(&mut dv));
        let sizes = [packed_len(d, m), packed_len(c, m), packed_len(m, d), packed_len(BLOCK, d.max(c)), BLOCK * m];
        for_blocks(heads, 1, 4 * self.sizes.work(), |head, _| {
            let (q, k, v) = (&q[head * l * d..][..l * d], &k[head * m * d..][..m * d], &v[head * m * c..][..m * c]);
            let grad = &grad[head * l * c..][..l * c];
            // SAFETY: a head belongs to one task.
            let (dq, dk, dv) = unsafe {
                (
                    dq_all.part(head * l * d..(head + 1) * l * d),
                    dk_all.part(head * m * d..(head + 1) * m * d),
                    dv_all.part(head * m * c..(head + 1) * m * c),
                )
            };
            scratch::with(sizes.iter().sum::<usize>() + BLOCK * m, |buffer| {
                let (keys_t, rest) = buffer.split_at_mut(sizes[0]);
                let (values_t, rest) = rest.split_at_mut(sizes[1]);
                let (keys, rest) = rest.split_at_mut(sizes[2]);
                let (right, rest) = rest.split_at_mut(sizes[3]);
                let (p_all, g_all) = rest.split_at_mut(sizes[4]);
                let keys_t = pack(Strided::transposed(k, d), d, m, keys_t);
                let values_t = pack(Strided::transposed(v, c), c, m, values_t);
                let keys = pack(Strided::rows(k, d), m, d, keys);
                for first in (0..l).step_by(BLOCK) {
                    let rows = BLOCK.min(l - first);
                    let (p, g) = (&mut p_all[..rows * m], &mut g_all[..rows * m]);
                    let (q, grad) = (&q[first * d..][..rows * d], &grad[first * c..][..rows * c]);
                    multiply(Strided::rows(q, d), keys_t, (rows, d, m), p, Start::Zero);
                    dispatch(Probabilities(p, m, scale));
                    // dv += pᵀ grad; dp = grad vᵀ; ds = scale · p (dp − ⟨p, dp⟩)
                    let packed = pack(Strided::rows(grad, c), rows, c, right);
                    multiply(Strided::transposed(p, m), packed, (m, rows, c), dv, Start::Add);
                    multiply(Strided::rows(grad, c), values_t, (rows, c, m), g, Start::Zero);
                    dispatch(ScoreGradient(p, g, m, scale));
                    // dq = ds k; dk += dsᵀ q
                    let dq = &mut dq[first * d..][..rows * d];
                    multiply(Strided::rows(g, m), keys, (rows, m, d), dq, Start::Zero);
                    let packed = pack(Strided::rows(q, d), rows, d, right);
                    multiply(Strided::transposed(g, m), packed, (m, rows, d), dk, Start::Add);
                }
            });
        });
        [dq, dk, dv]
    }

    /// `dp v + p dv` with `dp = p (ds − ⟨p, ds⟩)`, `ds = scale (dq kᵀ + q dkᵀ)`.
    fn tangent<T: Real>(self, [q, k, v]: [&[T]; 3], [dq, dk, dv]: [&[T]; 3]) -> Vec<T> {
        let Sizes { heads, l, m, d, c } = self.sizes;
        let scale = T::of(self.scale);
        let mut out = vec![T::ZERO; heads * l * c];
        let shared = Shared::new(&mut out);
        let (keys, values) = (packed_len(d, m), packed_len(m, c));
        for_blocks(heads, 1, 2 * self.sizes.work(), |head, _| {
            let (k, v) = (&k[head * m * d..][..m * d], &v[head * m * c..][..m * c]);
            let (dk, dv) = (&dk[head * m * d..][..m * d], &dv[head * m * c..][..m * c]);
            scratch::with(2 * (keys + values + BLOCK * m), |buffer| {
                let (packs, scores) = buffer.split_at_mut(2 * (keys + values));
                let (key_packs, value_packs) = packs.split_at_mut(2 * keys);
                let (k_packed, dk_packed) = key_packs.split_at_mut(keys);
                let (v_packed, dv_packed) = value_packs.split_at_mut(values);
                let k_packed = pack(Strided::transposed(k, d), d, m, k_packed);
                let dk_packed = pack(Strided::transposed(dk, d), d, m, dk_packed);
                let v_packed = pack(Strided::rows(v, c), m, c, v_packed);
                let dv_packed = pack(Strided::rows(dv, c), m, c, dv_packed);
                let (p_all, g_all) = scores.split_at_mut(BLOCK * m);
                for first in (0..l).step_by(BLOCK) {
                    let rows = BLOCK.min(l - first);
                    let at = (head * l + first) * d;
                    let (q, dq) = (&q[at..at + rows * d], &dq[at..at + rows * d]);
                    let (p, g) = (&mut p_all[..rows * m], &mut g_all[..rows * m]);
                    multiply(Strided::rows(q, d), k_packed, (rows, d, m), p, Start::Zero);
                    dispatch(Probabilities(p, m, scale));
                    multiply(Strided::rows(dq, d), k_packed, (rows, d, m), g, Start::Zero);
                    multiply(Strided::rows(q, d), dk_packed, (rows, d, m), g, Start::Add);
                    dispatch(ScoreGradient(p, g, m, scale));
                    let at = (head * l + first) * c;
                    // SAFETY: a head and a block of its queries belong to one task.
                    let out = unsafe { shared.part(at..at + rows * c) };
                    multiply(Strided::rows(g, m), v_packed, (rows, m, c), out, Start::Zero);
                    multiply(Strided::rows(p, m), dv_packed, (rows, m, c), out, Start::Add);
                }
            });
        });
        out
    }
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
        fn run<T: Real>(op: Attention, q: &Tensor, k: &Tensor, v: &Tensor, grad: &Tensor) -> Result<[Tensor; 3]> {
            let (qv, kv, vv, gv) = (View::of(q)?, View::of(k)?, View::of(v)?, View::of(grad)?);
            let [dq, dk, dv] = op.adjoint([qv.slice::<T>()?, kv.slice()?, vv.slice()?], gv.slice()?);
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
        let s = (q.matmul(&k.transpose(2, 3).unwrap().contiguous().unwrap()).unwrap() * scale).unwrap();
        let e = s.exp().unwrap();
        let p = e.broadcast_div(&e.sum_keepdim(3).unwrap()).unwrap();
        p.matmul(&v).unwrap()
    }

    fn inputs(b: usize, h: usize, l: usize, m: usize, d: usize, c: usize) -> [Tensor; 3] {
        [normal::<f64>(1, &[b, h, l, d]), normal::<f64>(2, &[b, h, m, d]), normal::<f64>(3, &[b, h, m, c])]
    }

    #[test]
    fn values_are_candles() {
        on_each(|_| {
            for (l, m, d, c) in [(1, 1, 1, 1), (5, 7, 3, 4), (130, 33, 16, 16)] {
                let [q, k, v] = inputs(2, 3, l, m, d, c);
                assert_close("f64", &attention(&q, &k, &v, 0.3).unwrap(), &plain(&q, &k, &v, 0.3), 1e-13);
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
            check_tangent(&q, |q| attention(q, &k, &v, 0.7), |q, dq| attention_dual((q, dq), (&k, &zk), (&v, &zv), 0.7));
            check_tangent(&k, |k| attention(&q, k, &v, 0.7), |k, dk| attention_dual((&q, &zq), (k, dk), (&v, &zv), 0.7));
            check_tangent(&v, |v| attention(&q, &k, v, 0.7), |v, dv| attention_dual((&q, &zq), (&k, &zk), (v, dv), 0.7));
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
