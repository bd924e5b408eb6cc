//! Two registers as one vector.

use super::Simd;

/// Twice the lanes of `V`: every method on both halves, one after the other.
///
/// A long chain of dependent operations, as an exponential with its division, leaves a processor idle
/// between its links; two chains side by side fill the gaps.
#[derive(Clone, Copy)]
pub(crate) struct Twice<V>(V, V);

// Macros, because a closure is not sure to be inlined, and one that is not has no instruction set.
macro_rules! each {
    ($($method:ident)*) => {$(
        #[inline(always)]
        fn $method(self) -> Self {
            Self(self.0.$method(), self.1.$method())
        }
    )*};
}

macro_rules! both {
    ($($method:ident)*) => {$(
        #[inline(always)]
        fn $method(self, b: Self) -> Self {
            Self(self.0.$method(b.0), self.1.$method(b.1))
        }
    )*};
}

impl<V: Simd> Simd for Twice<V> {
    type E = V::E;
    const LANES: usize = 2 * V::LANES;
    const WIDE: bool = V::WIDE;

    each! { sqrt abs pow2_of_shifted }
    both! { add sub mul div max min }

    #[inline(always)]
    unsafe fn load(p: *const V::E) -> Self {
        // SAFETY: the caller's.
        unsafe { Self(V::load(p), V::load(p.add(V::LANES))) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut V::E) {
        // SAFETY: the caller's.
        unsafe {
            self.0.store(p);
            self.1.store(p.add(V::LANES));
        }
    }
    #[inline(always)]
    fn splat(x: V::E) -> Self {
        Self(V::splat(x), V::splat(x))
    }
    #[inline(always)]
    fn first(self) -> V::E {
        self.0.first()
    }
    #[inline(always)]
    fn sum(self) -> V::E {
        self.0.add(self.1).sum()
    }
    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        Self(self.0.fma(b.0, c.0), self.1.fma(b.1, c.1))
    }
    #[inline(always)]
    fn select_lt(self, b: Self, yes: Self, no: Self) -> Self {
        Self(self.0.select_lt(b.0, yes.0, no.0), self.1.select_lt(b.1, yes.1, no.1))
    }
    #[inline(always)]
    fn exponent_mantissa(self) -> (Self, Self) {
        let ((k0, m0), (k1, m1)) = (self.0.exponent_mantissa(), self.1.exponent_mantissa());
        (Self(k0, k1), Self(m0, m1))
    }
    #[inline(always)]
    unsafe fn load_first(p: *const V::E, n: usize) -> Self {
        let (low, high) = (n.min(V::LANES), n.saturating_sub(V::LANES));
        // SAFETY: the caller's; nothing is read where nothing is left.
        unsafe { Self(V::load_first(p, low), V::load_first(p.wrapping_add(V::LANES), high)) }
    }
    #[inline(always)]
    unsafe fn store_first(self, p: *mut V::E, n: usize) {
        let (low, high) = (n.min(V::LANES), n.saturating_sub(V::LANES));
        // SAFETY: the caller's; nothing is written where nothing is left.
        unsafe {
            self.0.store_first(p, low);
            self.1.store_first(p.wrapping_add(V::LANES), high);
        }
    }
}
