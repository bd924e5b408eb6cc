//! DDPM and DDIM: jumps along the estimate.

use langevin_core::config::require;
use langevin_core::sampler::Arrival;
use langevin_core::{ConfigError, Result, Rng, Sampler, Stage, State};
use serde::{Deserialize, Serialize};

use super::{denoise, jump};

/// `[sampler] kind = "ddpm"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DdpmConfig {}

impl DdpmConfig {
    /// The sampler: [`Ancestral`] with η = 1.
    ///
    /// # Errors
    /// None today.
    pub fn build(&self) -> Result<Ancestral, ConfigError> {
        Ok(Ancestral { eta: 1.0 })
    }
}

/// `[sampler] kind = "ddim"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DdimConfig {
    /// η of the paper, in [0, 1]: the noise has η times the standard deviation of DDPM's. Some
    /// libraries scale its variance by η instead; their η is our η².
    #[serde(default)]
    pub eta: f64,
}

impl DdimConfig {
    /// The sampler.
    ///
    /// # Errors
    /// [`ConfigError`] unless η is in [0, 1].
    pub fn build(&self) -> Result<Ancestral, ConfigError> {
        let eta = require("eta", self.eta, |e| (0.0..=1.0).contains(&e), "0 to 1")?;
        Ok(Ancestral { eta })
    }
}

/// `x_s = α_s x̂_0 + σ_s √(1 − τ) ε̂ + σ_s √τ z` with τ = η² τ_DDPM; one evaluation per step.
///
/// # Sources
/// Ho et al. (2020) for η = 1; Song et al. (2021), eq. 12 and 16.
#[derive(Debug, Clone, Copy)]
pub struct Ancestral {
    eta: f64,
}

impl Sampler for Ancestral {
    fn step(&self, stage: &Stage, x: State, rng: &mut Rng) -> Result<Arrival> {
        let &Stage { process, denoiser, t, s, .. } = stage;
        let estimate = denoise(denoiser, &x, t)?;
        let tau = |path: &dyn langevin_core::Path| {
            if self.eta == 0.0 { 0.0 } else { self.eta.powi(2) * path.ancestral_tau(t, s) }
        };
        Ok(Arrival { x: jump(process, &x, &estimate, (t, s), tau, rng)?, past: None })
    }
}
