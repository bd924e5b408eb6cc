//! Whether one forecast is better than another, or was lucky.

use rayon::prelude::*;
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::seeded::SplitMix64;
use crate::{Interval, UqError};

/// Interval of the mean of `differences` by moving blocks: samples of as many values are put together from runs of
/// `block` values in a row, which keeps their dependence. 0 outside means that one forecast is better.
///
/// # Shapes and units
/// - `differences`: scores of one forecast less those of another, one per time, in the order of time
/// - `block`: about as long as dependence lasts; `level`: 0.5 to 0.999
///
/// # Errors
/// [`UqError::TooFew`] below 2 differences or too few resamples for the level, [`UqError::NotFinite`],
/// [`UqError::OutOfRange`] if the block is 0 or longer than the series, or the level is out of its limits.
///
/// # Source
/// Künsch (1989), Ann. Stat. 17, 1217–1241.
pub fn block_bootstrap(
    differences: &[f64],
    block: usize,
    resamples: usize,
    level: f64,
    seed: u64,
) -> Result<Interval, UqError> {
    UqError::enough("differences", differences.len(), 2)?;
    UqError::finite("difference", differences)?;
    UqError::range("the block length", block as f64, 1.0, differences.len() as f64)?;
    Interval::check(level, resamples)?;
    let n = differences.len();
    let mean = |sum: f64| sum / n as f64;
    let resample = |index: usize| {
        let mut random = SplitMix64::stream(seed, index as u64);
        let (mut sum, mut left) = (0.0, n);
        while left > 0 {
            let (start, length) = (random.index(n - block + 1), block.min(left));
            sum += differences[start..start + length].iter().sum::<f64>();
            left -= length;
        }
        mean(sum)
    };
    let means: Vec<f64> = (0..resamples).into_par_iter().map(resample).collect();
    Ok(Interval::percentile(mean(differences.iter().sum()), means, level))
}

/// Result of a test of equal accuracy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DieboldMariano {
    /// Mean difference: below 0 the first forecast is better.
    pub mean: f64,
    /// The mean over its standard error, corrected for small samples.
    pub statistic: f64,
    /// Probability of a statistic as far from 0, on either side, if both are equally accurate.
    pub p_value: f64,
}

/// Diebold–Mariano test of a mean difference in score.
///
/// The long-run variance is that of Newey & West, `γ_0 + 2 Σ_l (1 − l/(L + 1)) γ_l` over lags `l = 1…L`, never below 0.
/// The statistic has the factor `√((n + 1 − 2h + h(h − 1)/n)/n)` of Harvey, Leybourne & Newbold for forecasts `h` steps
/// ahead, and is compared with Student's t of `n − 1` degrees of freedom.
///
/// # Shapes and units
/// - `differences`: scores of one forecast less those of another, one per time, in the order of time
/// - `horizon`: `h`, at least 1; `lags`: `L`, at least `h − 1`, more where differences depend on each other longer
///
/// # Errors
/// [`UqError::TooFew`] below 2 differences, [`UqError::NotFinite`], [`UqError::OutOfRange`] if the horizon or the lags
/// are not below the length of the series, [`UqError::NoVariation`] if all differences are equal.
///
/// # Sources
/// Diebold & Mariano (1995), J. Bus. Econ. Stat. 13, 253–263; Newey & West (1987), Econometrica 55, 703–708; Harvey,
/// Leybourne & Newbold (1997), Int. J. Forecast. 13, 281–291.
pub fn diebold_mariano(
    differences: &[f64],
    horizon: usize,
    lags: usize,
) -> Result<DieboldMariano, UqError> {
    UqError::enough("differences", differences.len(), 2)?;
    UqError::finite("difference", differences)?;
    let n = differences.len() as f64;
    UqError::range("the horizon", horizon as f64, 1.0, n - 1.0)?;
    UqError::range("the number of lags", lags as f64, horizon as f64 - 1.0, n - 1.0)?;
    if differences.iter().all(|d| *d == differences[0]) {
        return Err(UqError::NoVariation { what: "differences", value: differences[0] });
    }
    let mean = differences.iter().sum::<f64>() / n;
    let anomalies: Vec<f64> = differences.iter().map(|d| d - mean).collect();
    let covariance =
        |lag: usize| anomalies.iter().zip(&anomalies[lag..]).map(|(a, b)| a * b).sum::<f64>() / n;
    let weight = |lag: usize| 1.0 - lag as f64 / (lags + 1) as f64;
    let later: f64 = (1..=lags).map(|lag| weight(lag) * covariance(lag)).sum();
    let variance = covariance(0) + 2.0 * later;
    let h = horizon as f64;
    let correction = ((n + 1.0 - 2.0 * h + h * (h - 1.0) / n) / n).sqrt();
    let statistic = correction * mean / (variance / n).sqrt();
    let law = StudentsT::new(0.0, 1.0, n - 1.0).expect("there are two differences");
    Ok(DieboldMariano { mean, statistic, p_value: 2.0 * law.sf(statistic.abs()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 1, 2, 3, 6 have mean 3 and γ_0 = 14/4, γ_1 = (2 + 0 + 0)/4. Student's t of 3 degrees of freedom has
    /// the two-sided p = 1 − (2/π)(s/(1 + s²) + atan s) with s = t/√3.
    #[test]
    fn statistics_by_hand() {
        let p_value = |t: f64| {
            let s = t / 3f64.sqrt();
            1.0 - 2.0 / std::f64::consts::PI * (s / (1.0 + s * s) + s.atan())
        };
        let differences = [1.0, 2.0, 3.0, 6.0];
        let test = diebold_mariano(&differences, 1, 0).unwrap();
        let want = 3.0 / (3.5f64 / 4.0).sqrt() * 0.75f64.sqrt();
        assert_eq!(test.mean, 3.0);
        assert!((test.statistic - want).abs() < 1e-12);
        assert!((test.p_value - p_value(want)).abs() < 1e-10, "{}", test.p_value);
        // One lag with the weight 1/2, two steps ahead.
        let test = diebold_mariano(&differences, 2, 1).unwrap();
        let want = 3.0 / (4.0f64 / 4.0).sqrt() * ((5.0f64 - 4.0 + 0.5) / 4.0).sqrt();
        assert!((test.statistic - want).abs() < 1e-12, "{test:?}");
        let turned = diebold_mariano(&[-1.0, -2.0, -3.0, -6.0], 2, 1).unwrap();
        assert_eq!((turned.statistic, turned.p_value), (-test.statistic, test.p_value));
    }

    #[test]
    fn bad_series_are_named() {
        let error = diebold_mariano(&[2.0; 5], 1, 0).unwrap_err();
        assert_eq!(error.to_string(), "all differences are 2");
        let error = diebold_mariano(&[1.0, 2.0, 3.0], 3, 2).unwrap_err();
        assert!(matches!(error, UqError::OutOfRange { value: 3.0, maximum: 2.0, .. }), "{error}");
        assert!(diebold_mariano(&[1.0, 2.0, 3.0], 2, 0).is_err());
        assert!(block_bootstrap(&[1.0, f64::NAN], 1, 400, 0.9, 0).is_err());
        assert!(block_bootstrap(&[1.0, 2.0], 3, 400, 0.9, 0).is_err());
    }

    /// A series whose values come in runs of 10 that are equal. Blocks of 1 see 500 independent values, and find
    /// an interval of sd/√500; blocks of 50 see that there are 50, whose mean has about √10 times the error.
    ///
    /// The interval of independent values is 2 · 1.645 · 0.289/√500 = 0.0425 wide; percentiles of 2000 resamples have
    /// an error of 3 %, and moving blocks lose about 1 part in 10 of the variance, hence a ratio of 2.4 to 3.6.
    #[test]
    fn blocks_keep_dependence() {
        let mut random = SplitMix64::new(21);
        let series: Vec<f64> =
            (0..50).flat_map(|_| std::iter::repeat_n(random.uniform(), 10)).collect();
        let width = |block: usize| {
            let got = block_bootstrap(&series, block, 2000, 0.9, 4).unwrap();
            assert!(got.lower < got.estimate && got.estimate < got.upper, "{got:?}");
            got.upper - got.lower
        };
        let (single, blocks) = (width(1), width(50));
        assert!((single / 0.0425 - 1.0).abs() < 0.2, "{single}");
        assert!((2.4..3.6).contains(&(blocks / single)), "{blocks} {single}");
        let whole = block_bootstrap(&series, 500, 200, 0.9, 4).unwrap();
        assert_eq!((whole.lower, whole.upper), (whole.estimate, whole.estimate));
    }
}
