//! The three products of an affine layer on slices: forward, input gradient, weight gradient.

use crate::activation::{Activation, by_activation, each_vector, load, store};
use crate::gemm::{Pack, Product, Start, Strided, packed_len};
use crate::isa::{Kernel, dispatch};
use crate::parallel::{Shared, for_blocks, map_blocks};
use crate::real::Real;
use crate::scratch;
use crate::simd::{Simd, Twice};

/// Rows per task: eight tiles of twelve, whose 256 columns of f32 are 96 KiB of L2.
const ROW_BLOCK: usize = 96;
/// Rows whose contributions to a weight gradient are summed before they are added to it.
const SUM_BLOCK: usize = 256;

/// Sizes of a layer: `rows` vectors of length `inner` become vectors of length `outer`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) rows: usize,
    pub(crate) inner: usize,
    pub(crate) outer: usize,
}

impl Sizes {
    fn work(self) -> usize {
        // A vector instruction does about eight multiply-adds.
        self.rows * self.inner * self.outer / 8
    }
}

/// `z → σ(z)` in place, `slope ← σ'(z)`.
pub(crate) struct ActivateKeep<'a, T>(
    pub(crate) Activation,
    pub(crate) &'a mut [T],
    pub(crate) &'a mut [T],
);

impl<T: Real> Kernel<T> for ActivateKeep<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let Self(activation, z, slope) = self;
        let (len, z, slope) = (z.len().min(slope.len()), z.as_mut_ptr(), slope.as_mut_ptr());
        // SAFETY: i + n stays within both slices.
        by_activation!(activation, |sigma| {
            each_vector!(Twice<V>, len, |i, n| unsafe {
                let (value, derivative) = sigma.value_and_derivative(load::<Twice<V>>(z.add(i), n));
                store(value, z.add(i), n);
                store(derivative, slope.add(i), n);
            })
        });
    }
}

/// `z → σ(z)` in place.
pub(crate) struct Activate<'a, T>(pub(crate) Activation, pub(crate) &'a mut [T]);

impl<T: Real> Kernel<T> for Activate<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let (activation, len, z) = (self.0, self.1.len(), self.1.as_mut_ptr());
        // SAFETY: i + n stays within the slice.
        by_activation!(activation, |sigma| {
            each_vector!(Twice<V>, len, |i, n| unsafe {
                store(sigma.value(load::<Twice<V>>(z.add(i), n)), z.add(i), n);
            })
        });
    }
}

/// `out = a b`, element by element.
pub(crate) struct Multiply<'a, T>(pub(crate) &'a [T], pub(crate) &'a [T], pub(crate) &'a mut [T]);

impl<T: Real> Kernel<T> for Multiply<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let Self(a, b, out) = self;
        let len = out.len().min(a.len()).min(b.len());
        let (a, b, out) = (a.as_ptr(), b.as_ptr(), out.as_mut_ptr());
        // SAFETY: i + n stays within all three slices.
        each_vector!(V, len, |i, n| unsafe {
            store(load::<V>(a.add(i), n).mul(load(b.add(i), n)), out.add(i), n);
        });
    }
}

/// `y = σ(x Wᵀ + b)`, and `slope = σ'` if there is room for it.
pub(crate) fn forward<T: Real>(
    s: Sizes,
    (x, w, b): (&[T], &[T], Option<&[T]>),
    activation: Activation,
    y: &mut [T],
    slope: Option<&mut [T]>,
) {
    let slope = slope.map(Shared::new);
    let y = Shared::new(y);
    scratch::with(packed_len(s.inner, s.outer), |packed| {
        let b_matrix = Strided::transposed(w, s.inner);
        dispatch(Pack { b: b_matrix, inner: s.inner, cols: s.outer, to: packed });
        let packed = &*packed;
        for_blocks(s.rows, ROW_BLOCK, s.work(), |_, rows| {
            let part = rows.start * s.outer..rows.end * s.outer;
            // SAFETY: blocks of rows are disjoint.
            let y = unsafe { y.part(part.clone()) };
            dispatch(Product {
                a: Strided::rows(&x[rows.start * s.inner..], s.inner),
                packed,
                c: y,
                ldc: s.outer,
                rows: rows.len(),
                inner: s.inner,
                cols: s.outer,
                start: b.map_or(Start::Zero, Start::Columns),
            });
            match (&slope, activation) {
                (_, Activation::Identity) => {}
                // SAFETY: blocks of rows are disjoint.
                (Some(slope), _) => {
                    dispatch(ActivateKeep(activation, y, unsafe { slope.part(part) }))
                }
                (None, _) => dispatch(Activate(activation, y)),
            }
        });
    });
}

/// `dx = g W`.
pub(crate) fn input_gradient<T: Real>(s: Sizes, g: &[T], w: &[T], dx: &mut [T]) {
    let dx = Shared::new(dx);
    scratch::with(packed_len(s.outer, s.inner), |packed| {
        dispatch(Pack { b: Strided::rows(w, s.inner), inner: s.outer, cols: s.inner, to: packed });
        let packed = &*packed;
        for_blocks(s.rows, ROW_BLOCK, s.work(), |_, rows| {
            dispatch(Product {
                a: Strided::rows(&g[rows.start * s.outer..], s.outer),
                packed,
                // SAFETY: blocks of rows are disjoint.
                c: unsafe { dx.part(rows.start * s.inner..rows.end * s.inner) },
                ldc: s.inner,
                rows: rows.len(),
                inner: s.outer,
                cols: s.inner,
                start: Start::Zero,
            });
        });
    });
}

/// `dw = gᵀ x`: blocks of 256 rows, added in order.
pub(crate) fn weight_gradient<T: Real>(s: Sizes, g: &[T], x: &[T], dw: &mut [T]) {
    if s.rows == 0 {
        dw.fill(T::ZERO);
    }
    // A task owns some rows of dw: no partial results to merge.
    let strip = if s.outer >= 128 { 64 } else { 32 };
    let dw = Shared::new(dw);
    scratch::with(packed_len(SUM_BLOCK.min(s.rows), s.inner), |packed| {
        for first in (0..s.rows).step_by(SUM_BLOCK) {
            let block = Sizes { rows: SUM_BLOCK.min(s.rows - first), ..s };
            let right = Strided::rows(&x[first * s.inner..], s.inner);
            dispatch(Pack { b: right, inner: block.rows, cols: s.inner, to: &mut *packed });
            let packed = &*packed;
            for_blocks(s.outer, strip, s.work(), |_, outs| {
                dispatch(Product {
                    a: Strided::transposed(&g[first * s.outer + outs.start..], s.outer),
                    packed,
                    // SAFETY: strips are disjoint.
                    c: unsafe { dw.part(outs.start * s.inner..outs.end * s.inner) },
                    ldc: s.inner,
                    rows: outs.len(),
                    inner: block.rows,
                    cols: s.inner,
                    start: if first == 0 { Start::Zero } else { Start::Add },
                });
            });
        }
    });
}

/// Sums over rows, in their order.
pub(crate) struct RowSums<'a, T> {
    pub(crate) g: &'a [T],
    pub(crate) cols: usize,
    pub(crate) out: &'a mut [T],
}

impl<T: Real> Kernel<T> for RowSums<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        assert!(self.out.len() >= self.cols, "sums do not fit");
        let rows = self.g.len() / self.cols.max(1);
        // Four vectors side by side: one cache line after the other, four independent sums.
        let mut j = 0;
        while j + 4 * V::LANES <= self.cols {
            // SAFETY: columns j..j + 4 LANES exist in every row and in `out`.
            unsafe {
                let mut sums = [V::splat(T::ZERO); 4];
                for i in 0..rows {
                    let row = self.g.as_ptr().add(i * self.cols + j);
                    for v in 0..4 {
                        sums[v] = sums[v].add(V::load(row.add(v * V::LANES)));
                    }
                }
                for v in 0..4 {
                    sums[v].store(self.out.as_mut_ptr().add(j + v * V::LANES));
                }
            }
            j += 4 * V::LANES;
        }
        while j < self.cols {
            let n = V::LANES.min(self.cols - j);
            // SAFETY: n columns from j exist in every row and in `out`.
            unsafe {
                let mut sum = V::splat(T::ZERO);
                for i in 0..rows {
                    sum = sum.add(load::<V>(self.g.as_ptr().add(i * self.cols + j), n));
                }
                store(sum, self.out.as_mut_ptr().add(j), n);
            }
            j += n;
        }
    }
}

/// `db_j = Σ_i g_ij`: blocks of 256 rows, merged in order.
pub(crate) fn column_sums<T: Real>(g: &[T], cols: usize) -> Vec<T> {
    let rows = g.len() / cols.max(1);
    let blocks = map_blocks(rows, SUM_BLOCK, g.len(), |_, rows| {
        let mut out = vec![T::ZERO; cols];
        dispatch(RowSums { g: &g[rows.start * cols..rows.end * cols], cols, out: &mut out });
        out
    });
    merge(blocks, cols)
}

/// Adds equally long vectors in their order.
pub(crate) fn merge<T: Real>(parts: Vec<Vec<T>>, len: usize) -> Vec<T> {
    let mut parts = parts.into_iter();
    let mut total = parts.next().unwrap_or_else(|| vec![T::ZERO; len]);
    for part in parts {
        total.iter_mut().zip(part).for_each(|(t, p)| *t += p);
    }
    total
}
