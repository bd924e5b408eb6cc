//! What the row passes over a chunk share: they do all that is not a matrix product.

use super::shape::Shape;
use crate::activation::{Activation, each_vector, load, store};
use crate::isa::Kernel;
use crate::math;
use crate::real::Real;
use crate::simd::Simd;

/// What every pass needs to know.
#[derive(Clone, Copy)]
pub(super) struct Context<'a, T> {
    pub(super) shape: Shape,
    pub(super) activation: Activation,
    pub(super) a: &'a [T],
    pub(super) b: &'a [T],
    pub(super) e: &'a [T],
    /// Packed weights.
    pub(super) w: &'a [T],
}

/// `Σ x_i y_i` over `len` elements.
///
/// # Safety
/// Both pointers must be valid for `len` elements.
#[inline(always)]
pub(super) unsafe fn dot<V: Simd>(x: *const V::E, y: *const V::E, len: usize) -> V::E {
    let mut sum = V::splat(V::E::ZERO);
    // SAFETY: the caller's; lanes behind the end are zero in both.
    each_vector!(V, len, |i, n| unsafe {
        sum = load::<V>(x.add(i), n).fma(load(y.add(i), n), sum)
    });
    sum.sum()
}

/// `1 / (1 + exp(−w_g · m − b_g))` in all lanes.
///
/// # Safety
/// `m` must be valid for h elements.
#[inline(always)]
pub(super) unsafe fn gate<V: Simd>(context: Context<'_, V::E>, m: *const V::E) -> V {
    let pieces = context.shape.pieces();
    let wg = context.w[pieces.wg].as_ptr();
    // SAFETY: the caller's, and w_g has h elements.
    let s = unsafe { dot::<V>(wg, m, context.shape.h) } + context.w[pieces.bg.start];
    math::sigmoid(V::splat(s))
}

/// Adds rows, one behind the other, to one row.
pub(super) struct AddRows<'a, T> {
    pub(super) rows: &'a [T],
    pub(super) to: &'a mut [T],
}

impl<T: Real> Kernel<T> for AddRows<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let (width, to) = (self.to.len(), self.to.as_mut_ptr());
        // SAFETY: each row is as long as the one they are added to.
        each_vector!(V, width, |v, len| unsafe {
            let mut sum = load::<V>(to.add(v), len);
            for row in self.rows.chunks_exact(width) {
                sum = sum.add(load(row.as_ptr().add(v), len));
            }
            store(sum, to.add(v), len);
        });
    }
}
