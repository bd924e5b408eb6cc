//! How much an error of the clean end counts at each noise level.

use langevin_core::config::require;
use langevin_core::{ConfigError, Path, Reading};
use serde::{Deserialize, Serialize};

use crate::schedule::positive;

/// `weighting` of the denoising objective: w(t) in w ‖x̂_0 − x_0‖², with snr = (α/σ)².
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Weighting {
    /// 1.
    Uniform,
    /// snr: the loss of ε, as Ho et al. (2020).
    Snr,
    /// max(snr, 1), as Salimans & Ho (2022).
    TruncatedSnr,
    /// min(snr, γ), as Hang et al. (2023); γ = 5 there.
    MinSnr {
        /// Where the weight stops growing; above 0.
        gamma: f64,
    },
    /// snr + 1: the loss of v.
    V,
    /// (s² + σ_data²)/(s σ_data)² with s = σ/α, as Karras et al. (2022): unit loss at initialisation.
    Edm {
        /// Standard deviation of the data; above 0.
        sigma_data: f64,
    },
    /// min(σ^−power, most): on the linear path power 0 is the loss of x̂_0 and power 2 that of the velocity. The
    /// last digits of a geometry count by it, its first guess is not forgotten as with snr, and
    /// nothing grows beyond measure.
    InverseNoise {
        /// The exponent; 0 or more.
        power: f64,
        /// Where the weight stops growing; above 0.
        most: f64,
    },
    /// κ'/κ: with the cross-entropy of a masked class, the bound on the likelihood, as Sahoo et al.
    /// (2024), eq. 10.
    Rate,
}

impl Weighting {
    /// Nothing if the numbers make sense.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        match *self {
            Self::MinSnr { gamma } => positive("gamma", gamma).map(drop),
            Self::Edm { sigma_data } => positive("sigma_data", sigma_data).map(drop),
            Self::InverseNoise { power, most } => {
                let fits = |p: f64| p >= 0.0 && p.is_finite();
                require("power", power, fits, "0 or more")?;
                positive("most", most).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// The weight at `t` of `path`.
    pub fn at(&self, path: &dyn Path, t: f64) -> f64 {
        let snr = (2.0 * path.log_snr(t)).exp();
        match *self {
            Self::Uniform => 1.0,
            Self::Snr => snr,
            Self::TruncatedSnr => snr.max(1.0),
            Self::MinSnr { gamma } => snr.min(gamma),
            Self::V => snr + 1.0,
            Self::Edm { sigma_data } => snr + 1.0 / (sigma_data * sigma_data),
            Self::InverseNoise { power, most } => path.coefficients(t).beta.powf(-power).min(most),
            Self::Rate => path.kappa_rate(t) / path.kappa(t),
        }
    }

    /// The weight on the path by which `reading` names noise levels.
    pub(super) fn of(&self, reading: &Reading, t: f64) -> f64 {
        self.at(reading.process().path(), t)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::EdmConfig;

    #[test]
    fn edm_weight_cancels_the_output_scale() {
        // w c_out² = 1, the reason of the paper's choice.
        let path = EdmConfig::default().build().unwrap();
        let sigma_data = 0.5;
        for sigma in [0.01f64, 0.3, 5.0] {
            let c_out_squared =
                (sigma * sigma_data).powi(2) / (sigma * sigma + sigma_data * sigma_data);
            let w = Weighting::Edm { sigma_data }.at(&path, sigma / 80.0);
            assert!((w * c_out_squared - 1.0).abs() < 1e-12);
        }
        assert_eq!(Weighting::MinSnr { gamma: 5.0 }.at(&path, 0.01 / 80.0), 5.0);
        let inverse = Weighting::InverseNoise { power: 2.0, most: 10.0 };
        assert_eq!([0.05, 0.5].map(|sigma| inverse.at(&path, sigma / 80.0)), [10.0, 4.0]);
    }
}
