//! A predictor step, then Langevin steps at the level reached.

use langevin_core::config::require;
use langevin_core::sampler::Arrival;
use langevin_core::{ConfigError, Result, Rng, Sampler, Stage, State, Times};
use serde::{Deserialize, Serialize};

use super::{denoise, jump};

/// `[sampler] kind = "predictor_corrector"`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PredictorCorrectorConfig {
    /// Langevin steps after each predictor step; each costs an evaluation.
    pub corrections: usize,
    /// Signal-to-noise ratio r of a Langevin step; the paper uses 0.16.
    pub ratio: f64,
}

impl Default for PredictorCorrectorConfig {
    fn default() -> Self {
        Self { corrections: 1, ratio: 0.16 }
    }
}

impl PredictorCorrectorConfig {
    /// The sampler.
    ///
    /// # Errors
    /// [`ConfigError`] if the ratio is not positive or there is no correction.
    pub fn build(&self) -> Result<PredictorCorrector, ConfigError> {
        require("corrections", self.corrections, |n| n >= 1, "at least 1")?;
        crate::schedule::positive("ratio", self.ratio)?;
        Ok(PredictorCorrector(*self))
    }
}

/// Ancestral prediction and Langevin correction of amount `2 r² σ²`.
///
/// The paper sets the amount to 2 (r ‖z‖/‖∇ln p‖)² with norms over the batch. Their ratio is σ where the
/// score is right, and using σ keeps each sample independent of the others in its batch.
///
/// # Source
/// Song et al. (2021), algorithms 4 and 5.
#[derive(Debug, Clone, Copy)]
pub struct PredictorCorrector(PredictorCorrectorConfig);

impl Sampler for PredictorCorrector {
    fn step(&self, stage: &Stage, x: State, rng: &mut Rng) -> Result<Arrival> {
        let &Stage { process, denoiser, t, s, .. } = stage;
        let estimate = denoise(denoiser, &x, t)?;
        let mut x = jump(process, &x, &estimate, (t, s), |path| path.ancestral_tau(t, s), rng)?;
        if s == 0.0 {
            return Ok(Arrival { x, past: None });
        }
        let times = Times::all(x.samples()?, s);
        for _ in 0..self.0.corrections {
            let estimate = denoise(denoiser, &x, s)?;
            x = process.map([&x, &estimate], |c, [x, estimate]| {
                let amount = 2.0 * (self.0.ratio * c.path.coefficients(s).beta).powi(2);
                c.factor.langevin(c.path.as_ref(), x, estimate, &times, amount, rng)
            })?;
        }
        Ok(Arrival { x, past: None })
    }
}
