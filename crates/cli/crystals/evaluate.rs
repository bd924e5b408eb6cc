//! `langevin crystals evaluate`.

use std::path::PathBuf;

use anyhow::Result;
use langevin_report::table::{Cell, Column, Table};
use langevin_train::write_whole;
use serde_json::{Map, Value};

use super::measure::measure;
use super::page::Page;
use super::read;
use crate::options::RunOptions;
use crate::{Ending, prepare_target, threads};

/// Measure crystals of any file, whoever made them.
///
/// Structural validity: no two atoms closer than 0.5 Å; compositional validity: SMACT's rules with its table of
/// 2014 or of ICSD 2024; valid is both, by the older table, as published. Unique and novel by the matcher with its
/// defaults. w-density (g/cm³) and w-elements are Wasserstein distances of 1000 valid crystals, as
/// published, from those of --against: the mean over as many groups of 1000 as there are, or of all where there are fewer.
///
/// Example: langevin crystals evaluate samples.cif --against test.csv.gz --train train.csv.gz
#[derive(Debug, clap::Args)]
pub struct EvaluateArgs {
    /// Crystals: .cif, .vasp, POSCAR, .xyz, .extxyz, .csv with a column cif (each also .gz).
    file: PathBuf,
    /// Real crystals, not trained on: distances of distributions.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Crystals that were trained on: novelty. May be given again for further files.
    #[arg(long, value_name = "FILE")]
    train: Vec<PathBuf>,
    /// Leave out entries that hold no crystal, and say how many.
    #[arg(long)]
    skip_bad: bool,
    /// Self-contained HTML report with cells that can be turned.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Crystals drawn in the report, from the file's first.
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

impl EvaluateArgs {
    /// Reads, measures and prints.
    ///
    /// # Errors
    /// A file that cannot be read or holds no crystals.
    pub fn run(self) -> Result<Ending> {
        let pool = threads::pool(self.options.threads)?;
        for out in [&self.json, &self.report].into_iter().flatten() {
            prepare_target(out, self.force)?;
        }
        let crystals = read(&self.file, self.skip_bad)?;
        let data = self.against.as_deref().map(|path| read(path, self.skip_bad)).transpose()?;
        let mut known = Vec::new();
        for path in &self.train {
            known.extend(read(path, self.skip_bad)?);
        }
        let found = pool.install(|| measure(&crystals, data.as_deref(), &known))?;
        let mut table = Table::new([Column::text("metric"), Column::number("value")]);
        for (name, value) in &found.numbers {
            table.push([Cell::text(*name), Cell::Number(*value)])?;
        }
        if !self.options.quiet {
            print!("{}", table.to_text());
        }
        if let Some(path) = &self.json {
            let number = |(name, value): &(&str, f64)| ((*name).into(), Value::from(*value));
            let json = serde_json::json!({
                "generated_by": concat!("langevin ", env!("CARGO_PKG_VERSION")),
                "file": self.file, "against": self.against, "train": self.train,
                "metrics": found.numbers.iter().map(number).collect::<Map<String, Value>>(),
            });
            write_whole(path, serde_json::to_string_pretty(&json)?.as_bytes())?;
        }
        if let Some(path) = &self.report {
            let (file, against) = (&*self.file, self.against.as_deref());
            let (data, pictures) = (data.as_deref(), self.pictures);
            let page =
                Page { file, against, crystals: &crystals, data, found: &found, table, pictures };
            pool.install(|| page.write(path))?;
            if !self.options.quiet {
                println!("{}", path.display());
            }
        }
        Ok(Ending::Done)
    }
}
