//! Softmax over the last dimension.

use crate::activation::{each_vector, load, store};
use crate::composed;
use crate::isa::{Kernel, dispatch};
use crate::math;
use crate::parallel::{Shared, for_blocks, unwritten};
use crate::real::Real;
use crate::simd::Simd;
use crate::tensor::{
    View, by_dtype, dtype_of, rows_of, same_dtype, slice_of, tensor, wants_gradient,
};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

/// `y_j = e^{x_j − max x} / Σ_k e^{x_k − max x}` over the last dimension.
///
/// A logit of −∞ gets exactly 0; a row of −∞ only gives NaN.
///
/// # Errors
/// If `x` is not f32 or f64, or is a scalar.
pub fn softmax(x: &Tensor) -> Result<Tensor> {
    rows_of(x)?;
    same_dtype(x, x)?;
    if composed::elsewhere(x) {
        return composed::softmax(x);
    }
    x.contiguous()?.apply_op1(Softmax)
}

/// `(y, y · (dx − ⟨y, dx⟩))`: the value is differentiable, the tangent has no graph.
///
/// # Errors
/// As [`softmax`], or if `dx` differs from `x` in shape or element type.
pub fn softmax_dual(x: &Tensor, dx: &Tensor) -> Result<(Tensor, Tensor)> {
    if x.dims() != dx.dims() {
        bail!("shapes differ: x {:?}, dx {:?}", x.dims(), dx.dims());
    }
    let y = softmax(x)?;
    if composed::elsewhere(x) {
        let tangent = composed::softmax_tangent(&y, dx)?;
        return Ok((y, tangent));
    }
    // The Jacobian diag(y) − y yᵀ is symmetric: tangent and adjoint are the same map.
    let tangent = by_dtype!(same_dtype(x, dx)?, jacobian_times(&y, &dx.contiguous()?))?;
    Ok((y, tangent))
}

/// `y · (g − ⟨y, g⟩)`: the gradient of the logits from the softmax `y` and its gradient `g`, without
/// a graph; what the node of [`softmax`] computes.
///
/// # Errors
/// If shapes or element types differ.
pub fn softmax_adjoint(y: &Tensor, g: &Tensor) -> Result<Tensor> {
    if y.dims() != g.dims() {
        bail!("shapes differ: y {:?}, g {:?}", y.dims(), g.dims());
    }
    by_dtype!(same_dtype(y, g)?, jacobian_times(&y.contiguous()?, &g.contiguous()?))
}

/// `row ← softmax(scale · row)`.
#[inline(always)]
pub(crate) fn softmax_row<V: Simd>(row: &mut [V::E], scale: V::E) {
    let (len, p) = (row.len(), row.as_mut_ptr());
    let lanes = V::LANES;
    let scale = V::splat(scale);
    // SAFETY: all accesses stay below len.
    unsafe {
        let mut top = V::splat(V::E::of(f64::NEG_INFINITY));
        let whole = len - len % lanes;
        for i in (0..whole).step_by(lanes) {
            top = top.max(scale.mul(V::load(p.add(i))));
        }
        let mut top = top.largest();
        for i in whole..len {
            let x = scale.mul(V::splat(*p.add(i))).first();
            top = if x > top { x } else { top };
        }
        let minus_top = V::splat(-top);
        let mut sum = V::splat(V::E::ZERO);
        each_vector!(V, len, |i, n| {
            let y = math::exp(scale.fma(load::<V>(p.add(i), n), minus_top));
            store(y, p.add(i), n);
            // Lanes behind the end are not part of the sum.
            sum = sum.add(if n == lanes { y } else { load::<V>(p.add(i), n) });
        });
        let inverse = V::splat(V::E::ONE / sum.sum());
        each_vector!(V, len, |i, n| {
            store(load::<V>(p.add(i), n).mul(inverse), p.add(i), n);
        });
    }
}

/// `out = scale · y (g − ⟨y, g⟩)`.
///
/// # Safety
/// `y`, `g` and `out` must be valid for `len` elements; `out` may be `g`.
#[inline(always)]
pub(crate) unsafe fn softmax_row_adjoint<V: Simd>(
    y: *const V::E,
    g: *const V::E,
    out: *mut V::E,
    len: usize,
    scale: V::E,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut dot = V::splat(V::E::ZERO);
        each_vector!(V, len, |i, n| dot = load::<V>(y.add(i), n).fma(load(g.add(i), n), dot));
        let dot = V::splat(dot.sum());
        let scale = V::splat(scale);
        each_vector!(V, len, |i, n| {
            let centred = load::<V>(g.add(i), n).sub(dot);
            store(load::<V>(y.add(i), n).mul(scale).mul(centred), out.add(i), n);
        });
    }
}

struct Rows<'a, T> {
    x: &'a [T],
    y: &'a mut [T],
    width: usize,
}

impl<T: Real> Kernel<T> for Rows<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        for (x, y) in self.x.chunks_exact(self.width).zip(self.y.chunks_exact_mut(self.width)) {
            y.copy_from_slice(x);
            softmax_row::<V>(y, T::ONE);
        }
    }
}

struct AdjointRows<'a, T> {
    y: &'a [T],
    g: &'a [T],
    out: &'a mut [T],
    width: usize,
}

impl<T: Real> Kernel<T> for AdjointRows<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let rows = self.y.chunks_exact(self.width).zip(self.g.chunks_exact(self.width));
        for ((y, g), out) in rows.zip(self.out.chunks_exact_mut(self.width)) {
            // SAFETY: all three rows have the same width.
            unsafe {
                softmax_row_adjoint::<V>(
                    y.as_ptr(),
                    g.as_ptr(),
                    out.as_mut_ptr(),
                    self.width,
                    T::ONE,
                );
            }
        }
    }
}

/// Rows per task: about 64 KiB of f32.
pub(super) fn block_rows(width: usize) -> usize {
    (16_384 / width.max(1)).max(1)
}

fn jacobian_times<T: Real>(y: &Tensor, g: &Tensor) -> Result<Tensor> {
    let (rows, width) = rows_of(y)?;
    let (yv, gv) = (View::of(y)?, View::of(g)?);
    let (ys, gs) = (yv.slice::<T>()?, gv.slice::<T>()?);
    // SAFETY: the blocks below cover every element.
    let mut out = unsafe { unwritten(ys.len()) };
    let shared = Shared::new(&mut out);
    for_blocks(rows, block_rows(width), ys.len(), |_, r| {
        let r = r.start * width..r.end * width;
        // SAFETY: blocks of rows are disjoint.
        let out = unsafe { shared.part(r.clone()) };
        dispatch(AdjointRows { y: &ys[r.clone()], g: &gs[r], out, width });
    });
    tensor(out, y.shape())
}

struct Softmax;

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(s: &CpuStorage, l: &Layout) -> Result<(CpuStorage, Shape)> {
            let x = slice_of::<T>(s, l)?;
            let width = *l.dims().last().expect("softmax() saw a last dimension");
            // SAFETY: the blocks below cover every element.
            let mut y = unsafe { unwritten(x.len()) };
            let shared = Shared::new(&mut y);
            for_blocks(x.len() / width.max(1), block_rows(width), 16 * x.len(), |_, r| {
                let r = r.start * width..r.end * width;
                // SAFETY: blocks of rows are disjoint.
                let y = unsafe { shared.part(r.clone()) };
                dispatch(Rows { x: &x[r], y, width });
            });
            Ok((T::storage(y), l.shape().clone()))
        }
        by_dtype!(dtype_of(storage), run(storage, layout))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        if !wants_gradient(x) {
            return Ok(None);
        }
        by_dtype!(x.dtype(), jacobian_times(y, &grad.contiguous()?)).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::on_each;
    use crate::testing::*;
    use candle_core::{D, DType};

    fn plain(x: &Tensor) -> Tensor {
        let x = x.to_dtype(DType::F64).unwrap();
        let e = x.broadcast_sub(&x.max_keepdim(D::Minus1).unwrap()).unwrap().exp().unwrap();
        e.broadcast_div(&e.sum_keepdim(D::Minus1).unwrap()).unwrap()
    }

    #[test]
    fn values_adjoint_tangent() {
        on_each(|_| {
            for width in [1, 5, 16, 37, 256] {
                let x = (normal::<f64>(1, &[3, 4, width]) * 4.0).unwrap();
                assert_close("f64", &softmax(&x).unwrap(), &plain(&x), 1e-15);
                let single = x.to_dtype(DType::F32).unwrap();
                let y = softmax(&single).unwrap().to_dtype(DType::F64).unwrap();
                assert_close("f32", &y, &plain(&single), 1e-6);
                check_adjoint(std::slice::from_ref(&x), |x| softmax(&x[0]));
                check_tangent(&x, softmax, softmax_dual);
            }
        });
    }

    #[test]
    fn masked_logits_get_zero() {
        let x = Tensor::new(
            &[[1.0f32, f32::NEG_INFINITY, 1.0], [-1e30, 0.0, -500.0]],
            &candle_core::Device::Cpu,
        )
        .unwrap();
        assert_eq!(flat(&softmax(&x).unwrap()), [0.5, 0.0, 0.5, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn threads_and_strides() {
        let x = normal::<f32>(1, &[300, 700]);
        check_threads(|| vec![softmax(&x).unwrap(), softmax_dual(&x, &x).unwrap().1]);
        let turned = softmax(&x.t().unwrap()).unwrap();
        assert_eq!(flat(&turned), flat(&softmax(&x.t().unwrap().contiguous().unwrap()).unwrap()));
    }
}
