//! `langevin points train`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use candle_core::DType;
use langevin_core::{Domain, Process, Reading, Seed};
use langevin_nn::ParamStore;
use langevin_points::source::{End, PointsSource};
use langevin_points::space::Points;
use langevin_train::{
    CheckpointError, CoupledFeed, Job, LogLine, ModelFile, ObjectiveLoss, Outcome, Report,
    RunFolder, Start, Stop, TrainError, train,
};

use super::RunOptions;
use super::data::Dataset;
use super::ends::Ends;
use super::experiment::{Plan, PointsExperiment};
use crate::model::{self, Provenance};
use crate::progress::Progress;
use crate::{Ending, bad_input, config_file, threads};

/// Train a model on points.
///
/// Example: langevin points train configs/points/demo.toml --out runs/demo
#[derive(Debug, clap::Args)]
pub struct TrainArgs {
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
    #[command(flatten)]
    options: RunOptions,
}

impl TrainArgs {
    /// Checks everything, then trains.
    ///
    /// # Errors
    /// Bad input, or what failed while training.
    pub fn run(self) -> Result<Ending> {
        let pool = threads::pool(self.options.threads)?;
        let (mut experiment, _): (PointsExperiment, String) =
            config_file::read(&self.config).map_err(bad_input)?;
        experiment.seed = self.seed.unwrap_or(experiment.seed);
        experiment.train.steps = self.steps.unwrap_or(experiment.train.steps);
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
        let prepared = Prepared::new(&experiment, &plan)?;
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("cannot create {}", self.out.display()))
            .map_err(bad_input)?;
        let stop = Stop::on_signals()?;
        let resuming = self.resume;
        let mut shown = Shown { bar: None, quiet: self.options.quiet, resuming };
        let report = pool.install(|| {
            prepared.train(&experiment, &plan, Some((&self.out, start)), &stop, &mut shown)
        });
        if let Some(bar) = shown.bar.take() {
            bar.finish();
        }
        let report = report?;
        if let Outcome::Stopped { step } = report.outcome {
            eprintln!("stopped at step {step}; the state is saved, go on with --resume");
            return Ok(Ending::Stopped);
        }
        let model = folder.model();
        let hash = prepared.publish(&model, &experiment, &report)?;
        if !self.options.quiet {
            println!("{} (sha256 {hash})", model.display());
        }
        Ok(Ending::Done)
    }
}

/// Everything that training needs, made from data.
pub struct Prepared {
    pub domain: Points,
    process: Process,
    source: Arc<PointsSource>,
    held_out: Option<Arc<PointsSource>>,
    seed: Seed,
}

impl Prepared {
    /// Reads or draws the data of `experiment`.
    ///
    /// # Errors
    /// If a file cannot be used.
    pub fn new(experiment: &PointsExperiment, plan: &Plan) -> Result<Self> {
        let seed = Seed(experiment.seed);
        let ends = Ends::load(experiment)?;
        let domain = ends.data.domain(experiment.data.standardise)?;
        let classes = experiment.data.classes;
        let source = |data: End, reference: Option<End>| {
            Arc::new(PointsSource::new(domain.clone(), data, reference, classes, DType::F32))
        };
        let validated = experiment.train.validate_every > 0;
        let held_out = validated.then(|| -> Result<_> {
            let reference = ends.reference.as_ref().map(Dataset::validation_end).transpose()?;
            Ok(source(ends.data.validation_end()?, reference))
        });
        let held_out = held_out.transpose()?;
        let (data, reference) = ends.training(experiment)?;
        let source = source(data, reference);
        let process = Process::new(&domain.space(), plan.method.path.clone());
        Ok(Self { domain, process, source, held_out, seed })
    }

    /// Trains on the current pool; with `out`, in a folder, begun in one of the ways there are.
    ///
    /// # Errors
    /// Those of the training loop.
    pub fn train(
        &self,
        experiment: &PointsExperiment,
        plan: &Plan,
        out: Option<(&Path, Start)>,
        stop: &Stop,
        progress: &mut dyn langevin_train::Progress,
    ) -> Result<Report> {
        let config = toml::to_string(experiment)?;
        let classes = experiment.data.classes;
        let (store, network) = ParamStore::create(DType::F32, self.seed, |builder| {
            plan.network.build(builder, &self.process, classes)
        })?;
        let coupled = |source: &Arc<PointsSource>| {
            let coupling = plan.method.coupling.clone();
            CoupledFeed::new(source.clone(), coupling, self.process.clone(), DType::F32)
        };
        let (feed, validation) = (coupled(&self.source), self.held_out.as_ref().map(coupled));
        let reading = Reading::new(self.process.clone(), experiment.method.head);
        let mut loss =
            ObjectiveLoss::new(Arc::new(network), reading, plan.method.objective.clone())
                .hiding_conditions(experiment.method.hide_condition);
        let job = Job {
            store: &store,
            feed: &feed,
            validation: validation.as_ref().map(|feed| feed as &dyn langevin_train::Feed),
            loss: &mut loss,
            seed: self.seed,
            config: &config,
            folder: out.map(|(folder, _)| folder),
            start: out.map_or(Start::Afresh, |(_, start)| start),
        };
        train(&plan.train, job, stop, progress).map_err(explained)
    }

    /// Writes the model of a finished run; gives its hash.
    fn publish(
        &self,
        path: &Path,
        experiment: &PointsExperiment,
        report: &Report,
    ) -> Result<String> {
        let provenance = Provenance {
            version: env!("CARGO_PKG_VERSION").into(),
            data: langevin_core::Source::fingerprint(self.source.as_ref()),
            seed: experiment.seed,
            steps: experiment.train.steps,
            train_loss: report.train.as_ref().map(|loss| loss.loss),
            validation_loss: report.validation.as_ref().map(|loss| loss.loss),
            average: None,
        };
        let file = ModelFile { tensors: report.weights.clone(), ..ModelFile::default() };
        model::write(path, file, &toml::to_string(experiment)?, &self.domain, &provenance)
    }
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
