//! The variance-preserving schedule with a linear rate.

use langevin_core::{Coefficients, ConfigError, Path};
use serde::{Deserialize, Serialize};

use super::positive;

/// `[path] kind = "variance_preserving"`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VariancePreservingConfig {
    /// Rate at t = 0; above 0.
    pub beta_min: f64,
    /// Rate at t = 1; above `beta_min`.
    pub beta_max: f64,
}

impl Default for VariancePreservingConfig {
    /// The values of Ho et al. (2020) in continuous time: 0.1 and 20.
    fn default() -> Self {
        Self { beta_min: 0.1, beta_max: 20.0 }
    }
}

impl VariancePreservingConfig {
    /// The path.
    ///
    /// # Errors
    /// [`ConfigError`] unless 0 < `beta_min` < `beta_max`.
    pub fn build(&self) -> Result<VariancePreserving, ConfigError> {
        let beta_min = positive("beta_min", self.beta_min)?;
        let beta_max = langevin_core::config::require(
            "beta_max",
            self.beta_max,
            |b| b > beta_min && b.is_finite(),
            "a number above beta_min",
        )?;
        Ok(VariancePreserving { beta_min, beta_gain: beta_max - beta_min })
    }
}

/// `dx = −½ β(t) x dt + √β(t) dw` with β(t) = β_min + β_d t: α = e^(−B/2), σ² = 1 − e^(−B), where
/// B = ½ β_d t² + β_min t.
///
/// # Source
/// Song et al. (2021), appendix C; the σ/α form is table 1 of Karras et al. (2022).
#[derive(Debug, Clone, Copy)]
pub struct VariancePreserving {
    beta_min: f64,
    beta_gain: f64,
}

impl VariancePreserving {
    fn integral(&self, t: f64) -> f64 {
        (0.5 * self.beta_gain * t + self.beta_min) * t
    }
}

impl Path for VariancePreserving {
    fn coefficients(&self, t: f64) -> Coefficients {
        let b = self.integral(t);
        Coefficients { alpha: (-0.5 * b).exp(), beta: (-(-b).exp_m1()).sqrt(), gamma: 0.0 }
    }

    fn rates(&self, t: f64) -> Coefficients {
        let c = self.coefficients(t);
        let rate = self.beta_gain * t + self.beta_min;
        // σσ' = ½ β α²; at t = 0 the slope of σ is infinite, and nobody asks there.
        let sigma_rate = 0.5 * rate * c.alpha * c.alpha / c.beta;
        Coefficients { alpha: -0.5 * rate * c.alpha, beta: sigma_rate, gamma: 0.0 }
    }

    fn time_of_log_snr(&self, log_snr: f64) -> f64 {
        // B = ln(1 + e^(−2λ)), then the root of the quadratic.
        let b = (-2.0 * log_snr).exp().ln_1p();
        let root = (self.beta_min * self.beta_min + 2.0 * self.beta_gain * b).sqrt();
        (2.0 * b / (root + self.beta_min)).clamp(0.0, 1.0)
    }
}
