//! The Brownian bridge between two ends.

use langevin_core::{Aim, Coefficients, ConfigError, Path, Transition};
use serde::{Deserialize, Serialize};

use super::positive;

/// `[path] kind = "brownian"`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrownianConfig {
    /// Diffusion coefficient σ, in units of the state per √time; above 0.
    pub sigma: f64,
    /// How samples walk back.
    #[serde(default)]
    pub walk: BrownianWalk,
}

/// What a network learns on a bridge, and so which samplers walk it: each allows those that keep its law.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BrownianWalk {
    /// The clean end x_0, or the drift (x_t − x_0)/t that it implies: bridge matching (Shi et al. 2023).
    /// Walked by `ddpm`, whose jumps draw the bridge's own noise, between any two ends.
    #[default]
    Bridge,
    /// The velocity d x_t/dt: SB-CFM (Tong et al. 2024). Walked by samplers that add no noise.
    Flow,
}

impl BrownianConfig {
    /// The path.
    ///
    /// # Errors
    /// [`ConfigError`] unless `sigma` is positive.
    pub fn build(&self) -> Result<Brownian, ConfigError> {
        Ok(Brownian { sigma: positive("sigma", self.sigma)?, walk: self.walk })
    }
}

/// `x_t = (1 − t) x_0 + t x_1 + σ √(t (1 − t)) ε`.
///
/// A jump draws from the bridge's own conditional law,
/// `x_s | x_t, x_0 ~ N(x_0 + (s/t)(x_t − x_0), τ σ² s (t − s)/t)` with τ = 1.
///
/// One network does not tell both x_0 and the velocity: E[ε | x_t] stands between them. With
/// [`BrownianWalk::Bridge`], estimates are of x_0, and τ = 1 alone keeps the law; with [`BrownianWalk::Flow`]
/// they are of the end along the velocity, `x_0 + (σ/2) √(t/(1 − t)) ε`, and τ = 0 alone does. Everything
/// else is refused, as are scores: the noise is not the reference's.
///
/// # Source
/// Tong et al. (2024), SB-CFM; Shi et al. (2023), eq. 8.
#[derive(Debug, Clone, Copy)]
pub struct Brownian {
    sigma: f64,
    walk: BrownianWalk,
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

    fn has_own_noise(&self) -> bool {
        true
    }

    fn aim(&self) -> Aim {
        match self.walk {
            BrownianWalk::Bridge => Aim::Data,
            BrownianWalk::Flow => Aim::Flow,
        }
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
        let required = if self.walk == BrownianWalk::Bridge { 1.0 } else { 0.0 };
        Transition {
            keep,
            pull: 1.0 - keep,
            noise: self.sigma * (tau * s * (t - s) / t).sqrt(),
            kappa_t: self.kappa(t),
            kappa_s: self.kappa_arrived(s),
            tau,
            instead: (tau != required).then(|| self.aim().allowed()),
        }
    }
}
