//! `langevin points evaluate`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use langevin_core::{Counted, Seed, State, Trajectory};
use langevin_diffusion::likelihood::{Likelihood, LikelihoodConfig};
use langevin_points::metrics::{normalised_path_energy, path_energy};
use langevin_points::record::PointCloud;
use langevin_points::space::Geometry;
use langevin_report::report::{Report, Section};
use langevin_report::table::{Cell, Column, Table};
use langevin_train::write_whole;
use langevin_transport::wasserstein_2;

use super::compare::{ALL, Metric, against};
use super::ends::Ends;
use super::figures;
use super::likelihood::{information, negative_log_likelihood};
use super::trained::Trained;
use crate::choice::ChoiceArgs;
use crate::device::DeviceOptions;
use crate::options::RunOptions;
use crate::{Ending, bad_input, prepare_target, refused, threads};

/// Measure a trained model against its data, and write a report with pictures.
///
/// Example: langevin points evaluate runs/demo --report report.html
#[derive(Debug, clap::Args)]
pub struct EvaluateArgs {
    /// Model file, or run directory that holds one.
    model: PathBuf,
    /// Points to compare, on each side.
    #[arg(long, default_value_t = 2000)]
    count: usize,
    /// Seed of the samples; test points come from the seed of the config.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Points computed together.
    #[arg(long, default_value_t = 512)]
    batch: usize,
    #[command(flatten)]
    choice: ChoiceArgs,
    /// Negative log-likelihood of the test points by the probability flow, in nats per point.
    #[arg(long)]
    likelihood: bool,
    /// Random probes of the divergence (Hutchinson), instead of the exact trace.
    #[arg(long, requires = "likelihood", value_name = "N")]
    probes: Option<usize>,
    /// Mutual information of points and labels by I-MMSE, in nats, for a model that hid labels in training.
    #[arg(long)]
    information: bool,
    /// Self-contained HTML report.
    #[arg(long)]
    report: Option<PathBuf>,
    /// The numbers as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Replace output files that exist.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    options: RunOptions,
}

/// Name of the normalised path energy.
const NPE: &str = "NPE";
/// Everything that [`evaluate`] can be asked for.
pub const METRICS: [&str; 6] = [ALL[0], ALL[1], ALL[2], ALL[3], ALL[4], NPE];

/// Steps below which the energy of a path is not told.
const FEWEST_STATIONS: usize = 10;

/// Numbers of an evaluation and what they were measured on.
pub struct Evaluation {
    pub metrics: Vec<Metric>,
    pub samples: PointCloud,
    pub test: PointCloud,
    pub way: Trajectory,
    pub evaluations: f64,
}

/// Samples from `trained` and those of their distances from fresh test points that are `wanted`.
///
/// # Errors
/// What fails while sampling or comparing.
pub fn evaluate(
    trained: &Trained,
    ends: &Ends,
    seed: Seed,
    count: usize,
    batch: usize,
    wanted: &[&str],
) -> Result<Evaluation> {
    let experiment = &trained.experiment;
    let test = ends.data.test(count, 1)?;
    // A file has one test part only, so there is no second real set to make a floor of.
    let other = ends.data.law().map(|_| ends.data.test(count, 2)).transpose()?;
    let x_1 = trained.start(ends.reference.as_ref(), seed, test.len())?;
    let generation = trained.generation(seed, batch, &|_| ());
    let labels = (experiment.data.classes > 0).then(|| test.labels()).flatten();
    let (x, evaluations, ways) = generation.run(
        &x_1,
        |chunk, tally| {
            let own = |labels: &[i64]| chunk.places.iter().map(|&i| labels[i]).collect::<Vec<_>>();
            let labels = labels.map(own);
            let count = chunk.places.len();
            Ok(Counted::new(trained.denoiser(labels.as_deref(), count)?, tally))
        },
        Trajectory::default,
    )?;
    let way = joined(&ways)?;
    let (dimension, geometry) = (trained.domain.dimension(), trained.domain.geometry);
    let samples = PointCloud::new(trained.domain.decode_rows(&x)?, dimension, geometry)?;
    let mut metrics = against(&samples, &test, other.as_ref(), wanted, seed)?;
    // The energy is a sum over the way's stations: with few of them it would be that of a chord.
    let stations = way.states.len() > FEWEST_STATIONS;
    if geometry == Geometry::Flat && stations && (wanted == ALL || wanted.contains(&NPE)) {
        // In the units of the data: states are scaled, and energies by the square.
        let energy = path_energy(&way)? * trained.domain.standardisation.scale.powi(2);
        let from = trained.domain.decode_rows(&x_1)?;
        let direct = wasserstein_2(&from, test.points(), dimension)?.powi(2);
        let metric = |name: &str, value| Metric { name: name.into(), value, floor: None };
        metrics.push(metric("path energy", energy));
        metrics.push(metric(NPE, normalised_path_energy(energy, direct)));
    }
    Ok(Evaluation { metrics, samples, test, way, evaluations })
}

/// The trajectories of chunks, side by side.
fn joined(ways: &[Trajectory]) -> Result<Trajectory> {
    let stations = ways.iter().map(|way| way.states.len()).min().unwrap_or(0);
    let station = |k: usize| -> Result<(f64, State)> {
        let parts: Vec<State> = ways.iter().map(|way| way.states[k].1.clone()).collect();
        Ok((ways[0].states[k].0, State::concat(&parts)?))
    };
    Ok(Trajectory { states: (0..stations).map(station).collect::<Result<_>>()? })
}

impl EvaluateArgs {
    /// Checks everything, then samples and compares.
    ///
    /// # Errors
    /// Bad input, or what failed while sampling.
    pub fn run(self) -> Result<Ending> {
        let pool = threads::pool(self.options.threads)?;
        for out in [&self.report, &self.json].into_iter().flatten() {
            prepare_target(out, self.force)?;
        }
        if self.count < 2 || self.batch == 0 {
            return refused("--count: at least 2, --batch: at least 1");
        }
        let (mut trained, hash) = Trained::read(&self.model, &self.device.open()?)?;
        self.choice.apply(&mut trained)?;
        let likelihood = self.likelihood(&trained)?;
        let ends = Ends::load(&trained.experiment)?;
        let (seed, count, batch) = (Seed(self.seed), self.count, self.batch);
        let found = pool.install(|| -> Result<Evaluation> {
            let mut found = evaluate(&trained, &ends, seed, count, batch, &ALL)?;
            if let Some(likelihood) = &likelihood {
                let (data, test) = (&ends.data, &found.test);
                let more = negative_log_likelihood(&trained, likelihood, data, test, seed, batch)?;
                found.metrics.extend(more);
            }
            if self.information {
                found.metrics.push(information(&trained, &found.test, seed)?);
            }
            Ok(found)
        })?;
        let table = table(&found.metrics)?;
        if !self.options.quiet {
            print!("{}", table.to_text());
            println!("{} points, {} evaluations each", found.samples.len(), found.evaluations);
        }
        if let Some(path) = &self.json {
            let numbers = serde_json::json!({
                "generated_by": concat!("langevin ", env!("CARGO_PKG_VERSION")),
                "model_sha256": hash, "seed": self.seed, "points": found.samples.len(),
                "sampler": trained.experiment.method.sampler, "grid": trained.experiment.method.grid,
                "evaluations": found.evaluations, "config": trained.experiment,
                "metrics": found.metrics,
            });
            write_whole(path, serde_json::to_string_pretty(&numbers)?.as_bytes())?;
        }
        if let Some(path) = &self.report {
            self.write_report(path, &trained, &hash, &found, table)?;
            if !self.options.quiet {
                println!("{}", path.display());
            }
        }
        Ok(Ending::Done)
    }

    /// The estimator asked for, if the model has a likelihood; and whether it has information to measure.
    fn likelihood(&self, trained: &Trained) -> Result<Option<Likelihood>> {
        let experiment = &trained.experiment;
        if self.likelihood && experiment.reference.is_some() {
            return refused("--likelihood: the reference is data, whose density is not known");
        }
        if self.information && experiment.method.hide_condition == 0.0 {
            return refused(
                "--information: for models that were told classes and hid them in training \
                 (method.hide_condition above 0)",
            );
        }
        let probes = self.probes.unwrap_or(LikelihoodConfig::default().probes);
        let config = LikelihoodConfig { probes, ..LikelihoodConfig::default() };
        let built = self.likelihood.then(|| config.build()).transpose();
        built.map_err(|error| bad_input(error.within("--likelihood")))
    }

    fn write_report(
        &self,
        path: &Path,
        trained: &Trained,
        hash: &str,
        found: &Evaluation,
        table: Table,
    ) -> Result<()> {
        let domain = &trained.domain;
        let mut pictures = vec![figures::samples(&found.samples, &found.test)?];
        if found.way.states.len() > 2 {
            pictures.push(figures::trajectories(domain, &found.way)?);
        }
        pictures.push(figures::transport(domain, &found.way)?);
        pictures.push(figures::density(&found.test, "Density of the data")?);
        pictures.push(figures::density(&found.samples, "Density of the samples")?);
        let run = self.model.join("metrics.jsonl");
        if let Ok(lines) = std::fs::read_to_string(&run) {
            pictures.push(figures::losses(&lines)?);
        }
        let method = &trained.experiment.method;
        Report::new("Points")
            .lead(
                "Generated points against data: distances, with what real data reach beside them.",
            )
            .provenance("model sha256", hash)
            .provenance("program", concat!("langevin ", env!("CARGO_PKG_VERSION")))
            .provenance("seed", self.seed.to_string())
            .provenance("sampler", serde_json::to_string(&method.sampler)?)
            .provenance("network evaluations per sample", found.evaluations.to_string())
            .section(
                Section::new("Distances").table(table, "Distances of samples from test points."),
            )
            .section(Section::new("Pictures").figures(pictures))
            .section(Section::new("Config").code(toml::to_string(&trained.experiment)?))
            .write(path)
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

fn table(metrics: &[Metric]) -> Result<Table> {
    let mut table = Table::new([
        Column::text("metric"),
        Column::number("samples"),
        Column::number("real against real"),
    ]);
    for metric in metrics {
        let floor = metric.floor.map_or(Cell::Missing, Cell::Number);
        table.push([Cell::text(&metric.name), Cell::Number(metric.value), floor])?;
    }
    Ok(table)
}
