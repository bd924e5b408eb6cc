//! The schedule of Karras et al. (2022): time is noise.

use langevin_core::{Coefficients, ConfigError, Path};
use serde::{Deserialize, Serialize};

use super::positive;

/// `[path] kind = "edm"`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EdmConfig {
    /// Noise at t = 1, in units of the standardised data; above 0.
    pub sigma_max: f64,
}

impl Default for EdmConfig {
    /// 80, as in the paper.
    fn default() -> Self {
        Self { sigma_max: 80.0 }
    }
}

impl EdmConfig {
    /// The path.
    ///
    /// # Errors
    /// [`ConfigError`] unless `sigma_max` is positive.
    pub fn build(&self) -> Result<Edm, ConfigError> {
        Ok(Edm { sigma_max: positive("sigma_max", self.sigma_max)? })
    }
}

/// `x_t = x_0 + σ_max t ε`: the paper's σ(t) = t, scaled to the unit interval.
#[derive(Debug, Clone, Copy)]
pub struct Edm {
    sigma_max: f64,
}

impl Path for Edm {
    fn coefficients(&self, t: f64) -> Coefficients {
        Coefficients { alpha: 1.0, beta: self.sigma_max * t, gamma: 0.0 }
    }

    fn rates(&self, _: f64) -> Coefficients {
        Coefficients { alpha: 0.0, beta: self.sigma_max, gamma: 0.0 }
    }

    fn floor(&self) -> f64 {
        // Noise of 1e-5 in units of the data, as on the other paths.
        1e-5 / self.sigma_max
    }

    fn time_of_log_snr(&self, log_snr: f64) -> f64 {
        ((-log_snr).exp() / self.sigma_max).clamp(0.0, 1.0)
    }
}
