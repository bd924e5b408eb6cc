//! The polynomial schedule of EDM.

use langevin_core::config::require;
use langevin_core::{Coefficients, ConfigError, Path};
use serde::{Deserialize, Serialize};

/// `[path] kind = "polynomial"`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolynomialConfig {
    /// Exponent p of the time; 1 or more.
    pub power: f64,
    /// Steps T of the discrete schedule that this one goes through; at least 2.
    pub steps: usize,
    /// Variance of the noise that is there at t = 0, and of the data that are left at t = 1; above 0 and below
    /// 0.5.
    pub precision: f64,
}

impl Default for PolynomialConfig {
    /// `polynomial_2` of EDM on QM9: p = 2, T = 1000 and 1e-5.
    fn default() -> Self {
        Self { power: 2.0, steps: 1000, precision: 1e-5 }
    }
}

impl PolynomialConfig {
    /// The path.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn build(&self) -> Result<Polynomial, ConfigError> {
        let precision = |s: f64| s > 0.0 && s < 0.5;
        require("precision", self.precision, precision, "a number between 0 and 0.5")?;
        require("power", self.power, |p| p >= 1.0 && p.is_finite(), "a number of at least 1")?;
        require("steps", self.steps, |n| n >= 2, "at least 2")?;
        let last = 1.0 - 1.0 / self.steps as f64;
        Ok(Polynomial { power: self.power, precision: self.precision, last })
    }
}

/// Least ratio of α² from one point of the discrete schedule to the next.
const LEAST_RATIO: f64 = 1e-3;

/// `α² = (1 − 2s) a² + s` and `σ² = 1 − α²`, where `a = 1 − t^p`.
///
/// The discrete schedule has these values at t = k/T, except at the last of its T + 1 points: there it does not
/// let a² fall below 1e-3 times the value before. For p ≥ 1, a is concave, no other step makes a² less than
/// a quarter, and none but the last is touched. On the last interval a therefore goes to √1e-3 times its value
/// at (T − 1)/T: `a = r + (1 − √1e-3)(1 − t^p)` with `r = √1e-3 (1 − ((T − 1)/T)^p)`. Every point of the discrete
/// schedule lies on this path, and nothing but the slope, by 3 %, jumps at (T − 1)/T.
///
/// Noise of variance s is left at t = 0, and velocities exist there.
///
/// # Source
/// Hoogeboom, Satorras, Vignac & Welling (2022), arXiv:2203.17003, appendix B; the least ratio as in its
/// code.
#[derive(Debug, Clone, Copy)]
pub struct Polynomial {
    power: f64,
    precision: f64,
    /// Where the last interval begins, (T − 1)/T.
    last: f64,
}

impl Polynomial {
    /// `1 − a` and `−da/dt`.
    fn decay(&self, t: f64) -> (f64, f64) {
        let (gone, rate) = (t.powf(self.power), self.power * t.powf(self.power - 1.0));
        if t <= self.last {
            return (gone, rate);
        }
        let slower = 1.0 - LEAST_RATIO.sqrt();
        let floor = LEAST_RATIO.sqrt() * (1.0 - self.last.powf(self.power));
        // 1 − (floor + slower (1 − t^p))
        (1.0 - floor - slower * (1.0 - gone), slower * rate)
    }
}

impl Path for Polynomial {
    fn coefficients(&self, t: f64) -> Coefficients {
        let (gone, _) = self.decay(t);
        let kept = 1.0 - 2.0 * self.precision;
        // 1 − a² = (1 − a)(1 + a): σ keeps its digits near the data.
        Coefficients {
            alpha: (kept * (1.0 - gone).powi(2) + self.precision).sqrt(),
            beta: (kept * gone * (2.0 - gone) + self.precision).sqrt(),
            gamma: 0.0,
        }
    }

    fn rates(&self, t: f64) -> Coefficients {
        let (c, (gone, rate)) = (self.coefficients(t), self.decay(t));
        let slope = (1.0 - 2.0 * self.precision) * (1.0 - gone) * rate;
        Coefficients { alpha: -slope / c.alpha, beta: slope / c.beta, gamma: 0.0 }
    }

    fn floor(&self) -> f64 {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// α² at the T + 1 points as the published code makes it: ratios, clipped, multiplied up again.
    fn discrete(power: f64, steps: usize, precision: f64) -> Vec<f64> {
        let raw = |k: usize| (1.0 - (k as f64 / steps as f64).powf(power)).powi(2);
        let mut clipped = vec![1.0];
        for k in 1..=steps {
            let ratio = (raw(k) / raw(k - 1)).clamp(1e-3, 1.0);
            clipped.push(clipped[k - 1] * ratio);
        }
        clipped.iter().map(|a| (1.0 - 2.0 * precision) * a + precision).collect()
    }

    #[test]
    fn every_point_of_the_discrete_schedule_is_on_the_path() {
        for config in [
            PolynomialConfig::default(),
            PolynomialConfig { power: 3.0, steps: 500, precision: 1e-4 },
            PolynomialConfig { power: 1.0, steps: 2, precision: 1e-5 },
        ] {
            let path = config.build().unwrap();
            let expected = discrete(config.power, config.steps, config.precision);
            for (k, alpha_squared) in expected.into_iter().enumerate() {
                let c = path.coefficients(k as f64 / config.steps as f64);
                let off = c.alpha.powi(2) / alpha_squared - 1.0;
                assert!(off.abs() < 1e-12, "{config:?} point {k}: {off:e}");
                assert!((c.alpha.powi(2) + c.beta.powi(2) - 1.0).abs() < 1e-14);
            }
        }
        // The values that EDM's code gives for its own schedule, to the digits of its formula.
        let path = PolynomialConfig::default().build().unwrap();
        let ends = [0.0, 1.0].map(|t| path.coefficients(t));
        assert!((ends[0].beta.powi(2) - 1e-5).abs() < 1e-16);
        assert!(
            (ends[1].alpha.powi(2) - (1e-5 + 0.99998 * 1e-3 * 0.001999f64.powi(2))).abs() < 1e-16
        );
    }

    #[test]
    fn the_path_falls_across_its_last_interval() {
        let path = PolynomialConfig { steps: 10, ..PolynomialConfig::default() }.build().unwrap();
        let log_snr: Vec<f64> = (0..=200).map(|i| path.log_snr(f64::from(i) / 200.0)).collect();
        assert!(log_snr.windows(2).all(|pair| pair[1] < pair[0]));
    }

    #[test]
    fn impossible_values_are_named() {
        let bad = PolynomialConfig { precision: 0.0, ..PolynomialConfig::default() };
        let error = bad.build().unwrap_err().to_string();
        assert_eq!(error, "precision: found 0, allowed: a number between 0 and 0.5");
        let bad = PolynomialConfig { power: 0.5, ..PolynomialConfig::default() };
        assert_eq!(bad.build().unwrap_err().key, "power");
    }
}
