//! Generalised extreme value law: maxima of years.

use std::f64::consts::LN_2;

use statrs::function::gamma::gamma;

use super::{Fit, LMoments, bend, penalty, unbend};
use crate::nelder_mead::minimise;
use crate::{Interval, UqError};

/// Euler's constant: the mean of a Gumbel law of location 0 and scale 1.
const EULER: f64 = 0.577_215_664_901_532_9;

/// `F(x) = exp(−(1 − k (x − ξ)/α)^(1/k))`, and Gumbel's law for `k = 0`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gev {
    /// `ξ`, the unit of the values.
    pub location: f64,
    /// `α` above 0, the unit of the values.
    pub scale: f64,
    /// `k` in Hosking's sign: below 0 the tail is heavy, above 0 it ends at `ξ + α/k`. Others write `−k` as `ξ`.
    pub shape: f64,
}

impl Gev {
    /// The law of block maxima `values`, of years or events.
    ///
    /// # Errors
    /// [`UqError::TooFew`] below 4 values, [`UqError::NotFinite`], [`UqError::NoVariation`] if all are equal.
    ///
    /// # Sources
    /// Hosking, Wallis & Wood (1985), Technometrics 27, 251–261; Coles (2001), An Introduction to Statistical
    /// Modeling of Extreme Values, section 3.3, for likelihood.
    pub fn fit(values: &[f64], fit: Fit) -> Result<Self, UqError> {
        let moments = LMoments::of(values)?;
        let start = Self::from_lmoments(&moments);
        if fit == Fit::LMoments {
            return Ok(start);
        }
        // In units of the L-scale around the mean, where all three parameters are about 1.
        let (mean, unit) = (moments.mean, moments.scale);
        let values: Vec<f64> = values.iter().map(|x| (x - mean) / unit).collect();
        let law = |p: &[f64; 3]| Self { location: p[0], scale: p[1].exp(), shape: p[2] };
        let cost = |p: &[f64; 3]| penalty(p[2]) - law(p).log_likelihood(&values);
        let mut start = [
            (start.location - mean) / unit,
            (start.scale / unit).ln(),
            start.shape.clamp(-0.5, 0.5),
        ];
        if !cost(&start).is_finite() {
            // A value beyond the limit of the law: Gumbel's has none.
            start = [-EULER / LN_2, (1.0 / LN_2).ln(), 0.0];
        }
        let best = law(&minimise(cost, start, [0.2, 0.2, 0.1]));
        Ok(Self { location: mean + unit * best.location, scale: unit * best.scale, ..best })
    }

    /// The law with these L-moments: `k = 7.8590c + 2.9554c²` with `c = 2/(3 + τ3) − ln 2/ln 3`, which is within 9·10⁻⁴
    /// of the exact shape for `τ3` in −0.5 to 0.5; `α = λ2 k/((1 − 2^−k) Γ(1 + k))`, `ξ = λ1 − α (1 − Γ(1 + k))/k`.
    ///
    /// # Source
    /// Hosking, Wallis & Wood (1985), Technometrics 27, 251–261, Eq. 14 and 15.
    pub fn from_lmoments(moments: &LMoments) -> Self {
        let c = 2.0 / (3.0 + moments.skewness) - LN_2 / 3f64.ln();
        let shape = 7.8590 * c + 2.9554 * c * c;
        // Below 1e-7 the differences have no digits left, and Gumbel's law is as close.
        if shape.abs() < 1e-7 {
            let scale = moments.scale / LN_2;
            return Self { location: moments.mean - EULER * scale, scale, shape: 0.0 };
        }
        let g = gamma(1.0 + shape);
        let scale = moments.scale * shape / (-(-shape * LN_2).exp_m1() * g);
        Self { location: moments.mean - scale * (1.0 - g) / shape, scale, shape }
    }

    /// Probability of a maximum below `x`.
    pub fn cdf(&self, x: f64) -> f64 {
        let y = unbend((x - self.location) / self.scale, self.shape);
        if y.is_nan() {
            // Beyond the limit of the law: above it for k > 0, below for k < 0.
            return if self.shape > 0.0 { 1.0 } else { 0.0 };
        }
        (-(-y).exp()).exp()
    }

    /// The value that is not exceeded with probability `p` in 0 to 1: `ξ + α (1 − (−ln p)^k)/k`.
    pub fn quantile(&self, p: f64) -> f64 {
        self.location + self.scale * bend(-(-p.ln()).ln(), self.shape)
    }

    /// The level that is exceeded once in `period` blocks on average: the quantile at `1 − 1/T`.
    ///
    /// # Errors
    /// [`UqError::OutOfRange`] if the period is not above 1.
    pub fn return_level(&self, period: f64) -> Result<f64, UqError> {
        UqError::range("the return period in blocks", period, 1.0 + f64::EPSILON, f64::MAX)?;
        // 1 − 1/T has no digits of 1/T left for long periods.
        let y = -(-(-1.0 / period).ln_1p()).ln();
        Ok(self.location + self.scale * bend(y, self.shape))
    }

    /// Sum of the logarithms of the density; −∞ if a value is beyond the limit of the law.
    pub fn log_likelihood(&self, values: &[f64]) -> f64 {
        let log_density = |x: &f64| {
            let y = unbend((x - self.location) / self.scale, self.shape);
            -self.scale.ln() - (1.0 - self.shape) * y - (-y).exp()
        };
        let sum: f64 = values.iter().map(log_density).sum();
        if sum.is_nan() { f64::NEG_INFINITY } else { sum }
    }

    /// A return level with the percentile interval of `level` of a parametric bootstrap: `resamples` samples of `count`
    /// maxima are drawn from this law, and fitted.
    ///
    /// # Errors
    /// Those of [`Self::return_level`] and [`Self::fit`]; [`UqError::OutOfRange`] if the level is not in 0.5 to 0.999,
    /// [`UqError::TooFew`] resamples for it.
    ///
    /// # Source
    /// Kyselý (2008), J. Appl. Meteorol. Climatol. 47, 3236–3251.
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
        Interval::resampled(estimate, (resamples, level, seed), |mut random| {
            let values: Vec<f64> = (0..count).map(|_| self.quantile(random.open())).collect();
            Self::fit(&values, fit)?.return_level(period)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Annual maxima of the sea level at Port Pirie in m, 1923 to 1987: Coles (2001), table 1.1.
    const PORT_PIRIE: [f64; 65] = [
        4.03, 3.83, 3.65, 3.88, 4.01, 4.08, 4.18, 3.80, 4.36, 3.96, 3.98, 4.69, 3.85, 3.96, 3.85,
        3.93, 3.75, 3.63, 3.57, 4.25, 3.97, 4.05, 4.24, 4.22, 3.73, 4.37, 4.06, 3.71, 3.96, 4.06,
        4.55, 3.79, 3.89, 4.11, 3.85, 3.86, 3.86, 4.21, 4.01, 4.11, 4.24, 3.96, 4.21, 3.74, 3.85,
        3.88, 3.66, 4.11, 3.71, 4.18, 3.90, 3.78, 3.91, 3.72, 4.00, 3.66, 3.62, 4.33, 4.55, 3.75,
        4.08, 3.90, 3.88, 3.94, 4.33,
    ];

    /// Coles (2001), section 3.4.1: location 3.87, scale 0.198, shape −k = −0.050, log-likelihood 4.34, levels 4.30 and
    /// 4.69 m, whose profile intervals of 95 % are 4.21 to 4.45 and 4.50 to 5.27 m. Tolerance: the printed digits.
    #[test]
    fn port_pirie_is_reproduced() {
        let law = Gev::fit(&PORT_PIRIE, Fit::Likelihood).unwrap();
        assert!((law.location - 3.87).abs() < 0.006, "{law:?}");
        assert!((law.scale - 0.198).abs() < 0.0006, "{law:?}");
        assert!((law.shape - 0.050).abs() < 0.0006, "{law:?}");
        let likelihood = law.log_likelihood(&PORT_PIRIE);
        assert!((likelihood - 4.34).abs() < 0.006, "{likelihood}");
        assert!((law.return_level(10.0).unwrap() - 4.30).abs() < 0.006);
        assert!((law.return_level(100.0).unwrap() - 4.69).abs() < 0.006);
        let moments = Gev::fit(&PORT_PIRIE, Fit::LMoments).unwrap();
        assert!((moments.return_level(10.0).unwrap() - 4.30).abs() < 0.02, "{moments:?}");
        let interval = law.return_level_interval(10.0, 65, Fit::LMoments, 400, 0.95, 1).unwrap();
        // The bootstrap of L-moments, not a profile: within half the interval's width of its limits.
        assert!((interval.lower - 4.21).abs() < 0.06, "{interval:?}");
        assert!((interval.upper - 4.45).abs() < 0.06, "{interval:?}");
        let again = law.return_level_interval(10.0, 65, Fit::LMoments, 400, 0.95, 1).unwrap();
        assert_eq!(interval, again);
    }

    /// 20 000 equally likely quantiles have the L-moments of the law but for the last steps of the tail. Tolerance
    /// of the shape: 9·10⁻⁴ of Hosking's formula, and 2·10⁻³ for the steps at k = −0.3; the others depend on it.
    #[test]
    fn laws_are_recovered() {
        for shape in [-0.3, -0.1, 0.0, 0.2] {
            let law = Gev { location: 280.0, scale: 3.0, shape };
            let n = 20_000;
            let values: Vec<f64> =
                (0..n).map(|i| law.quantile((f64::from(i) + 0.5) / f64::from(n))).collect();
            for fit in [Fit::LMoments, Fit::Likelihood] {
                let got = Gev::fit(&values, fit).unwrap();
                assert!((got.shape - shape).abs() < 0.003, "{fit:?} {got:?}");
                assert!((got.scale - 3.0).abs() < 0.02, "{fit:?} {got:?}");
                assert!((got.location - 280.0).abs() < 0.02, "{fit:?} {got:?}");
            }
        }
    }

    #[test]
    fn quantiles_invert_probabilities() {
        for shape in [-0.2, 0.0, 0.3] {
            let law = Gev { location: 1.0, scale: 2.0, shape };
            for p in [0.01, 0.5, 0.999] {
                assert!((law.cdf(law.quantile(p)) - p).abs() < 1e-12);
            }
            assert!((law.return_level(100.0).unwrap() - law.quantile(0.99)).abs() < 1e-10);
            assert!(law.return_level(1.0).is_err());
        }
        // Limits: −0.2 begins at 1 − 2/0.2, 0.3 ends at 1 + 2/0.3.
        assert_eq!(Gev { location: 1.0, scale: 2.0, shape: -0.2 }.cdf(-9.1), 0.0);
        assert_eq!(Gev { location: 1.0, scale: 2.0, shape: 0.3 }.cdf(7.7), 1.0);
    }
}
