//! An estimate and what it could as well have been.

use rayon::prelude::*;

use crate::UqError;
use crate::quantiles::of_sorted;
use crate::seeded::SplitMix64;

/// An estimate with the limits of its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// From all the data.
    pub estimate: f64,
    /// Lower limit.
    pub lower: f64,
    /// Upper limit.
    pub upper: f64,
}

impl Interval {
    /// The percentile interval of `level` from estimates of `resampled` data.
    pub(crate) fn percentile(estimate: f64, mut resampled: Vec<f64>, level: f64) -> Self {
        resampled.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - level) / 2.0;
        let [lower, upper] = [tail, 1.0 - tail].map(|p| of_sorted(&resampled, p));
        Self { estimate, lower, upper }
    }

    /// [`Interval::percentile`] of `resamples` estimates, each from a stream of its own.
    pub(crate) fn resampled(
        estimate: f64,
        (resamples, level, seed): (usize, f64, u64),
        resample: impl Fn(SplitMix64) -> Result<f64, UqError> + Sync,
    ) -> Result<Self, UqError> {
        Self::check(level, resamples)?;
        let one = |index: usize| resample(SplitMix64::stream(seed, index as u64));
        let all: Result<Vec<f64>, UqError> = (0..resamples).into_par_iter().map(one).collect();
        Ok(Self::percentile(estimate, all?, level))
    }

    /// A level in 0.5 to 0.999, and enough resamples to have ten beyond each limit.
    pub(crate) fn check(level: f64, resamples: usize) -> Result<(), UqError> {
        UqError::range("the level", level, 0.5, 0.999)?;
        // Rounded, because 20/(1 − 0.9) is a little more than 200.
        UqError::enough("resamples", resamples, (20.0 / (1.0 - level)).round() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_percentiles() {
        let resampled = (0..=100).rev().map(f64::from).collect();
        let got = Interval::percentile(3.0, resampled, 0.9);
        assert_eq!(got.estimate, 3.0);
        assert!((got.lower - 5.0).abs() < 1e-9 && (got.upper - 95.0).abs() < 1e-9, "{got:?}");
        assert_eq!(Interval::check(0.9, 200), Ok(()));
        assert!(matches!(Interval::check(0.9, 199), Err(UqError::TooFew { minimum: 200, .. })));
        assert!(matches!(Interval::check(1.0, 999), Err(UqError::OutOfRange { .. })));
    }
}
