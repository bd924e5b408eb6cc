//! The two places where an E(n)-equivariant layer meets coordinates.

use crate::composed;
use crate::parallel::{Shared, for_blocks};
use crate::real::Real;
use crate::tensor::{View, by_dtype, dtype_of, same_dtype, slice_of, tensor, wants_gradient};
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};

/// `d²_ij = |x_i − x_j|²`.
///
/// # Shapes and units
/// - `x`: `[B, n, D]`; returns `[B, n, n, 1]`, the unit of `x` squared
///
/// # Errors
/// If `x` is not of that shape, or not f32 or f64.
pub fn squared_distances(x: &Tensor) -> Result<Tensor> {
    x.dims3()?;
    same_dtype(x, x)?;
    if composed::elsewhere(x) {
        return composed::squared_distances(x);
    }
    x.contiguous()?.apply_op1(SquaredDistances)
}

/// `(d², 2 (x_i − x_j) · (dx_i − dx_j))`; only the value has a graph.
///
/// # Errors
/// As [`squared_distances`], or if `dx` differs from `x` in shape or element type.
pub fn squared_distances_dual(x: &Tensor, dx: &Tensor) -> Result<(Tensor, Tensor)> {
    fn run<T: Real>(x: &Tensor, dx: &Tensor) -> Result<Tensor> {
        let (batch, n, dim) = x.dims3()?;
        let (xv, dv) = (View::of(x)?, View::of(dx)?);
        let (xs, ds) = (xv.slice::<T>()?, dv.slice::<T>()?);
        let out = per_sample(batch, n * n, 4 * dim, |sample, out: &mut [T]| {
            let (x, d) = (&xs[sample * n * dim..], &ds[sample * n * dim..]);
            each_pair(n, |i, j| {
                let mut sum = T::ZERO;
                for a in 0..dim {
                    sum += (x[i * dim + a] - x[j * dim + a]) * (d[i * dim + a] - d[j * dim + a]);
                }
                out[i * n + j] = sum + sum;
            });
        });
        tensor(out, (batch, n, n, 1))
    }
    check(x, dx)?;
    let d2 = squared_distances(x)?;
    if composed::elsewhere(x) {
        return Ok((d2, composed::squared_distances_tangent(x, dx)?));
    }
    Ok((d2, by_dtype!(x.dtype(), run(&x.contiguous()?, &dx.contiguous()?))?))
}

/// `Σ_{j ≠ i} φ_ij (x_i − x_j) / (√(d²_ij + eps) + offset)`: the coordinate update.
///
/// With `offset` 1 it is the normalised difference of Hoogeboom et al. (2022), Eq. 12; the small
/// `eps` keeps the root's derivative finite where points meet.
///
/// # Shapes and units
/// - `x`: `[B, n, D]`; `phi`: `[B, n, n, 1]`; returns `[B, n, D]`
///
/// # Errors
/// If shapes or element types do not fit, or a tensor is not f32 or f64.
pub fn displacement_sum(x: &Tensor, phi: &Tensor, offset: f64, eps: f64) -> Result<Tensor> {
    let (batch, n, _) = x.dims3()?;
    same_dtype(x, phi)?;
    if phi.dims() != [batch, n, n, 1] {
        bail!("phi has shape {:?}, expected {:?}", phi.dims(), [batch, n, n, 1]);
    }
    if composed::elsewhere(x) {
        return composed::displacement_sum(x, phi, offset, eps);
    }
    x.contiguous()?.apply_op2(&phi.contiguous()?, Displacement { offset, eps })
}

/// Value and tangent of [`displacement_sum`] along `(dx, dphi)`; only the value has a graph.
///
/// # Errors
/// As [`displacement_sum`], or if a tangent differs from its input in shape or element type.
pub fn displacement_sum_dual(
    (x, dx): (&Tensor, &Tensor),
    (phi, dphi): (&Tensor, &Tensor),
    offset: f64,
    eps: f64,
) -> Result<(Tensor, Tensor)> {
    fn run<T: Real>(
        op: Displacement,
        x: &Tensor,
        dx: &Tensor,
        phi: &Tensor,
        dphi: &Tensor,
    ) -> Result<Tensor> {
        let (batch, n, dim) = x.dims3()?;
        let (xv, dv, pv, qv) = (View::of(x)?, View::of(dx)?, View::of(phi)?, View::of(dphi)?);
        let (xs, ds) = (xv.slice::<T>()?, dv.slice::<T>()?);
        let (ps, qs) = (pv.slice::<T>()?, qv.slice::<T>()?);
        let out = per_sample(batch, n * dim, 8 * n, |sample, out: &mut [T]| {
            let (x, d) = (&xs[sample * n * dim..], &ds[sample * n * dim..]);
            let (p, q) = (&ps[sample * n * n..], &qs[sample * n * n..]);
            each_pair(n, |i, j| {
                let (scale, slope) = op.scale(x, i, j, dim);
                let mut d2 = T::ZERO;
                for a in 0..dim {
                    d2 += (x[i * dim + a] - x[j * dim + a]) * (d[i * dim + a] - d[j * dim + a]);
                }
                let (p, q) = (p[i * n + j], q[i * n + j]);
                let along = q * scale + p * slope * (d2 + d2);
                for a in 0..dim {
                    out[i * dim + a] += along * (x[i * dim + a] - x[j * dim + a])
                        + p * scale * (d[i * dim + a] - d[j * dim + a]);
                }
            });
        });
        tensor(out, x.shape())
    }
    check(x, dx)?;
    check(phi, dphi)?;
    let op = Displacement { offset, eps };
    let value = displacement_sum(x, phi, offset, eps)?;
    if composed::elsewhere(x) {
        let tangent = composed::displacement_tangent((x, dx), (phi, dphi), offset, eps)?;
        return Ok((value, tangent));
    }
    let own = |t: &Tensor| t.detach().contiguous();
    let tangent = by_dtype!(x.dtype(), run(op, &own(x)?, &own(dx)?, &own(phi)?, &own(dphi)?))?;
    Ok((value, tangent))
}

fn check(x: &Tensor, dx: &Tensor) -> Result<()> {
    same_dtype(x, dx)?;
    if x.dims() != dx.dims() {
        bail!("tangent {:?} of an input {:?}", dx.dims(), x.dims());
    }
    Ok(())
}

/// Every ordered pair of two points, `i` first.
#[inline(always)]
fn each_pair(n: usize, mut f: impl FnMut(usize, usize)) {
    for i in 0..n {
        for j in 0..n {
            if i != j {
                f(i, j);
            }
        }
    }
}

/// `len` numbers for each sample, starting at zero; `work` operations each.
fn per_sample<T: Real>(
    batch: usize,
    len: usize,
    work: usize,
    f: impl Fn(usize, &mut [T]) + Sync,
) -> Vec<T> {
    let mut out = vec![T::ZERO; batch * len];
    let shared = Shared::new(&mut out);
    for_blocks(batch, 1, batch * len * work, |sample, _| {
        // SAFETY: samples are disjoint.
        f(sample, unsafe { shared.part(sample * len..(sample + 1) * len) });
    });
    out
}

struct SquaredDistances;

impl CustomOp1 for SquaredDistances {
    fn name(&self) -> &'static str {
        "squared_distances"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(s: &CpuStorage, l: &Layout) -> Result<(CpuStorage, Shape)> {
            let (batch, n, dim) = l.shape().dims3()?;
            let x = slice_of::<T>(s, l)?;
            let out = per_sample(batch, n * n, 2 * dim, |sample, out: &mut [T]| {
                let x = &x[sample * n * dim..];
                each_pair(n, |i, j| out[i * n + j] = square(x, i, j, dim));
            });
            Ok((T::storage(out), (batch, n, n, 1).into()))
        }
        by_dtype!(dtype_of(storage), run(storage, layout))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        fn run<T: Real>(x: &Tensor, grad: &Tensor) -> Result<Tensor> {
            let (batch, n, dim) = x.dims3()?;
            let (xv, gv) = (View::of(x)?, View::of(grad)?);
            let (xs, gs) = (xv.slice::<T>()?, gv.slice::<T>()?);
            let out = per_sample(batch, n * dim, 4 * n, |sample, out: &mut [T]| {
                let (x, g) = (&xs[sample * n * dim..], &gs[sample * n * n..]);
                each_pair(n, |i, j| {
                    let g = g[i * n + j] + g[j * n + i];
                    for a in 0..dim {
                        out[i * dim + a] += (g + g) * (x[i * dim + a] - x[j * dim + a]);
                    }
                });
            });
            tensor(out, x.shape())
        }
        if !wants_gradient(x) {
            return Ok(None);
        }
        by_dtype!(x.dtype(), run(x, &grad.contiguous()?)).map(Some)
    }
}

#[inline(always)]
fn square<T: Real>(x: &[T], i: usize, j: usize, dim: usize) -> T {
    let mut sum = T::ZERO;
    for a in 0..dim {
        let d = x[i * dim + a] - x[j * dim + a];
        sum += d * d;
    }
    sum
}

#[derive(Clone, Copy)]
struct Displacement {
    offset: f64,
    eps: f64,
}

impl Displacement {
    /// `s = 1/(√(d² + eps) + offset)` and `ds/d(d²) = −s² / (2 √(d² + eps))`.
    #[inline(always)]
    fn scale<T: Real>(self, x: &[T], i: usize, j: usize, dim: usize) -> (T, T) {
        let root = (square(x, i, j, dim) + T::of(self.eps)).root();
        let scale = T::ONE / (root + T::of(self.offset));
        (scale, -(scale * scale) / (root + root))
    }
}

impl CustomOp2 for Displacement {
    fn name(&self) -> &'static str {
        "displacement_sum"
    }

    fn cpu_fwd(
        &self,
        sx: &CpuStorage,
        lx: &Layout,
        sp: &CpuStorage,
        lp: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(
            op: Displacement,
            sx: &CpuStorage,
            lx: &Layout,
            sp: &CpuStorage,
            lp: &Layout,
        ) -> Result<CpuStorage> {
            let (batch, n, dim) = lx.shape().dims3()?;
            let (x, phi) = (slice_of::<T>(sx, lx)?, slice_of::<T>(sp, lp)?);
            Ok(T::storage(per_sample(batch, n * dim, 4 * n, |sample, out: &mut [T]| {
                let (x, phi) = (&x[sample * n * dim..], &phi[sample * n * n..]);
                each_pair(n, |i, j| {
                    let weight = op.scale(x, i, j, dim).0 * phi[i * n + j];
                    for a in 0..dim {
                        out[i * dim + a] += weight * (x[i * dim + a] - x[j * dim + a]);
                    }
                });
            })))
        }
        Ok((by_dtype!(dtype_of(sx), run(*self, sx, lx, sp, lp))?, lx.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        phi: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        fn run<T: Real>(
            op: Displacement,
            x: &Tensor,
            phi: &Tensor,
            grad: &Tensor,
        ) -> Result<[Tensor; 2]> {
            let (batch, n, dim) = x.dims3()?;
            let (xv, pv, gv) = (View::of(x)?, View::of(phi)?, View::of(grad)?);
            let (xs, ps, gs) = (xv.slice::<T>()?, pv.slice::<T>()?, gv.slice::<T>()?);
            // Both gradients of a sample side by side, taken apart below.
            let len = n * dim + n * n;
            let both = per_sample(batch, len, 8, |sample, out: &mut [T]| {
                let (x, g) = (&xs[sample * n * dim..], &gs[sample * n * dim..]);
                let phi = &ps[sample * n * n..];
                let (dx, dphi) = out.split_at_mut(n * dim);
                each_pair(n, |i, j| {
                    let (scale, slope) = op.scale(x, i, j, dim);
                    let mut along = T::ZERO;
                    for a in 0..dim {
                        along += g[i * dim + a] * (x[i * dim + a] - x[j * dim + a]);
                    }
                    dphi[i * n + j] = scale * along;
                    let phi = phi[i * n + j];
                    // Through d²: its gradient is 2 (x_i − x_j) φ slope ⟨g_i, x_i − x_j⟩.
                    let radial = phi * slope * (along + along);
                    for a in 0..dim {
                        let d = x[i * dim + a] - x[j * dim + a];
                        let pull = phi * scale * g[i * dim + a] + radial * d;
                        dx[i * dim + a] += pull;
                        dx[j * dim + a] -= pull;
                    }
                });
            });
            let take = |from: usize, to: usize| -> Vec<T> {
                both.chunks_exact(len.max(1)).flat_map(|s| s[from..to].iter().copied()).collect()
            };
            Ok([tensor(take(0, n * dim), x.shape())?, tensor(take(n * dim, len), phi.shape())?])
        }
        let [dx, dphi] = by_dtype!(x.dtype(), run(*self, x, phi, &grad.contiguous()?))?;
        Ok((wants_gradient(x).then_some(dx), wants_gradient(phi).then_some(dphi)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn values_are_candles() {
        let (x, phi) = (normal::<f64>(1, &[3, 5, 3]), normal::<f64>(2, &[3, 5, 5, 1]));
        let delta = x.unsqueeze(2).unwrap().broadcast_sub(&x.unsqueeze(1).unwrap()).unwrap();
        let d2 = delta.sqr().unwrap().sum_keepdim(3).unwrap();
        assert_close("d2", &squared_distances(&x).unwrap(), &d2, 1e-13);
        let unit =
            delta.broadcast_div(&((d2 + 1e-8).unwrap().sqrt().unwrap() + 1.0).unwrap()).unwrap();
        let sum = unit.broadcast_mul(&phi).unwrap().sum(2).unwrap();
        assert_close("sum", &displacement_sum(&x, &phi, 1.0, 1e-8).unwrap(), &sum, 1e-13);
    }

    #[test]
    fn adjoints_and_tangents() {
        let (x, phi) = (normal::<f64>(1, &[2, 4, 3]), normal::<f64>(2, &[2, 4, 4, 1]));
        check_adjoint(std::slice::from_ref(&x), |t| squared_distances(&t[0]));
        check_tangent(&x, squared_distances, squared_distances_dual);
        check_adjoint(&[x.clone(), phi.clone()], |t| displacement_sum(&t[0], &t[1], 0.5, 1e-4));
        let (zx, zp) = (x.zeros_like().unwrap(), phi.zeros_like().unwrap());
        check_tangent(
            &x,
            |x| displacement_sum(x, &phi, 0.5, 1e-4),
            |x, dx| displacement_sum_dual((x, dx), (&phi, &zp), 0.5, 1e-4),
        );
        check_tangent(
            &phi,
            |phi| displacement_sum(&x, phi, 0.5, 1e-4),
            |phi, d| displacement_sum_dual((&x, &zx), (phi, d), 0.5, 1e-4),
        );
    }

    #[test]
    fn threads_change_nothing() {
        let (x, phi) = (normal::<f32>(1, &[64, 18, 3]), normal::<f32>(2, &[64, 18, 18, 1]));
        check_threads(|| {
            vec![displacement_sum(&x, &phi, 1.0, 1e-8).unwrap(), squared_distances(&x).unwrap()]
        });
    }
}
