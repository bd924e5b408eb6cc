//! Samples in chunks over the threads of the pool.

use langevin_core::rng::ids;
use langevin_core::{
    Denoiser, Observer, Process, Purpose, Result, Rng, Sampler, Seed, State, Tally, TimeGrid,
    sample,
};
use rayon::prelude::*;

/// What is needed to draw samples.
pub struct Generation<'a> {
    pub process: &'a Process,
    pub sampler: &'a dyn Sampler,
    pub grid: &'a TimeGrid,
    pub seed: Seed,
    /// Samples computed together; no result depends on it.
    pub chunk: usize,
    /// Told of samples as they are finished.
    pub finished: &'a (dyn Fn(usize) + Sync),
}

impl Generation<'_> {
    /// Samples from the reference states `x_1`, and the mean number of network evaluations per sample.
    ///
    /// `denoiser_of` gives the denoiser for a range of samples, with their conditions bound and the
    /// networks counted in the tally, and
    /// `observer_of` who looks on at them; observers are returned in order.
    ///
    /// # Errors
    /// The first error of a chunk, in order.
    pub fn run<D: Denoiser, O: Observer + Send>(
        &self,
        x_1: &State,
        denoiser_of: impl Fn(std::ops::Range<usize>, &Tally) -> Result<D> + Sync,
        observer_of: impl Fn() -> O + Sync,
    ) -> Result<(State, f64, Vec<O>)> {
        let count = x_1.samples()?;
        let starts: Vec<usize> = (0..count).step_by(self.chunk.max(1)).collect();
        let tally = Tally::default();
        let one = |&start: &usize| -> Result<(State, O)> {
            let rows = start..(start + self.chunk).min(count);
            let denoiser = denoiser_of(rows.clone(), &tally)?;
            let rng = Rng::new(self.seed, Purpose::Sampling, ids(start as u64, rows.len()), 0);
            let mut observer = observer_of();
            let x_1 = x_1.narrow(start, rows.len())?;
            let (sampler, grid) = (self.sampler, self.grid);
            let x = sample(self.process, &denoiser, sampler, grid, x_1, &rng, &mut observer)?;
            (self.finished)(rows.len());
            Ok((x, observer))
        };
        let chunks: Vec<_> = starts.par_iter().map(one).collect::<Result<_>>()?;
        let states: Vec<State> = chunks.iter().map(|chunk| chunk.0.clone()).collect();
        let observers = chunks.into_iter().map(|chunk| chunk.1).collect();
        Ok((State::concat(&states)?, tally.evaluations() as f64 / count as f64, observers))
    }
}
