//! Models of properties: `langevin molecules train-predictor`, `predict`, and who judges samples.

mod experiment;
mod judge;
mod predict;
mod predictor;

use anyhow::Result;

use self::experiment::PredictorExperiment;
use crate::Ending;
use crate::training::TrainOptions;

pub use self::judge::Judge;
pub use self::predict::PredictArgs;
pub use self::predictor::Predictor;

/// Train a model of properties on labelled molecules.
///
/// Example: langevin molecules train-predictor configs/molecules/qm9_properties.toml --out runs/properties
#[derive(Debug, clap::Args)]
pub struct TrainPredictorArgs {
    #[command(flatten)]
    train: TrainOptions,
}

impl TrainPredictorArgs {
    /// Checks everything, then trains.
    ///
    /// # Errors
    /// Bad input, or what failed while training.
    pub fn run(self) -> Result<Ending> {
        self.train.run::<PredictorExperiment>()
    }
}
