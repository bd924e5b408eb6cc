//! `langevin molecules train`.

use anyhow::Result;

use super::experiment::MoleculesExperiment;
use crate::Ending;
use crate::training::TrainOptions;

/// Train a model on molecules.
///
/// Example: langevin molecules train configs/molecules/qm9.toml --out runs/qm9
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
        self.train.run::<MoleculesExperiment>()
    }
}
