//! Euler–Maruyama on the reverse stochastic equation.

use langevin_core::config::require;
use langevin_core::sampler::Arrival;
use langevin_core::{
    ConfigError, Error, Estimate, Process, Result, Rng, Sampler, Stage, State, Times,
};
use serde::{Deserialize, Serialize};

use super::{denoise, follow, velocity};

/// `[sampler] kind = "euler_maruyama"`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EulerMaruyamaConfig {
    /// Part of the noising process's squared diffusion coefficient that is used: 0 is the
    /// probability flow, 1 the reverse equation of the noising process.
    pub stochasticity: f64,
}

impl Default for EulerMaruyamaConfig {
    fn default() -> Self {
        Self { stochasticity: 1.0 }
    }
}

impl EulerMaruyamaConfig {
    /// The sampler.
    ///
    /// # Errors
    /// [`ConfigError`] if the stochasticity is negative.
    pub fn build(&self) -> Result<EulerMaruyama, ConfigError> {
        let fits = |s: f64| s >= 0.0 && s.is_finite();
        require("stochasticity", self.stochasticity, fits, "0 or more")?;
        Ok(EulerMaruyama { stochasticity: self.stochasticity })
    }
}

/// `x_s = x_t + (s − t) u + ½ η g² |s − t| ∇ln p_t + √(η g² |s − t|) z`, weak order 1.
///
/// A Langevin step of the amount that the noising process would undo, and a step of the probability
/// flow, both with the field at `x_t`. The last step, to t = 0, adds no noise.
///
/// # Source
/// Song et al. (2021), eq. 6, split as in Karras et al. (2022), eq. 6.
#[derive(Debug, Clone, Copy)]
pub struct EulerMaruyama {
    stochasticity: f64,
}

impl Sampler for EulerMaruyama {
    fn step(&self, stage: &Stage, x: State, rng: &mut Rng) -> Result<Arrival> {
        let &Stage { process, denoiser, t, s, .. } = stage;
        let estimate = denoise(denoiser, &x, t)?;
        let u = velocity(process, &x, &estimate, t)?;
        let stirred = if s == 0.0 || self.stochasticity == 0.0 {
            x
        } else {
            self.stir(process, &x, &estimate, t, t - s, rng)?
        };
        Ok(Arrival { x: follow(process, &stirred, &estimate, &u, (t, s), rng)?, past: None })
    }
}

impl EulerMaruyama {
    /// The Langevin part of a step of length `dt`.
    fn stir(
        &self,
        process: &Process,
        x: &State,
        estimate: &Estimate,
        t: f64,
        dt: f64,
        rng: &mut Rng,
    ) -> Result<State> {
        let times = Times::all(x.samples()?, t);
        process.map([x, estimate], |c, [x, estimate]| {
            let amount = 0.5 * self.stochasticity * c.path.diffusion_squared(t) * dt;
            if !amount.is_finite() {
                let what = "finite diffusion where the data have vanished: start the grid later";
                return Err(Error::Undefined { factor: c.factor.kind(), what });
            }
            c.factor.langevin(c.path.as_ref(), x, estimate, &times, amount, rng)
        })
    }
}
