//! `langevin crystals evaluate`.

use std::path::PathBuf;

use anyhow::Result;
use langevin_crystals::matcher::Matcher;
use langevin_crystals::novelty::{are_known, kinds};
use langevin_crystals::record::Crystal;
use langevin_crystals::traits::OxidationStates;
use langevin_crystals::validity::is_balanced;
use langevin_report::table::{Cell, Column, Table};
use langevin_train::write_whole;
use langevin_transport::wasserstein_line;
use rayon::prelude::*;
use serde_json::{Map, Value};

use super::read;
use crate::options::RunOptions;
use crate::{Ending, refuse_existing, threads};

/// Measure crystals of any file, whoever made them.
///
/// Structural validity: no two atoms closer than 0.5 Å; compositional validity: SMACT's rules with its table of
/// 2014 or of ICSD 2024; valid is both, by the older table, as published. Unique and novel by the matcher with its
/// defaults. w-density (g/cm³) and w-elements are Wasserstein distances of up to 1000 valid crystals, evenly
/// spread over the file, from those of --against.
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
    /// The numbers as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Replace output files that exist.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    options: RunOptions,
}

/// Valid crystals whose distributions are compared, as published.
const COMPARED: usize = 1000;

type Numbers = Vec<(&'static str, f64)>;

impl EvaluateArgs {
    /// Reads, measures and prints.
    ///
    /// # Errors
    /// A file that cannot be read or holds no crystals.
    pub fn run(self) -> Result<Ending> {
        let pool = threads::pool(self.options.threads)?;
        if let Some(json) = &self.json {
            refuse_existing(json, self.force)?;
        }
        let numbers = pool.install(|| self.measure())?;
        if !self.options.quiet {
            let mut table = Table::new([Column::text("metric"), Column::number("value")]);
            for (name, value) in &numbers {
                table.push([Cell::text(*name), Cell::Number(*value)])?;
            }
            print!("{}", table.to_text());
        }
        if let Some(path) = &self.json {
            let number = |(name, value): &(&str, f64)| ((*name).into(), Value::from(*value));
            let json = serde_json::json!({
                "generated_by": concat!("langevin ", env!("CARGO_PKG_VERSION")),
                "file": self.file, "against": self.against, "train": self.train,
                "metrics": numbers.iter().map(number).collect::<Map<String, Value>>(),
            });
            write_whole(path, serde_json::to_string_pretty(&json)?.as_bytes())?;
        }
        Ok(Ending::Done)
    }

    fn measure(&self) -> Result<Numbers> {
        let crystals = read(&self.file, self.skip_bad)?;
        let share = |all: &[bool]| all.iter().filter(|&&x| x).count() as f64 / all.len() as f64;
        let each = |f: &(dyn Fn(&Crystal) -> bool + Sync)| -> Vec<bool> {
            crystals.par_iter().map(f).collect()
        };
        let room = each(&Crystal::has_room);
        let balanced = |table| each(&move |crystal| is_balanced(&crystal.formula(), table));
        let (smact14, icsd24) =
            (balanced(OxidationStates::Smact14), balanced(OxidationStates::Icsd24));
        let valid: Vec<bool> = room.iter().zip(&smact14).map(|(a, b)| *a && *b).collect();
        let matcher = Matcher::default();
        let kinds = kinds(&matcher, &crystals);
        let unique: Vec<bool> = kinds.iter().enumerate().map(|(i, &first)| i == first).collect();
        let mut numbers = vec![
            ("structurally valid", share(&room)),
            ("compositionally valid (smact14)", share(&smact14)),
            ("compositionally valid (icsd24)", share(&icsd24)),
            ("valid", share(&valid)),
            ("unique", share(&unique)),
        ];
        if !self.train.is_empty() {
            let mut known = Vec::new();
            for path in &self.train {
                known.extend(read(path, self.skip_bad)?);
            }
            let novel: Vec<bool> =
                are_known(&matcher, &crystals, &known).into_iter().map(|known| !known).collect();
            let both: Vec<bool> = unique.iter().zip(&novel).map(|(a, b)| *a && *b).collect();
            numbers.push(("novel", share(&novel)));
            numbers.push(("unique and novel", share(&both)));
        }
        if let Some(path) = &self.against {
            let data = read(path, self.skip_bad)?;
            let good: Vec<&Crystal> =
                crystals.iter().zip(&valid).filter(|(_, valid)| **valid).map(|(c, _)| c).collect();
            let compared: Vec<&Crystal> = spread(&good, COMPARED);
            for (name, of) in
                [("w-density", Crystal::density as fn(&Crystal) -> f64), ("w-elements", elements)]
            {
                let own: Vec<f64> = compared.iter().map(|crystal| of(crystal)).collect();
                let real: Vec<f64> = data.iter().map(of).collect();
                if !own.is_empty() {
                    numbers.push((name, wasserstein_line(&own, None, &real, None, 1.0)?));
                }
            }
        }
        numbers.push(("mean atoms", mean(crystals.iter().map(|crystal| crystal.len() as f64))));
        numbers.push(("mean elements", mean(crystals.iter().map(elements))));
        numbers.push(("mean density", mean(crystals.iter().map(Crystal::density))));
        numbers.push(("crystals", crystals.len() as f64));
        Ok(numbers)
    }
}

/// Number of different elements.
fn elements(crystal: &Crystal) -> f64 {
    crystal.formula().counts().len() as f64
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// At most `count` of `all`, evenly spread.
fn spread<'a>(all: &[&'a Crystal], count: usize) -> Vec<&'a Crystal> {
    let taken = count.min(all.len());
    (0..taken).map(|i| all[i * all.len() / taken]).collect()
}
