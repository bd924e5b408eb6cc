//! `langevin points table`: several experiments, several seeds, one results file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use langevin_core::Seed;
use langevin_points::metrics::mean_and_sd;
use langevin_report::results::{Results, Row};
use langevin_train::{ModelFile, Quiet, Stop};
use rayon::prelude::*;

use super::RunOptions;
use super::evaluate::evaluate;
use super::experiment::PointsExperiment;
use super::train::Prepared;
use super::trained::Trained;
use crate::config_file::{self, ConfigFileError};
use crate::{Ending, bad_input, refuse_existing, threads};

/// Train and evaluate several configs with several seeds, and write a results file.
///
/// Example: langevin points table configs/points/published/*.toml --seeds 5 --out docs/results/points.json
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
    /// # Errors
    /// Bad input, or what failed in a run.
    pub fn run(self) -> Result<Ending> {
        let pool = threads::pool(self.options.threads)?;
        refuse_existing(&self.out, self.force)?;
        let mut experiments = Vec::new();
        for path in &self.configs {
            let (experiment, _): (PointsExperiment, _) =
                config_file::read(path).map_err(bad_input)?;
            let checked = experiment.plan();
            checked.map_err(|error| bad_input(ConfigFileError::value(path, error)))?;
            experiments.push(experiment);
        }
        let jobs: Vec<(usize, u64)> = (0..experiments.len())
            .flat_map(|config| (0..self.seeds).map(move |seed| (config, seed)))
            .collect();
        let one = |&(config, seed): &(usize, u64)| -> Result<Numbers> {
            let numbers = run_one(&experiments[config], seed, self.count)?;
            if !self.options.quiet {
                let shown: Vec<String> =
                    numbers.iter().map(|(name, value, _)| format!("{name} {value:.4}")).collect();
                eprintln!("{} seed {seed}: {}", name(&self.configs[config]), shown.join(", "));
            }
            Ok(numbers)
        };
        // One thread per run: two runs side by side beat one run on two threads.
        let numbers: Vec<Numbers> =
            pool.install(|| jobs.par_iter().with_max_len(1).map(one).collect::<Result<_>>())?;
        let mut rows = Vec::new();
        for (config, experiment) in experiments.iter().enumerate() {
            let own: Vec<&Numbers> = jobs
                .iter()
                .zip(&numbers)
                .filter(|(job, _)| job.0 == config)
                .map(|(_, n)| n)
                .collect();
            rows.extend(rows_of(&name(&self.configs[config]), experiment, &own));
        }
        let topic = self.out.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let results = Results {
            topic,
            command: format!(
                "langevin points table configs/points/published/*.toml --seeds {} --count {}",
                self.seeds, self.count
            ),
            version: env!("CARGO_PKG_VERSION").into(),
            machine: self.machine.clone(),
            date: self.date.clone(),
            rows,
        };
        results.write(&self.out).with_context(|| format!("cannot write {}", self.out.display()))?;
        Ok(Ending::Done)
    }
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().replace('_', " ")
}

/// Trains and evaluates `experiment` with `seed`.
fn run_one(experiment: &PointsExperiment, seed: u64, count: usize) -> Result<Numbers> {
    let experiment = PointsExperiment { seed, ..experiment.clone() };
    let plan = experiment.plan().map_err(bad_input)?;
    let prepared = Prepared::new(&experiment, &plan)?;
    let report = prepared.train(&experiment, &plan, None, &Stop::never(), &mut Quiet)?;
    let weights = ModelFile { tensors: report.weights, ..ModelFile::default() };
    let trained = Trained::new(experiment, prepared.domain, weights)?;
    let published = trained.experiment.published.clone();
    let wanted: Vec<&str> = published.iter().map(|p| p.metric.as_str()).collect();
    let found = evaluate(&trained, Seed(seed), count, 2500, &wanted)?;
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
