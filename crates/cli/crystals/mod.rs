//! `langevin crystals`.

mod atoms_seen;
mod calibrate;
mod candidates;
mod compositions;
mod constraints;
mod convert;
mod curve;
mod draws;
mod evaluate;
mod experiment;
mod makes;
mod match_;
mod measure;
mod page;
mod pictures;
mod rank;
mod references;
mod request;
mod retrieve;
mod sample;
mod shipped;
mod start;
mod train;

use std::path::Path;

use anyhow::Result;
use clap::Subcommand;
use langevin_crystals::record::Crystal;
use langevin_datasets::read_crystals;
use rayon::prelude::*;

use crate::{Ending, bad_input, refused};

/// What can be done with crystals.
#[derive(Debug, Subcommand)]
pub enum CrystalsCommand {
    Train(train::TrainArgs),
    Sample(Box<sample::SampleArgs>),
    Retrieve(retrieve::RetrieveArgs),
    Rank(rank::RankArgs),
    Calibrate(Box<calibrate::CalibrateArgs>),
    Curve(Box<curve::CurveArgs>),
    Evaluate(evaluate::EvaluateArgs),
    Match(match_::MatchArgs),
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
            Self::Calibrate(args) => args.run(),
            Self::Curve(args) => args.run(),
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

/// The label of a space group's number.
const SPACE_GROUP: &str = "spacegroup";
/// More crystals than one run makes.
const MOST: usize = 10_000_000;

/// `count` crystals of each of so many compositions, if one run can make them.
fn total(count: usize, compositions: usize) -> Result<usize> {
    match count.checked_mul(compositions).filter(|&total| total <= MOST) {
        Some(total) => Ok(total),
        None => refused(format!(
            "--count: found {count} crystals of each of {compositions} compositions, allowed: {MOST} in one run"
        )),
    }
}

/// A tolerance on the command line.
fn tolerance(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|x: &f64| *x > 0.0 && x.is_finite());
    number.ok_or_else(|| "allowed: a finite number above 0".into())
}

/// `crystals` with the symmetry that they have within `tolerance` Å; those of which an atom would move farther, or in
/// which no symmetry is found, as they are, and how many these are is said.
fn symmetrized(crystals: Vec<Crystal>, tolerance: f64) -> Vec<Crystal> {
    let of = crystals.len();
    let one = |crystal: Crystal| match crystal.symmetrized(tolerance) {
        Some(made) if made.moved <= tolerance => {
            let number = f64::from(made.symmetry.number.get());
            (made.crystal.with_label(SPACE_GROUP, number), true)
        }
        _ => (crystal, false),
    };
    let made: Vec<(Crystal, bool)> = crystals.into_par_iter().map(one).collect();
    let kept = made.iter().filter(|(_, done)| !done).count();
    if kept > 0 {
        eprintln!(
            "note: --symmetrize {tolerance}: {kept} of {of} crystals stay as they are: an atom would move farther, or atoms are \
             nearer to each other than {} Å, or the lattice is shorter than {} Å",
            4.0 * tolerance,
            10.0 * tolerance
        );
    }
    made.into_iter().map(|(crystal, _)| crystal).collect()
}
