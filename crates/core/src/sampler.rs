//! The one sampling loop, and what a method adds to it.

use std::sync::Mutex;

use crate::{Denoiser, Estimate, Observer, Process, Result, Rng, State, TimeGrid, Times};

/// A state that a sampler passed, with the estimate made there.
#[derive(Debug, Clone)]
pub struct Past {
    /// Its time.
    pub t: f64,
    /// The state.
    pub x: State,
    /// The estimate of the clean end at it.
    pub estimate: Estimate,
}

/// What a multistep sampler remembers, newest first.
#[derive(Debug, Clone, Default)]
pub struct History(Vec<Past>);

impl History {
    /// The states passed, newest first.
    pub fn past(&self) -> &[Past] {
        &self.0
    }

    /// `past` in front, and only the newest `keep` kept.
    fn push(&mut self, past: Past, keep: usize) {
        self.0.insert(0, past);
        self.0.truncate(keep);
    }
}

/// One step of the way: from `t` to `s`, and what is known there.
#[derive(Clone, Copy)]
pub struct Stage<'a> {
    /// Factors and paths.
    pub process: &'a Process,
    /// Who estimates the clean end.
    pub denoiser: &'a dyn Denoiser,
    /// Where the step sets out.
    pub t: f64,
    /// Where it goes; below `t`.
    pub s: f64,
    /// What the sampler asked to remember.
    pub history: &'a History,
    /// Whether the state was changed since the last step, so that the states of `history` no longer lead to
    /// it: a rule that would make it again from them must take it as it is.
    pub changed: bool,
}

/// Where a step arrived.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The state at `s`.
    pub x: State,
    /// The state at `t` as later steps should remember it.
    pub past: Option<Past>,
}

/// A rule for one step from `t` to `s < t`.
///
/// Samplers are stateless; a multistep sampler's memory is passed in and what it wants remembered is
/// returned. They never ask which factor they move. Checked by `testing::contract::sampler`.
pub trait Sampler: std::fmt::Debug + Send + Sync {
    /// The state at `s` for the state `x` at `t`. `rng` is keyed by sample and step.
    ///
    /// # Errors
    /// Those of the denoiser, and [`crate::Error::Undefined`] if a factor lacks what the rule needs.
    fn step(&self, stage: &Stage, x: State, rng: &mut Rng) -> Result<Arrival>;

    /// Number of past states that a step looks at.
    fn memory(&self) -> usize {
        0
    }
}

impl<S: Sampler + ?Sized> Sampler for std::sync::Arc<S> {
    fn step(&self, stage: &Stage, x: State, rng: &mut Rng) -> Result<Arrival> {
        (**self).step(stage, x, rng)
    }

    fn memory(&self) -> usize {
        (**self).memory()
    }
}

/// Hears the estimates of one step, so that the next one can be told.
struct Listener<'a> {
    denoiser: &'a dyn Denoiser,
    heard: Mutex<Option<Estimate>>,
}

impl<'a> Listener<'a> {
    fn new(denoiser: &'a dyn Denoiser) -> Self {
        Self { denoiser, heard: Mutex::default() }
    }

    /// The last estimate of the whole batch.
    fn heard(self) -> Option<Estimate> {
        self.heard.into_inner().expect("no holder of this lock panics")
    }
}

impl Denoiser for Listener<'_> {
    fn denoise(&self, x_t: &State, t: &Times) -> Result<Estimate> {
        let estimate = self.denoiser.denoise(x_t, t)?;
        *self.heard.lock().expect("no holder of this lock panics") = Some(estimate.clone());
        Ok(estimate)
    }

    /// Estimates of a part of the batch are not remembered.
    fn denoise_rows(&self, x_t: &State, t: &Times, rows: &[usize]) -> Result<Estimate> {
        self.denoiser.denoise_rows(x_t, t, rows)
    }

    fn recalling<'b>(&'b self, previous: &Estimate) -> Option<Box<dyn Denoiser + 'b>> {
        self.denoiser.recalling(previous)
    }
}

/// Samples of the data made from reference samples `x_1`, which set out at the first time of `grid`.
///
/// # Errors
/// Those of the sampler.
pub fn sample(
    process: &Process,
    denoiser: &dyn Denoiser,
    sampler: &dyn Sampler,
    grid: &TimeGrid,
    x_1: State,
    rng: &Rng,
    observer: &mut dyn Observer,
) -> Result<State> {
    let x_t = process.departure(&x_1, grid.times()[0])?;
    carry(process, denoiser, sampler, grid, x_t, rng, observer)
}

/// Carries states `x_t`, at the first time of `grid`, to its last: the loop of every sampler.
///
/// Step `k` draws its noise from `rng` at step `k`, so the result for a sample does not depend on
/// the batch in which it is computed.
///
/// # Errors
/// Those of the sampler.
pub fn carry(
    process: &Process,
    denoiser: &dyn Denoiser,
    sampler: &dyn Sampler,
    grid: &TimeGrid,
    x_t: State,
    rng: &Rng,
    observer: &mut dyn Observer,
) -> Result<State> {
    let (mut x, mut history) = (x_t, History::default());
    let mut previous: Option<Estimate> = None;
    observer.see(grid.times()[0], &x);
    for (k, (t, s)) in grid.steps().enumerate() {
        let mut rng = rng.at_step(k as u32);
        let told = previous.as_ref().and_then(|previous| denoiser.recalling(previous));
        let listener = Listener::new(told.as_deref().unwrap_or(denoiser));
        let stage = Stage { process, denoiser: &listener, t, s, history: &history, changed: false };
        let arrival = sampler.step(&stage, x, &mut rng)?;
        previous = listener.heard().or(previous);
        // Without detaching, every activation of every step would be kept alive by the graph.
        x = arrival.x.detach();
        if let Some(past) = arrival.past {
            history.push(past, sampler.memory());
        }
        observer.see(s, &x);
    }
    Ok(x)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::{DType, Device, Tensor};

    use super::*;
    use crate::factor::{Euclidean, Space};
    use crate::path::tests_support::Linear;
    use crate::rng::ids;
    use crate::{Purpose, Seed, Silent};

    /// Estimates one more than it was told, 0 if it was told nothing; remembers what it was told.
    struct Counting<'a> {
        told: f64,
        heard: &'a Mutex<Vec<f64>>,
    }

    impl Denoiser for Counting<'_> {
        fn denoise(&self, x_t: &State, _: &Times) -> Result<Estimate> {
            self.heard.lock().unwrap().push(self.told);
            x_t.map(|x| Ok((x.zeros_like()? + (self.told + 1.0))?))
        }

        fn recalling<'b>(&'b self, previous: &Estimate) -> Option<Box<dyn Denoiser + 'b>> {
            let told = previous.part(0).max_all().unwrap().to_scalar::<f64>().unwrap();
            Some(Box::new(Counting { told, heard: self.heard }))
        }
    }

    /// Asks twice a step, as correctors do.
    #[derive(Debug)]
    struct Twice;

    impl Sampler for Twice {
        fn step(&self, stage: &Stage, x: State, _: &mut Rng) -> Result<Arrival> {
            for t in [stage.t, stage.s] {
                stage.denoiser.denoise(&x, &Times::all(1, t))?;
            }
            Ok(Arrival { x, past: None })
        }
    }

    #[test]
    fn each_step_is_told_the_last_estimate_of_the_step_before() {
        let process = Process::new(&Space::of("x", Euclidean::new(&[1])), Arc::new(Linear));
        let heard = Mutex::new(Vec::new());
        let denoiser = Counting { told: -1.0, heard: &heard };
        let grid = TimeGrid::linear(1.0, 0.0, 3).unwrap();
        let x = State::single(Tensor::zeros((1, 1), DType::F64, &Device::Cpu).unwrap());
        let rng = Rng::new(Seed(1), Purpose::Sampling, ids(0, 1), 0);
        carry(&process, &denoiser, &Twice, &grid, x, &rng, &mut Silent).unwrap();
        assert_eq!(*heard.lock().unwrap(), [-1.0, -1.0, 0.0, 0.0, 1.0, 1.0]);
    }
}
