//! Elementary functions on vectors: polynomials, no tables, no calls into the C library.
//!
//! Coefficients interpolate the function at Chebyshev nodes (fitted here, in 60-digit
//! arithmetic); the degree is the smallest whose error is below half a unit in the last place of
//! the element type, so single precision has its own, shorter rows.

// The coefficients are printed to 17 digits by the fit; all of them round to the intended double.
#![allow(clippy::excessive_precision)]

use crate::real::Real;
use crate::simd::Simd;

/// `Σ c_i x^i`, from the highest power down.
#[inline(always)]
pub(crate) fn horner<V: Simd>(x: V, c: &[f64]) -> V {
    let mut sum = V::splat(V::E::of(c[c.len() - 1]));
    for &c in c[..c.len() - 1].iter().rev() {
        sum = sum.fma(x, V::splat(V::E::of(c)));
    }
    sum
}

// (e^r − 1)/r on |r| ≤ ln2/2: relative error 1.2e-8 and 2.1e-17.
const EXP_SINGLE: [f64; 6] =
    [1.0, 0.500000001, 0.166665046, 0.0416664642, 8.36922029e-3, 1.39337307e-3];
const EXP_DOUBLE: [f64; 11] = [
    1.0,
    0.50000000000000057,
    0.16666666666666671,
    0.041666666666572391,
    8.3333333333260831e-3,
    1.3888888932751e-3,
    1.9841269875002279e-4,
    2.4801504014426905e-5,
    2.7557255170000887e-6,
    2.7626495546432196e-7,
    2.5105312729622102e-8,
];

/// `(2^k, e^r − 1)` with `x = k ln2 + r`; `x` must lie where `2^k` is a normal number.
#[inline(always)]
fn exp_parts<V: Simd>(x: V) -> (V, V) {
    let of = |x: f64| V::splat(V::E::of(x));
    // 1.5 · 2^mantissa_bits: adding it rounds to an integer, and leaves that integer in the low bits.
    let shift = of(if V::E::SINGLE { 12_582_912.0 } else { 6_755_399_441_055_744.0 });
    let shifted = x.fma(of(std::f64::consts::LOG2_E), shift);
    let k = shifted.sub(shift);
    // ln2 in two parts; the first has enough trailing zeros for k times it to be exact.
    let (high, low) = if V::E::SINGLE {
        (0.693_359_375, -2.121_944_400_546_905_8e-4)
    } else {
        (0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10)
    };
    let r = k.fma(of(-low), k.fma(of(-high), x));
    let p = if V::E::SINGLE { horner(r, &EXP_SINGLE) } else { horner(r, &EXP_DOUBLE) };
    (shifted.pow2_of_shifted(), p.mul(r))
}

/// The range on which `exp` is a normal number.
#[inline(always)]
fn exp_range<V: Simd>() -> (V, V) {
    let (low, high) = if V::E::SINGLE { (-87.336, 88.37) } else { (-708.39, 709.43) };
    (V::splat(V::E::of(low)), V::splat(V::E::of(high)))
}

/// `e^x`: exactly 0 where it would be subnormal, at most `e^88.37` (`e^709.43`), NaN for NaN.
#[inline(always)]
pub(crate) fn exp<V: Simd>(x: V) -> V {
    let (low, high) = exp_range::<V>();
    let (scale, p) = exp_parts(low.max(high.min(x)));
    x.select_lt(low, V::splat(V::E::ZERO), scale.fma(p, scale))
}

/// `e^x − 1` without cancellation near 0.
#[inline(always)]
pub(crate) fn exp_m1<V: Simd>(x: V) -> V {
    let (low, high) = exp_range::<V>();
    let (scale, p) = exp_parts(low.max(high.min(x)));
    scale.fma(p, scale.sub(V::splat(V::E::ONE)))
}

/// `1 / (1 + e^−x)`.
#[inline(always)]
pub(crate) fn sigmoid<V: Simd>(x: V) -> V {
    let one = V::splat(V::E::ONE);
    one.div(one.add(exp(V::splat(V::E::ZERO).sub(x))))
}

/// Hyperbolic tangent, with full relative precision near 0.
#[inline(always)]
pub(crate) fn tanh<V: Simd>(x: V) -> V {
    // (e^2x − 1) / (e^2x + 1); beyond 20 the quotient is ±1 in either precision.
    let limit = V::splat(V::E::of(20.0));
    let x = V::splat(V::E::of(-20.0)).max(limit.min(x));
    let m = exp_m1(x.add(x));
    m.div(m.add(V::splat(V::E::of(2.0))))
}

// 2 atanh(s)/s as a polynomial in s², |s| ≤ 0.1716: relative error 7e-10 and 1.2e-18.
const LOG_SINGLE: [f64; 4] = [2.0, 0.666668158, 0.399747991, 0.299257895];
pub(crate) const LOG_DOUBLE: [f64; 8] = [
    2.0,
    0.66666666666667653,
    0.39999999999298067,
    0.28571428761609481,
    0.22222196953363015,
    0.18183637299480901,
    0.15312377735831459,
    0.14811282567749028,
];

/// Natural logarithm of positive normal numbers.
#[inline(always)]
pub(crate) fn ln<V: Simd>(x: V) -> V {
    let one = V::splat(V::E::ONE);
    let (k, m) = x.exponent_mantissa();
    // Centre the mantissa on 1: [1/√2, √2).
    let root2 = V::splat(V::E::of(std::f64::consts::SQRT_2));
    let half = V::splat(V::E::of(0.5));
    let k = m.select_lt(root2, k, k.add(one));
    let m = m.select_lt(root2, m, m.mul(half));
    let s = m.sub(one).div(m.add(one));
    let s2 = s.mul(s);
    let p = if V::E::SINGLE { horner(s2, &LOG_SINGLE) } else { horner(s2, &LOG_DOUBLE) };
    k.fma(V::splat(V::E::of(std::f64::consts::LN_2)), p.mul(s))
}

/// `ln(1 + x)` for `0 <= x <= 1`, without cancellation near 0.
#[inline(always)]
pub(crate) fn ln_1p<V: Simd>(x: V) -> V {
    // Kahan's correction: what 1 + x lost to rounding goes back in first order.
    let one = V::splat(V::E::ONE);
    let y = one.add(x);
    let lost = x.sub(y.sub(one));
    ln(y).add(lost.div(y))
}

// (1 + 2x) erfcx(x) in t = (x − c)/(x + c): c = 2.5, error 4.9e-8; c = 3, error 3e-17.
const ERFCX_SINGLE: [f64; 10] = [
    1.26483818,
    -0.12235673,
    -0.0990236918,
    0.15763089,
    -0.102980866,
    0.0327434474,
    9.99826258e-4,
    -4.30024646e-3,
    3.62402337e-4,
    4.78534809e-4,
];
const ERFCX_DOUBLE: [f64; 23] = [
    1.2530080582697296,
    -0.13562110612458066,
    -0.04756229435344704,
    0.12964515870270324,
    -0.11927366341549553,
    0.06830802734588226,
    -0.02377051491486141,
    2.5293917870284066e-3,
    1.8886903179982431e-3,
    -7.7983202690276726e-4,
    -1.0515952264220033e-4,
    1.2509809222596367e-4,
    4.9482505980946164e-6,
    -2.0096429819347324e-5,
    -7.2777689887895909e-7,
    3.4635692879061987e-6,
    3.4916749746172937e-7,
    -6.0444709453482651e-7,
    -1.3113829582645877e-7,
    9.145712525185438e-8,
    3.2824531561059379e-8,
    -8.3743013016926984e-9,
    -4.1571597319228641e-9,
];

/// `(Φ(z), φ(z))`: distribution function and density of the standard normal.
///
/// Φ keeps its relative precision in the left tail, where GELU needs it.
#[inline(always)]
pub(crate) fn normal_cdf_pdf<V: Simd>(z: V) -> (V, V) {
    let of = |x: f64| V::splat(V::E::of(x));
    let gauss = exp(z.mul(z).mul(of(-0.5)));
    let x = z.abs().mul(of(std::f64::consts::FRAC_1_SQRT_2));
    let c = of(if V::E::SINGLE { 2.5 } else { 3.0 });
    let t = x.sub(c).div(x.add(c));
    let p = if V::E::SINGLE { horner(t, &ERFCX_SINGLE) } else { horner(t, &ERFCX_DOUBLE) };
    let tail = gauss.mul(of(0.5)).mul(p).div(of(2.0).fma(x, of(1.0)));
    let cdf = z.select_lt(of(0.0), tail, of(1.0).sub(tail));
    // 1/√(2π)
    (cdf, gauss.mul(of(0.398_942_280_401_432_7)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{Kernel, dispatch, on_each};

    struct Map<'a, T, const F: usize>(&'a [T], &'a mut [T]);

    impl<T: Real, const F: usize> Kernel<T> for Map<'_, T, F> {
        type Output = ();
        #[inline(always)]
        fn run<V: Simd<E = T>>(self) {
            for (x, y) in self.0.chunks(V::LANES).zip(self.1.chunks_mut(V::LANES)) {
                // SAFETY: both chunks are that long.
                unsafe {
                    let x = V::load_first(x.as_ptr(), x.len());
                    let value = match F {
                        0 => exp(x),
                        1 => tanh(x),
                        2 => sigmoid(x),
                        3 => exp_m1(x),
                        4 => ln(exp(x)),
                        5 => ln_1p(exp(V::splat(T::ZERO).sub(x.abs()))),
                        6 => normal_cdf_pdf(x).0,
                        _ => normal_cdf_pdf(x).1,
                    };
                    value.store_first(y.as_mut_ptr(), y.len());
                }
            }
        }
    }

    /// Largest error over `[-range, range]`, relative where the truth is above `floor`.
    fn worst<T: Real, const F: usize>(range: f64, floor: f64, truth: impl Fn(f64) -> f64) -> f64 {
        let x: Vec<T> = (0..20_011).map(|i| T::of((i as f64 / 10_005.0 - 1.0) * range)).collect();
        let mut y = vec![T::ZERO; x.len()];
        dispatch(Map::<T, F>(&x, &mut y));
        x.iter().zip(&y).fold(0.0, |worst, (x, y)| {
            let t = truth(x.f64());
            f64::max(worst, (y.f64() - t).abs() / t.abs().max(floor))
        })
    }

    /// Against the C library in double precision, on every instruction set.
    #[test]
    fn functions_follow_the_c_library() {
        on_each(|isa| {
            let check = |name: &str, error: f64, bound: f64| {
                assert!(error < bound, "{name} on {isa:?}: {error:.2e} is not below {bound:.0e}");
            };
            check("exp f32", worst::<f32, 0>(85.0, 1e-300, f64::exp), 2e-7);
            check("exp f64", worst::<f64, 0>(700.0, 1e-300, f64::exp), 5e-16);
            check("tanh f32", worst::<f32, 1>(12.0, 1e-300, f64::tanh), 3e-7);
            check("tanh f64", worst::<f64, 1>(22.0, 1e-300, f64::tanh), 1e-15);
            check("sigmoid f32", worst::<f32, 2>(60.0, 1e-300, |x| 1.0 / (1.0 + (-x).exp())), 2e-7);
            check(
                "sigmoid f64",
                worst::<f64, 2>(60.0, 1e-300, |x| 1.0 / (1.0 + (-x).exp())),
                1e-15,
            );
            check("exp_m1 f32", worst::<f32, 3>(3.0, 1e-300, f64::exp_m1), 3e-7);
            check("exp_m1 f64", worst::<f64, 3>(3.0, 1e-300, f64::exp_m1), 1e-15);
            check("ln f32", worst::<f32, 4>(80.0, 1.0, |x| x), 2e-7);
            check("ln f64", worst::<f64, 4>(700.0, 1.0, |x| x), 1e-15);
            check("ln_1p f32", worst::<f32, 5>(30.0, 1e-300, |x| (-x.abs()).exp().ln_1p()), 4e-7);
            check("ln_1p f64", worst::<f64, 5>(30.0, 1e-300, |x| (-x.abs()).exp().ln_1p()), 1e-15);
            check(
                "pdf f64",
                worst::<f64, 7>(5.0, 1e-300, |x| (-x * x / 2.0).exp() / 2.506628274631000502),
                1e-14,
            );
        });
    }

    /// Φ at published points (Abramowitz & Stegun, table 26.1, 15 decimals).
    #[test]
    fn normal_distribution_function_has_published_values() {
        let published = [
            (0.0, 0.5),
            (1.0, 0.841344746068543),
            (2.0, 0.977249868051821),
            (-1.0, 0.158655253931457),
        ];
        on_each(|isa| {
            for (z, phi) in published {
                let mut y = [0.0f64];
                dispatch(Map::<f64, 6>(&[z], &mut y));
                assert!((y[0] - phi).abs() < 1e-15, "{isa:?} Φ({z}) = {} ≠ {phi}", y[0]);
                let mut y = [0.0f32];
                dispatch(Map::<f32, 6>(&[z as f32], &mut y));
                assert!(
                    (f64::from(y[0]) - phi).abs() < 1.5e-7,
                    "{isa:?} Φ({z}) = {} ≠ {phi}",
                    y[0]
                );
            }
        });
    }

    /// Nothing is lost at the ends: underflow to 0, saturation, NaN kept.
    #[test]
    fn exp_at_its_ends() {
        on_each(|_| {
            let mut y = [0.0f32; 5];
            dispatch(Map::<f32, 0>(&[f32::NEG_INFINITY, -200.0, 0.0, 200.0, f32::NAN], &mut y));
            assert_eq!(y[..3], [0.0, 0.0, 1.0]);
            assert!(y[3] > 1e38 && y[4].is_nan());
            let mut y = [0.0f64; 3];
            dispatch(Map::<f64, 1>(&[-1e9, 1e9, f64::NAN], &mut y));
            assert_eq!(y[..2], [-1.0, 1.0]);
            assert!(y[2].is_nan());
        });
    }
}
