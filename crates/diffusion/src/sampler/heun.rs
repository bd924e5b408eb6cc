//! Heun's rule with churn.

use langevin_core::config::require;
use langevin_core::sampler::Arrival;
use langevin_core::{ConfigError, Path, Result, Rng, Sampler, Stage, State};
use serde::{Deserialize, Serialize};

use super::{denoise, follow, velocity};

/// `[sampler] kind = "heun"`. Without churn the network is evaluated `2 steps − 1` times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeunConfig {
    /// Relative increase of σ/α before each step, at most √2 − 1; the paper's S_churn / steps.
    pub churn: f64,
    /// Lowest σ/α at which it is applied.
    pub churn_min: f64,
    /// Highest σ/α at which it is applied.
    pub churn_max: f64,
    /// Standard deviation of the noise added, about 1.
    pub noise: f64,
}

impl Default for HeunConfig {
    fn default() -> Self {
        Self { churn: 0.0, churn_min: 0.0, churn_max: 1e9, noise: 1.0 }
    }
}

impl HeunConfig {
    /// The sampler.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn build(&self) -> Result<Heun, ConfigError> {
        let most = std::f64::consts::SQRT_2 - 1.0;
        require("churn", self.churn, |c| (0.0..=most + 1e-12).contains(&c), "0 to 0.4142")?;
        require("churn_min", self.churn_min, |s| s >= 0.0, "0 or more")?;
        require("churn_max", self.churn_max, |s| s >= self.churn_min, "at least churn_min")?;
        super::super::schedule::positive("noise", self.noise)?;
        Ok(Heun(*self))
    }
}

/// Algorithm 2 of Karras et al. (2022) on any path: order 2, the last step Euler's.
///
/// Churn first carries the state on to t̂ > t, where σ/α is larger by the factor 1 + γ.
#[derive(Debug, Clone, Copy)]
pub struct Heun(HeunConfig);

impl Heun {
    /// t̂, or `t` itself where no churn applies.
    fn churned(&self, path: &dyn Path, t: f64) -> f64 {
        let level = (-path.log_snr(t)).exp();
        let applies = self.0.churn > 0.0 && (self.0.churn_min..=self.0.churn_max).contains(&level);
        if !applies {
            return t;
        }
        path.time_of_log_snr(path.log_snr(t) - self.0.churn.ln_1p()).clamp(t, path.start())
    }
}

impl Sampler for Heun {
    fn step(&self, stage: &Stage, mut x: State, rng: &mut Rng) -> Result<Arrival> {
        let &Stage { process, denoiser, t, s, .. } = stage;
        let later = self.churned(process.path(), t);
        if later > t {
            x = process.map([&x], |c, [x]| {
                c.factor.renoise(c.path.as_ref(), x, t, later, self.0.noise, rng)
            })?;
        }
        let estimate = denoise(denoiser, &x, later)?;
        let first = velocity(process, &x, &estimate, later)?;
        let ahead = follow(process, &x, &estimate, &first, (later, s), rng)?;
        if s == 0.0 {
            return Ok(Arrival { x: ahead, past: None });
        }
        let second = velocity(process, &ahead, &denoise(denoiser, &ahead, s)?, s)?;
        let mean = process.map([&x, &ahead, &first, &second], |c, [x, ahead, first, second]| {
            Ok(((first + c.factor.transport(ahead, x, second)?)? * 0.5)?)
        })?;
        Ok(Arrival { x: follow(process, &x, &estimate, &mean, (later, s), rng)?, past: None })
    }
}
