//! Training, the same for every domain.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use candle_core::{DType, Device, Var};
use langevin_core::{Domain, Network, Process, Reading, Seed, Source};
use langevin_kernels::{composing, imitates_another_device};
use langevin_nn::ParamStore;
use langevin_train::{
    CheckpointError, CoupledFeed, Feed, Job, LogLine, ModelFile, ObjectiveLoss, Outcome, Rehearsal,
    Report, RunFolder, Start, Stop, TrainError, train,
};

use crate::device::DeviceOptions;
use crate::experiment::{self, Data, Experiment, Plan};
use crate::memory::{self, Cost};
use crate::model::{self, Provenance};
use crate::options::RunOptions;
use crate::progress::Progress;
use crate::trained::on;
use crate::warm_start::WarmStart;
use crate::{Ending, bad_input, config_file, threads};

/// What a training command is told.
#[derive(Debug, clap::Args)]
pub struct TrainOptions {
    /// The experiment, a TOML file.
    config: PathBuf,
    /// Run directory: config, metrics, states and the model.
    #[arg(long)]
    out: PathBuf,
    /// Instead of the seed of the config.
    #[arg(long)]
    seed: Option<u64>,
    /// Instead of the steps of the config.
    #[arg(long)]
    steps: Option<u64>,
    /// Go on from the newest good state in the run directory.
    #[arg(long, conflicts_with = "force")]
    resume: bool,
    /// Start afresh in a run directory that is in use: what the run left there is removed.
    #[arg(long)]
    force: bool,
    /// Begin with the weights of this model or run; parameters that it lacks begin as in a new network.
    #[arg(long, value_name = "MODEL")]
    from: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    options: RunOptions,
}

impl TrainOptions {
    /// Checks everything, then trains.
    ///
    /// # Errors
    /// Bad input, or what failed while training.
    pub fn run<E: Experiment>(self) -> Result<Ending> {
        let pool = threads::pool(self.options.threads)?;
        let (mut experiment, _): (E, String) =
            config_file::read(&self.config).map_err(bad_input)?;
        if let Some(seed) = self.seed {
            *experiment.seed_mut() = seed;
        }
        if let Some(steps) = self.steps {
            experiment.train_mut().steps = steps;
        }
        let plan = experiment
            .plan()
            .map_err(|error| bad_input(config_file::ConfigFileError::value(&self.config, error)))?;
        let start = match (self.resume, self.force) {
            (true, _) => Start::Resuming,
            (_, true) => Start::Replacing,
            _ => Start::Afresh,
        };
        // Training checks it again before it writes: this is for those who would wait for their data.
        let folder = RunFolder::new(&self.out);
        folder.check(start).map_err(explained)?;
        let device = self.device.open_in(experiment.train().precision)?;
        let warm = self.from.as_deref().map(WarmStart::read).transpose()?;
        let prepared = pool.install(|| Prepared::new(experiment, plan, warm.as_ref(), &device))?;
        let needed = pool.install(|| prepared.check_memory())?;
        if !self.options.quiet {
            eprintln!("{needed}");
        }
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("cannot create {}", self.out.display()))
            .map_err(bad_input)?;
        let stop = Stop::on_signals()?;
        let resuming = self.resume;
        let mut shown = Shown { bar: None, quiet: self.options.quiet, resuming };
        let report = pool.install(|| prepared.train(Some((&self.out, start)), &stop, &mut shown));
        if let Some(bar) = shown.bar.take() {
            bar.finish();
        }
        let report = report?;
        if let Outcome::Stopped { step } = report.outcome {
            eprintln!("stopped at step {step}; the state is saved, go on with --resume");
            return Ok(Ending::Stopped);
        }
        let model = folder.model();
        let hash = prepared.publish(&model, &report, warm.map(|warm| warm.origin))?;
        if !self.options.quiet {
            println!("{} (sha256 {hash})", model.display());
        }
        Ok(Ending::Done)
    }
}

/// Everything that training needs, made from data.
pub struct Prepared<E: Experiment> {
    experiment: E,
    plan: Plan<E::Network>,
    data: Data<E::Domain>,
    process: Process,
    store: ParamStore,
    network: Arc<dyn Network>,
    device: Device,
}

impl<E: Experiment> Prepared<E> {
    /// Reads or draws the data of `experiment`, whose plan is `plan`, and makes a network on `device`, with the weights
    /// of `warm` where it has them.
    ///
    /// # Errors
    /// If a file cannot be used, or the weights do not fit.
    pub fn new(
        experiment: E,
        plan: Plan<E::Network>,
        warm: Option<&WarmStart>,
        device: &Device,
    ) -> Result<Self> {
        let data = experiment.data()?;
        let process = experiment.method().process(&data.domain.space(), &plan.method)?;
        let (store, network) = created(&experiment, &plan, &data.domain, &process, device)?;
        if let Some(warm) = warm {
            warm.apply(&store)?;
        }
        let (network, device) = (on(device, network), device.clone());
        Ok(Self { experiment, plan, data, process, store, network, device })
    }

    /// Trains on the current pool; with `out`, in a folder, begun in one of the ways there are.
    ///
    /// # Errors
    /// Those of the training loop.
    pub fn train(
        &self,
        out: Option<(&Path, Start)>,
        stop: &Stop,
        progress: &mut dyn langevin_train::Progress,
    ) -> Result<Report> {
        let config = toml::to_string(&self.experiment)?;
        let feed = self.coupled(&self.data.source);
        let validation = self.data.held_out.as_ref().map(|source| self.coupled(source));
        let job = Job {
            store: &self.store,
            feed: &feed,
            validation: validation.as_ref().map(|feed| feed as &dyn Feed),
            loss: &mut self.loss(self.network.clone()),
            seed: Seed(self.experiment.seed()),
            config: &config,
            restate: experiment::restated::<E>,
            folder: out.map(|(folder, _)| folder),
            start: out.map_or(Start::Afresh, |(_, start)| start),
        };
        train(&self.plan.train, job, stop, progress).map_err(explained)
    }

    /// How much memory a step takes, for people.
    ///
    /// # Errors
    /// If there is far less, with what would fit; those of the first step.
    fn check_memory(&self) -> Result<String> {
        // Before the rehearsal, whose pages the process keeps.
        let free = memory::free_on(&self.device);
        let config = self.plan.train.config();
        let feed = self.coupled(&self.data.source);
        let rehearsal = Rehearsal::new(&self.plan.train, &feed, Seed(self.experiment.seed()))?;
        // Those of a validation keep their graphs too.
        let validated = self.data.held_out.as_ref().map_or(0, |_| config.validation_shards);
        let shards = config.shards.max(validated).min(rayon::current_num_threads());
        let measured = |store: &ParamStore, network: &Arc<dyn Network>| {
            let vars: Vec<Var> = store.iter().map(|(_, var)| var.clone()).collect();
            Cost::measured(&rehearsal, &self.loss(network.clone()), &vars, shards)
        };
        let cost = if self.device.is_cpu() && !imitates_another_device() {
            measured(&self.store, &self.network)?
        } else {
            // What another device does takes about as much composed on the CPU; less in fewer bits, which the CPU imitates.
            let Self { experiment, plan, data, process, .. } = self;
            let (store, network) = created(experiment, plan, &data.domain, process, &Device::Cpu)?;
            composing(|| measured(&store, &Arc::from(network)))?
        };
        let bytes = |(_, var): (&str, &Var)| var.elem_count() * var.dtype().size_in_bytes();
        let weights: usize = self.store.iter().map(bytes).sum();
        let copies = if self.device.is_cpu() {
            // Gradients of the shards that are done, their sum, two moments, averages.
            config.shards.saturating_sub(shards) + 3 + config.averages.len()
        } else {
            // Beside those and the weights: all of them behind one another, where they have a gradient, and what a step
            // makes new of the gradient, parameters, moments and an average.
            config.shards.saturating_sub(shards) + 11 + config.averages.len()
        };
        cost.with_once(weights * copies).checked(config.batch, config.shards, free)
    }

    fn coupled(&self, source: &Arc<dyn Source>) -> CoupledFeed {
        let given = self.experiment.method().given(&self.data.domain.space());
        let coupling = self.plan.method.coupling.clone();
        CoupledFeed::new(source.clone(), coupling, self.process.clone(), DType::F32).giving(given)
    }

    fn loss(&self, network: Arc<dyn Network>) -> ObjectiveLoss {
        let method = self.experiment.method();
        let reading = Reading::new(self.process.clone(), method.head);
        ObjectiveLoss::new(network, reading, self.plan.method.objective.clone())
            .hiding_conditions(method.hide_condition)
    }

    /// The model of `weights`, ready to be sampled from.
    ///
    /// # Errors
    /// If the weights do not fit.
    pub fn trained(self, weights: ModelFile) -> Result<crate::trained::Trained<E>> {
        crate::trained::Trained::new(self.experiment, self.data.domain, weights, &self.device)
    }

    /// Writes the model of a finished run; gives its hash.
    fn publish(&self, path: &Path, report: &Report, from: Option<String>) -> Result<String> {
        let provenance = Provenance {
            version: env!("CARGO_PKG_VERSION").into(),
            data: self.data.source.fingerprint(),
            seed: self.experiment.seed(),
            steps: self.experiment.train().steps,
            train_loss: report.train.as_ref().map(|loss| loss.loss),
            validation_loss: report.validation.as_ref().map(|loss| loss.loss),
            average: None,
            from,
        };
        let file = ModelFile { tensors: report.weights.clone(), ..ModelFile::default() };
        let config = toml::to_string(&self.experiment)?;
        model::write(path, file, &config, &self.data.domain, &provenance)
    }
}

/// The network of `experiment` on `device`, with the weights that its seed draws.
fn created<E: Experiment>(
    experiment: &E,
    plan: &Plan<E::Network>,
    domain: &E::Domain,
    process: &Process,
    device: &Device,
) -> Result<(ParamStore, Box<dyn Network>)> {
    let seed = Seed(experiment.seed());
    Ok(ParamStore::create_on(device, DType::F32, seed, |builder| {
        experiment.network(builder, &plan.network, domain, process)
    })?)
}

/// Why a run cannot begin is the caller's to mend, and how; all else failed while running.
fn explained(error: TrainError) -> anyhow::Error {
    let mend = match &error {
        TrainError::RunExists { .. } => {
            "go on with --resume, replace it with --force, or choose another --out"
        }
        TrainError::NothingToResume { .. } => "start without --resume",
        TrainError::NoGoodState { .. } => "start afresh with --force",
        TrainError::Checkpoint(CheckpointError::OtherRun { .. }) => {
            "go on with the config that it was begun with, or choose another --out"
        }
        TrainError::Checkpoint(CheckpointError::Write(_) | CheckpointError::Tensor(_)) => {
            return error.into();
        }
        TrainError::Checkpoint(_) => return bad_input(error),
        _ => return error.into(),
    };
    bad_input(anyhow::anyhow!("{error}: {mend}"))
}

/// Training, shown to a person.
struct Shown {
    bar: Option<Progress>,
    quiet: bool,
    resuming: bool,
}

impl langevin_train::Progress for Shown {
    fn started(&mut self, step: u64, steps: u64, rejected: &[CheckpointError]) {
        for error in rejected {
            eprintln!("warning: {error}; going on from the state before it");
        }
        match step {
            0 if self.resuming => {
                eprintln!("no step was saved before: starting at step 0 of {steps}")
            }
            0 => {}
            _ => eprintln!("resumed at step {step} of {steps}"),
        }
        self.bar = Some(Progress::new("train", steps, step, self.quiet));
    }

    fn logged(&mut self, line: &LogLine) {
        let (LogLine::Train(line), Some(bar)) = (line, &mut self.bar) else { return };
        bar.at(line.step, &format!("loss {:.4}", line.loss.loss));
    }
}
