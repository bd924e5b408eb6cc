//! Samples in chunks over the threads of the pool.

use langevin_core::rng::ids;
use langevin_core::sampler::carry;
use langevin_core::{
    Denoiser, Observer, Process, Purpose, Result, Rng, SampleId, Sampler, Seed, State, Tally,
    TimeGrid,
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

/// Samples of one size that are computed together.
pub struct Chunk {
    /// Their places among all samples.
    pub places: Vec<usize>,
    /// Where they set out: states at the first time of the grid.
    pub x: State,
}

/// What became of chunks, in their order.
pub struct Generated<O> {
    /// The samples.
    pub x: Vec<State>,
    /// Network evaluations per sample, on average.
    pub evaluations: f64,
    /// Who looked on.
    pub observers: Vec<O>,
}

impl Generation<'_> {
    /// Carries `chunks` along the grid.
    ///
    /// `denoiser_of` gives the denoiser for a chunk, with its conditions bound and the networks counted in
    /// the tally, and `observer_of` who looks on.
    ///
    /// # Errors
    /// The first error of a chunk, in order.
    pub fn carry<D: Denoiser, O: Observer + Send>(
        &self,
        chunks: &[Chunk],
        denoiser_of: impl Fn(&Chunk, &Tally) -> Result<D> + Sync,
        observer_of: impl Fn() -> O + Sync,
    ) -> Result<Generated<O>> {
        let tally = Tally::default();
        let one = |chunk: &Chunk| -> Result<(State, O)> {
            let denoiser = denoiser_of(chunk, &tally)?;
            let ids = chunk.places.iter().map(|&place| SampleId(place as u64)).collect();
            let rng = Rng::new(self.seed, Purpose::Sampling, ids, 0);
            let mut observer = observer_of();
            let process = self.process.shaped_like(&chunk.x);
            let (sampler, grid) = (self.sampler, self.grid);
            let x = chunk.x.clone();
            let x = carry(&process, &denoiser, sampler, grid, x, &rng, &mut observer)?;
            (self.finished)(chunk.places.len());
            Ok((x, observer))
        };
        // One by one: rayon would give a thread a half of all, and chunks differ in cost.
        let done: Vec<_> =
            chunks.par_iter().with_max_len(1).map(one).collect::<Result<Vec<_>>>()?;
        let count: usize = chunks.iter().map(|chunk| chunk.places.len()).sum();
        let (x, observers) = done.into_iter().unzip();
        Ok(Generated { x, evaluations: tally.evaluations() as f64 / count as f64, observers })
    }

    /// Samples from the reference states `x_1`, all of one size.
    ///
    /// # Errors
    /// As [`Generation::carry`].
    pub fn run<D: Denoiser, O: Observer + Send>(
        &self,
        x_1: &State,
        denoiser_of: impl Fn(&Chunk, &Tally) -> Result<D> + Sync,
        observer_of: impl Fn() -> O + Sync,
    ) -> Result<(State, f64, Vec<O>)> {
        let count = x_1.samples()?;
        let start = self.grid.times()[0];
        let chunk = |first: usize| -> Result<Chunk> {
            let rows = self.chunk.max(1).min(count - first);
            let x = self.process.departure(&x_1.narrow(first, rows)?, start)?;
            Ok(Chunk { places: (first..first + rows).collect(), x })
        };
        let firsts = (0..count).step_by(self.chunk.max(1));
        let chunks = firsts.map(chunk).collect::<Result<Vec<_>>>()?;
        let Generated { x, evaluations, observers } =
            self.carry(&chunks, denoiser_of, observer_of)?;
        Ok((State::concat(&x)?, evaluations, observers))
    }

    /// Reference samples of `process` for `places`, made ready for the first time of the grid.
    ///
    /// # Errors
    /// [`langevin_core::Error::Tensor`] only.
    pub fn depart(&self, process: &Process, places: Vec<usize>) -> Result<Chunk> {
        let ids = places.iter().flat_map(|&place| ids(place as u64, 1)).collect();
        let mut rng = Rng::new(self.seed, Purpose::Reference, ids, 0);
        let x_1 =
            process.reference(candle_core::DType::F64, &candle_core::Device::Cpu, &mut rng)?;
        let x = process.departure(&x_1, self.grid.times()[0])?;
        Ok(Chunk { places, x })
    }

    /// Chunks of reference samples for groups of places, each with its process.
    ///
    /// # Errors
    /// [`langevin_core::Error::Tensor`] only.
    pub fn depart_all(&self, groups: Vec<(Process, Vec<usize>)>) -> Result<Vec<Chunk>> {
        let mut chunks = Vec::new();
        for (process, places) in groups {
            for places in places.chunks(self.chunk) {
                chunks.push(self.depart(&process, places.to_vec())?);
            }
        }
        Ok(chunks)
    }
}
