//! Euler's rule along the probability flow; τ-leaping on categories.

use langevin_core::config::require;
use langevin_core::sampler::Arrival;
use langevin_core::{ConfigError, Result, Rng, Sampler, Stage, State};
use serde::{Deserialize, Serialize};

use super::{denoise, follow, velocity};

/// `[sampler] kind = "euler"`, or `"tau_leaping"`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EulerConfig {
    /// How far an annealed step goes at most, in lengths of a straight path: 1 ends at the estimate, more beyond it.
    pub farthest: f64,
}

impl Default for EulerConfig {
    fn default() -> Self {
        Self { farthest: 1.0 }
    }
}

impl EulerConfig {
    /// The sampler.
    ///
    /// # Errors
    /// [`ConfigError`] unless `farthest` is from 1 to below 2.
    pub fn build(&self) -> Result<Euler, ConfigError> {
        let farthest =
            require("farthest", self.farthest, |f| (1.0..2.0).contains(&f), "1 to below 2")?;
        Ok(Euler { farthest })
    }
}

/// `x_s = exp_{x_t}((s − t) u(x_t, t))`, order 1, one evaluation per step.
///
/// On categories the velocity is a row of jump rates and the step a τ-leap: each variable jumps with
/// probability `1 − exp(−(t − s) Σ rates)` (Gillespie 2001; Campbell et al. 2022). The last step, to t = 0,
/// draws every variable from its estimate, so that no mask stays.
///
/// Where a factor is annealed by `a`, its velocity is followed `1 + a (1 − t)` times as far, but no farther than `farthest`
/// times the way that a straight path has to go, and all the way in the last step; its rates are as many times as large. Samples
/// fall into the modes of the data instead of following the marginals. Steps that end beyond the estimate make up for
/// their small number, as over-relaxation does in iterations: the next estimate is nearer to the truth than this one, in the
/// same direction. Sources of annealing: Chen & Lipman (2024); Miller et al. (2024), FlowMM, arXiv:2406.04713.
#[derive(Debug, Clone, Copy)]
pub struct Euler {
    farthest: f64,
}

impl Sampler for Euler {
    fn step(&self, stage: &Stage, x: State, rng: &mut Rng) -> Result<Arrival> {
        let &Stage { process, denoiser, t, s, .. } = stage;
        let estimate = denoise(denoiser, &x, t)?;
        let u = velocity(process, &x, &estimate, t)?;
        let u = process.map([&u], |c, [u]| {
            if c.anneal == 0.0 {
                return Ok(u.clone());
            }
            let faster = 1.0 + c.anneal * (1.0 - t);
            // The last step ends at the estimate.
            let most = if s == 0.0 { 1.0 } else { self.farthest * t / (t - s) };
            let faster = if c.factor.moves_by_rates() { faster } else { faster.min(most).max(1.0) };
            Ok((u * faster)?)
        })?;
        Ok(Arrival { x: follow(process, &x, &estimate, &u, (t, s), rng)?, past: None })
    }
}
