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
///
/// Where a factor is annealed by `a`, its velocity is followed `1 + a (1 − t)` times as far, but no farther than a
/// straight path has to go: samples fall into the modes of the data instead of following the marginals. Sources: Chen
/// & Lipman (2024); Miller et al. (2024), FlowMM, arXiv:2406.04713.
#[derive(Debug, Clone, Copy)]
pub struct Euler;

impl Sampler for Euler {
    fn step(&self, stage: &Stage, x: State, rng: &mut Rng) -> Result<Arrival> {
        let &Stage { process, denoiser, t, s, .. } = stage;
        let estimate = denoise(denoiser, &x, t)?;
        let u = velocity(process, &x, &estimate, t)?;
        let u = process.map([&u], |c, [u]| {
            let faster = (1.0 + c.anneal * (1.0 - t)).min(t / (t - s)).max(1.0);
            Ok(if c.anneal == 0.0 || c.factor.moves_by_rates() { u.clone() } else { (u * faster)? })
        })?;
        Ok(Arrival { x: follow(process, &x, &estimate, &u, (t, s), rng)?, past: None })
    }
}
