//! Estimates blurred anew: to the estimate, and back under fresh noise.

use langevin_core::config::require;
use langevin_core::sampler::Arrival;
use langevin_core::{ConfigError, Error, Process, Result, Rng, Sampler, Stage, State, Times};
use serde::{Deserialize, Serialize};

use super::{denoise, jump};

/// `[sampler] kind = "renoise"`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RenoiseConfig {
    /// The noise that is added is that of `noise` times the time that the network is told next; 0 to 1.
    pub noise: f64,
}

impl Default for RenoiseConfig {
    fn default() -> Self {
        Self { noise: 1.0 }
    }
}

impl RenoiseConfig {
    /// The sampler.
    ///
    /// # Errors
    /// [`ConfigError`] unless `noise` is from 0 to 1.
    pub fn build(&self) -> Result<Renoise, ConfigError> {
        let noise = require("noise", self.noise, |n| (0.0..=1.0).contains(&n), "0 to 1")?;
        Ok(Renoise { noise })
    }
}

/// `x_s` is the point at time `ν s` of the path from the estimate `x̂_0(x_t)` to a fresh reference sample.
///
/// With ν = 1 it is multistep consistency sampling, which is right for a network that tells samples, not means. Of one that
/// tells means, x̂_0(·, t) leads up the density blurred as at time t, and the walk is a search for its modes, which are
/// followed as the blur goes: less noise than the network is told keeps it there, some noise keeps it out of modes that
/// vanish later. Samples are then more alike than the data, and more often where most of the data are.
///
/// Factors that move by rates jump along their estimates instead: what is known stays known.
///
/// # Sources
/// ν = 1: Song et al. (2023), algorithm 1. Estimates as steps up a blurred density: Comaniciu & Meer (2002).
#[derive(Debug, Clone, Copy)]
pub struct Renoise {
    noise: f64,
}

impl Sampler for Renoise {
    fn step(&self, stage: &Stage, x: State, rng: &mut Rng) -> Result<Arrival> {
        let &Stage { process, denoiser, t, s, .. } = stage;
        require_clean_ends(process)?;
        let estimate = denoise(denoiser, &x, t)?;
        let clean = jump(process, &x, &estimate, (t, 0.0), |_| 0.0, rng)?;
        if s == 0.0 {
            return Ok(Arrival { x: clean, past: None });
        }
        let x_1 = process.reference(x.part(0).dtype(), x.part(0).device(), rng)?;
        let blurred = Times::all(x.samples()?, self.noise * s);
        let x = process.map([&x, &estimate, &clean, &x_1], |c, [x, estimate, clean, x_1]| {
            let path = c.path.as_ref();
            if c.factor.moves_by_rates() {
                return c.factor.jump(x, estimate, &path.transition(t, s, 0.0), rng);
            }
            Ok(c.factor.path_point(path, clean, x_1, &blurred, rng)?.x_t)
        })?;
        Ok(Arrival { x, past: None })
    }
}

/// Nothing if estimates are clean ends, which those of a path with noise of its own are not.
fn require_clean_ends(process: &Process) -> Result<()> {
    match process.components().iter().find(|c| c.has_own_noise()) {
        Some(c) => Err(Error::OwnNoise {
            factor: c.factor.kind(),
            what: "renoising",
            allowed: c.path.aim().allowed(),
        }),
        None => Ok(()),
    }
}
