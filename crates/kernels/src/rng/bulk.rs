//! Normal numbers many at a time.

// The coefficients are printed to 17 digits by the fit; all of them round to the intended double.
#![allow(clippy::excessive_precision)]

use super::philox::{Philox, halves};
use crate::isa::{Kernel, dispatch};
use crate::math;
use crate::parallel::{Shared, for_blocks};
use crate::real::Real;
use crate::simd::Simd;

/// Blocks (pairs of normals) drawn at once; a multiple of every vector length.
const AT_ONCE: usize = 8;

// sin(θ)/θ and cos(θ) in θ² on |θ| ≤ π/4: errors 3.5e-18 and 6.7e-17.
const SIN: [f64; 7] = [
    1.0,
    -0.16666666666666616,
    8.3333333333202324e-3,
    -1.9841269828549182e-4,
    2.7557313341310871e-6,
    -2.5050711417962079e-8,
    1.58944094588123e-10,
];
const COS: [f64; 8] = [
    1.0,
    -0.5,
    0.04166666666666645,
    -1.3888888888860816e-3,
    2.4801587283739277e-5,
    -2.7557313061028682e-7,
    2.087557769018038e-9,
    -1.1353145914285752e-11,
];

/// 52 random bits as a number in (0, 1): `(n + 1/2) 2^-52`, never 0 or 1.
#[inline(always)]
pub(crate) fn unit(bits: u64) -> f64 {
    // In [1, 2) first, where the step is 2^-52; subtracting 1 − 2^-53 is exact.
    f64::from_bits(0x3ff0_0000_0000_0000 | bits >> 12) - (1.0 - f64::EPSILON / 2.0)
}

/// Products and sums rounded one by one, so that every instruction set agrees.
#[inline(always)]
fn horner_unfused<V: Simd<E = f64>>(x: V, c: &[f64]) -> V {
    let mut sum = V::splat(c[c.len() - 1]);
    for &c in c[..c.len() - 1].iter().rev() {
        sum = sum.mul(x).add(V::splat(c));
    }
    sum
}

/// Box–Muller: `√(−2 ln u) (cos 2πv, sin 2πv)`.
#[inline(always)]
fn box_muller<V: Simd<E = f64>>(u: V, v: V) -> (V, V) {
    let of = V::splat;
    let radius = of(-2.0).mul(ln_unfused(u)).sqrt();
    // v = q/4 + w with |w| ≤ 1/8; adding 1.5·2^52 rounds to the integer q in 0..=4.
    let shift = of(6_755_399_441_055_744.0);
    let q = v.mul(of(4.0)).add(shift).sub(shift);
    let theta = v.sub(q.mul(of(0.25))).mul(of(std::f64::consts::TAU));
    let square = theta.mul(theta);
    let sin = horner_unfused(square, &SIN).mul(theta);
    let cos = horner_unfused(square, &COS);
    // Quarter turns: q = 1 gives (−s, c), 2 (−c, −s), 3 (s, −c); |q − 2| is 1 for odd q.
    let distance = q.sub(of(2.0)).abs();
    let even = distance.sub(of(1.0)).abs();
    let (x, y) = (even.select_lt(of(0.5), sin, cos), even.select_lt(of(0.5), cos, sin));
    // cos(2πv) is negative for q = 1 (−s), 2; sin(2πv) for q = 2, 3.
    let minus = |a: V| of(0.0).sub(a);
    let x = q.sub(of(1.5)).abs().select_lt(of(1.0), minus(x), x);
    let y = q.sub(of(2.5)).abs().select_lt(of(1.0), minus(y), y);
    (radius.mul(x), radius.mul(y))
}

/// `ln u` as [`math::ln`], without fused multiply-add.
#[inline(always)]
fn ln_unfused<V: Simd<E = f64>>(u: V) -> V {
    let of = V::splat;
    let (k, m) = u.exponent_mantissa();
    let large = of(std::f64::consts::SQRT_2);
    let k = m.select_lt(large, k, k.add(of(1.0)));
    let m = m.select_lt(large, m, m.mul(of(0.5)));
    let s = m.sub(of(1.0)).div(m.add(of(1.0)));
    let p = horner_unfused(s.mul(s), &math::LOG_DOUBLE).mul(s);
    k.mul(of(std::f64::consts::LN_2)).add(p)
}

/// Normals of stream `(philox, tail)` from block `first` on: the pair of block `i` in order.
pub(crate) struct Normals<'a, T> {
    pub(crate) philox: Philox,
    /// Step and sample, as the counter's upper words.
    pub(crate) tail: [u32; 3],
    pub(crate) first: u32,
    pub(crate) out: &'a mut [T],
}

impl<T: Real> Normals<'_, T> {
    #[inline(always)]
    fn fill<V: Simd<E = f64>>(self) {
        let mut first = self.first;
        for out in self.out.chunks_mut(2 * AT_ONCE) {
            let (a, b) = self.philox.blocks::<AT_ONCE>(self.tail, first);
            let (u, v) = (a.map(unit), b.map(unit));
            let (mut x, mut y) = ([0.0; AT_ONCE], [0.0; AT_ONCE]);
            for i in (0..AT_ONCE).step_by(V::LANES) {
                // SAFETY: i + LANES <= AT_ONCE.
                unsafe {
                    let (p, q) = box_muller(V::load(u.as_ptr().add(i)), V::load(v.as_ptr().add(i)));
                    p.store(x.as_mut_ptr().add(i));
                    q.store(y.as_mut_ptr().add(i));
                }
            }
            for (i, pair) in out.chunks_mut(2).enumerate() {
                pair[0] = T::of(x[i]);
                if let Some(second) = pair.get_mut(1) {
                    *second = T::of(y[i]);
                }
            }
            first = first.wrapping_add(AT_ONCE as u32);
        }
    }
}

impl<T: Real> Kernel<f64> for Normals<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = f64>>(self) {
        self.fill::<V>();
    }
}

/// Standard normals, one row per sample: row `i` is what
/// `Stream::new(seed, purpose, ids[i], step).draw(draw).fill_normal` gives.
///
/// # Shapes and units
/// - `out`: `[ids.len(), row_len]`, row-major
///
/// # Panics
/// If `out` is not `ids.len() * row_len` long.
pub fn fill_normal_rows(
    (seed, purpose): (u64, u64),
    ids: &[u64],
    step: u32,
    draw: u32,
    out: &mut [f64],
    row_len: usize,
) {
    rows((seed, purpose), ids, step, draw, out, row_len);
}

/// As [`fill_normal_rows`], each number rounded to single precision.
///
/// # Panics
/// If `out` is not `ids.len() * row_len` long.
pub fn fill_normal_rows_f32(
    (seed, purpose): (u64, u64),
    ids: &[u64],
    step: u32,
    draw: u32,
    out: &mut [f32],
    row_len: usize,
) {
    rows((seed, purpose), ids, step, draw, out, row_len);
}

fn rows<T: Real>(
    (seed, purpose): (u64, u64),
    ids: &[u64],
    step: u32,
    draw: u32,
    out: &mut [T],
    row_len: usize,
) {
    assert_eq!(out.len(), ids.len() * row_len, "one row of {row_len} per sample");
    let philox = Philox::keyed(seed, purpose, draw);
    let shared = Shared::new(out);
    // 16: a normal costs about that many elementary operations.
    for_blocks(ids.len(), 1.max(4096 / row_len.max(1)), 16 * ids.len() * row_len, |_, block| {
        for i in block {
            let [low, high] = halves(ids[i]);
            // SAFETY: rows are disjoint.
            let out = unsafe { shared.part(i * row_len..(i + 1) * row_len) };
            dispatch(Normals { philox, tail: [step, low, high], first: 0, out });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::on_each;
    use crate::rng::Stream;
    use std::sync::Mutex;

    #[test]
    fn rows_are_streams_on_any_pool_and_set() {
        let ids = [3, 1 << 40, 7, 8, 9];
        let expected: Vec<f64> = ids
            .iter()
            .flat_map(|&id| {
                let mut row = vec![0.0; 1001];
                Stream::new(5, 2, id, 11).draw(4).fill_normal(&mut row);
                row
            })
            .collect();
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut out = vec![0.0; ids.len() * 1001];
            pool.install(|| fill_normal_rows((5, 2), &ids, 11, 4, &mut out, 1001));
            assert_eq!(out, expected, "{threads} threads");
        }
        on_each(|isa| {
            let mut out = vec![0.0; ids.len() * 1001];
            fill_normal_rows((5, 2), &ids, 11, 4, &mut out, 1001);
            assert_eq!(out, expected, "{isa:?}");
        });
    }

    /// Box–Muller against the C library.
    #[test]
    fn pairs_follow_the_formula() {
        let worst = Mutex::new(0.0f64);
        on_each(|_| {
            let mut z = vec![0.0; 20_000];
            let philox = Philox::keyed(1, 2, 0);
            dispatch(Normals { philox, tail: [0; 3], first: 0, out: &mut z });
            for (i, pair) in z.chunks(2).enumerate() {
                let w = philox.block([i as u32, 0, 0, 0]);
                let u = unit(u64::from(w[0]) << 32 | u64::from(w[1]));
                let v = unit(u64::from(w[2]) << 32 | u64::from(w[3]));
                let (r, angle) = ((-2.0 * u.ln()).sqrt(), std::f64::consts::TAU * v);
                let error =
                    (pair[0] - r * angle.cos()).abs().max((pair[1] - r * angle.sin()).abs());
                let mut worst = worst.lock().unwrap();
                *worst = worst.max(error);
            }
        });
        // A few ulp of values up to 4, plus the reference's own 2πv, rounded at up to 6.3.
        let worst = worst.into_inner().unwrap();
        assert!(worst < 1e-14, "largest difference {worst:.1e}");
    }

    /// Moments of 2^20 normals. Tolerance: 5 standard errors of each (1, 2, 15, 96 over n); a
    /// wrong quarter turn or radius moves the variance or the fourth moment by tens of percent.
    #[test]
    fn moments_of_a_million() {
        let n = 1 << 20;
        let ids: Vec<u64> = (0..1024).collect();
        let mut z = vec![0.0; n];
        fill_normal_rows((2026, 1), &ids, 0, 0, &mut z, n / 1024);
        for (power, expected, variance) in
            [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)]
        {
            let mean = z.iter().map(|z| z.powi(power)).sum::<f64>() / n as f64;
            let tolerance = 5.0 * (variance / n as f64).sqrt();
            assert!((mean - expected).abs() < tolerance, "moment {power}: {mean} ± {tolerance}");
        }
        // Neighbours in a pair, in a row, and down the rows do not correlate.
        for lag in [1, 2, n / 1024] {
            let r = z.windows(lag + 1).map(|w| w[0] * w[lag]).sum::<f64>() / n as f64;
            assert!(r.abs() < 5.0 / (n as f64).sqrt(), "lag {lag}: {r}");
        }
    }
}
