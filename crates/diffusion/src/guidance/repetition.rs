//! Steps taken several times, so that what is free can fit what is held.

use langevin_core::sampler::Arrival;
use langevin_core::{Result, Rng, Sampler, Stage, State};

/// A sampler that takes each step, carries its result back by the noising process, and takes it again.
///
/// Around [`super::Replaced`] this is RePaint; around [`super::Held`] it does the
/// same for constraints. It needs a noising process, which a path with noise of its own does not have.
/// Steps are told that the state was changed, so that UniPC does not correct it away; its predictor remains.
///
/// # Source
/// Lugmayr et al. (2022), RePaint.
#[derive(Debug)]
pub struct Repeated<S> {
    sampler: S,
    repeats: usize,
}

impl<S: Sampler> Repeated<S> {
    /// Each step of `sampler` taken `repeats` times; at least once.
    pub fn new(sampler: S, repeats: usize) -> Self {
        Self { sampler, repeats: repeats.max(1) }
    }
}

impl<S: Sampler> Sampler for Repeated<S> {
    fn step(&self, stage: &Stage, x: State, rng: &mut Rng) -> Result<Arrival> {
        let Stage { process, t, s, .. } = *stage;
        let stage = Stage { changed: stage.changed || self.repeats > 1, ..*stage };
        let mut arrival = self.sampler.step(&stage, x, rng)?;
        // The last step ends in the data, from which there is no way back.
        let repeats = if s == 0.0 { 1 } else { self.repeats };
        for _ in 1..repeats {
            let back = process
                .map([&arrival.x], |c, [x]| c.factor.renoise(c.path.as_ref(), x, s, t, 1.0, rng))?;
            arrival = self.sampler.step(&stage, back, rng)?;
        }
        Ok(arrival)
    }

    fn memory(&self) -> usize {
        self.sampler.memory()
    }
}
