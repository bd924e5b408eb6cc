//! `langevin points train`.

use anyhow::Result;

use super::experiment::PointsExperiment;
use crate::Ending;
use crate::training::TrainOptions;

/// Train a model on points.
///
/// Example: langevin points train configs/points/demo.toml --out runs/demo
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
        self.train.run::<PointsExperiment>()
    }
}
