//! The straight path of flow matching.

use langevin_core::{Coefficients, ConfigError, Path, config::require};
use serde::{Deserialize, Serialize};

/// `[path] kind = "linear"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearConfig {
    /// Constant noise γ on every point of the path, in units of the state; 0 for none.
    #[serde(default)]
    pub sigma: f64,
}

impl LinearConfig {
    /// The path.
    ///
    /// # Errors
    /// [`ConfigError`] if `sigma` is negative.
    pub fn build(&self) -> Result<Linear, ConfigError> {
        let sigma = require("sigma", self.sigma, |s| s >= 0.0 && s.is_finite(), "0 or more")?;
        Ok(Linear { sigma })
    }
}

/// `x_t = (1 − t) x_0 + t x_1 + σ ε`.
///
/// With independent ends this is I-CFM, with optimally coupled ones OT-CFM.
///
/// With σ > 0 both ends carry the same blur, and estimates are of `x_0 + σ ε`, under every head and
/// objective. Samplers that add no noise follow the marginals and end in the blurred data; there is no
/// score, and the others are refused.
///
/// # Source
/// Tong et al. (2024), "Improving and generalizing flow-based generative models with minibatch
/// optimal transport", with t reversed.
#[derive(Debug, Clone, Copy)]
pub struct Linear {
    sigma: f64,
}

impl Path for Linear {
    fn coefficients(&self, t: f64) -> Coefficients {
        Coefficients { alpha: 1.0 - t, beta: t, gamma: self.sigma }
    }

    fn rates(&self, _: f64) -> Coefficients {
        Coefficients { alpha: -1.0, beta: 1.0, gamma: 0.0 }
    }

    fn log_snr(&self, t: f64) -> f64 {
        (-t).ln_1p() - t.ln()
    }

    fn time_of_log_snr(&self, log_snr: f64) -> f64 {
        // t = 1/(1 + e^λ)
        1.0 / (1.0 + log_snr.exp())
    }
}
