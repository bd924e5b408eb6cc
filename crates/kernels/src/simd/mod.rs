//! One vector type per instruction set and element type, behind one trait.
//!
//! A kernel's body is written once, generic over [`Simd`] and `#[inline(always)]`; [`crate::isa`]
//! wraps it in three `#[target_feature]` functions. The methods below are not `unsafe` to keep
//! formulas readable; they are sound because only those wrappers reach them, after the processor
//! was asked for the feature.

mod f32x;
mod f64x;
mod twice;

pub(crate) use f32x::{F32x4, F32x8, F32x16};
pub(crate) use f64x::{F64x2, F64x4, F64x8};
pub(crate) use twice::Twice;

use crate::real::Real;

/// A register of `LANES` numbers; every method works lane by lane.
#[doc(hidden)]
#[allow(missing_docs)]
pub trait Simd: Copy {
    /// The element.
    type E: Real;
    /// Elements per register; at most 32.
    const LANES: usize;
    /// The register file holds 32 vectors, not 16: matrix tiles have twice the rows.
    const WIDE: bool;

    /// # Safety
    /// `p` must be valid for reading `LANES` elements; no alignment is needed.
    unsafe fn load(p: *const Self::E) -> Self;
    /// # Safety
    /// `p` must be valid for writing `LANES` elements; no alignment is needed.
    unsafe fn store(self, p: *mut Self::E);
    fn splat(x: Self::E) -> Self;
    fn add(self, b: Self) -> Self;
    fn sub(self, b: Self) -> Self;
    fn mul(self, b: Self) -> Self;
    fn div(self, b: Self) -> Self;
    /// `self * b + c`; one rounding where the instruction set has it, two on SSE2.
    fn fma(self, b: Self, c: Self) -> Self;
    /// The larger; `b` where either is NaN, so a number to check goes second.
    fn max(self, b: Self) -> Self;
    /// The smaller; `b` where either is NaN.
    fn min(self, b: Self) -> Self;
    fn sqrt(self) -> Self;
    fn abs(self) -> Self;
    /// `if self < b { yes } else { no }`; NaN chooses `no`.
    fn select_lt(self, b: Self, yes: Self, no: Self) -> Self;
    /// `2^k` where `self` is `k + 1.5 * 2^mantissa_bits`: the sum's low bits are the integer `k`.
    fn pow2_of_shifted(self) -> Self;
    /// `(k, m)` with `self = m 2^k` and `1 <= m < 2`, for positive normal numbers.
    fn exponent_mantissa(self) -> (Self, Self);

    /// The first `n <= LANES` elements, zeros behind.
    ///
    /// # Safety
    /// `p` must be valid for reading `n` elements.
    #[inline(always)]
    unsafe fn load_first(p: *const Self::E, n: usize) -> Self {
        let mut buffer = [Self::E::ZERO; 32];
        // SAFETY: n <= LANES <= 32, and the caller vouches for p.
        unsafe {
            std::ptr::copy_nonoverlapping(p, buffer.as_mut_ptr(), n);
            Self::load(buffer.as_ptr())
        }
    }

    /// Writes the first `n <= LANES` elements only.
    ///
    /// # Safety
    /// `p` must be valid for writing `n` elements.
    #[inline(always)]
    unsafe fn store_first(self, p: *mut Self::E, n: usize) {
        let mut buffer = [Self::E::ZERO; 32];
        // SAFETY: n <= LANES <= 32, and the caller vouches for p.
        unsafe {
            self.store(buffer.as_mut_ptr());
            std::ptr::copy_nonoverlapping(buffer.as_ptr(), p, n);
        }
    }

    /// The first lane.
    fn first(self) -> Self::E;

    /// The sum of the lanes, in the fixed order of a halving tree: the upper half onto the lower one, and again.
    fn sum(self) -> Self::E;

    /// The largest lane; a NaN lane may or may not survive.
    #[inline(always)]
    fn largest(self) -> Self::E {
        let mut buffer = [Self::E::ZERO; 32];
        // SAFETY: the buffer holds 32 >= LANES elements.
        unsafe { self.store(buffer.as_mut_ptr()) };
        let mut width = Self::LANES / 2;
        while width > 0 {
            for i in 0..width {
                let (a, b) = (buffer[i], buffer[i + width]);
                buffer[i] = if b > a { b } else { a };
            }
            width /= 2;
        }
        buffer[0]
    }
}

#[cfg(test)]
mod tests {
    use super::Simd;
    use crate::isa::{Kernel, dispatch, on_each};
    use crate::real::Real;
    use crate::testing::numbers;

    /// Sum and first lane of a vector, beside the sum's tree in plain numbers.
    struct Sums<'a, T>(&'a [T]);

    impl<T: Real> Kernel<T> for Sums<'_, T> {
        type Output = (T, T, T);
        #[inline(always)]
        fn run<V: Simd<E = T>>(self) -> (T, T, T) {
            let mut tree = self.0[..V::LANES].to_vec();
            while tree.len() > 1 {
                let upper = tree.split_off(tree.len() / 2);
                tree.iter_mut().zip(upper).for_each(|(a, b)| *a += b);
            }
            // SAFETY: there are 32 numbers.
            let v = unsafe { V::load(self.0.as_ptr()) };
            (v.sum(), v.first(), tree[0])
        }
    }

    #[test]
    fn lanes_are_summed_by_halves() {
        fn check<T: Real>() {
            let x: Vec<T> = numbers(1, 32);
            let (sum, first, tree) = dispatch(Sums(&x));
            assert_eq!((sum.f64(), first.f64()), (tree.f64(), x[0].f64()));
        }
        on_each(|_| {
            check::<f32>();
            check::<f64>();
        });
    }
}
