//! `langevin molecules evaluate`.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, anyhow};
use langevin_datasets::read_molecules;
use langevin_molecules::distributions::Distributions;
use langevin_molecules::record::Molecule;
use langevin_report::table::{Cell, Column, Table};
use langevin_train::write_whole;
use serde_json::{Map, Value};

use super::measure::{Numbers, Protocol, distances};
use super::page::Page;
use super::xtb::{self, Xtb};
use crate::options::RunOptions;
use crate::{Ending, bad_input, prepare_target, threads};

/// Measure molecules of any file, whoever made them.
///
/// The two protocols give different numbers for the same molecules; never compare across them.
///
/// Example: langevin molecules evaluate samples.sdf --against train.extxyz.gz
#[derive(Debug, clap::Args)]
pub struct EvaluateArgs {
    /// Molecules: .xyz, .extxyz, .sdf, .mol (each also .gz), .h5, .hdf5, .h5md.
    file: PathBuf,
    /// How bonds are found.
    #[arg(long, value_enum, default_value = "distance")]
    protocol: Protocol,
    /// Molecules that were trained on: novelty, and distances of distributions.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Leave out frames that hold no molecule, and say how many.
    #[arg(long)]
    skip_bad: bool,
    /// Strain energies with GFN2-xTB of COUNT molecules, evenly spread over the file, by the program
    /// xtb on the PATH.
    #[arg(long, value_name = "COUNT", num_args = 0..=1, default_missing_value = "100", value_parser = crate::options::positive)]
    xtb: Option<NonZeroUsize>,
    /// Seconds after which a calculation of xtb is given up and counts as not converged.
    #[arg(long, value_name = "SECONDS", default_value = "300", requires = "xtb")]
    xtb_limit: NonZeroU64,
    /// Self-contained HTML report with molecules that can be turned.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Molecules drawn in the report, from the file's first.
    #[arg(long, value_name = "N", default_value_t = 24, requires = "report")]
    pictures: usize,
    /// The numbers as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Replace output files that exist.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    options: RunOptions,
}

/// What was read and found.
struct Evaluation {
    samples: Vec<Molecule>,
    numbers: Numbers,
    own: Distributions,
    data: Option<Distributions>,
    strains: Vec<f64>,
}

impl EvaluateArgs {
    /// Reads, measures and prints.
    ///
    /// # Errors
    /// A file that cannot be read or holds no molecules; `--xtb` without the program.
    pub fn run(self) -> Result<Ending> {
        let pool = threads::pool(self.options.threads)?;
        for out in [&self.json, &self.report].into_iter().flatten() {
            prepare_target(out, self.force)?;
        }
        let limit = Duration::from_secs(self.xtb_limit.get());
        let found = |count: NonZeroUsize| Xtb::find(limit).map(|xtb| (xtb, count.get()));
        let xtb = self.xtb.map(found).transpose()?;
        let found = pool.install(|| self.evaluate(xtb))?;
        let table = table(&found.numbers)?;
        if !self.options.quiet {
            print!("{}", table.to_text());
        }
        if let Some(path) = &self.json {
            let number =
                |(name, value): &(&str, Option<f64>)| ((*name).into(), Value::from(*value));
            let json = serde_json::json!({
                "generated_by": concat!("langevin ", env!("CARGO_PKG_VERSION")),
                "file": self.file, "against": self.against, "protocol": self.protocol.name(),
                "metrics": found.numbers.iter().map(number).collect::<Map<String, Value>>(),
            });
            write_whole(path, serde_json::to_string_pretty(&json)?.as_bytes())?;
        }
        if let Some(path) = &self.report {
            let page = Page {
                file: &self.file,
                against: self.against.as_deref(),
                protocol: self.protocol,
                samples: &found.samples,
                table,
                own: &found.own,
                data: found.data.as_ref(),
                strains: &found.strains,
                pictures: self.pictures,
            };
            page.write(path)?;
            if !self.options.quiet {
                println!("{}", path.display());
            }
        }
        Ok(Ending::Done)
    }

    fn read(&self, path: &Path) -> Result<Vec<Molecule>> {
        let file = read_molecules(path, self.skip_bad).map_err(bad_input)?;
        if let Some(first) = file.skipped.first() {
            let (count, path) = (file.skipped.len(), path.display());
            eprintln!("warning: {path}: {count} frames are left out; the first: {first}");
        }
        Ok(file.molecules)
    }

    fn evaluate(&self, xtb: Option<(Xtb, usize)>) -> Result<Evaluation> {
        let samples = self.read(&self.file)?;
        let against = self.against.as_deref().map(|path| self.read(path)).transpose()?;
        let empty = |error| bad_input(anyhow!("{}: {error}", self.file.display()));
        let mut numbers = self.protocol.measure(&samples, against.as_deref()).map_err(empty)?;
        let (mut own, mut data, mut strains) = (Distributions::default(), None, Vec::new());
        if against.is_some() || self.report.is_some() {
            let of = |molecules: &[Molecule]| {
                Distributions::of(molecules, |molecule| self.protocol.bonds(molecule))
            };
            (own, data) = (of(&samples), against.as_deref().map(of));
        }
        if let Some(data) = &data {
            numbers.extend(distances(&own, data)?);
        }
        if let Some((xtb, count)) = xtb {
            let found = xtb::measure(&xtb, &samples, count, self.options.quiet)?;
            numbers.extend(found.numbers);
            strains = found.strains;
        }
        numbers.push(("molecules", Some(samples.len() as f64)));
        Ok(Evaluation { samples, numbers, own, data, strains })
    }
}

fn table(numbers: &Numbers) -> Result<Table> {
    let mut table = Table::new([Column::text("metric"), Column::number("value")]);
    for (name, value) in numbers {
        let value = value.map_or(Cell::Missing, Cell::Number);
        table.push([Cell::text(*name), value])?;
    }
    Ok(table)
}
