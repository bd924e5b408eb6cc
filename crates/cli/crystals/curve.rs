//! `langevin crystals curve`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Result;
use langevin_core::Seed;
use langevin_crystals::matcher::Matcher;
use langevin_crystals::metrics::Matches;
use langevin_crystals::record::Crystal;
use langevin_report::table::{Cell, Column, Table};
use langevin_train::write_whole;
use serde::Serialize;

use super::compositions::AskedCell;
use super::draws::Draws;
use super::references::real;
use super::request::RequestArgs;
use super::sample::Trained;
use super::shipped;
use crate::choice::ChoiceArgs;
use crate::device::DeviceOptions;
use crate::options::RunOptions;
use crate::progress::SharedProgress;
use crate::{Ending, prepare_target, refused, threads};

/// Tell how often structures of known compositions match, by the number of steps: which number is enough.
///
/// The crystals are those of --like, or those that the model's config holds out; the matcher is that of `match --prediction`.
///
/// Example: langevin crystals curve mp20_prediction --like test.csv.gz --some 300 --at 5,10,25,50
#[derive(Debug, clap::Args)]
pub struct CurveArgs {
    /// Model file, run directory that holds one, or the name of a model that is part of the program.
    #[arg(default_value = "mp20_prediction")]
    model: PathBuf,
    #[command(flatten)]
    request: RequestArgs,
    /// Numbers of steps.
    #[arg(long, value_name = "STEPS,..", value_delimiter = ',', required = true, conflicts_with = "steps", value_parser = crate::options::positive)]
    at: Vec<NonZeroUsize>,
    /// Only so many of the crystals, evenly spread over them.
    #[arg(long, value_name = "N", value_parser = crate::options::positive)]
    some: Option<NonZeroUsize>,
    /// Candidates of each composition, of which the best counts.
    #[arg(long, default_value = "1", value_parser = crate::options::positive)]
    count: NonZeroUsize,
    /// Same seed and model: same crystals, whatever the threads and the batch.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Crystals computed together.
    #[arg(long, default_value = "64", value_parser = crate::options::positive)]
    batch: NonZeroUsize,
    /// The numbers as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Replace the JSON file if it exists.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    choice: ChoiceArgs,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    options: RunOptions,
}

/// What a number of steps gives.
#[derive(Debug, Serialize)]
struct Point {
    steps: usize,
    /// Of the network, for each crystal.
    evaluations: f64,
    match_rate: f64,
    rmse: Option<f64>,
}

impl CurveArgs {
    /// Samples by each number of steps, compares and prints.
    ///
    /// # Errors
    /// Bad input, or what failed while sampling.
    pub fn run(self) -> Result<Ending> {
        let pool = threads::pool(self.options.threads)?;
        if let Some(json) = &self.json {
            prepare_target(json, self.force)?;
        }
        let (mut trained, _) = shipped::read(&self.model, &self.device.open()?)?;
        if self.request.is_of_any_composition() {
            return refused(
                "--atoms, --stoichiometry: found requests for any composition, allowed: those for --like",
            );
        }
        let (references, cells) = real(&self.request, &trained)?;
        let real = self.spread(references, cells);
        let points = self.at.iter().map(|steps| {
            self.choice.with_steps(steps.get()).apply(&mut trained)?;
            if self.request.keeps_symmetry() {
                self.choice.quieten(&mut trained)?;
            }
            pool.install(|| self.point(steps.get(), &trained, &real))
        });
        let points: Vec<Point> = points.collect::<Result<_>>()?;
        if !self.options.quiet {
            print!("{}", table(&points)?.to_text());
        }
        if let Some(path) = &self.json {
            let json = serde_json::json!({
                "generated_by": concat!("langevin ", env!("CARGO_PKG_VERSION")),
                "model": self.model, "request": self.request, "crystals": real.0.len(),
                "candidates": self.count, "seed": self.seed, "curve": points,
            });
            write_whole(path, serde_json::to_string_pretty(&json)?.as_bytes())?;
        }
        Ok(Ending::Done)
    }

    /// How samples of `trained`, which takes `steps` steps, of the compositions of `cells` meet `references`.
    fn point(
        &self,
        steps: usize,
        trained: &Trained,
        (references, cells): &(Vec<Crystal>, Vec<AskedCell>),
    ) -> Result<Point> {
        let (seed, count) = (Seed(self.seed), self.count.get());
        let total = super::total(count, references.len())? as u64;
        let request = self.request.plan_for(Some(cells.clone()), trained, seed)?;
        let bar = SharedProgress::new("sample", total, self.options.quiet);
        let finished = |samples: usize| bar.advance(samples as u64);
        let draws = Draws { trained, request: &request, batch: self.batch.get() };
        let drawn = draws.once(seed, count, &finished)?;
        bar.finish();
        let whole: Vec<Crystal> = drawn.filled(&trained.domain).collect();
        let matcher = Matcher::prediction();
        let matches = Matches::paired(&matcher, &whole, references, count, |_| true);
        let (match_rate, rmse) = (matches.rate(), matches.rmse());
        Ok(Point { steps, evaluations: drawn.evaluations, match_rate, rmse })
    }

    /// As many as were asked for, evenly spread.
    fn spread(
        &self,
        references: Vec<Crystal>,
        cells: Vec<AskedCell>,
    ) -> (Vec<Crystal>, Vec<AskedCell>) {
        let total = references.len();
        let some = self.some.map_or(total, |some| some.get().min(total));
        let kept = |place: usize| (place * some) / total != ((place + 1) * some) / total;
        let pairs = references.into_iter().zip(cells).enumerate();
        pairs.filter(|(place, _)| kept(*place)).map(|(_, pair)| pair).unzip()
    }
}

fn table(points: &[Point]) -> Result<Table> {
    let names = ["steps", "evaluations", "match rate", "RMSE"];
    let mut table = Table::new(names.map(Column::number));
    for point in points {
        table.push([
            Cell::Number(point.steps as f64),
            Cell::Number(point.evaluations),
            Cell::Number(point.match_rate),
            point.rmse.map_or(Cell::Missing, Cell::Number),
        ])?;
    }
    Ok(table)
}
