//! What a trained model of points is asked.

use anyhow::Result;
use candle_core::DType;
use langevin_core::{Condition, NetworkDenoiser, Purpose, Rng, Seed, State};
use langevin_points::source::one_hot;

use super::data::Dataset;
use super::experiment::PointsExperiment;

/// A trained model of points.
pub type Trained = crate::trained::Trained<PointsExperiment>;

impl Trained {
    /// The denoiser of samples with these `labels` (all hidden where there are none).
    ///
    /// # Errors
    /// If a label is none of the classes.
    pub fn denoiser(
        &self,
        labels: Option<&[i64]>,
        samples: usize,
    ) -> langevin_core::Result<NetworkDenoiser> {
        let classes = self.experiment.data.classes;
        let condition = match (classes, labels) {
            (0, _) => Condition::none(),
            (_, Some(labels)) => one_hot(labels, classes, DType::F32)?,
            (_, None) => one_hot(&vec![0; samples], classes, DType::F32)?.hidden()?,
        };
        Ok(self.denoiser_of(condition))
    }

    /// `count` samples of the reference, in the state's units: of `reference` where that end is data.
    ///
    /// # Errors
    /// If a law cannot be built.
    pub fn start(&self, reference: Option<&Dataset>, seed: Seed, count: usize) -> Result<State> {
        if let Some(reference) = reference {
            let cloud = reference.starts(seed, count)?;
            return Ok(self.domain.encode_rows(cloud.points(), DType::F64)?);
        }
        let ids = langevin_core::rng::ids(0, count);
        let mut rng = Rng::new(seed, Purpose::Reference, ids, 0);
        Ok(self.process.reference(DType::F64, &candle_core::Device::Cpu, &mut rng)?)
    }
}
