//! Between features of samples and features of their points.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use crate::composed;
use crate::isa::dispatch;
use crate::linear::passes::RowSums;
use crate::parallel::{Shared, for_blocks, unwritten};
use crate::real::Real;
use crate::tensor::{by_dtype, dtype_of, same_dtype, slice_of};

/// The mean over points, `y_b = Σ_i x_bi/n`, summed in their order.
///
/// # Shapes and units
/// - `x`: `[B, n, d]`, n at least 1; returns `[B, d]`
///
/// # Errors
/// If `x` has other axes, or is not f32 or f64.
pub fn mean_over_points(x: &Tensor) -> Result<Tensor> {
    let (_, n, _) = x.dims3()?;
    same_dtype(x, x)?;
    if composed::elsewhere(x) {
        return composed::mean_over_points(x);
    }
    x.contiguous()?.apply_op1(Sum)? / n as f64
}

/// Features of samples at all of their points, `y_bi = x_b`.
///
/// # Shapes and units
/// - `x`: `[B, d]`; returns `[B, points, d]`
///
/// # Errors
/// If `x` has other axes, or is not f32 or f64.
pub fn to_points(x: &Tensor, points: usize) -> Result<Tensor> {
    x.dims2()?;
    same_dtype(x, x)?;
    if composed::elsewhere(x) {
        return composed::to_points(x, points);
    }
    x.contiguous()?.apply_op1(Spread { points })
}

/// Samples that one thread does at a time.
const BLOCK: usize = 16;

/// `[B, n, d]` to `[B, d]`.
struct Sum;

/// `[B, d]` to `[B, points, d]`: the adjoint of [`Sum`].
struct Spread {
    points: usize,
}

impl CustomOp1 for Sum {
    fn name(&self) -> &'static str {
        "sum_over_points"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(storage: &CpuStorage, layout: &Layout) -> Result<CpuStorage> {
            let (batch, n, d) = layout.shape().dims3()?;
            let x = slice_of::<T>(storage, layout)?;
            let mut out = vec![T::ZERO; batch * d];
            let shared = Shared::new(&mut out);
            for_blocks(batch, BLOCK, x.len(), |_, samples| {
                for sample in samples {
                    // SAFETY: a sample belongs to one block.
                    let out = unsafe { shared.part(sample * d..(sample + 1) * d) };
                    dispatch(RowSums { g: &x[sample * n * d..][..n * d], cols: d, out });
                }
            });
            Ok(T::storage(out))
        }
        let (batch, _, d) = layout.shape().dims3()?;
        Ok((by_dtype!(dtype_of(storage), run(storage, layout))?, (batch, d).into()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let points = x.dim(1)?;
        grad.contiguous()?.apply_op1_no_bwd(&Spread { points }).map(Some)
    }
}

impl CustomOp1 for Spread {
    fn name(&self) -> &'static str {
        "to_points"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(storage: &CpuStorage, layout: &Layout, n: usize) -> Result<CpuStorage> {
            let (batch, d) = layout.shape().dims2()?;
            let x = slice_of::<T>(storage, layout)?;
            // SAFETY: the rows of all samples are written.
            let mut out = unsafe { unwritten(batch * n * d) };
            let shared = Shared::new(&mut out);
            for_blocks(batch, BLOCK, batch * n * d, |_, samples| {
                for sample in samples {
                    // SAFETY: a sample belongs to one block.
                    let rows = unsafe { shared.part(sample * n * d..(sample + 1) * n * d) };
                    let row = &x[sample * d..][..d];
                    rows.chunks_exact_mut(d.max(1)).for_each(|to| to.copy_from_slice(row));
                }
            });
            Ok(T::storage(out))
        }
        let (batch, d) = layout.shape().dims2()?;
        let out = by_dtype!(dtype_of(storage), run(storage, layout, self.points))?;
        Ok((out, (batch, self.points, d).into()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        grad.contiguous()?.apply_op1_no_bwd(&Sum).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::on_each;
    use crate::testing::*;

    #[test]
    fn values_are_candles_and_gradients_those_of_differences() {
        on_each(|_| {
            for (batch, n, d) in [(1, 1, 1), (3, 5, 7), (40, 4, 37), (2, 3, 70)] {
                let (x, y) = (normal::<f64>(1, &[batch, n, d]), normal::<f64>(2, &[batch, d]));
                let mean = mean_over_points(&x).unwrap();
                assert_close("mean", &mean, &x.mean(1).unwrap(), 1e-14);
                let wide = y.unsqueeze(1).unwrap().broadcast_as((batch, n, d)).unwrap();
                assert_eq!(flat(&to_points(&y, n).unwrap()), flat(&wide));
                check_adjoint(&[x], |t| mean_over_points(&t[0]));
                check_adjoint(&[y], |t| to_points(&t[0], n));
            }
        });
    }

    #[test]
    fn threads_change_nothing_and_gaps_are_no_obstacle() {
        let x = normal::<f32>(1, &[300, 20, 33]);
        check_threads(|| {
            let mean = mean_over_points(&x).unwrap();
            vec![to_points(&mean, 20).unwrap(), mean]
        });
        let turned = x.transpose(1, 2).unwrap();
        let whole = turned.contiguous().unwrap();
        assert_eq!(
            flat(&mean_over_points(&turned).unwrap()),
            flat(&mean_over_points(&whole).unwrap())
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(mean_over_points(&normal::<f64>(1, &[2, 3])).is_err());
        assert!(to_points(&normal::<f64>(1, &[2, 3, 4]), 2).is_err());
    }
}
