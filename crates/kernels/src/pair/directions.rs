//! Where messages point: sums of a pair's scalars along its directions.

use crate::activation::{each_vector, load, store};
use crate::composed;
use crate::isa::{Kernel, dispatch};
use crate::parallel::{Shared, for_blocks, unwritten};
use crate::real::Real;
use crate::simd::Simd;
use crate::tensor::{View, by_dtype, dtype_of, same_dtype, slice_of, tensor, wants_gradient};
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

/// `y_i^s = Σ_j φ_ij^s o_ij^{axes[s]}`: each scalar of a pair along one of its directions.
///
/// # Shapes and units
/// - `scalars`: `[B, n, n, S]`; `directions`: `[B, n, n, D]`; `axes`: S numbers below D; returns `[B, n, S]`
///
/// # Errors
/// If shapes or element types do not fit, there are no scalars, an axis is not below D, or a tensor is not f32 or f64.
pub fn directed_sums(scalars: &Tensor, directions: &Tensor, axes: &[usize]) -> Result<Tensor> {
    let (dims, others) = (scalars.dims4()?, directions.dims4()?);
    if (dims.0, dims.1, dims.2) != (others.0, others.1, others.2) || dims.1 != dims.2 {
        bail!("scalars {:?} of directions {:?}", scalars.dims(), directions.dims());
    }
    if axes.is_empty() || axes.len() != dims.3 || axes.iter().any(|&axis| axis >= others.3) {
        bail!("axes {axes:?} for {} scalars and {} directions", dims.3, others.3);
    }
    same_dtype(scalars, directions)?;
    if composed::elsewhere(scalars) {
        return composed::directed_sums(scalars, directions, axes);
    }
    let op = Directed { axes: axes.into() };
    scalars.contiguous()?.apply_op2(&directions.contiguous()?, op)
}

struct Directed {
    axes: Box<[usize]>,
}

/// A sample's pairs of one row `i`, `n` of them.
struct Row<'a, T> {
    axes: &'a [usize],
    /// `[n, D]`.
    directions: &'a [T],
    /// The direction of each scalar of a pair.
    along: &'a mut [T],
}

impl<T: Real> Row<'_, T> {
    /// Pair `j`'s direction for each of the scalars.
    #[inline(always)]
    fn spread(&mut self, j: usize, count: usize) {
        let directions = &self.directions[j * count..][..count];
        self.along.iter_mut().zip(self.axes).for_each(|(to, &axis)| *to = directions[axis]);
    }
}

/// `y += Σ_j φ_j o_j`.
struct Sum<'a, T> {
    row: Row<'a, T>,
    /// `[n, S]`.
    scalars: &'a [T],
    y: &'a mut [T],
}

impl<T: Real> Kernel<T> for Sum<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(mut self) {
        let s = self.y.len();
        let (n, y) = (self.scalars.len() / s, self.y.as_mut_ptr());
        for j in 0..n {
            self.row.spread(j, self.row.directions.len() / n);
            let (scalars, along) = (self.scalars[j * s..][..s].as_ptr(), self.row.along.as_ptr());
            // SAFETY: all three have s elements.
            each_vector!(V, s, |v, len| unsafe {
                let before = load(y.add(v), len);
                store(
                    load::<V>(scalars.add(v), len).fma(load(along.add(v), len), before),
                    y.add(v),
                    len,
                );
            });
        }
    }
}

/// `dφ_j = g o_j`.
struct Spread<'a, T> {
    row: Row<'a, T>,
    /// Gradient of `y`, `[S]`.
    g: &'a [T],
    /// `[n, S]`.
    scalars: &'a mut [T],
}

impl<T: Real> Kernel<T> for Spread<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(mut self) {
        let s = self.g.len();
        let n = self.scalars.len() / s;
        for j in 0..n {
            self.row.spread(j, self.row.directions.len() / n);
            let (g, along) = (self.g.as_ptr(), self.row.along.as_ptr());
            let to = self.scalars[j * s..][..s].as_mut_ptr();
            // SAFETY: all three have s elements.
            each_vector!(V, s, |v, len| unsafe {
                store(load::<V>(g.add(v), len).mul(load(along.add(v), len)), to.add(v), len);
            });
        }
    }
}

/// Rows `i` of all samples in blocks, each with room for a direction per scalar.
fn each_row<T: Real>((rows, n, s): (usize, usize, usize), f: impl Fn(usize, &mut [T]) + Sync) {
    const BLOCK: usize = 64;
    for_blocks(rows, BLOCK, rows * n * s, |_, rows| {
        let mut along = vec![T::ZERO; s];
        rows.for_each(|row| f(row, &mut along));
    });
}

impl CustomOp2 for Directed {
    fn name(&self) -> &'static str {
        "directed_sums"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(
            op: &Directed,
            (s1, l1): (&CpuStorage, &Layout),
            (s2, l2): (&CpuStorage, &Layout),
        ) -> Result<CpuStorage> {
            let (batch, n, _, s) = l1.shape().dims4()?;
            let d = l2.dims()[3];
            let (scalars, directions) = (slice_of::<T>(s1, l1)?, slice_of::<T>(s2, l2)?);
            let mut out = vec![T::ZERO; batch * n * s];
            let shared = Shared::new(&mut out);
            each_row((batch * n, n, s), |i, along| {
                let directions = &directions[i * n * d..][..n * d];
                let row = Row { axes: &op.axes, directions, along };
                // SAFETY: a row is visited once.
                let y = unsafe { shared.part(i * s..(i + 1) * s) };
                dispatch(Sum { row, scalars: &scalars[i * n * s..][..n * s], y });
            });
            Ok(T::storage(out))
        }
        let (batch, n, _, s) = l1.shape().dims4()?;
        let out = by_dtype!(dtype_of(s1), run(self, (s1, l1), (s2, l2)))?;
        Ok((out, (batch, n, s).into()))
    }

    fn bwd(
        &self,
        scalars: &Tensor,
        directions: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        fn of_scalars<T: Real>(
            op: &Directed,
            scalars: &Tensor,
            directions: &Tensor,
            grad: &Tensor,
        ) -> Result<Tensor> {
            let (batch, n, _, s) = scalars.dims4()?;
            let d = directions.dim(3)?;
            let (ov, gv) = (View::of(directions)?, View::of(grad)?);
            let (o, g) = (ov.slice::<T>()?, gv.slice::<T>()?);
            // SAFETY: every row of pairs is written.
            let mut out = unsafe { unwritten(batch * n * n * s) };
            let shared = Shared::new(&mut out);
            each_row((batch * n, n, s), |i, along| {
                let row = Row { axes: &op.axes, directions: &o[i * n * d..][..n * d], along };
                // SAFETY: a row is visited once.
                let scalars = unsafe { shared.part(i * n * s..(i + 1) * n * s) };
                dispatch(Spread { row, g: &g[i * s..][..s], scalars });
            });
            tensor(out, scalars.shape())
        }
        fn of_directions<T: Real>(
            op: &Directed,
            scalars: &Tensor,
            directions: &Tensor,
            grad: &Tensor,
        ) -> Result<Tensor> {
            let (_, n, _, s) = scalars.dims4()?;
            let d = directions.dim(3)?;
            let (sv, gv) = (View::of(scalars)?, View::of(grad)?);
            let (phi, g) = (sv.slice::<T>()?, gv.slice::<T>()?);
            let mut out = vec![T::ZERO; directions.elem_count()];
            for (pair, out) in out.chunks_exact_mut(d).enumerate() {
                let (phi, g) = (&phi[pair * s..][..s], &g[pair / n * s..][..s]);
                for (&axis, (&phi, &g)) in op.axes.iter().zip(phi.iter().zip(g)) {
                    out[axis] += phi * g;
                }
            }
            tensor(out, directions.shape())
        }
        let grad = grad.contiguous()?;
        let dtype = grad.dtype();
        let first = wants_gradient(scalars)
            .then(|| by_dtype!(dtype, of_scalars(self, scalars, directions, &grad)));
        let second = wants_gradient(directions)
            .then(|| by_dtype!(dtype, of_directions(self, scalars, directions, &grad)));
        Ok((first.transpose()?, second.transpose()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::on_each;
    use crate::testing::*;

    const AXES: [usize; 5] = [2, 0, 1, 1, 3];

    #[test]
    fn values_are_candles_and_gradients_those_of_differences() {
        on_each(|_| {
            for n in [1, 4] {
                let (phi, o) = (normal::<f64>(1, &[2, n, n, 5]), normal::<f64>(2, &[2, n, n, 4]));
                let at: Vec<u32> = AXES.iter().map(|&axis| axis as u32).collect();
                let at = Tensor::new(at, o.device()).unwrap();
                let want = (&phi * o.index_select(&at, 3).unwrap()).unwrap().sum(2).unwrap();
                assert_close("sums", &directed_sums(&phi, &o, &AXES).unwrap(), &want, 1e-13);
                check_adjoint(&[phi, o], |t| directed_sums(&t[0], &t[1], &AXES));
            }
        });
    }

    #[test]
    fn threads_change_nothing() {
        let (phi, o) = (normal::<f32>(1, &[40, 18, 18, 5]), normal::<f32>(2, &[40, 18, 18, 4]));
        check_threads(|| vec![directed_sums(&phi, &o, &AXES).unwrap()]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (phi, o) = (normal::<f64>(1, &[2, 3, 3, 5]), normal::<f64>(2, &[2, 3, 3, 3]));
        assert!(directed_sums(&phi, &o, &AXES).is_err());
        assert!(directed_sums(&phi, &o, &[0; 4]).is_err());
        assert!(directed_sums(&normal::<f64>(1, &[2, 3, 3, 0]), &o, &[]).is_err());
        assert!(directed_sums(&phi, &normal::<f64>(2, &[2, 4, 4, 3]), &[0; 5]).is_err());
    }
}
