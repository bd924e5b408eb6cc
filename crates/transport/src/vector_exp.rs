//! The exponential as a loop that vectorises; the standard library's is a call per value.

/// eˣ for x ≤ 0 within 2 units in the last place; 0 below −708.
///
/// x = k ln 2 + r with |r| ≤ ln 2 / 2, then a Taylor polynomial of degree 13 in r (the first term
/// left out is below 1e-17) scaled by 2^k through the exponent bits.
#[inline(always)]
pub(crate) fn exp_nonpositive(x: f64) -> f64 {
    // Adding 1.5 · 2⁵² rounds to a whole number and leaves it in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    // ln 2 in two parts; the high one has 21 trailing zero bits, so that k times it is exact.
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const COEFFICIENTS: [f64; 12] = [
        1.0 / 6_227_020_800.0,
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
    ];
    let clamped = if x > -708.0 { x } else { -708.0 };
    let rounded = clamped * std::f64::consts::LOG2_E + ROUND;
    let k = rounded - ROUND;
    let r = (clamped - k * LN2_HIGH) - k * LN2_LOW;
    let mut tail = COEFFICIENTS[0];
    for c in &COEFFICIENTS[1..] {
        tail = tail * r + c;
    }
    let mantissa = 1.0 + (r + r * r * tail);
    let scale = f64::from_bits(rounded.to_bits().wrapping_add(1023) << 52);
    if x < -708.0 { 0.0 } else { mantissa * scale }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_standard_library() {
        for k in 0..200_000 {
            let x = -708.0 * (k as f64 / 200_000.0).powi(3);
            let (found, expected) = (exp_nonpositive(x), x.exp());
            assert!((found - expected).abs() <= 4.5e-16 * expected, "{x}: {found} {expected}");
        }
        assert_eq!(exp_nonpositive(0.0), 1.0);
        assert_eq!(exp_nonpositive(-1e300), 0.0);
        assert_eq!(exp_nonpositive(f64::NEG_INFINITY), 0.0);
    }
}
