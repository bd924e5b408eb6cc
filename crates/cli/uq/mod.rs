//! `langevin uq`.

mod bands;
mod cases;
mod exceedances;
mod figures;
mod gallery;
mod maps;
mod meanings;
mod page;
mod patterns;
mod returns;
mod score;
mod sums;

use anyhow::Result;
use clap::Subcommand;

use crate::Ending;

/// Resamples of a bootstrap, and the level of its intervals.
const RESAMPLES: usize = 2000;
const LEVEL: f64 = 0.95;

/// Whether uncertainty is right.
#[derive(Debug, Subcommand)]
pub enum UqCommand {
    Score(score::ScoreArgs),
}

impl UqCommand {
    /// Plans and runs the command.
    ///
    /// # Errors
    /// Bad input, or what failed while running.
    pub fn run(self) -> Result<Ending> {
        match self {
            Self::Score(args) => args.run(),
        }
    }
}
