//! Matrix products whose rows do not know their batch.
//!
//! Every element of the product is one chain `((init + a_0 b_0) + a_1 b_1) + …` in the order of
//! the inner index, whatever tile it falls into. So a row has the same bits in a batch of 1, 7 or
//! 256 and on any number of threads; a library that switches to a matrix–vector or an edge kernel
//! gives no such promise.
//!
//! The left matrix is read in place by broadcasts (any strides); the right one is packed once into
//! panels of two vectors, shared by all rows.

use crate::activation::load;
use crate::isa::Kernel;
use crate::real::Real;
use crate::simd::Simd;
use std::hint::black_box;

/// A matrix seen through strides: element `(i, k)` is `data[i * row + k * col]`.
#[derive(Clone, Copy)]
pub(crate) struct Strided<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) row: usize,
    pub(crate) col: usize,
}

impl<'a, T> Strided<'a, T> {
    /// A row-major matrix with `width` columns.
    pub(crate) fn rows(data: &'a [T], width: usize) -> Self {
        Self { data, row: width, col: 1 }
    }

    /// The transpose of a row-major matrix with `width` columns.
    pub(crate) fn transposed(data: &'a [T], width: usize) -> Self {
        Self { data, row: 1, col: width }
    }
}

/// What a product's chain starts from and where it ends.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a, T> {
    /// `C = A B`.
    Zero,
    /// `C = bias_j + A B`, one value per column.
    Columns(&'a [T]),
    /// `C = bias_i + A B`, one value per row.
    Rows(&'a [T]),
    /// `C = C + (A B)`: the chain starts at zero and its end is added.
    Add,
}

/// Columns of a full panel: two vectors.
#[inline(always)]
const fn panel_width<V: Simd>() -> usize {
    2 * V::LANES
}

/// Elements a packed right matrix of `inner × cols` takes on any instruction set.
pub(crate) fn packed_len(inner: usize, cols: usize) -> usize {
    // 32 columns is the widest panel (AVX-512, f32).
    inner * cols.next_multiple_of(32)
}

/// Copies `b` (`inner × cols`) into panels: `[panel][k][2 · LANES]`, zeros behind the last column.
pub(crate) struct Pack<'a, T> {
    pub(crate) b: Strided<'a, T>,
    pub(crate) inner: usize,
    pub(crate) cols: usize,
    pub(crate) to: &'a mut [T],
}

impl<T: Real> Kernel<T> for Pack<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        pack::<V>(self.b, self.inner, self.cols, self.to);
    }
}

#[inline(always)]
pub(crate) fn pack<V: Simd>(b: Strided<'_, V::E>, inner: usize, cols: usize, to: &mut [V::E]) {
    let width = panel_width::<V>();
    if inner == 0 || cols == 0 {
        return;
    }
    assert!(b.data.len() > (inner - 1) * b.row + (cols - 1) * b.col, "right matrix too short");
    assert!(to.len() >= inner * cols.next_multiple_of(width), "no room for the panels");
    let mut to = to;
    let mut j = 0;
    while j < cols {
        let here = width.min(cols - j);
        let (panel, rest) = to.split_at_mut(inner * width);
        to = rest;
        if here == width && b.col == 1 {
            for k in 0..inner {
                // SAFETY: row k, columns j..j + width lie in b; row k of the panel in `panel`.
                unsafe {
                    let from = b.data.as_ptr().add(k * b.row + j);
                    let to = panel.as_mut_ptr().add(k * width);
                    V::load(from).store(to);
                    V::load(from.add(V::LANES)).store(to.add(V::LANES));
                }
            }
        } else {
            if here < width {
                panel.fill(V::E::ZERO);
            }
            // Eight inner indices at a time: a cache line of a transposed matrix serves all of them.
            let whole = inner - inner % 8;
            // SAFETY: inside both by the checks above.
            unsafe {
                let (from, to) = (b.data.as_ptr().add(j * b.col), panel.as_mut_ptr());
                for k in (0..whole).step_by(8) {
                    transfer::<_, 8>(b, from.add(k * b.row), to.add(k * width), width, here);
                }
                for k in whole..inner {
                    transfer::<_, 1>(b, from.add(k * b.row), to.add(k * width), width, here);
                }
            }
        }
        j += width;
    }
}

/// `K` rows of `cols` elements, from `b` to a panel.
///
/// # Safety
/// `from` must be where so many rows and columns of `b` begin, `to` the same in a panel of this width.
#[inline(always)]
unsafe fn transfer<T: Real, const K: usize>(
    b: Strided<'_, T>,
    from: *const T,
    to: *mut T,
    width: usize,
    cols: usize,
) {
    for col in 0..cols {
        for k in 0..K {
            // SAFETY: the caller's.
            unsafe { *to.add(k * width + col) = *from.add(k * b.row + col * b.col) };
        }
    }
}

/// `C = start + A B` for `rows` rows, on one thread.
pub(crate) struct Product<'a, T> {
    pub(crate) a: Strided<'a, T>,
    /// Right matrix as [`Pack`] left it.
    pub(crate) packed: &'a [T],
    pub(crate) c: &'a mut [T],
    /// Distance between rows of `c`.
    pub(crate) ldc: usize,
    pub(crate) rows: usize,
    pub(crate) inner: usize,
    pub(crate) cols: usize,
    pub(crate) start: Start<'a, T>,
}

impl<T: Real> Kernel<T> for Product<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        product::<V>(self);
    }
}

#[inline(always)]
pub(crate) fn product<V: Simd>(p: Product<'_, V::E>) {
    let width = panel_width::<V>();
    let (rows, inner, cols) = (p.rows, p.inner, p.cols);
    if rows == 0 || cols == 0 {
        return;
    }
    assert!(
        inner == 0 || p.a.data.len() > (rows - 1) * p.a.row + (inner - 1) * p.a.col,
        "left matrix too short"
    );
    assert!(p.packed.len() >= inner * cols.next_multiple_of(width), "right matrix too short");
    assert!(p.c.len() >= (rows - 1) * p.ldc + cols, "product does not fit");
    match p.start {
        Start::Columns(bias) => assert!(bias.len() >= cols, "column bias too short"),
        Start::Rows(bias) => assert!(bias.len() >= rows, "row bias too short"),
        Start::Zero | Start::Add => {}
    }
    let mut j = 0;
    while j < cols {
        let panel = Panel {
            a: p.a,
            b: p.packed[j * inner..].as_ptr(),
            c: p.c.as_mut_ptr().wrapping_add(j),
            ldc: p.ldc,
            rows,
            inner,
            cols: width.min(cols - j),
            start: match p.start {
                Start::Columns(bias) => Start::Columns(&bias[j..]),
                other => other,
            },
        };
        // SAFETY: the checks above cover all that a panel touches.
        unsafe { if panel.cols > V::LANES { panel.run::<V, 2>() } else { panel.run::<V, 1>() } }
        j += width;
    }
}

/// All rows of one panel of columns.
struct Panel<'a, T> {
    a: Strided<'a, T>,
    b: *const T,
    c: *mut T,
    ldc: usize,
    rows: usize,
    inner: usize,
    cols: usize,
    start: Start<'a, T>,
}

impl<T: Real> Panel<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Simd<E = T>, const NV: usize>(&self) {
        let mut i = 0;
        // SAFETY: rows i..i + MR exist in each call.
        unsafe {
            if V::WIDE {
                while i + 12 <= self.rows {
                    self.tile::<V, 12, NV>(i);
                    i += 12;
                }
                while i + 4 <= self.rows {
                    self.tile::<V, 4, NV>(i);
                    i += 4;
                }
                while i + 2 <= self.rows {
                    self.tile::<V, 2, NV>(i);
                    i += 2;
                }
            } else {
                while i + 6 <= self.rows {
                    self.tile::<V, 6, NV>(i);
                    i += 6;
                }
                while i + 2 <= self.rows {
                    self.tile::<V, 2, NV>(i);
                    i += 2;
                }
            }
            while i < self.rows {
                self.tile::<V, 1, NV>(i);
                i += 1;
            }
        }
    }

    /// Rows `i..i + MR`: the accumulators stay in registers over the whole inner index.
    #[inline(always)]
    unsafe fn tile<V: Simd<E = T>, const MR: usize, const NV: usize>(&self, i: usize) {
        let width = panel_width::<V>();
        // SAFETY: the caller's rows and the panel's columns lie inside A, B and C.
        unsafe {
            // Every index into `sums` must be a constant after unrolling, or it lives in memory:
            // hence whole vectors only, and partial ones through a buffer.
            let mut sums = [[V::splat(T::ZERO); NV]; MR];
            match self.start {
                Start::Columns(bias) => {
                    let mut row = [V::splat(T::ZERO); NV];
                    for v in 0..NV {
                        let n = self.cols.saturating_sub(v * V::LANES).min(V::LANES);
                        row[v] = load(bias.as_ptr().wrapping_add(v * V::LANES), n);
                    }
                    for r in 0..MR {
                        sums[r] = row;
                    }
                }
                Start::Rows(bias) => {
                    for r in 0..MR {
                        sums[r] = [V::splat(*bias.get_unchecked(i + r)); NV];
                    }
                }
                Start::Zero | Start::Add => {}
            }
            // A pointer for every third row, which addresses two more. The offsets are hidden from the
            // compiler: it would step one pointer from row to row, a chain longer than the products take.
            let (row, col) = (self.a.row, self.a.col);
            let mut a = [self.a.data.as_ptr().wrapping_add(i * row); MR];
            for r in (3..MR).step_by(3) {
                a[r] = a[0].wrapping_add(black_box(r * row));
            }
            let mut b = self.b;
            for _ in 0..self.inner {
                let mut right = [V::splat(T::ZERO); NV];
                for v in 0..NV {
                    right[v] = V::load(b.add(v * V::LANES));
                }
                for r in 0..MR {
                    let left = V::splat(*a[r - r % 3].add(r % 3 * row));
                    for v in 0..NV {
                        sums[r][v] = left.fma(right[v], sums[r][v]);
                    }
                }
                for r in (0..MR).step_by(3) {
                    a[r] = a[r].wrapping_add(col);
                }
                b = b.add(width);
            }
            let c = self.c.add(i * self.ldc);
            if self.cols < NV * V::LANES {
                let mut buffer = [[T::ZERO; 32]; MR];
                for r in 0..MR {
                    for v in 0..NV {
                        sums[r][v].store(buffer[r].as_mut_ptr().add(v * V::LANES));
                    }
                }
                for r in 0..MR {
                    let c = std::slice::from_raw_parts_mut(c.add(r * self.ldc), self.cols);
                    if matches!(self.start, Start::Add) {
                        c.iter_mut().zip(&buffer[r]).for_each(|(c, &sum)| *c += sum);
                    } else {
                        c.copy_from_slice(&buffer[r][..self.cols]);
                    }
                }
            } else if matches!(self.start, Start::Add) {
                for r in 0..MR {
                    for v in 0..NV {
                        let c = c.add(r * self.ldc + v * V::LANES);
                        V::load(c).add(sums[r][v]).store(c);
                    }
                }
            } else {
                for r in 0..MR {
                    for v in 0..NV {
                        sums[r][v].store(c.add(r * self.ldc + v * V::LANES));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{dispatch, on_each};
    use crate::testing::numbers;

    fn multiply<T: Real>(
        a: Strided<T>,
        b: Strided<T>,
        m: usize,
        k: usize,
        n: usize,
        start: Start<T>,
        c: &mut [T],
    ) {
        let mut packed = vec![T::ZERO; packed_len(k, n)];
        dispatch(Pack { b, inner: k, cols: n, to: &mut packed });
        dispatch(Product { a, packed: &packed, c, ldc: n, rows: m, inner: k, cols: n, start });
    }

    /// Products of small integers are exact in any order, so every path must give them exactly.
    #[test]
    fn integer_products_are_exact_on_every_set_and_shape() {
        fn check<T: Real>() {
            for (m, k, n) in [
                (1, 1, 1),
                (7, 3, 5),
                (12, 64, 32),
                (13, 17, 33),
                (25, 8, 47),
                (6, 0, 4),
                (31, 19, 16),
            ] {
                let a: Vec<T> = (0..m * k).map(|i| T::of((i * 7 % 11) as f64 - 5.0)).collect();
                let b: Vec<T> = (0..k * n).map(|i| T::of((i * 5 % 13) as f64 - 6.0)).collect();
                let bias: Vec<T> = (0..n.max(m)).map(|i| T::of(i as f64)).collect();
                let bt: Vec<T> = (0..n * k).map(|i| b[(i % k) * n + i / k]).collect();
                let at: Vec<T> = (0..k * m).map(|i| a[(i % m) * k + i / m]).collect();
                for (which, start) in
                    [Start::Zero, Start::Columns(&bias), Start::Rows(&bias), Start::Add]
                        .into_iter()
                        .enumerate()
                {
                    for (left, right) in [
                        (Strided::rows(&a, k), Strided::rows(&b, n)),
                        (Strided::rows(&a, k), Strided::transposed(&bt, k)),
                        (Strided::transposed(&at, m), Strided::rows(&b, n)),
                    ] {
                        let mut c = vec![T::of(3.0); m * n];
                        multiply(left, right, m, k, n, start, &mut c);
                        for i in 0..m {
                            for j in 0..n {
                                let dot: f64 =
                                    (0..k).map(|l| a[i * k + l].f64() * b[l * n + j].f64()).sum();
                                let begin = [0.0, j as f64, i as f64, 3.0][which];
                                assert_eq!(
                                    c[i * n + j].f64(),
                                    dot + begin,
                                    "{m} {k} {n} ({i}, {j})"
                                );
                            }
                        }
                    }
                }
            }
        }
        on_each(|_| {
            check::<f32>();
            check::<f64>();
        });
    }

    /// A row's bits do not depend on the rows beside it.
    #[test]
    fn rows_do_not_know_their_batch() {
        on_each(|isa| {
            let (m, k, n) = (29, 37, 45);
            let (a, b): (Vec<f32>, Vec<f32>) = (numbers(1, m * k), numbers(2, k * n));
            let mut all = vec![0.0f32; m * n];
            multiply(Strided::rows(&a, k), Strided::rows(&b, n), m, k, n, Start::Zero, &mut all);
            for batch in [1, 2, 5, 7, 12] {
                for i in 0..=m - batch {
                    let mut some = vec![0.0f32; batch * n];
                    let rows = Strided::rows(&a[i * k..], k);
                    multiply(rows, Strided::rows(&b, n), batch, k, n, Start::Zero, &mut some);
                    assert_eq!(some, all[i * n..(i + batch) * n], "{isa:?}, {batch} rows from {i}");
                }
            }
        });
    }
}
