//! `langevin points table`: several experiments, several seeds, one results file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, Result};
use langevin_core::{ConfigError, Seed};
use langevin_points::metrics::mean_and_sd;
use langevin_report::results::{Results, Row, is_day};
use langevin_train::{ModelFile, Quiet, Stop};
use rayon::prelude::*;

use super::ends::Ends;
use super::evaluate::{self, evaluate};
use super::experiment::PointsExperiment;
use crate::config_file::{self, ConfigFileError};
use crate::device::DeviceOptions;
use crate::experiment::Experiment;
use crate::options::RunOptions;
use crate::training::Prepared;
use crate::{Ending, bad_input, prepare_target, refused, threads};

/// Train and evaluate several configs with several seeds, and write a results file.
///
/// Example: langevin points table configs/points/published/*.toml --date 2026-01-31 --out points.json
#[derive(Debug, clap::Args)]
pub struct TableArgs {
    /// Experiments.
    #[arg(required = true)]
    configs: Vec<PathBuf>,
    /// Seeds 0 to one below this number.
    #[arg(long, default_value_t = 5)]
    seeds: u64,
    /// Points to compare, on each side.
    #[arg(long, default_value_t = 10_000)]
    count: usize,
    /// Results file; its name is the topic.
    #[arg(long)]
    out: PathBuf,
    /// The machine, in words.
    #[arg(long, default_value = "not described")]
    machine: String,
    /// The day, as it should stand in the file.
    #[arg(long)]
    date: String,
    /// Replace the results file if it exists.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    options: RunOptions,
}

/// One run's numbers: metric, value, floor.
type Numbers = Vec<(String, f64, Option<f64>)>;

impl TableArgs {
    /// Checks every config, then runs all of them, one run per thread.
    ///
    /// The results file is written anew after every config whose seeds are done.
    ///
    /// # Errors
    /// Bad input, or what failed in a run.
    pub fn run(self) -> Result<Ending> {
        let pool = threads::pool(self.options.threads)?;
        let experiments = self.plan()?;
        let jobs: Vec<(usize, u64)> = (0..experiments.len())
            .flat_map(|config| (0..self.seeds).map(move |seed| (config, seed)))
            .collect();
        let done: Mutex<BTreeMap<(usize, u64), Numbers>> = Mutex::default();
        let one = |&(config, seed): &(usize, u64)| -> Result<()> {
            let numbers = run_one(&experiments[config], seed, self.count)?;
            if !self.options.quiet {
                let shown: Vec<String> =
                    numbers.iter().map(|(name, value, _)| format!("{name} {value:.4}")).collect();
                eprintln!("{} seed {seed}: {}", name(&self.configs[config]), shown.join(", "));
            }
            let mut done = done.lock().expect("no holder of this lock panics");
            done.insert((config, seed), numbers);
            let all = (0..self.seeds).all(|seed| done.contains_key(&(config, seed)));
            if all { self.write(&experiments, &done) } else { Ok(()) }
        };
        // One thread per run: two runs side by side beat one run on two threads.
        pool.install(|| jobs.par_iter().with_max_len(1).try_for_each(one))?;
        Ok(Ending::Done)
    }

    /// Everything that can be checked before hours of work.
    fn plan(&self) -> Result<Vec<PointsExperiment>> {
        prepare_target(&self.out, self.force)?;
        if self.seeds == 0 || self.count < 2 {
            return refused("--seeds: at least 1, --count: at least 2");
        }
        if !is_day(&self.date) {
            return refused(format!("--date: found {}, allowed: a day as 2026-01-31", self.date));
        }
        let folder = self.out.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            return refused(format!("--out: there is no folder {}", folder.display()));
        }
        let one = |path: &PathBuf| -> Result<PointsExperiment> {
            let (experiment, _): (PointsExperiment, _) =
                config_file::read(path).map_err(bad_input)?;
            let known = |metric: &str| evaluate::METRICS.contains(&metric);
            let checked = experiment.plan().and_then(|_| {
                let stranger = experiment.published.iter().find(|p| !known(&p.metric));
                stranger.map_or(Ok(()), |published| {
                    let allowed = evaluate::METRICS.join(", ");
                    Err(ConfigError::new("published.metric", &published.metric, allowed))
                })
            });
            checked.map_err(|error| bad_input(ConfigFileError::value(path, error)))?;
            Ok(experiment)
        };
        self.configs.iter().map(one).collect()
    }

    /// The rows of all configs whose seeds are done.
    fn write(
        &self,
        experiments: &[PointsExperiment],
        done: &BTreeMap<(usize, u64), Numbers>,
    ) -> Result<()> {
        let mut rows = Vec::new();
        for (config, experiment) in experiments.iter().enumerate() {
            let of_seed = |seed| done.get(&(config, seed));
            let own: Option<Vec<&Numbers>> = (0..self.seeds).map(of_seed).collect();
            rows.extend(
                own.map(|own| rows_of(&name(&self.configs[config]), experiment, &own))
                    .unwrap_or_default(),
            );
        }
        let topic = self.out.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let results = Results {
            topic,
            command: format!(
                "langevin points table {} --seeds {} --count {} --date {} --out {}",
                configs(&self.configs),
                self.seeds,
                self.count,
                self.date,
                self.out.display()
            ),
            version: env!("CARGO_PKG_VERSION").into(),
            machine: self.machine.clone(),
            date: self.date.clone(),
            rows,
        };
        results.write(&self.out).with_context(|| format!("cannot write {}", self.out.display()))?;
        Ok(())
    }
}

/// The configs as a person would type them: a whole folder by its pattern.
fn configs(paths: &[PathBuf]) -> String {
    let is_toml = |path: &Path| path.extension().is_some_and(|extension| extension == "toml");
    let folder = paths[0].parent().unwrap_or(Path::new("."));
    let all = std::fs::read_dir(folder)
        .map_or(0, |entries| entries.flatten().filter(|entry| is_toml(&entry.path())).count());
    let whole = paths.iter().all(|path| path.parent() == Some(folder) && is_toml(path));
    if whole && all == paths.len() && all > 1 {
        return format!("{}/*.toml", folder.display());
    }
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().replace('_', " ")
}

/// Trains and evaluates `experiment` with `seed`.
fn run_one(experiment: &PointsExperiment, seed: u64, count: usize) -> Result<Numbers> {
    let experiment = PointsExperiment { seed, ..experiment.clone() };
    let plan = experiment.plan().map_err(bad_input)?;
    let device = DeviceOptions::default().open_in(experiment.train().precision)?;
    let ends = Ends::load(&experiment)?;
    let prepared = Prepared::new(experiment, plan, None, &device)?;
    let report = prepared.train(None, &Stop::never(), &mut Quiet)?;
    let weights = ModelFile { tensors: report.weights, ..ModelFile::default() };
    let trained = prepared.trained(weights)?;
    let published = trained.experiment.published.clone();
    let wanted: Vec<&str> = published.iter().map(|p| p.metric.as_str()).collect();
    let found = evaluate(&trained, &ends, Seed(seed), count, 2500, &wanted)?;
    Ok(found.metrics.into_iter().map(|m| (m.name, m.value, m.floor)).collect())
}

/// A row for each metric that was published for this experiment.
fn rows_of(name: &str, experiment: &PointsExperiment, runs: &[&Numbers]) -> Vec<Row> {
    let row = |published: &super::experiment::Published| {
        let of =
            |run: &&Numbers| run.iter().find(|(metric, ..)| *metric == published.metric).cloned();
        let found: Vec<_> = runs.iter().filter_map(of).collect();
        let (mean, sd) = mean_and_sd(&found.iter().map(|(_, value, _)| *value).collect::<Vec<_>>());
        let floors: Vec<f64> = found.iter().filter_map(|(_, _, floor)| *floor).collect();
        let row = Row::new(format!("{name}: {}", published.metric), mean)
            .spread(sd, found.len() as u64)
            .peer(format!("{} ± {} ({})", published.mean, published.sd, published.source))
            .bar(format!("<= {:.4}", published.mean + published.sd));
        if floors.is_empty() { row } else { row.floor(mean_and_sd(&floors).0) }
    };
    experiment.published.iter().map(row).collect()
}
