//! Generalised Pareto law: excesses over a threshold.

use super::{Fit, LMoments, bend, penalty, unbend};
use crate::nelder_mead::minimise;
use crate::{Interval, UqError};

/// `F(y) = 1 − (1 − k y/α)^(1/k)` of excesses `y = x − u`, exponential for `k = 0`, with how often there is one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gpd {
    /// `u`, the unit of the values.
    pub threshold: f64,
    /// `α` above 0, the unit of the values.
    pub scale: f64,
    /// `k` in Hosking's sign: below 0 the tail is heavy, above 0 it ends at `u + α/k`.
    pub shape: f64,
    /// Independent exceedances per year.
    pub rate: f64,
}

/// Places of the peaks of a series: the largest value of each cluster above the threshold, where clusters end after
/// `run` values in a row that are not above it. A NaN is not above.
///
/// # Errors
/// [`UqError::Empty`] without values, [`UqError::OutOfRange`] if the threshold is not finite or `run` is 0.
///
/// # Source
/// Coles (2001), An Introduction to Statistical Modeling of Extreme Values, section 5.3.2.
pub fn decluster(series: &[f64], threshold: f64, run: usize) -> Result<Vec<usize>, UqError> {
    UqError::enough("values", series.len(), 1)?;
    UqError::range("the threshold", threshold, f64::MIN, f64::MAX)?;
    UqError::range("the run length", run as f64, 1.0, f64::MAX)?;
    let mut peaks: Vec<usize> = Vec::new();
    let mut last = None;
    for (place, &value) in series.iter().enumerate().filter(|(_, value)| **value > threshold) {
        match (last, peaks.last_mut()) {
            (Some(last), Some(peak)) if place - last <= run => {
                if value > series[*peak] {
                    *peak = place;
                }
            }
            _ => peaks.push(place),
        }
        last = Some(place);
    }
    Ok(peaks)
}

impl Gpd {
    /// The law of `peaks` above `threshold` seen in `years`.
    ///
    /// L-moments of the excesses: `k = λ1/λ2 − 2`, `α = (1 + k) λ1`.
    ///
    /// # Errors
    /// [`UqError::TooFew`] below 4 peaks, [`UqError::NotFinite`], [`UqError::NoVariation`] if all are equal,
    /// [`UqError::OutOfRange`] if a peak is not above the threshold or `years` not above 0.
    ///
    /// # Source
    /// Hosking & Wallis (1987), Technometrics 29, 339–349.
    pub fn fit(peaks: &[f64], threshold: f64, years: f64, fit: Fit) -> Result<Self, UqError> {
        UqError::range("the length of the record in years", years, f64::MIN_POSITIVE, f64::MAX)?;
        UqError::range("the threshold", threshold, f64::MIN, f64::MAX)?;
        let excesses: Vec<f64> = peaks.iter().map(|peak| peak - threshold).collect();
        let moments = LMoments::of(&excesses)?;
        for excess in &excesses {
            UqError::range("an excess", *excess, f64::MIN_POSITIVE, f64::MAX)?;
        }
        let rate = peaks.len() as f64 / years;
        let shape = moments.mean / moments.scale - 2.0;
        let scale = (1.0 + shape) * moments.mean;
        if fit == Fit::LMoments {
            return Ok(Self { threshold, scale, shape, rate });
        }
        // In units of the mean, so that scale and shape are about 1.
        let unit = moments.mean;
        let excesses: Vec<f64> = excesses.iter().map(|y| y / unit).collect();
        let cost = |p: &[f64; 2]| penalty(p[1]) - log_likelihood(&excesses, p[0].exp(), p[1]);
        let mut start = [(scale / unit).ln(), shape.clamp(-0.5, 0.5)];
        if !cost(&start).is_finite() {
            // A value beyond the limit of the law: the exponential has none.
            start = [0.0, 0.0];
        }
        let [scale, shape] = minimise(cost, start, [0.2, 0.1]);
        Ok(Self { threshold, scale: unit * scale.exp(), shape, rate })
    }

    /// The excess over the threshold that is not exceeded with probability `p`, plus the threshold.
    pub fn quantile(&self, p: f64) -> f64 {
        self.threshold + self.scale * bend(-(-p).ln_1p(), self.shape)
    }

    /// The level that is exceeded once in `period` years on average: `u + (α/k)(1 − (λ T)^−k)`.
    ///
    /// # Errors
    /// [`UqError::OutOfRange`] if there is less than one exceedance of the threshold in that time.
    pub fn return_level(&self, period: f64) -> Result<f64, UqError> {
        UqError::range("the return period in years", period, 1.0 / self.rate, f64::MAX)?;
        Ok(self.threshold + self.scale * bend((self.rate * period).ln(), self.shape))
    }

    /// A return level with the percentile interval of `level` of a parametric bootstrap: `resamples` samples of `count`
    /// excesses are drawn from this law, and fitted; the rate stays as it is.
    ///
    /// # Errors
    /// Those of [`Self::return_level`] and [`Self::fit`]; [`UqError::OutOfRange`] if the level is not in 0.5 to 0.999,
    /// [`UqError::TooFew`] resamples for it.
    pub fn return_level_interval(
        &self,
        period: f64,
        count: usize,
        fit: Fit,
        resamples: usize,
        level: f64,
        seed: u64,
    ) -> Result<Interval, UqError> {
        let estimate = self.return_level(period)?;
        // From the threshold 0: adding a large one would round small excesses to 0.
        let excess = Self { threshold: 0.0, ..*self };
        Interval::resampled(estimate, (resamples, level, seed), |mut random| {
            let values: Vec<f64> = (0..count).map(|_| excess.quantile(random.open())).collect();
            let years = count as f64 / self.rate;
            Ok(self.threshold + Self::fit(&values, 0.0, years, fit)?.return_level(period)?)
        })
    }
}

fn log_likelihood(excesses: &[f64], scale: f64, shape: f64) -> f64 {
    let log_density = |y: &f64| -scale.ln() - (1.0 - shape) * unbend(y / scale, shape);
    let sum: f64 = excesses.iter().map(log_density).sum();
    if sum.is_nan() { f64::NEG_INFINITY } else { sum }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeded::SplitMix64;

    #[test]
    fn clusters_by_hand() {
        let series = [0.0, 3.0, 5.0, 0.0, 4.0, 0.0, 0.0, 6.0, f64::NAN, 7.0, 1.0];
        assert_eq!(decluster(&series, 2.0, 1).unwrap(), [2, 4, 7, 9]);
        assert_eq!(decluster(&series, 2.0, 2).unwrap(), [2, 9]);
        assert_eq!(decluster(&series, 2.0, 3).unwrap(), [9]);
        assert_eq!(decluster(&series, 9.0, 1).unwrap(), [0usize; 0]);
        assert!(decluster(&series, f64::NAN, 1).is_err() && decluster(&series, 2.0, 0).is_err());
    }

    /// As for maxima: equally likely quantiles give back the law.
    #[test]
    fn laws_are_recovered() {
        for shape in [-0.2, 0.0, 0.3] {
            let law = Gpd { threshold: 30.0, scale: 8.0, shape, rate: 5.0 };
            let n = 20_000;
            let peaks: Vec<f64> =
                (0..n).map(|i| law.quantile((f64::from(i) + 0.5) / f64::from(n))).collect();
            for fit in [Fit::LMoments, Fit::Likelihood] {
                let got = Gpd::fit(&peaks, 30.0, 4000.0, fit).unwrap();
                assert!((got.shape - shape).abs() < 0.003, "{fit:?} {got:?}");
                assert!((got.scale - 8.0).abs() < 0.03, "{fit:?} {got:?}");
                assert_eq!(got.rate, 5.0);
            }
        }
    }

    /// Exponential excesses of mean 2, twice a year: the level of T years is u + 2 ln(2T).
    #[test]
    fn levels_by_hand() {
        let law = Gpd { threshold: 10.0, scale: 2.0, shape: 0.0, rate: 2.0 };
        assert!((law.return_level(50.0).unwrap() - (10.0 + 2.0 * 100f64.ln())).abs() < 1e-12);
        let error = law.return_level(0.4).unwrap_err();
        assert!(matches!(error, UqError::OutOfRange { minimum: 0.5, .. }), "{error}");
        // k = 0.5 ends at u + 4: (1 − (2 · 50)^−½) of the way.
        let law = Gpd { shape: 0.5, ..law };
        assert!((law.return_level(50.0).unwrap() - (10.0 + 4.0 * 0.9)).abs() < 1e-12);
        assert!(Gpd::fit(&[11.0, 12.0, 13.0, 10.0], 10.0, 2.0, Fit::LMoments).is_err());
    }

    /// An interval of 90 % of the 20-year level holds the truth about 9 times in 10. Of 60 samples of 80 excesses it
    /// should miss 6; 5 standard errors of a binomial are 11.6, so at most 17 misses; an interval of half the width,
    /// which holds it 6 times in 10, would miss 24.
    #[test]
    fn intervals_cover_the_truth() {
        let law = Gpd { threshold: 0.0, scale: 5.0, shape: -0.1, rate: 4.0 };
        let truth = law.return_level(20.0).unwrap();
        let missed = (0..60u64).filter(|&trial| {
            let mut random = SplitMix64::stream(77, trial);
            let peaks: Vec<f64> = (0..80).map(|_| law.quantile(random.open())).collect();
            let fitted = Gpd::fit(&peaks, 0.0, 20.0, Fit::LMoments).unwrap();
            let interval =
                fitted.return_level_interval(20.0, 80, Fit::LMoments, 200, 0.9, trial).unwrap();
            truth < interval.lower || truth > interval.upper
        });
        let missed = missed.count();
        assert!((1..=17).contains(&missed), "{missed}");
    }
}
