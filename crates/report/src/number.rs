//! How a number is written for people.
//!
//! A measured number is known to about two digits of its spread, so that is where it stops:
//! `0.01234 ± 0.00081` with spread 0.00081 keeps five decimals and no more. Minus signs are the true
//! minus (U+2212), so columns of numbers line up.

/// `value` to `digits` significant digits; thousands are not grouped.
///
/// Integers keep all their digits (`60000`), very large and very small magnitudes become
/// `1.2e-7`; NaN is written `NaN`, infinities `∞` and `−∞`.
pub fn significant(value: f64, digits: usize) -> String {
    let digits = digits.max(1);
    if !value.is_finite() || value == 0.0 {
        return special(value);
    }
    // Counts are shown whole; from seven digits on nobody reads them digit by digit.
    if value.fract() == 0.0 && value.abs() < 1e7_f64.max(10f64.powi(digits as i32)) {
        return minus(format!("{value:.0}"));
    }
    // Rounding first: 9.996 to three digits is 10.0, one place fewer than its own magnitude says.
    let rounded = format!("{:.*e}", digits - 1, value);
    let exponent = exponent_of(&rounded);
    if !(-4..7).contains(&exponent) {
        return minus(rounded);
    }
    decimals(value, (digits as i32 - 1 - exponent).max(0) as usize)
}

/// `value` to at most `digits` significant digits, without zeros that were not asked for.
///
/// For numbers whose own digits say how well they are known: 0.5 stays `0.5`.
pub fn shortest(value: f64, digits: usize) -> String {
    let full = significant(value, digits);
    if !full.contains('.') || full.contains('e') {
        return full;
    }
    full.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// `value` with exactly `places` decimals.
pub fn decimals(value: f64, places: usize) -> String {
    if !value.is_finite() {
        return special(value);
    }
    let text = format!("{value:.places$}");
    // "-0.00" would claim a sign that the shown digits do not have.
    let zero = text.bytes().all(|b| matches!(b, b'-' | b'0' | b'.'));
    minus(if zero { text.trim_start_matches('-').to_string() } else { text })
}

/// Mean and spread, the spread to two significant digits and the mean to the same decimal.
///
/// A spread of zero, or one that is not finite, says nothing about digits: the mean then keeps four.
pub fn mean_sd(mean: f64, sd: f64) -> String {
    if !mean.is_finite() || !sd.is_finite() || sd <= 0.0 {
        return format!("{} ± {}", significant(mean, 4), significant(sd, 2));
    }
    let exponent = exponent_of(&format!("{sd:.1e}"));
    let largest = exponent.max(exponent_of(&format!("{mean:.1e}")));
    if exponent < -6 || largest > 7 {
        // One common power of ten, or the two numbers cannot be compared at a glance.
        let unit = 10f64.powi(largest);
        let places = (largest - exponent + 1).max(0) as usize;
        let (mean, sd) = (decimals(mean / unit, places), decimals(sd / unit, places));
        return minus(format!("({mean} ± {sd})e{largest}"));
    }
    let places = (1 - exponent).max(0) as usize;
    format!("{} ± {}", decimals(mean, places), decimals(sd, places))
}

/// A count with thousands separated by a thin no-break space: `60 000`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len());
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

fn special(value: f64) -> String {
    match value {
        v if v.is_nan() => "NaN".to_string(),
        v if v == f64::INFINITY => "∞".to_string(),
        v if v == f64::NEG_INFINITY => "\u{2212}∞".to_string(),
        _ => "0".to_string(),
    }
}

fn minus(text: String) -> String {
    text.replace('-', "\u{2212}")
}

/// The exponent in Rust's own `{:e}` notation.
fn exponent_of(scientific: &str) -> i32 {
    let (_, exponent) = scientific.split_once('e').expect("formatted with {:e}");
    exponent.parse().expect("formatted with {:e}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn significant_digits_follow_the_rounded_magnitude() {
        assert_eq!(significant(0.012_345, 3), "0.0123");
        assert_eq!(significant(9.996, 3), "10.0");
        assert_eq!(significant(82.04, 3), "82.0");
        assert_eq!(significant(123_456.7, 3), "123457");
        assert_eq!(significant(60_000.0, 3), "60000");
        assert_eq!(significant(1.23e-7, 2), "1.2e\u{2212}7");
        assert_eq!(significant(-0.5, 2), "\u{2212}0.50");
        assert_eq!(significant(0.0, 3), "0");
        assert_eq!(significant(f64::NAN, 3), "NaN");
        assert_eq!(significant(f64::NEG_INFINITY, 3), "\u{2212}∞");
    }

    #[test]
    fn spread_decides_the_decimals_of_the_mean() {
        assert_eq!(mean_sd(0.5123, 0.0123), "0.512 ± 0.012");
        assert_eq!(mean_sd(82.04, 1.0), "82.0 ± 1.0");
        assert_eq!(mean_sd(12_345.0, 678.0), "12345 ± 678");
        assert_eq!(mean_sd(0.099_96, 0.000_996), "0.1000 ± 0.0010");
        assert_eq!(mean_sd(1.0, 0.0), "1 ± 0");
        assert_eq!(mean_sd(1.0, f64::NAN), "1 ± NaN");
        assert_eq!(mean_sd(3.21e-8, 1.5e-9), "(3.21 ± 0.15)e\u{2212}8");
    }

    #[test]
    fn shortest_leaves_out_zeros() {
        assert_eq!(shortest(0.0192, 4), "0.0192");
        assert_eq!(shortest(52.3, 4), "52.3");
        assert_eq!(shortest(52.000_01, 4), "52");
        assert_eq!(shortest(100.0, 4), "100");
        assert_eq!(shortest(1.0 / 3.0, 4), "0.3333");
    }

    #[test]
    fn zero_has_no_sign() {
        assert_eq!(decimals(-0.001, 2), "0.00");
        assert_eq!(decimals(-0.01, 2), "\u{2212}0.01");
    }

    #[test]
    fn counts_are_grouped_in_threes() {
        assert_eq!(count(999), "999");
        assert_eq!(count(60_000), "60\u{202f}000");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
    }

    proptest! {
        /// What is written, read back, is the number to the digits that were asked for.
        #[test]
        fn significant_reads_back(value in -1e9..1e9f64, digits in 1usize..10) {
            let text = significant(value, digits).replace('\u{2212}', "-");
            let read: f64 = text.parse().unwrap();
            // Half a unit in the last digit, and a little for the rounding of the decimal itself.
            let tolerance = 0.5001 * value.abs() * 10f64.powi(1 - digits as i32) + 1e-300;
            prop_assert!((read - value).abs() <= tolerance, "{value} became {text}");
        }
    }
}
