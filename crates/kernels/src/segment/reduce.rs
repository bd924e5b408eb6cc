//! Sum, mean, maximum and softmax of each segment.

use super::runs::{Segments, SumRows};
use crate::activation::{each_vector, load, store};
use crate::isa::{Kernel, dispatch};
use crate::math;
use crate::parallel::{Shared, for_blocks};
use crate::real::Real;
use crate::simd::Simd;
use crate::tensor::{View, by_dtype, dtype_of, same_dtype, slice_of, tensor, wants_gradient};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

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
pub fn segment_softmax_dual(
    x: &Tensor,
    dx: &Tensor,
    segments: &Segments,
) -> Result<(Tensor, Tensor)> {
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
                if let Some(row) =
                    first_largest(xs, segments.offsets[s]..segments.offsets[s + 1], f, j)
                {
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
fn first_largest<T: Real>(
    x: &[T],
    rows: std::ops::Range<usize>,
    f: usize,
    j: usize,
) -> Option<usize> {
    rows.reduce(|best, row| {
        let (b, r) = (x[best * f + j], x[row * f + j]);
        // `b == b` is false for NaN, which then stays.
        #[allow(clippy::eq_op)]
        if b == b && (r > b || r != r) { row } else { best }
    })
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
                    let part = if op.reduce == Reduce::Softmax {
                        run.start * f..run.end * f
                    } else {
                        s * f..(s + 1) * f
                    };
                    // SAFETY: segments, and their runs of rows, are disjoint.
                    let out = unsafe { shared.part(part) };
                    match op.reduce {
                        Reduce::Sum => dispatch(SumRows { x, rows: run, out }),
                        Reduce::Mean => {
                            let count = T::of(run.len().max(1) as f64);
                            dispatch(SumRows { x, rows: run, out: &mut *out });
                            out.iter_mut().for_each(|y| *y /= count);
                        }
                        Reduce::Max => {
                            for (j, y) in out.iter_mut().enumerate() {
                                *y = first_largest(x, run.clone(), f, j)
                                    .map_or(T::ZERO, |row| x[row * f + j]);
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
                Reduce::Sum => {
                    dx.chunks_exact_mut(f).for_each(|d| d.copy_from_slice(&g[s * f..(s + 1) * f]))
                }
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
