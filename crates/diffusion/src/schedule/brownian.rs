//! The Brownian bridge between two ends.

use langevin_core::{Coefficients, ConfigError, Path, Transition};
use serde::{Deserialize, Serialize};

use super::positive;

/// `[path] kind = "brownian"`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrownianConfig {
    /// Diffusion coefficient σ, in units of the state per √time; above 0.
    pub sigma: f64,
}

impl BrownianConfig {
    /// The path.
    ///
    /// # Errors
    /// [`ConfigError`] unless `sigma` is positive.
    pub fn build(&self) -> Result<Brownian, ConfigError> {
        Ok(Brownian { sigma: positive("sigma", self.sigma)? })
    }
}

/// `x_t = (1 − t) x_0 + t x_1 + σ √(t (1 − t)) ε`.
///
/// A jump draws from the bridge's own conditional law,
/// `x_s | x_t, x_0 ~ N(x_0 + (s/t)(x_t − x_0), σ² s (t − s)/t)`; `tau` scales its variance, 1 being the law.
///
/// Walk it with `kind = "ddpm"`, whose jumps are exact for a known end. The velocity that an estimate
/// of x_0 alone implies is the drift (x_t − x̂_0)/t of the reversed bridge, not a probability flow.
///
/// # Source
/// Tong et al. (2024), SB-CFM; Shi et al. (2023), eq. 8.
#[derive(Debug, Clone, Copy)]
pub struct Brownian {
    sigma: f64,
}

impl Path for Brownian {
    fn coefficients(&self, t: f64) -> Coefficients {
        let gamma = self.sigma * (t * (1.0 - t)).max(0.0).sqrt();
        Coefficients { alpha: 1.0 - t, beta: t, gamma }
    }

    fn rates(&self, t: f64) -> Coefficients {
        let spread = (t * (1.0 - t)).max(f64::MIN_POSITIVE).sqrt();
        Coefficients { alpha: -1.0, beta: 1.0, gamma: self.sigma * (0.5 - t) / spread }
    }

    fn floor(&self) -> f64 {
        // γ' grows without bound at the ends; 1e-3 is where the bridge literature stops.
        1e-3
    }

    fn diffusion_squared(&self, _: f64) -> f64 {
        self.sigma * self.sigma
    }

    fn ancestral_tau(&self, _: f64, _: f64) -> f64 {
        1.0
    }

    fn transition(&self, t: f64, s: f64, tau: f64) -> Transition {
        let keep = s / t;
        Transition {
            keep,
            pull: 1.0 - keep,
            noise: self.sigma * (tau * s * (t - s) / t).sqrt(),
            kappa_t: self.kappa(t),
            kappa_s: self.kappa_arrived(s),
            tau,
        }
    }
}
