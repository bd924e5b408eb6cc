//! `langevin crystals`.

mod compositions;
mod convert;
mod evaluate;
mod experiment;
mod match_;
mod rank;
mod request;
mod retrieve;
mod sample;
mod train;

use std::path::Path;

use anyhow::Result;
use clap::Subcommand;
use langevin_crystals::record::Crystal;
use langevin_datasets::read_crystals;

use crate::{Ending, bad_input};

/// What can be done with crystals.
#[derive(Debug, Subcommand)]
pub enum CrystalsCommand {
    /// Train a model from a config.
    Train(train::TrainArgs),
    /// Draw crystals from a trained model.
    Sample(Box<sample::SampleArgs>),
    /// Give compositions the structures of known crystals: a baseline that needs no training.
    Retrieve(retrieve::RetrieveArgs),
    /// Order candidate structures by what most of them agree on, with a confidence.
    Rank(rank::RankArgs),
    /// Measure crystals of any file: validity, uniqueness, novelty, distributions.
    Evaluate(evaluate::EvaluateArgs),
    /// Tell which crystals are the same structure, and how far apart they are.
    Match(match_::MatchArgs),
    /// Write crystals in another format: CIF, POSCAR, extended XYZ, LAMMPS, Quantum ESPRESSO.
    Convert(convert::ConvertArgs),
}

impl CrystalsCommand {
    /// Plans and runs the command.
    ///
    /// # Errors
    /// Bad input, or what failed while running.
    pub fn run(self) -> Result<Ending> {
        match self {
            Self::Train(args) => args.run(),
            Self::Sample(args) => args.run(),
            Self::Retrieve(args) => args.run(),
            Self::Rank(args) => args.run(),
            Self::Evaluate(args) => args.run(),
            Self::Match(args) => args.run(),
            Self::Convert(args) => args.run(),
        }
    }
}

/// The crystals of `path`; what was left out is said on standard error.
fn read(path: &Path, skip_bad: bool) -> Result<Vec<Crystal>> {
    let file = read_crystals(path, skip_bad).map_err(bad_input)?;
    if let Some(first) = file.skipped.first() {
        let (count, path) = (file.skipped.len(), path.display());
        eprintln!("warning: {path}: {count} entries are left out; the first: {first}");
    }
    Ok(file.crystals)
}
