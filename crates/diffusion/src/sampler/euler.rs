//! Euler's rule along the probability flow; τ-leaping on categories.

use langevin_core::sampler::Arrival;
use langevin_core::{ConfigError, Result, Rng, Sampler, Stage, State};
use serde::{Deserialize, Serialize};

use super::{denoise, follow, velocity};

/// `[sampler] kind = "euler"`, or `"tau_leaping"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EulerConfig {}

impl EulerConfig {
    /// The sampler.
    ///
    /// # Errors
    /// None today.
    pub fn build(&self) -> Result<Euler, ConfigError> {
        Ok(Euler)
    }
}

/// `x_s = exp_{x_t}((s − t) u(x_t, t))`, order 1, one evaluation per step.
///
/// On categories the velocity is a row of jump rates and the step a τ-leap: each variable jumps with
/// probability `1 − exp(−(t − s) Σ rates)` (Gillespie 2001; Campbell et al. 2022). The last step, to t = 0,
/// draws every variable from its estimate, so that no mask stays.
#[derive(Debug, Clone, Copy)]
pub struct Euler;

impl Sampler for Euler {
    fn step(&self, stage: &Stage, x: State, rng: &mut Rng) -> Result<Arrival> {
        let &Stage { process, denoiser, t, s, .. } = stage;
        let estimate = denoise(denoiser, &x, t)?;
        let u = velocity(process, &x, &estimate, t)?;
        Ok(Arrival { x: follow(process, &x, &estimate, &u, (t, s), rng)?, past: None })
    }
}
