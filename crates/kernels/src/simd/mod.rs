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

    /// The sum of the lanes, in the fixed order of a halving tree.
    #[inline(always)]
    fn sum(self) -> Self::E {
        self.fold(|a, b| a + b)
    }

    /// The largest lane; a NaN lane may or may not survive.
    #[inline(always)]
    fn largest(self) -> Self::E {
        self.fold(|a, b| if b > a { b } else { a })
    }

    /// Halving tree over the lanes: the order is fixed for an instruction set.
    #[inline(always)]
    fn fold(self, f: impl Fn(Self::E, Self::E) -> Self::E) -> Self::E {
        let mut buffer = [Self::E::ZERO; 32];
        // SAFETY: the buffer holds 32 >= LANES elements.
        unsafe { self.store(buffer.as_mut_ptr()) };
        let mut width = Self::LANES / 2;
        while width > 0 {
            for i in 0..width {
                buffer[i] = f(buffer[i], buffer[i + width]);
            }
            width /= 2;
        }
        buffer[0]
    }
}
