//! The cosine schedule of diffusion.

use langevin_core::{Coefficients, ConfigError, Path};
use serde::{Deserialize, Serialize};

use super::Trigonometric;

/// `[path] kind = "cosine"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CosineConfig {}

impl CosineConfig {
    /// The path.
    ///
    /// # Errors
    /// None today.
    pub fn build(&self) -> Result<Cosine, ConfigError> {
        Ok(Cosine)
    }
}

/// α = cos(πt/2), σ = sin(πt/2), sampled from λ = ln(α/σ) = −6 on.
///
/// At t = 1 exactly, α = 0 and neither ε nor a velocity tells anything of the data; starting where
/// α = 0.0025 leaves less than 1e-5 of the variance of unit data out of the reference.
///
/// # Source
/// Nichol & Dhariwal (2021); truncated in λ as Salimans & Ho (2022) do.
#[derive(Debug, Clone, Copy)]
pub struct Cosine;

impl Path for Cosine {
    fn coefficients(&self, t: f64) -> Coefficients {
        Trigonometric.coefficients(t)
    }

    fn rates(&self, t: f64) -> Coefficients {
        Trigonometric.rates(t)
    }

    fn start(&self) -> f64 {
        self.time_of_log_snr(-6.0)
    }

    fn time_of_log_snr(&self, log_snr: f64) -> f64 {
        Trigonometric.time_of_log_snr(log_snr)
    }
}
