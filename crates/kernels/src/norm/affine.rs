//! Layer norm and RMS norm with their weights.

use super::softmax::block_rows;
use crate::activation::{each_vector, load, store};
use crate::backward::given;
use crate::composed;
use crate::isa::{Kernel, dispatch};
use crate::linear::passes::merge;
use crate::parallel::{Shared, for_blocks, map_blocks, unwritten};
use crate::real::Real;
use crate::simd::Simd;
use crate::tensor::{
    View, by_dtype, dtype_of, rows_of, same_dtype, slice_of, tensor, wants_gradient,
};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

/// `y = w (x − mean x) / √(var x + eps) + b` over the last dimension; Ba et al. (2016).
///
/// # Shapes and units
/// - `x`: `[.., n]`; `w`, `b`: `[n]`, absent meaning 1 and 0; returns the shape of `x`
///
/// # Errors
/// If shapes or element types do not fit, or a tensor is not f32 or f64.
pub fn layer_norm(x: &Tensor, w: Option<&Tensor>, b: Option<&Tensor>, eps: f64) -> Result<Tensor> {
    apply(x, w, b, Norm { centred: true, eps })
}

/// Value and tangent of [`layer_norm`] along `dx`; only the value has a graph.
///
/// # Errors
/// As [`layer_norm`], or if `dx` differs from `x` in shape or element type.
pub fn layer_norm_dual(
    x: &Tensor,
    dx: &Tensor,
    w: Option<&Tensor>,
    b: Option<&Tensor>,
    eps: f64,
) -> Result<(Tensor, Tensor)> {
    dual(x, dx, w, b, Norm { centred: true, eps })
}

/// `y = w x / √(mean x² + eps)` over the last dimension; Zhang & Sennrich (2019).
///
/// # Shapes and units
/// As [`layer_norm`].
///
/// # Errors
/// As [`layer_norm`].
pub fn rms_norm(x: &Tensor, w: Option<&Tensor>, eps: f64) -> Result<Tensor> {
    apply(x, w, None, Norm { centred: false, eps })
}

/// Value and tangent of [`rms_norm`] along `dx`; only the value has a graph.
///
/// # Errors
/// As [`layer_norm_dual`].
pub fn rms_norm_dual(
    x: &Tensor,
    dx: &Tensor,
    w: Option<&Tensor>,
    eps: f64,
) -> Result<(Tensor, Tensor)> {
    dual(x, dx, w, None, Norm { centred: false, eps })
}

/// Gradients of `x`, `w` and `b` of [`layer_norm`] from the output's gradient `g`, without a graph;
/// what its node computes.
///
/// # Errors
/// As [`layer_norm`], or if `g` differs from `x` in shape or element type.
pub fn layer_norm_adjoint(x: &Tensor, w: &Tensor, g: &Tensor, eps: f64) -> Result<[Tensor; 3]> {
    if x.dims() != g.dims() {
        bail!("shapes differ: x {:?}, g {:?}", x.dims(), g.dims());
    }
    let (w, _) = weights(x, Some(w), None)?;
    let norm = Norm { centred: true, eps };
    by_dtype!(same_dtype(x, g)?, adjoint(norm, &x.contiguous()?, &w, &g.contiguous()?))
}

#[derive(Clone, Copy)]
struct Norm {
    /// Subtract the mean: layer norm; do not: RMS norm.
    centred: bool,
    eps: f64,
}

/// The weights, with 1 and 0 where there are none.
fn weights(x: &Tensor, w: Option<&Tensor>, b: Option<&Tensor>) -> Result<(Tensor, Tensor)> {
    let (_, width) = rows_of(x)?;
    let or = |t: Option<&Tensor>, constant: f64| match t {
        Some(t) if t.dims() != [width] => {
            bail!("rows have {width} elements, weights {:?}", t.dims())
        }
        Some(t) => {
            same_dtype(x, t)?;
            t.contiguous()
        }
        None => Tensor::full(constant, width, x.device())?.to_dtype(x.dtype()),
    };
    Ok((or(w, 1.0)?, or(b, 0.0)?))
}

fn apply(x: &Tensor, w: Option<&Tensor>, b: Option<&Tensor>, norm: Norm) -> Result<Tensor> {
    same_dtype(x, x)?;
    let (w, b) = weights(x, w, b)?;
    if composed::elsewhere(x) {
        return composed::layer_or_rms_norm(x, (&w, &b), norm.centred, norm.eps);
    }
    x.contiguous()?.apply_op3(&w, &b, norm)
}

fn dual(
    x: &Tensor,
    dx: &Tensor,
    w: Option<&Tensor>,
    b: Option<&Tensor>,
    norm: Norm,
) -> Result<(Tensor, Tensor)> {
    if x.dims() != dx.dims() {
        bail!("shapes differ: x {:?}, dx {:?}", x.dims(), dx.dims());
    }
    let (w, b) = weights(x, w, b)?;
    if composed::elsewhere(x) {
        let y = composed::layer_or_rms_norm(x, (&w, &b), norm.centred, norm.eps)?;
        return Ok((y, composed::norm_tangent((x, dx), &w, norm.centred, norm.eps)?));
    }
    let x = x.contiguous()?;
    let y = x.apply_op3(&w, &b, norm)?;
    let tangent = by_dtype!(same_dtype(&x, dx)?, tangent(norm, &x, &dx.contiguous()?, &w))?;
    Ok((y, tangent))
}

/// `(mean, 1/√(variance + eps))` of a row, or `(0, 1/√(mean square + eps))`.
#[inline(always)]
fn moments<V: Simd>(norm: Norm, row: &[V::E]) -> (V::E, V::E) {
    let count = V::E::of(row.len() as f64);
    let p = row.as_ptr();
    let whole = row.len() - row.len() % V::LANES;
    // SAFETY: accesses stay inside the row.
    unsafe {
        let mut mean = V::E::ZERO;
        if norm.centred {
            let mut sum = V::splat(V::E::ZERO);
            each_vector!(V, row.len(), |i, n| sum = sum.add(load::<V>(p.add(i), n)));
            mean = sum.sum() / count;
        }
        // Squares about the mean: the difference of two large sums would lose digits.
        let centre = V::splat(mean);
        let mut squares = V::splat(V::E::ZERO);
        for i in (0..whole).step_by(V::LANES) {
            let d = V::load(p.add(i)).sub(centre);
            squares = d.fma(d, squares);
        }
        let mut total = squares.sum();
        for i in whole..row.len() {
            let d = *p.add(i) - mean;
            total += d * d;
        }
        (mean, V::E::ONE / (total / count + V::E::of(norm.eps)).root())
    }
}

struct Values<'a, T> {
    norm: Norm,
    x: &'a [T],
    w: &'a [T],
    b: &'a [T],
    y: &'a mut [T],
}

impl<T: Real> Kernel<T> for Values<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let width = self.w.len();
        for (x, y) in self.x.chunks_exact(width).zip(self.y.chunks_exact_mut(width)) {
            let (mean, scale) = moments::<V>(self.norm, x);
            let (mean, scale) = (V::splat(mean), V::splat(scale));
            let (x, y, w, b) = (x.as_ptr(), y.as_mut_ptr(), self.w.as_ptr(), self.b.as_ptr());
            // SAFETY: rows and weights have `width` elements.
            each_vector!(V, width, |i, n| unsafe {
                let unit = load::<V>(x.add(i), n).sub(mean).mul(scale);
                store(unit.fma(load(w.add(i), n), load(b.add(i), n)), y.add(i), n);
            });
        }
    }
}

/// `J v = s (v − mean v − x̂ mean(v x̂))`, the Jacobian of `x̂`, which is symmetric.
///
/// The adjoint is `J (w g)`, the tangent `w (J dx)`.
struct Jacobian<'a, T> {
    norm: Norm,
    x: &'a [T],
    v: &'a [T],
    w: &'a [T],
    out: &'a mut [T],
    /// Where to add `Σ g x̂` and `Σ g`; present in the adjoint.
    sums: Option<(&'a mut [T], &'a mut [T])>,
}

impl<T: Real> Kernel<T> for Jacobian<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(mut self) {
        let width = self.w.len();
        let count = T::of(width as f64);
        let rows = self.x.chunks_exact(width).zip(self.v.chunks_exact(width));
        for ((x, v), out) in rows.zip(self.out.chunks_exact_mut(width)) {
            let (mean, scale) = moments::<V>(self.norm, x);
            let (mean, scale) = (V::splat(mean), V::splat(scale));
            let (x, v, w, out) = (x.as_ptr(), v.as_ptr(), self.w.as_ptr(), out.as_mut_ptr());
            let adjoint = self.sums.is_some();
            let zero = V::splat(T::ZERO);
            let (mut sum, mut along) = (zero, zero);
            // SAFETY: rows, weights and sums have `width` elements. Lanes behind the end are zero
            // in v, so they add nothing.
            unsafe {
                if let Some((dw, db)) = &mut self.sums {
                    let (dw, db) = (dw.as_mut_ptr(), db.as_mut_ptr());
                    each_vector!(V, width, |i, n| {
                        let g = load::<V>(v.add(i), n);
                        let unit = load::<V>(x.add(i), n).sub(mean).mul(scale);
                        store(g.fma(unit, load(dw.add(i), n)), dw.add(i), n);
                        store(g.add(load(db.add(i), n)), db.add(i), n);
                        let g = g.mul(load(w.add(i), n));
                        sum = sum.add(g);
                        along = g.fma(unit, along);
                    });
                } else {
                    each_vector!(V, width, |i, n| {
                        let d = load::<V>(v.add(i), n);
                        sum = sum.add(d);
                        along = d.fma(load::<V>(x.add(i), n).sub(mean).mul(scale), along);
                    });
                }
                let sum = if self.norm.centred { sum.sum() / count } else { T::ZERO };
                let (sum, along) = (V::splat(sum), V::splat(along.sum() / count));
                each_vector!(V, width, |i, n| {
                    let unit = load::<V>(x.add(i), n).sub(mean).mul(scale);
                    let (v, w) = (load::<V>(v.add(i), n), load::<V>(w.add(i), n));
                    let v = if adjoint { v.mul(w) } else { v };
                    let j = v.sub(sum).sub(unit.mul(along)).mul(scale);
                    store(if adjoint { j } else { j.mul(w) }, out.add(i), n);
                });
            }
        }
    }
}

fn tangent<T: Real>(norm: Norm, x: &Tensor, dx: &Tensor, w: &Tensor) -> Result<Tensor> {
    let (rows, width) = rows_of(x)?;
    let (xv, dv, wv) = (View::of(x)?, View::of(dx)?, View::of(w)?);
    let (x_all, d_all, w) = (xv.slice::<T>()?, dv.slice::<T>()?, wv.slice::<T>()?);
    // SAFETY: the blocks below cover every element.
    let mut out = unsafe { unwritten(x_all.len()) };
    let shared = Shared::new(&mut out);
    for_blocks(rows, block_rows(width), 4 * x_all.len(), |_, r| {
        let r = r.start * width..r.end * width;
        // SAFETY: blocks of rows are disjoint.
        let out = unsafe { shared.part(r.clone()) };
        dispatch(Jacobian { norm, x: &x_all[r.clone()], v: &d_all[r], w, out, sums: None });
    });
    tensor(out, x.shape())
}

/// Gradients of x, w and b.
fn adjoint<T: Real>(norm: Norm, x: &Tensor, w: &Tensor, grad: &Tensor) -> Result<[Tensor; 3]> {
    let (rows, width) = rows_of(x)?;
    let (xv, gv, wv) = (View::of(x)?, View::of(grad)?, View::of(w)?);
    let (x_all, g_all, ws) = (xv.slice::<T>()?, gv.slice::<T>()?, wv.slice::<T>()?);
    // SAFETY: the blocks below cover every element.
    let mut out = unsafe { unwritten(x_all.len()) };
    let shared = Shared::new(&mut out);
    // A block's weight sums are as long as a row: several rows per block, however wide.
    let block = block_rows(width).max(16);
    let sums = map_blocks(rows, block, 8 * x_all.len(), |_, r| {
        let mut sums = vec![T::ZERO; 2 * width];
        let (dw, db) = sums.split_at_mut(width);
        let r = r.start * width..r.end * width;
        // SAFETY: blocks of rows are disjoint.
        let out = unsafe { shared.part(r.clone()) };
        let (x, v) = (&x_all[r.clone()], &g_all[r]);
        dispatch(Jacobian { norm, x, v, w: ws, out, sums: Some((dw, db)) });
        sums
    });
    let mut dw = merge(sums, 2 * width);
    let db = dw.split_off(width);
    Ok([tensor(out, x.shape())?, tensor(dw, width)?, tensor(db, width)?])
}

impl CustomOp3 for Norm {
    fn name(&self) -> &'static str {
        if self.centred { "layer_norm" } else { "rms_norm" }
    }

    fn cpu_fwd(
        &self,
        sx: &CpuStorage,
        lx: &Layout,
        sw: &CpuStorage,
        lw: &Layout,
        sb: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(
            norm: Norm,
            x: (&CpuStorage, &Layout),
            w: (&CpuStorage, &Layout),
            b: (&CpuStorage, &Layout),
        ) -> Result<(CpuStorage, Shape)> {
            let shape = x.1.shape().clone();
            let (x, w, b) =
                (slice_of::<T>(x.0, x.1)?, slice_of::<T>(w.0, w.1)?, slice_of::<T>(b.0, b.1)?);
            let width = w.len();
            // SAFETY: the blocks below cover every element.
            let mut y = unsafe { unwritten(x.len()) };
            let shared = Shared::new(&mut y);
            for_blocks(x.len() / width.max(1), block_rows(width), 4 * x.len(), |_, r| {
                let r = r.start * width..r.end * width;
                // SAFETY: blocks of rows are disjoint.
                let y = unsafe { shared.part(r.clone()) };
                dispatch(Values { norm, x: &x[r], w, b, y });
            });
            Ok((T::storage(y), shape))
        }
        by_dtype!(dtype_of(sx), run(*self, (sx, lx), (sw, lw), (sb, lb)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [dx, dw, db] = by_dtype!(x.dtype(), adjoint(*self, x, w, &grad.contiguous()?))?;
        let wanted = |t: &Tensor, grad| if wants_gradient(t) { given(t, grad) } else { Ok(None) };
        Ok((wanted(x, dx)?, wanted(w, dw)?, wanted(b, db)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::on_each;
    use crate::testing::*;
    use candle_core::{D, DType, Var};

    fn plain(x: &Tensor, w: &Tensor, b: &Tensor, centred: bool) -> Tensor {
        let to = |t: &Tensor| t.to_dtype(DType::F64).unwrap();
        let (x, w, b) = (to(x), to(w), to(b));
        let mean = x.mean_keepdim(D::Minus1).unwrap();
        let x = if centred { x.broadcast_sub(&mean).unwrap() } else { x };
        let variance = x.sqr().unwrap().mean_keepdim(D::Minus1).unwrap();
        let unit = x.broadcast_div(&(variance + 1e-5).unwrap().sqrt().unwrap()).unwrap();
        unit.broadcast_mul(&w).unwrap().broadcast_add(&b).unwrap()
    }

    #[test]
    fn values_adjoint_tangent() {
        on_each(|_| {
            for width in [2, 16, 37, 100] {
                let (x, w, b) = (
                    normal::<f64>(1, &[3, 4, width]),
                    normal::<f64>(2, &[width]),
                    normal::<f64>(3, &[width]),
                );
                let zero = b.zeros_like().unwrap();
                let y = layer_norm(&x, Some(&w), Some(&b), 1e-5).unwrap();
                assert_close("layer f64", &y, &plain(&x, &w, &b, true), 1e-12);
                let y = rms_norm(&x, Some(&w), 1e-5).unwrap();
                assert_close("rms f64", &y, &plain(&x, &w, &zero, false), 1e-12);
                let [xs, ws, bs] = [&x, &w, &b].map(|t| t.to_dtype(DType::F32).unwrap());
                let y = layer_norm(&xs, Some(&ws), Some(&bs), 1e-5)
                    .unwrap()
                    .to_dtype(DType::F64)
                    .unwrap();
                // A row of two can have a small spread, which amplifies the rounding of its mean.
                assert_close("layer f32", &y, &plain(&xs, &ws, &bs, true), 5e-5);
                // The smaller eps of the finite difference: rows of two have a steep norm.
                let width_three = width > 2;
                if width_three {
                    check_adjoint(&[x.clone(), w.clone(), b.clone()], |t| {
                        layer_norm(&t[0], Some(&t[1]), Some(&t[2]), 1e-5)
                    });
                }
                check_adjoint(&[x.clone(), w.clone()], |t| rms_norm(&t[0], Some(&t[1]), 1e-3));
                check_tangent(
                    &x,
                    |x| layer_norm(x, Some(&w), Some(&b), 1e-5),
                    |x, dx| layer_norm_dual(x, dx, Some(&w), Some(&b), 1e-5),
                );
                check_tangent(
                    &x,
                    |x| rms_norm(x, None, 1e-5),
                    |x, dx| rms_norm_dual(x, dx, None, 1e-5),
                );
            }
        });
    }

    #[test]
    fn threads_change_nothing() {
        let (x, w, b) =
            (normal::<f32>(1, &[3000, 65]), normal::<f32>(2, &[65]), normal::<f32>(3, &[65]));
        check_threads(|| {
            let vars = [&x, &w, &b].map(|t| Var::from_tensor(t).unwrap());
            let y = layer_norm(&vars[0], Some(&vars[1]), Some(&vars[2]), 1e-5).unwrap();
            let grads = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            let mut all = vec![y.detach()];
            all.extend(vars.iter().map(|v| grads.get(v).unwrap().clone()));
            all
        });
    }

    #[test]
    fn rows_do_not_know_their_batch() {
        let (x, w) = (normal::<f32>(1, &[50, 130]), normal::<f32>(2, &[130]));
        let whole = rms_norm(&x, Some(&w), 1e-6).unwrap();
        let one = rms_norm(&x.narrow(0, 31, 1).unwrap(), Some(&w), 1e-6).unwrap();
        assert_eq!(flat(&one), flat(&whole.narrow(0, 31, 1).unwrap()));
    }
}
