//! `langevin crystals train`.

use anyhow::Result;

use super::experiment::CrystalsExperiment;
use crate::Ending;
use crate::training::TrainOptions;

/// Train a model on crystals.
///
/// Example: langevin crystals train configs/crystals/perov5.toml --out runs/perov5
#[derive(Debug, clap::Args)]
pub struct TrainArgs {
    #[command(flatten)]
    train: TrainOptions,
}

impl TrainArgs {
    /// Checks everything, then trains.
    ///
    /// # Errors
    /// Bad input, or what failed while training.
    pub fn run(self) -> Result<Ending> {
        self.train.run::<CrystalsExperiment>()
    }
}
