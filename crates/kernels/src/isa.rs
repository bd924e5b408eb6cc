//! Which instruction set runs a kernel: asked once, at run time.
//!
//! A kernel is a struct of its arguments that implements [`Kernel`]; its `run` is generic over the
//! vector type and `#[inline(always)]`, so each of the three wrappers here compiles its own copy
//! with its own instructions. Results have the same bits on the same instruction set; between
//! sets they differ by rounding (SSE2 has no fused multiply-add).

use crate::real::Real;
use crate::simd::Simd;
use std::sync::OnceLock;

/// An instruction set this crate has code for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// Every x86-64 processor.
    Sse2,
    /// AVX2 with fused multiply-add.
    Avx2,
    /// AVX-512F.
    Avx512,
}

impl Isa {
    /// The widest set of this processor.
    pub fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| *Self::available().last().expect("SSE2 is part of x86-64"))
    }

    /// All sets of this processor, narrowest first.
    pub fn available() -> Vec<Self> {
        let mut sets = vec![Self::Sse2];
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            sets.push(Self::Avx2);
            if is_x86_feature_detected!("avx512f") {
                sets.push(Self::Avx512);
            }
        }
        sets
    }
}

/// Work whose body is compiled once per instruction set.
pub(crate) trait Kernel<T: Real>: Sized {
    /// What the work returns.
    type Output;
    /// The body; must be `#[inline(always)]`, like all it calls in hot loops.
    fn run<V: Simd<E = T>>(self) -> Self::Output;
}

/// Runs `kernel` on the widest instruction set.
#[inline]
pub(crate) fn dispatch<T: Real, K: Kernel<T>>(kernel: K) -> K::Output {
    dispatch_on(current(), kernel)
}

/// Runs `kernel` on a given instruction set, which must be available.
#[inline]
pub(crate) fn dispatch_on<T: Real, K: Kernel<T>>(isa: Isa, kernel: K) -> K::Output {
    match isa {
        Isa::Sse2 => sse2(kernel),
        // SAFETY: `Isa` values come from `available`, which asked the processor.
        Isa::Avx2 => unsafe { avx2(kernel) },
        // SAFETY: as above.
        Isa::Avx512 => unsafe { avx512(kernel) },
    }
}

fn sse2<T: Real, K: Kernel<T>>(kernel: K) -> K::Output {
    kernel.run::<T::V128>()
}

#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<T: Real, K: Kernel<T>>(kernel: K) -> K::Output {
    kernel.run::<T::V256>()
}

#[target_feature(enable = "avx512f,avx2,fma")]
unsafe fn avx512<T: Real, K: Kernel<T>>(kernel: K) -> K::Output {
    kernel.run::<T::V512>()
}

#[cfg(not(test))]
#[inline]
fn current() -> Isa {
    Isa::best()
}

#[cfg(test)]
thread_local! {
    static FORCED: std::cell::Cell<Option<Isa>> = const { std::cell::Cell::new(None) };
}

#[cfg(test)]
fn current() -> Isa {
    FORCED.get().unwrap_or_else(Isa::best)
}

/// Runs `f` once per available instruction set, in a pool of one thread whose kernels obey it.
#[cfg(test)]
pub(crate) fn on_each(f: impl Fn(Isa) + Sync) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for isa in Isa::available() {
        pool.install(|| {
            FORCED.set(Some(isa));
            f(isa);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sum<'a>(&'a [f64]);

    impl Kernel<f64> for Sum<'_> {
        type Output = f64;
        #[inline(always)]
        fn run<V: Simd<E = f64>>(self) -> f64 {
            let mut total = V::splat(0.0);
            for chunk in self.0.chunks(V::LANES) {
                // SAFETY: the chunk is that long.
                total = total.add(unsafe { V::load_first(chunk.as_ptr(), chunk.len()) });
            }
            total.sum()
        }
    }

    #[test]
    fn every_set_computes_the_same_integers() {
        let numbers: Vec<f64> = (0..1003).map(f64::from).collect();
        on_each(|isa| assert_eq!(dispatch(Sum(&numbers)), 1002.0 * 1003.0 / 2.0, "{isa:?}"));
    }
}
