//! The probability flow with error control.

use langevin_core::config::require;
use langevin_core::sampler::Arrival;
use langevin_core::{ConfigError, Result, Rng, Sampler, Stage, State, Times};
use serde::{Deserialize, Serialize};

use super::{denoise, jump};
use crate::flat_rows::{Layout, velocity};
use crate::ode::{Tolerances, solve};

/// `[sampler] kind = "adaptive"`; use it with a grid of one step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdaptiveConfig {
    /// Relative tolerance; above 0.
    pub relative: f64,
    /// Absolute tolerance in units of the state; above 0.
    pub absolute: f64,
    /// Smallest step of time before the field is called too stiff; above 0.
    pub smallest_step: f64,
}

impl Default for AdaptiveConfig {
    /// 1e-5, as the score-based literature uses; steps of 1e-10 are rounding in disguise.
    fn default() -> Self {
        Self { relative: 1e-5, absolute: 1e-5, smallest_step: 1e-10 }
    }
}

impl AdaptiveConfig {
    /// The tolerances.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that is not positive.
    pub fn tolerances(&self) -> Result<Tolerances, ConfigError> {
        let fits = |v: f64| v > 0.0 && v < 1.0;
        Ok(Tolerances {
            relative: require("relative", self.relative, fits, "between 0 and 1")?,
            absolute: require("absolute", self.absolute, fits, "between 0 and 1")?,
            smallest_step: require("smallest_step", self.smallest_step, fits, "between 0 and 1")?,
        })
    }

    /// The sampler.
    ///
    /// # Errors
    /// As [`AdaptiveConfig::tolerances`].
    pub fn build(&self) -> Result<Adaptive, ConfigError> {
        Ok(Adaptive { tolerances: self.tolerances()? })
    }
}

/// Dormand–Prince 5(4) between the stations of the grid, each sample with steps of its own.
///
/// Below the path's floor the velocity is not asked for: from there one jump along the estimate.
#[derive(Debug, Clone, Copy)]
pub struct Adaptive {
    tolerances: Tolerances,
}

impl Sampler for Adaptive {
    fn step(&self, stage: &Stage, x: State, rng: &mut Rng) -> Result<Arrival> {
        let &Stage { process, denoiser, t, s, .. } = stage;
        let layout = Layout::of(process, &x)?;
        let field = |which: &[usize], times: &[f64], rows: &[f64]| {
            let times = Times::new(times.to_vec());
            let u = velocity(process, denoiser, &layout.state(rows, 0)?, &times, which)?;
            layout.rows(&u, 0)
        };
        let end = s.max(process.floor());
        let mut reached = x;
        if end < t {
            let rows = layout.rows(&reached, 0)?;
            let solution = solve(&field, rows, layout.width(), (t, end), &self.tolerances)?;
            let moved = layout.state(&solution.rows, 0)?;
            reached = process.map([&moved], |c, [x]| c.factor.project(x))?;
        }
        if s < end {
            let estimate = denoise(denoiser, &reached, end)?;
            reached = jump(process, &reached, &estimate, (end, s), |_| 0.0, rng)?;
        }
        Ok(Arrival { x: reached, past: None })
    }
}
