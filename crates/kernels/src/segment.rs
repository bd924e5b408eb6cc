//! Reductions over runs of consecutive rows, and the gather whose adjoint is such a reduction.
//!
//! Edges sorted by their target make the sum over a node's neighbours a sum over a run of rows:
//! parallel over nodes, without atomics, in a fixed order.

use crate::activation::{each_vector, load, store};
use crate::isa::{Kernel, dispatch};
use crate::math;
use crate::parallel::{Shared, for_blocks};
use crate::real::Real;
use crate::simd::Simd;
use crate::tensor::{View, by_dtype, dtype_of, same_dtype, slice_of, tensor, wants_gradient};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use std::sync::Arc;

/// Runs of rows: segment `s` is rows `offsets[s]..offsets[s + 1]`.
#[derive(Debug, Clone)]
pub struct Segments {
    offsets: Arc<[usize]>,
}

impl Segments {
    /// From `segments + 1` offsets, the first 0, none below the one before.
    ///
    /// # Errors
    /// If the offsets are not such a sequence.
    pub fn new(offsets: Vec<usize>) -> Result<Self> {
        if offsets.first() != Some(&0) || offsets.windows(2).any(|w| w[0] > w[1]) {
            bail!("segment offsets must begin at 0 and not decrease");
        }
        Ok(Self { offsets: offsets.into() })
    }

    /// From the segment of each row, in ascending order, and the number of segments.
    ///
    /// # Errors
    /// If the rows are not sorted or a segment is not below `count`.
    pub fn of_sorted(segment_of_row: &[u32], count: usize) -> Result<Self> {
        if segment_of_row.windows(2).any(|w| w[0] > w[1]) {
            bail!("rows are not sorted by segment");
        }
        if segment_of_row.last().is_some_and(|&s| s as usize >= count) {
            bail!("a row lies in segment {:?} of {count}", segment_of_row.last());
        }
        let mut offsets = vec![0; count + 1];
        segment_of_row.iter().for_each(|&s| offsets[s as usize + 1] += 1);
        (0..count).for_each(|s| offsets[s + 1] += offsets[s]);
        Ok(Self { offsets: offsets.into() })
    }

    /// Number of segments.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no segment.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows in all segments.
    pub fn rows(&self) -> usize {
        *self.offsets.last().expect("there is a first offset")
    }
}

/// Sum of each segment's rows: `[rows, F]` → `[segments, F]`; an empty segment gives 0.
///
/// # Errors
/// If `x` does not have the segments' rows, or is not f32 or f64 on the CPU.
pub fn segment_sum(x: &Tensor, segments: &Segments) -> Result<Tensor> {
    apply(x, segments, Reduce::Sum)
}

/// Mean of each segment's rows; an empty segment gives 0.
///
/// # Errors
/// As [`segment_sum`].
pub fn segment_mean(x: &Tensor, segments: &Segments) -> Result<Tensor> {
    apply(x, segments, Reduce::Mean)
}

/// Largest of each segment's rows, per column; an empty segment gives 0.
///
/// The gradient goes to the first of equal rows.
///
/// # Errors
/// As [`segment_sum`].
pub fn segment_max(x: &Tensor, segments: &Segments) -> Result<Tensor> {
    apply(x, segments, Reduce::Max)
}

/// Softmax over each segment's rows, per column: `[rows, F]` → `[rows, F]`.
///
/// # Errors
/// As [`segment_sum`].
pub fn segment_softmax(x: &Tensor, segments: &Segments) -> Result<Tensor> {
    apply(x, segments, Reduce::Softmax)
}

/// Value and tangent of [`segment_softmax`] along `dx`; only the value has a graph.
///
/// The other reductions but the maximum are linear: their tangent is themselves.
///
/// # Errors
/// As [`segment_sum`], or if `dx` differs from `x` in shape or element type.
pub fn segment_softmax_dual(x: &Tensor, dx: &Tensor, segments: &Segments) -> Result<(Tensor, Tensor)> {
    same_dtype(x, dx)?;
    if x.dims() != dx.dims() {
        bail!("shapes differ: x {:?}, dx {:?}", x.dims(), dx.dims());
    }
    let y = segment_softmax(x, segments)?;
    let op = Segmented { segments: segments.clone(), reduce: Reduce::Softmax };
    let dy = by_dtype!(x.dtype(), pull(&op, x, &y, &dx.detach().contiguous()?))?;
    Ok((y, dy))
}

/// Value and tangent of [`segment_max`] along `dx`; only the value has a graph.
///
/// # Errors
/// As [`segment_softmax_dual`].
pub fn segment_max_dual(x: &Tensor, dx: &Tensor, segments: &Segments) -> Result<(Tensor, Tensor)> {
    fn run<T: Real>(x: &Tensor, dx: &Tensor, segments: &Segments) -> Result<Tensor> {
        let (x, dx) = (x.contiguous()?, dx.contiguous()?);
        let f = x.dim(1)?;
        let (xv, dv) = (View::of(&x)?, View::of(&dx)?);
        let (xs, ds) = (xv.slice::<T>()?, dv.slice::<T>()?);
        let mut out = vec![T::ZERO; segments.len() * f];
        for s in 0..segments.len() {
            for j in 0..f {
                if let Some(row) = first_largest(xs, segments.offsets[s]..segments.offsets[s + 1], f, j) {
                    out[s * f + j] = ds[row * f + j];
                }
            }
        }
        tensor(out, (segments.len(), f))
    }
    same_dtype(x, dx)?;
    if x.dims() != dx.dims() {
        bail!("shapes differ: x {:?}, dx {:?}", x.dims(), dx.dims());
    }
    let y = segment_max(x, segments)?;
    Ok((y, by_dtype!(x.dtype(), run(x, dx, segments))?))
}

/// Which row each output row copies, with the inverse for the adjoint.
#[derive(Debug, Clone)]
pub struct Gather {
    index: Arc<[u32]>,
    /// Output rows in order of their source, and where each source's run begins.
    order: Arc<[u32]>,
    offsets: Arc<[usize]>,
}

impl Gather {
    /// From the source row of each output row, all below `sources`.
    ///
    /// # Errors
    /// If an index is not below `sources`.
    pub fn new(index: Vec<u32>, sources: usize) -> Result<Self> {
        if let Some(bad) = index.iter().find(|&&i| i as usize >= sources) {
            bail!("row {bad} of {sources} cannot be gathered");
        }
        let mut offsets = vec![0; sources + 1];
        index.iter().for_each(|&i| offsets[i as usize + 1] += 1);
        (0..sources).for_each(|s| offsets[s + 1] += offsets[s]);
        // A counting sort keeps equal sources in the order of the output: a fixed order of sums.
        let mut next = offsets.clone();
        let mut order = vec![0; index.len()];
        for (row, &i) in index.iter().enumerate() {
            order[next[i as usize]] = row as u32;
            next[i as usize] += 1;
        }
        Ok(Self { index: index.into(), order: order.into(), offsets: offsets.into() })
    }
}

/// `y_r = x_{index[r]}`: `[sources, F]` → `[rows, F]`; linear, so its tangent is itself.
///
/// # Errors
/// If `x` does not have the gather's sources, or is not f32 or f64 on the CPU.
pub fn gather(x: &Tensor, gather: &Gather) -> Result<Tensor> {
    same_dtype(x, x)?;
    let (rows, _) = x.dims2()?;
    if rows != gather.offsets.len() - 1 {
        bail!("x has {rows} rows, the gather takes {}", gather.offsets.len() - 1);
    }
    x.contiguous()?.apply_op1(gather.clone())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reduce {
    Sum,
    Mean,
    Max,
    Softmax,
}

struct Segmented {
    segments: Segments,
    reduce: Reduce,
}

fn apply(x: &Tensor, segments: &Segments, reduce: Reduce) -> Result<Tensor> {
    same_dtype(x, x)?;
    let (rows, _) = x.dims2()?;
    if rows != segments.rows() {
        bail!("x has {rows} rows, the segments {}", segments.rows());
    }
    x.contiguous()?.apply_op1(Segmented { segments: segments.clone(), reduce })
}

/// First row with the column's largest value; a NaN is largest.
fn first_largest<T: Real>(x: &[T], rows: std::ops::Range<usize>, f: usize, j: usize) -> Option<usize> {
    rows.reduce(|best, row| {
        let (b, r) = (x[best * f + j], x[row * f + j]);
        // `b == b` is false for NaN, which then stays.
        #[allow(clippy::eq_op)]
        if b == b && (r > b || r != r) { row } else { best }
    })
}

/// `out = Σ rows`, rows given by an iterator of their numbers.
struct SumRows<'a, T, I> {
    x: &'a [T],
    rows: I,
    out: &'a mut [T],
}

impl<T: Real, I: Iterator<Item = usize> + Clone> Kernel<T> for SumRows<'_, T, I> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let f = self.out.len();
        let rows = self.x.len() / f.max(1);
        let (x, out) = (self.x.as_ptr(), self.out.as_mut_ptr());
        each_vector!(V, f, |j, n| {
            let mut sum = V::splat(T::ZERO);
            for row in self.rows.clone() {
                assert!(row < rows, "row outside the matrix");
                // SAFETY: the row exists and has columns j..j + n.
                sum = sum.add(unsafe { load::<V>(x.add(row * f + j), n) });
            }
            // SAFETY: out has f elements.
            unsafe { store(sum, out.add(j), n) };
        });
    }
}

/// Softmax over the rows of one segment, column by column.
struct SoftmaxRows<'a, T> {
    x: &'a [T],
    y: &'a mut [T],
    f: usize,
}

impl<T: Real> Kernel<T> for SoftmaxRows<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let (f, rows) = (self.f, self.x.len() / self.f.max(1));
        let (x, y) = (self.x.as_ptr(), self.y.as_mut_ptr());
        // SAFETY: x and y have rows · f elements.
        each_vector!(V, f, |j, n| unsafe {
            let mut top = V::splat(T::of(f64::NEG_INFINITY));
            for r in 0..rows {
                top = top.max(load(x.add(r * f + j), n));
            }
            let mut sum = V::splat(T::ZERO);
            for r in 0..rows {
                let e = math::exp(load::<V>(x.add(r * f + j), n).sub(top));
                sum = sum.add(e);
                store(e, y.add(r * f + j), n);
            }
            for r in 0..rows {
                store(load::<V>(y.add(r * f + j), n).div(sum), y.add(r * f + j), n);
            }
        });
    }
}

/// Segments per task: about 16 384 elements if the segments are equally long.
fn block(segments: &Segments, f: usize) -> usize {
    (16_384 * segments.len() / (segments.rows() * f).max(1)).clamp(1, 16_384)
}

impl CustomOp1 for Segmented {
    fn name(&self) -> &'static str {
        "segment"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(op: &Segmented, s: &CpuStorage, l: &Layout) -> Result<(CpuStorage, Shape)> {
            let x = slice_of::<T>(s, l)?;
            let (_, f) = l.shape().dims2()?;
            let offsets = &op.segments.offsets;
            let count = op.segments.len();
            let rows = if op.reduce == Reduce::Softmax { op.segments.rows() } else { count };
            let mut y = vec![T::ZERO; rows * f];
            let shared = Shared::new(&mut y);
            for_blocks(count, block(&op.segments, f), x.len(), |_, segments| {
                for s in segments {
                    let run = offsets[s]..offsets[s + 1];
                    let part = if op.reduce == Reduce::Softmax { run.start * f..run.end * f } else { s * f..(s + 1) * f };
                    // SAFETY: segments, and their runs of rows, are disjoint.
                    let out = unsafe { shared.part(part) };
                    match op.reduce {
                        Reduce::Sum => dispatch(SumRows { x, rows: run, out }),
                        Reduce::Mean => {
                            let count = T::of(run.len().max(1) as f64);
                            dispatch(SumRows { x, rows: run, out: &mut *out });
                            out.iter_mut().for_each(|y| *y = *y / count);
                        }
                        Reduce::Max => {
                            for (j, y) in out.iter_mut().enumerate() {
                                *y = first_largest(x, run.clone(), f, j).map_or(T::ZERO, |row| x[row * f + j]);
                            }
                        }
                        Reduce::Softmax => {
                            dispatch(SoftmaxRows { x: &x[run.start * f..run.end * f], y: out, f });
                        }
                    }
                }
            });
            Ok((T::storage(y), (rows, f).into()))
        }
        by_dtype!(dtype_of(storage), run(self, storage, layout))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        if !wants_gradient(x) {
            return Ok(None);
        }
        by_dtype!(x.dtype(), pull(self, x, y, &grad.contiguous()?)).map(Some)
    }
}

/// The adjoint of each reduction (for the softmax also its tangent: the Jacobian is symmetric).
fn pull<T: Real>(op: &Segmented, x: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Tensor> {
    let (_, f) = x.dims2()?;
    let x = x.contiguous()?;
    let (xv, yv, gv) = (View::of(&x)?, View::of(y)?, View::of(grad)?);
    let (xs, ys, g) = (xv.slice::<T>()?, yv.slice::<T>()?, gv.slice::<T>()?);
    let offsets = &op.segments.offsets;
    let mut out = vec![T::ZERO; xs.len()];
    let shared = Shared::new(&mut out);
    for_blocks(op.segments.len(), block(&op.segments, f), xs.len(), |_, segments| {
        for s in segments {
            let run = offsets[s]..offsets[s + 1];
            // SAFETY: runs of rows are disjoint.
            let dx = unsafe { shared.part(run.start * f..run.end * f) };
            match op.reduce {
                Reduce::Sum => dx.chunks_exact_mut(f).for_each(|d| d.copy_from_slice(&g[s * f..(s + 1) * f])),
                Reduce::Mean => {
                    let count = T::of(run.len().max(1) as f64);
                    for d in dx.chunks_exact_mut(f) {
                        d.iter_mut().zip(&g[s * f..(s + 1) * f]).for_each(|(d, &g)| *d = g / count);
                    }
                }
                Reduce::Max => {
                    for j in 0..f {
                        if let Some(row) = first_largest(xs, run.clone(), f, j) {
                            dx[(row - run.start) * f + j] = g[s * f + j];
                        }
                    }
                }
                Reduce::Softmax => {
                    for j in 0..f {
                        let mut dot = T::ZERO;
                        for row in run.clone() {
                            dot += ys[row * f + j] * g[row * f + j];
                        }
                        for row in run.clone() {
                            let at = row * f + j;
                            dx[at - run.start * f] = ys[at] * (g[at] - dot);
                        }
                    }
                }
            }
        }
    });
    tensor(out, x.shape())
}

impl CustomOp1 for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(op: &Gather, s: &CpuStorage, l: &Layout) -> Result<(CpuStorage, Shape)> {
            let x = slice_of::<T>(s, l)?;
            let (_, f) = l.shape().dims2()?;
            let rows = op.index.len();
            let mut y = vec![T::ZERO; rows * f];
            let shared = Shared::new(&mut y);
            for_blocks(rows, 1.max(16_384 / f.max(1)), rows * f, |_, block| {
                for row in block {
                    let from = op.index[row] as usize;
                    // SAFETY: rows are disjoint.
                    let to = unsafe { shared.part(row * f..(row + 1) * f) };
                    to.copy_from_slice(&x[from * f..(from + 1) * f]);
                }
            });
            Ok((T::storage(y), (rows, f).into()))
        }
        by_dtype!(dtype_of(storage), run(self, storage, layout))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        fn run<T: Real>(op: &Gather, x: &Tensor, grad: &Tensor) -> Result<Tensor> {
            let (sources, f) = x.dims2()?;
            let view = View::of(grad)?;
            let g = view.slice::<T>()?;
            let mut out = vec![T::ZERO; sources * f];
            let shared = Shared::new(&mut out);
            let block = (16_384 * sources / g.len().max(1)).clamp(1, 16_384);
            for_blocks(sources, block, g.len(), |_, block| {
                for s in block {
                    // SAFETY: sources are disjoint.
                    let out = unsafe { shared.part(s * f..(s + 1) * f) };
                    let rows = op.order[op.offsets[s]..op.offsets[s + 1]].iter().map(|&r| r as usize);
                    dispatch(SumRows { x: g, rows, out });
                }
            });
            tensor(out, x.shape())
        }
        if !wants_gradient(x) {
            return Ok(None);
        }
        by_dtype!(x.dtype(), run(self, x, &grad.contiguous()?)).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::on_each;
    use crate::testing::*;
    use candle_core::Device;

    fn segments() -> Segments {
        Segments::of_sorted(&[0, 0, 0, 2, 2, 4], 6).unwrap()
    }

    #[test]
    fn reductions_of_a_small_matrix() {
        let x = Tensor::new(&[[1.0f32, 9.0], [2.0, 8.0], [6.0, 1.0], [4.0, 4.0], [5.0, 2.0], [7.0, 7.0]], &Device::Cpu).unwrap();
        on_each(|_| {
            let s = segments();
            assert_eq!(flat(&segment_sum(&x, &s).unwrap()), [9., 18., 0., 0., 9., 6., 0., 0., 7., 7., 0., 0.]);
            assert_eq!(flat(&segment_mean(&x, &s).unwrap()), [3., 6., 0., 0., 4.5, 3., 0., 0., 7., 7., 0., 0.]);
            assert_eq!(flat(&segment_max(&x, &s).unwrap()), [6., 9., 0., 0., 5., 4., 0., 0., 7., 7., 0., 0.]);
            let y = segment_sum(&segment_softmax(&x, &s).unwrap(), &s).unwrap();
            for (y, expected) in flat(&y).into_iter().zip([1., 1., 0., 0., 1., 1., 0., 0., 1., 1., 0., 0.]) {
                assert!((y - expected).abs() < 1e-6);
            }
        });
    }

    #[test]
    fn adjoints_and_tangents() {
        let (x, s) = (normal::<f64>(1, &[6, 19]), segments());
        on_each(|_| {
            for f in [segment_sum, segment_mean, segment_max, segment_softmax] {
                check_adjoint(&[x.clone()], |x| f(&x[0], &s));
            }
            check_tangent(&x, |x| segment_softmax(x, &s), |x, dx| segment_softmax_dual(x, dx, &s));
            check_tangent(&x, |x| segment_max(x, &s), |x, dx| segment_max_dual(x, dx, &s));
            let g = Gather::new(vec![5, 0, 0, 3, 5, 5, 1], 6).unwrap();
            check_adjoint(&[x.clone()], |x| gather(&x[0], &g));
            let y = gather(&x, &g).unwrap();
            let picked = x.index_select(&Tensor::new(&[5u32, 0, 0, 3, 5, 5, 1], &Device::Cpu).unwrap(), 0).unwrap();
            assert_eq!(flat(&y), flat(&picked));
        });
    }

    #[test]
    fn threads_change_nothing() {
        let rows: Vec<u32> = (0..20_000u32).map(|r| r / 7).collect();
        let s = Segments::of_sorted(&rows, 3000).unwrap();
        let g = Gather::new(rows.iter().map(|r| (r * 37) % 3000).collect(), 3000).unwrap();
        let x = normal::<f32>(1, &[20_000, 20]);
        let nodes = normal::<f32>(2, &[3000, 20]);
        check_threads(|| {
            let v = candle_core::Var::from_tensor(&nodes).unwrap();
            let grads = gather(&v, &g).unwrap().mul(&x).unwrap().sum_all().unwrap().backward().unwrap();
            vec![segment_sum(&x, &s).unwrap(), segment_softmax(&x, &s).unwrap(), grads.get(&v).unwrap().clone()]
        });
    }

    #[test]
    fn bad_indices_are_refused() {
        assert!(Segments::of_sorted(&[1, 0], 2).is_err());
        assert!(Segments::of_sorted(&[0, 2], 2).is_err());
        assert!(Segments::new(vec![1, 2]).is_err());
        assert!(Gather::new(vec![3], 3).unwrap_err().to_string().contains("row 3 of 3"));
    }
}
