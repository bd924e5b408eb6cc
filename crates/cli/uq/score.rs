//! `langevin uq score`.

use std::path::PathBuf;

use anyhow::Result;
use langevin_report::table::{Cell, Column, Table};
use langevin_train::write_whole;
use langevin_uq::Interval;
use langevin_uq::rank::RankHistogram;
use langevin_uq::significance::{block_bootstrap, diebold_mariano};
use serde_json::{Map, Value};

use super::bands::Bands;
use super::cases::Cases;
use super::gallery::Gallery;
use super::page::Page;
use super::patterns::Patterns;
use super::returns::Returns;
use super::sums::{Sums, Wanted};
use super::{LEVEL, RESAMPLES};
use crate::options::RunOptions;
use crate::progress::Progress;
use crate::{Ending, prepare_target, refused, threads};

/// Score an ensemble of fields against what was observed, whoever made them.
///
/// Cells are weighted by their area, missing ones left out. CRPS is fair: it does not depend on the number of members.
/// FSS pools its sums over all steps before the ratio, spectra are means over steps, as are the energy score (with norms
/// over means of cells) and the variogram score (of order 1/2, at lags of 1, 2 and 4 cells). With --against, the difference of the
/// CRPS of two ensembles comes with its interval and the test of Diebold and Mariano, over steps of time. With --report,
/// a page shows a step as maps, and what the scores summarise as diagrams.
///
/// Example: langevin uq score ensemble.nc --observed truth.nc --thresholds 0.1,1,10
#[derive(Debug, clap::Args)]
pub struct ScoreArgs {
    /// NetCDF file with forecasts: time, members along a dimension like realization, rows, columns.
    ensemble: PathBuf,
    /// NetCDF file with what was observed, on the same grid, at the same steps.
    #[arg(long, value_name = "FILE")]
    observed: PathBuf,
    /// Variable of the forecasts; without it the only one on a grid.
    #[arg(long, value_name = "NAME")]
    variable: Option<String>,
    /// Variable of what was observed; without it that of the forecasts.
    #[arg(long, value_name = "NAME")]
    observed_variable: Option<String>,
    /// Other forecasts of the same, to be compared with.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// File with the climatology of what was observed, one field or one for each step: the anomaly correlation.
    #[arg(long, value_name = "FILE")]
    climatology: Option<PathBuf>,
    /// Thresholds of exceedances, in the unit of the field.
    #[arg(long, value_delimiter = ',', value_name = "X,..", allow_negative_numbers = true)]
    thresholds: Vec<f64>,
    /// Cells along a window's side, for fractions skill scores.
    #[arg(long, default_value_t = 9, value_name = "CELLS")]
    window: usize,
    /// Steps of a block of the bootstrap and of --bands: those that are not independent of each other.
    #[arg(long, default_value_t = 1, value_name = "STEPS")]
    block: usize,
    /// Bands that are to cover such a part: limits of members, and the same corrected by what they missed in the first half of
    /// the steps. Coverage and width are told of the second half.
    #[arg(long, value_name = "PART")]
    bands: Option<f64>,
    /// Periods, in blocks of --maxima-of steps, in which the greatest cell exceeds a level once: the law of maxima of blocks
    /// is fitted by L-moments, and its levels have intervals by a bootstrap.
    #[arg(long, value_delimiter = ',', value_name = "BLOCKS,..")]
    return_periods: Vec<f64>,
    /// Steps of a block whose maximum counts for --return-periods: those of a day, of a year.
    #[arg(long, default_value_t = 1, value_name = "STEPS", requires = "return_periods")]
    maxima_of: usize,
    /// Seed of the ranks of equal values, and of the bootstrap.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The numbers as JSON, with the rank histogram.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Self-contained HTML page: the scores with their meaning, maps of a step, spectra, ranks, reliability, quantiles.
    #[arg(long, value_name = "PAGE")]
    report: Option<PathBuf>,
    /// Step whose maps the page has, counted from 1; without it that with the largest observed mean.
    #[arg(long, value_name = "N", requires = "report")]
    report_step: Option<usize>,
    /// Replace output files that exist.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    options: RunOptions,
}

impl ScoreArgs {
    /// Reads, scores and prints.
    ///
    /// # Errors
    /// A file that cannot be read; grids that differ.
    pub fn run(self) -> Result<Ending> {
        let pool = threads::pool(self.options.threads)?;
        for out in [&self.json, &self.report].into_iter().flatten() {
            prepare_target(out, self.force)?;
        }
        let mut cases = self.open(&self.ensemble)?;
        if let Some(path) = &self.climatology {
            cases = cases.with_climatology(path)?;
        }
        let other = self.against.as_ref().map(|path| self.open(path)).transpose()?;
        let (rows, columns) = cases.shape();
        let windowed = !self.thresholds.is_empty();
        if windowed && (self.window == 0 || self.window > rows.min(columns)) {
            let (found, most) = (self.window, rows.min(columns));
            return refused(format!("--window: found {found}, allowed: 1 to {most}"));
        }
        if let Some(found) = self.report_step.filter(|step| !(1..=cases.len()).contains(step)) {
            let most = cases.len();
            return refused(format!("--report-step: found {found}, allowed: 1 to {most}"));
        }
        let step = self.report_step.map(|step| step - 1);
        let mut gallery = self.report.as_ref().map(|_| Gallery::new(step, &self.thresholds));
        let all = self.wanted(&cases)?;
        let sums = pool.install(|| self.sums(all, &cases, "score", gallery.as_mut()))?;
        let mut numbers = sums.numbers()?;
        let gaps = sums.patterns.gaps();
        if gaps > 0 && !self.options.quiet {
            eprintln!("note: {gaps} steps have missing cells, and no scores of whole fields");
        }
        if cases.members() == 1 && !self.options.quiet {
            eprintln!(
                "note: found one member: no spread, no ranks, and the absolute error for the CRPS"
            );
        }
        if let Some(other) = &other {
            // Their CRPS is all that is compared.
            let (window, seed) = (self.window, self.seed);
            let few = Sums::new(Wanted { thresholds: vec![], window, seed }, other.members())?;
            let others = pool.install(|| self.sums(few, other, "score against", None))?;
            numbers.extend(self.compared(&sums.by_case, &others.by_case)?);
        }
        if !self.options.quiet {
            let mut table = Table::new([Column::text("score"), Column::number("value")]);
            for (name, value) in &numbers {
                table.push([Cell::text(name.as_str()), Cell::Number(*value)])?;
            }
            print!("{}", table.to_text());
        }
        if let Some(path) = &self.json {
            let number = |(name, value): &(String, f64)| (name.clone(), Value::from(*value));
            let json = serde_json::json!({
                "generated_by": concat!("langevin ", env!("CARGO_PKG_VERSION")),
                "ensemble": self.ensemble, "observed": self.observed, "against": self.against,
                "scores": numbers.iter().map(number).collect::<Map<String, Value>>(),
                "ranks": sums.ranks().map(RankHistogram::counts),
            });
            write_whole(path, serde_json::to_string_pretty(&json)?.as_bytes())?;
        }
        if let (Some(path), Some(gallery)) = (&self.report, &gallery) {
            let (ensemble, observed) = (&*self.ensemble, &*self.observed);
            let (against, cases) = (self.against.as_deref(), &cases);
            let (numbers, sums) = (&numbers, &sums);
            Page { ensemble, observed, against, cases, numbers, sums, gallery }.write(path)?;
            if !self.options.quiet {
                println!("{}", path.display());
            }
        }
        Ok(Ending::Done)
    }

    fn open(&self, ensemble: &std::path::Path) -> Result<Cases> {
        let observed = (&*self.observed, self.observed_variable.as_deref());
        Cases::open((ensemble, self.variable.as_deref()), observed)
    }

    /// Sums that begin, for all that is asked for.
    fn wanted(&self, cases: &Cases) -> Result<Sums> {
        let (thresholds, window, seed) = (self.thresholds.clone(), self.window, self.seed);
        let size = (cases.len(), cases.members());
        let mut sums = Sums::new(Wanted { thresholds, window, seed }, cases.members())?;
        sums.patterns = Patterns::around(cases.circles().map(<[f64]>::to_vec));
        sums.bands = self.bands.map(|level| Bands::plan(level, self.block, size)).transpose()?;
        let asked = (&self.return_periods[..], self.maxima_of);
        let returns = (!self.return_periods.is_empty()).then(|| Returns::plan(asked, size, seed));
        sums.returns = returns.transpose()?;
        Ok(sums)
    }

    /// Scores of all steps; a gallery sees each of them too.
    fn sums(
        &self,
        mut sums: Sums,
        cases: &Cases,
        what: &str,
        mut gallery: Option<&mut Gallery>,
    ) -> Result<Sums> {
        let mut progress = Progress::new(what, cases.len() as u64, 0, self.options.quiet);
        for time in 0..cases.len() {
            let (case, weights) = (cases.at(time)?, cases.weights.view());
            sums.add(&case, weights)?;
            if let Some(gallery) = &mut gallery {
                gallery.add(&case, weights)?;
            }
            progress.at(time as u64 + 1, "");
        }
        progress.finish();
        Ok(sums)
    }

    /// How the CRPS of two ensembles differ, step by step.
    fn compared(&self, own: &[f64], other: &[f64]) -> Result<Vec<(String, f64)>> {
        let difference: Vec<f64> = own.iter().zip(other).map(|(a, b)| a - b).collect();
        if difference.len() < 3 {
            let found = difference.len();
            return refused(format!(
                "--against: found {found} steps, allowed: 3 or more to compare"
            ));
        }
        let Interval { estimate, lower, upper } =
            block_bootstrap(&difference, self.block, RESAMPLES, LEVEL, self.seed)?;
        let test = diebold_mariano(&difference, 1, self.block - 1)?;
        let mean = other.iter().sum::<f64>() / other.len() as f64;
        let rows = [
            ("CRPS of the other", mean),
            ("difference of CRPS", estimate),
            ("difference of CRPS, lower end of 95 %", lower),
            ("difference of CRPS, upper end of 95 %", upper),
            ("p of no difference, Diebold-Mariano", test.p_value),
        ];
        Ok(rows.map(|(name, value)| (name.to_owned(), value)).to_vec())
    }
}
