//! The one training loop.

use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use candle_core::{Device, Tensor, Var};
use langevin_kernels::{AdamW, global_norm};

use crate::bins::{LossBins, bin_of};
use crate::config::{due, overdue};
use crate::log::{LogFiles, Window};
use crate::prefetch::{self, Layout, Shards};
use crate::resume::resume;
use crate::step::{self, StepGradient};
use crate::tensorfile::Tensors;
use crate::validate::Validation;
use crate::{
    CheckpointError, Job, LogLine, Moment, Outcome, Progress, Report, RunFolder, SavedState, Start,
    StateFolder, Stop, TrainError, TrainPlan, WriteError, optimiser, write_whole,
};

/// Trains, and leaves the last weights in `job.store`.
///
/// Shards run on the current rayon pool: call it inside of `ThreadPool::install`, which chooses the
/// number of threads. On a thread outside of a pool every small kernel waits for a hand-over, and a
/// step of a tiny network takes half as long again. Losses, weights, moments and averages depend on
/// neither threads nor prefetching nor on how often the run was stopped and resumed.
///
/// # Errors
/// [`TrainError`]. The saved states in the folder stay as they are; where a loss, a gradient or a
/// validation is not finite, the state after the last step that was done joins them.
pub fn train(
    plan: &TrainPlan,
    job: Job<'_>,
    stop: &Stop,
    progress: &mut dyn Progress,
) -> Result<Report, TrainError> {
    let config = plan.config();
    let layout = Layout { seed: job.seed, shards: config.shards, samples: plan.shard_samples() };
    let names: Vec<String> = job.store.iter().map(|(name, _)| name.to_string()).collect();
    let vars = job.store.iter().map(|(_, var)| var.clone()).collect();
    let adam = AdamW::new(vars, plan.averages().len()).map_err(|error| at(0)(error.into()))?;
    let folder = job.folder.map(RunFolder::new);
    let states = folder.as_ref().map(|folder| folder.states(config.keep));
    let mut run = Run {
        plan,
        layout,
        names,
        adam,
        window: Window::default(),
        validation: job
            .validation
            .map(|feed| Validation::new(feed, layout, config.validation_shards)),
        folder,
        states,
        files: None,
        saved: None,
        saved_at: Instant::now(),
        train: None,
        validated: None,
        job,
    };
    let (start, rejected) = run.begin()?;
    progress.started(start, config.steps, &rejected);
    let outcome = if config.prefetch == 0 {
        run.steps(start, None, stop, progress)?
    } else {
        let feed = run.job.feed;
        std::thread::scope(|scope| {
            let ahead = prefetch::start(scope, feed, layout, start..config.steps, config.prefetch);
            run.steps(start, Some(ahead), stop, progress)
        })?
    };
    let averages = (0..plan.averages().len()).map(|i| optimiser::average(&run.adam, &run.names, i));
    let averages: Vec<Tensors> = averages.collect::<Result<_, _>>().map_err(at(config.steps))?;
    let weights = match averages.first() {
        Some(average) => average.clone(),
        None => run.job.store.tensors()?,
    };
    let resumed_from = (start > 0).then_some(start);
    Ok(Report {
        outcome,
        resumed_from,
        rejected,
        train: run.train.map(|bins| bins.summary()),
        validation: run.validated.map(|bins| bins.summary()),
        weights,
        averages,
    })
}

/// A computation that failed in `step`.
fn at(step: u64) -> impl Fn(langevin_core::Error) -> TrainError {
    move |source| TrainError::Compute { step, source }
}

/// A run under way.
struct Run<'p, 'a> {
    plan: &'p TrainPlan,
    job: Job<'a>,
    layout: Layout,
    names: Vec<String>,
    adam: AdamW,
    window: Window,
    validation: Option<Validation<'a>>,
    folder: Option<RunFolder>,
    states: Option<StateFolder>,
    files: Option<LogFiles>,
    /// Step of the newest state of this run on disk.
    saved: Option<u64>,
    /// When that was, or when the run began.
    saved_at: Instant,
    /// Losses of the last line of the log.
    train: Option<LossBins>,
    /// Losses of the last validation.
    validated: Option<LossBins>,
}

impl Run<'_, '_> {
    /// Puts a saved state back if there is one, and opens the log: steps done, and damaged files.
    ///
    /// Nothing in the folder is touched before all checks are passed.
    fn begin(&mut self) -> Result<(u64, Vec<CheckpointError>), TrainError> {
        let (Some(folder), Some(states)) = (&self.folder, &self.states) else {
            return Ok((0, Vec::new()));
        };
        folder.check(self.job.start)?;
        let found = match self.job.start {
            Start::Afresh => None,
            Start::Replacing => {
                folder.clear()?;
                None
            }
            Start::Resuming => resume(folder, states, &self.job)?,
        };
        let path = folder.path();
        std::fs::create_dir_all(path).map_err(WriteError::at(path))?;
        write_whole(&folder.config(), self.job.config.as_bytes())?;
        let mut start = (0, Vec::new());
        if let Some(found) = found {
            self.job.store.load(&found.state.tensors("weights"))?;
            let (step, vars) = (found.state.step, self.adam.vars());
            let averages = self.plan.averages().len();
            let moments = found.state.moments(&found.path, vars, &self.names, averages)?;
            self.adam.restore(step, moments).map_err(|error| at(step)(error.into()))?;
            self.job.loss.restore(&found.state.tensors("extra")).map_err(at(step))?;
            self.window = Window::from_numbers(&found.state.log("window").unwrap_or_default());
            let bins = |what: &str| LossBins::from_numbers(&found.state.log(what)?);
            (self.train, self.validated) = (bins("train"), bins("validation"));
            // Validations that are done are not done again: this one would be passed over in silence.
            if let Some((bin, value)) = self.validated.and_then(|bins| bins.first_non_finite()) {
                let state = Some(found.path);
                return Err(TrainError::NonFiniteValidation { step, bin, value, state });
            }
            self.saved = Some(step);
            start = (step, found.rejected);
        }
        self.files = Some(LogFiles::open(path, start.0)?);
        Ok(start)
    }

    fn steps(
        &mut self,
        start: u64,
        ahead: Option<Receiver<langevin_core::Result<Shards>>>,
        stop: &Stop,
        progress: &mut dyn Progress,
    ) -> Result<Outcome, TrainError> {
        let steps = self.plan.config().steps;
        for step in start..steps {
            if stop.asked() {
                self.save(step, progress)?;
                return Ok(Outcome::Stopped { step });
            }
            let begun = Instant::now();
            if let Err(failure) = self.step(step, ahead.as_ref()) {
                return Err(self.keep(step, failure, progress));
            }
            self.window.timed.0 += 1;
            self.window.timed.1 += begun.elapsed().as_secs_f64();
            progress.stepped(step + 1);
            if let Err(failure) = self.after(step + 1, progress) {
                return Err(self.keep(step + 1, failure, progress));
            }
        }
        self.save(steps, progress)?;
        Ok(Outcome::Finished)
    }

    /// One update, `step` steps being done.
    fn step(
        &mut self,
        step: u64,
        ahead: Option<&Receiver<langevin_core::Result<Shards>>>,
    ) -> Result<(), TrainError> {
        let (config, number) = (self.plan.config(), step + 1);
        let moment = Moment {
            step,
            steps: config.steps,
            seed: self.job.seed,
            names: &self.names,
            adam: &self.adam,
        };
        self.job.loss.prepare(&moment).map_err(at(number))?;
        let ready =
            ahead.map(|ahead| ahead.recv().expect("the feed's thread ends after its last step"));
        let ready = ready.transpose().map_err(at(number))?;
        let (loss, vars) = (&*self.job.loss, self.adam.vars());
        let found = step::gradient(loss, self.job.feed, ready, self.layout, step, vars)
            .map_err(at(number))?;
        if let Some(sample) = found.first_non_finite() {
            let (t, value) = (found.times[sample], found.losses[sample]);
            return Err(TrainError::NonFiniteLoss {
                step: number,
                sample,
                t,
                bin: bin_of(t),
                value,
                state: None,
            });
        }
        let params = langevin_kernels::AdamWParams {
            lr: self.plan.learning_rate.at(number),
            ..self.plan.adam
        };
        let decays: Vec<f64> =
            self.plan.averages.iter().map(|average| average.decay(number)).collect();
        let info = self.adam.step_with(&found.grads, params, config.clip_norm, &decays);
        let info = info.map_err(|error| at(number)(error.into()))?;
        if !info.grad_norm.is_finite() {
            return Err(self.bad_gradient(number, &found));
        }
        found.times.iter().zip(&found.losses).for_each(|(&t, &loss)| self.window.bins.add(t, loss));
        self.window.grad_norm += info.grad_norm;
        self.window.steps += 1.0;
        let moment = Moment {
            step,
            steps: config.steps,
            seed: self.job.seed,
            names: &self.names,
            adam: &self.adam,
        };
        self.job.loss.updated(&moment, &found.shards).map_err(at(number))
    }

    fn bad_gradient(&self, step: u64, found: &StepGradient) -> TrainError {
        let bad = |grad: &Option<Tensor>| {
            !global_norm(std::slice::from_ref(grad)).is_ok_and(f64::is_finite)
        };
        let parameter =
            found.grads.iter().position(bad).map_or_else(String::new, |i| self.names[i].clone());
        let sample = found.largest();
        let (bin, largest_loss) = (bin_of(found.times[sample]), found.losses[sample]);
        TrainError::NonFiniteGradient { step, parameter, bin, largest_loss, state: None }
    }

    /// What falls due after `step` steps.
    fn after(&mut self, step: u64, progress: &mut dyn Progress) -> Result<(), TrainError> {
        let config = self.plan.config();
        let last = step == config.steps;
        if last || due(step, config.log_every) {
            let rate = self.plan.learning_rate.at(step);
            let line = self.window.line(step, rate, config.batch, self.job.loss.scalars());
            self.train = Some(self.window.bins);
            self.window = Window::default();
            self.log(&LogLine::Train(line), progress)?;
        }
        if config.validate_every > 0 && (last || due(step, config.validate_every)) {
            self.validate(step, progress)?;
        }
        if due(step, config.snapshot_every)
            && let Some(folder) = &self.folder
        {
            folder.snapshots().save(&self.state(step)?, self.plan)?;
        }
        let waited = self.saved_at.elapsed().as_secs_f64();
        if due(step, config.checkpoint_every) || overdue(waited, config.checkpoint_every_seconds) {
            self.save(step, progress)?;
        }
        Ok(())
    }

    /// Validates the weights that would be published now.
    fn validate(&mut self, step: u64, progress: &mut dyn Progress) -> Result<(), TrainError> {
        let Some(validation) = &mut self.validation else { return Ok(()) };
        let first = self.plan.averages.first();
        let average = first.map(|_| optimiser::average(&self.adam, &self.names, 0));
        let average = average.transpose().map_err(at(step))?;
        let found = validation.losses(self.job.store, average.as_ref(), &*self.job.loss);
        let bins = found?.map_err(at(step))?;
        self.validated = Some(bins);
        self.log(&LogLine::Validation { step, loss: bins.summary() }, progress)?;
        match bins.first_non_finite() {
            Some((bin, value)) => {
                Err(TrainError::NonFiniteValidation { step, bin, value, state: None })
            }
            None => Ok(()),
        }
    }

    fn log(&mut self, line: &LogLine, progress: &mut dyn Progress) -> Result<(), TrainError> {
        if let Some(files) = &mut self.files {
            files.append(line)?;
        }
        progress.logged(line);
        Ok(())
    }

    /// All that resuming needs.
    fn state(&self, step: u64) -> Result<SavedState, TrainError> {
        let (config, data) = (self.job.config.to_string(), self.job.feed.fingerprint());
        let mut state =
            SavedState { step, seed: self.job.seed, config, data, tensors: Tensors::new() };
        state.capture(&self.adam, &self.names).map_err(at(step))?;
        state.put("extra", self.job.loss.state().map_err(at(step))?);
        // The losses go into a model's provenance: a run that resumes after its last step knows them.
        let log = [
            ("window", Some(self.window.numbers())),
            ("train", self.train.map(|bins| bins.numbers())),
            ("validation", self.validated.map(|bins| bins.numbers())),
        ];
        for (what, numbers) in log {
            let Some(numbers) = numbers else { continue };
            let numbers = Tensor::new(numbers, &Device::Cpu);
            let numbers = numbers.map_err(|error| at(step)(error.into()))?;
            state.put("log", Tensors::from([(what.into(), numbers)]));
        }
        Ok(state)
    }

    /// The first parameter that holds NaN or ±∞.
    fn bad_weight(&self) -> Option<&String> {
        let bad =
            |var: &Var| !global_norm(&[Some(var.as_tensor().clone())]).is_ok_and(f64::is_finite);
        Some(&self.names[self.adam.vars().iter().position(bad)?])
    }

    /// `failure` after `step` steps; if its cause are numbers that are not finite, the state is saved,
    /// and the failure says where.
    fn keep(
        &mut self,
        step: u64,
        mut failure: TrainError,
        progress: &mut dyn Progress,
    ) -> TrainError {
        let (Some(place), Some(states)) = (failure.state_mut(), &self.states) else {
            return failure;
        };
        // Nothing is removed: if the weights went astray before this step, an older state is needed.
        let states = states.keeping_all();
        match self.save_in(&states, step, progress) {
            Ok(path) => *place = Some(path),
            Err(TrainError::NonFiniteWeight { state, .. }) => *place = state,
            Err(source) => {
                let (failure, source) = (Box::new(failure), Box::new(source));
                return TrainError::NotKept { failure, source };
            }
        }
        failure
    }

    /// Saves the state after `step` steps unless that was done.
    fn save(&mut self, step: u64, progress: &mut dyn Progress) -> Result<(), TrainError> {
        match self.states.clone() {
            Some(states) => self.save_in(&states, step, progress).map(drop),
            None => self.check_weights(step),
        }
    }

    fn save_in(
        &mut self,
        states: &StateFolder,
        step: u64,
        progress: &mut dyn Progress,
    ) -> Result<PathBuf, TrainError> {
        if self.saved == Some(step) {
            return Ok(states.file(step));
        }
        self.check_weights(step)?;
        let path = states.save(&self.state(step)?)?;
        (self.saved, self.saved_at) = (Some(step), Instant::now());
        progress.saved(step, &path);
        Ok(path)
    }

    /// Weights that are not finite are neither saved nor published.
    fn check_weights(&self, step: u64) -> Result<(), TrainError> {
        let Some(parameter) = self.bad_weight().cloned() else { return Ok(()) };
        let state = self.states.as_ref().zip(self.saved).map(|(states, step)| states.file(step));
        Err(TrainError::NonFiniteWeight { step, parameter, state })
    }
}
