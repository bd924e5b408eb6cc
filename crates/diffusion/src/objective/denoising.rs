//! Denoising: the regression of the clean end.

use langevin_core::{
    Batch, ConfigError, Loss, Network, Objective, Reading, Result, Rng, State, Times,
};
use serde::{Deserialize, Serialize};

use super::{TimeLaw, TimeLawConfig, Weighting};

/// `[objective] kind = "denoising"`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenoisingConfig {
    /// Weight of each noise level.
    pub weighting: Weighting,
    /// Law of training times.
    #[serde(default)]
    pub times: TimeLawConfig,
}

impl DenoisingConfig {
    /// The objective.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn build(&self) -> Result<Denoising, ConfigError> {
        match self.weighting {
            Weighting::MinSnr { gamma } => crate::schedule::positive("weighting.gamma", gamma)?,
            Weighting::Edm { sigma_data } => {
                crate::schedule::positive("weighting.sigma_data", sigma_data)?
            }
            _ => 1.0,
        };
        let times = self.times.build().map_err(|error| error.within("times"))?;
        Ok(Denoising { weighting: self.weighting, times })
    }
}

/// `E w(t) ‖x̂_0(x_t, t) − x_0‖²`, factors added; cross-entropy on categories.
#[derive(Debug, Clone, Copy)]
pub struct Denoising {
    weighting: Weighting,
    times: TimeLaw,
}

impl Objective for Denoising {
    fn loss(
        &self,
        reading: &Reading,
        network: &dyn Network,
        batch: &Batch,
        x_1: &State,
        rng: &mut Rng,
    ) -> Result<Loss> {
        let t = Times::new(self.times.draw(reading.process().path(), rng));
        let points = reading.process().path_points(&batch.x_0, x_1, &t, rng)?;
        let x_t = State::new(points.iter().map(|point| point.x_t.clone()).collect());
        let prediction = reading.predict(network, &x_t, &t, &batch.condition)?;
        let error = prediction.clean_loss(&points)?;
        let weight = t.column(&error, |t| self.weighting.of(reading, t))?;
        Ok(Loss { per_sample: (error * weight)?, times: t.values().to_vec() })
    }
}
