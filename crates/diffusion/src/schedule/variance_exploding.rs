//! The variance-exploding schedule with geometric noise.

use langevin_core::{Coefficients, ConfigError, Path};
use serde::{Deserialize, Serialize};

use super::positive;

/// `[path] kind = "variance_exploding"`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VarianceExplodingConfig {
    /// Noise at t = 0; above 0.
    pub sigma_min: f64,
    /// Noise at t = 1; above `sigma_min`.
    pub sigma_max: f64,
}

impl Default for VarianceExplodingConfig {
    /// The range of Song et al. (2021) for small images: 0.01 to 50.
    fn default() -> Self {
        Self { sigma_min: 0.01, sigma_max: 50.0 }
    }
}

impl VarianceExplodingConfig {
    /// The path.
    ///
    /// # Errors
    /// [`ConfigError`] unless 0 < `sigma_min` < `sigma_max`.
    pub fn build(&self) -> Result<VarianceExploding, ConfigError> {
        let sigma_min = positive("sigma_min", self.sigma_min)?;
        let sigma_max = langevin_core::config::require(
            "sigma_max",
            self.sigma_max,
            |s| s > sigma_min && s.is_finite(),
            "a number above sigma_min",
        )?;
        Ok(VarianceExploding { sigma_min, growth: (sigma_max / sigma_min).ln() })
    }
}

/// `x_t = x_0 + σ_min (σ_max/σ_min)^t ε`. The last jump, to t = 0, keeps σ_min of noise.
///
/// # Source
/// Song et al. (2021), appendix C.
#[derive(Debug, Clone, Copy)]
pub struct VarianceExploding {
    sigma_min: f64,
    growth: f64,
}

impl Path for VarianceExploding {
    fn coefficients(&self, t: f64) -> Coefficients {
        Coefficients { alpha: 1.0, beta: self.sigma_min * (self.growth * t).exp(), gamma: 0.0 }
    }

    fn rates(&self, t: f64) -> Coefficients {
        let sigma = self.coefficients(t).beta;
        Coefficients { alpha: 0.0, beta: self.growth * sigma, gamma: 0.0 }
    }

    fn floor(&self) -> f64 {
        0.0
    }

    fn time_of_log_snr(&self, log_snr: f64) -> f64 {
        ((-log_snr - self.sigma_min.ln()) / self.growth).clamp(0.0, 1.0)
    }
}
