//! The trigonometric path between any two ends.

use langevin_core::{Coefficients, ConfigError, Path};
use serde::{Deserialize, Serialize};
use std::f64::consts::FRAC_PI_2;

/// `[path] kind = "trigonometric"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrigonometricConfig {}

impl TrigonometricConfig {
    /// The path.
    ///
    /// # Errors
    /// None today.
    pub fn build(&self) -> Result<Trigonometric, ConfigError> {
        Ok(Trigonometric)
    }
}

/// `x_t = cos(πt/2) x_0 + sin(πt/2) x_1`: variance is kept where the ends are independent and alike.
///
/// # Source
/// Albergo & Vanden-Eijnden (2023); the path of VP-CFM and, in angle, of TrigFlow (Lu & Song 2025).
#[derive(Debug, Clone, Copy)]
pub struct Trigonometric;

impl Path for Trigonometric {
    fn coefficients(&self, t: f64) -> Coefficients {
        let (sin, cos) = (FRAC_PI_2 * t).sin_cos();
        // cos(π/2) is 6e-17 in floating point; at t = 1 the data have left.
        Coefficients { alpha: if t >= 1.0 { 0.0 } else { cos }, beta: sin, gamma: 0.0 }
    }

    fn rates(&self, t: f64) -> Coefficients {
        let (sin, cos) = (FRAC_PI_2 * t).sin_cos();
        Coefficients { alpha: -FRAC_PI_2 * sin, beta: FRAC_PI_2 * cos, gamma: 0.0 }
    }

    fn time_of_log_snr(&self, log_snr: f64) -> f64 {
        // tan(πt/2) = e^−λ
        (-log_snr).exp().atan() / FRAC_PI_2
    }
}
