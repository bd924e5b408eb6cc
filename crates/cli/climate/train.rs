//! `langevin climate train`.

use anyhow::Result;

use super::experiment::ClimateExperiment;
use crate::Ending;
use crate::training::TrainOptions;

/// Train a model on fine fields, which it learns to make under coarse ones.
///
/// Example: langevin climate train configs/climate/mrms.toml --out runs/mrms
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
        self.train.run::<ClimateExperiment>()
    }
}
