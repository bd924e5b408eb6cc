//! Forward pass, adjoint and tangent on slices, one head at a time.

use crate::gemm::{Pack, Product, Start, Strided, packed_len};
use crate::isa::{Kernel, dispatch};
use crate::norm::{softmax_row, softmax_row_adjoint};
use crate::parallel::{Shared, for_blocks};
use crate::real::Real;
use crate::scratch;
use crate::simd::Simd;

/// Queries per block: at 256 keys in f32 a block of scores is 96 KiB.
const BLOCK: usize = 96;

#[derive(Clone, Copy)]
pub(super) struct Sizes {
    /// Samples times heads.
    pub(super) heads: usize,
    /// Queries.
    pub(super) l: usize,
    /// Keys.
    pub(super) m: usize,
    /// Length of queries and keys.
    pub(super) d: usize,
    /// Length of values.
    pub(super) c: usize,
}

impl Sizes {
    fn work(self) -> usize {
        self.heads * self.l * self.m * (self.d + self.c) / 8
    }
}

#[derive(Clone, Copy)]
pub(super) struct Attention {
    pub(super) sizes: Sizes,
    pub(super) scale: f64,
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
    pub(super) fn forward<T: Real>(self, [q, k, v]: [&[T]; 3]) -> Vec<T> {
        let Sizes { heads, l, m, d, c } = self.sizes;
        let scale = T::of(self.scale);
        let mut out = vec![T::ZERO; heads * l * c];
        let shared = Shared::new(&mut out);
        let (keys, values) = (packed_len(d, m), packed_len(m, c));
        for_blocks(heads, 1, self.sizes.work(), |head, _| {
            let (q, k, v) = (
                &q[head * l * d..][..l * d],
                &k[head * m * d..][..m * d],
                &v[head * m * c..][..m * c],
            );
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

    pub(super) fn adjoint<T: Real>(self, [q, k, v]: [&[T]; 3], grad: &[T]) -> [Vec<T>; 3] {
        let Sizes { heads, l, m, d, c } = self.sizes;
        let scale = T::of(self.scale);
        let (mut dq, mut dk, mut dv) =
            (vec![T::ZERO; q.len()], vec![T::ZERO; k.len()], vec![T::ZERO; v.len()]);
        let (dq_all, dk_all, dv_all) =
            (Shared::new(&mut dq), Shared::new(&mut dk), Shared::new(&mut dv));
        let sizes = [
            packed_len(d, m),
            packed_len(c, m),
            packed_len(m, d),
            packed_len(BLOCK, d.max(c)),
            BLOCK * m,
        ];
        for_blocks(heads, 1, 4 * self.sizes.work(), |head, _| {
            let (q, k, v) = (
                &q[head * l * d..][..l * d],
                &k[head * m * d..][..m * d],
                &v[head * m * c..][..m * c],
            );
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
    pub(super) fn tangent<T: Real>(self, [q, k, v]: [&[T]; 3], [dq, dk, dv]: [&[T]; 3]) -> Vec<T> {
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
