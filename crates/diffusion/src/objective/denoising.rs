//! Denoising: the regression of the clean end.

use langevin_core::config::require;
use langevin_core::{Batch, ConfigError, Loss, Network, Objective, Reading, Result, Rng, State};
use serde::{Deserialize, Serialize};

use super::regression::Regression;
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
            Weighting::InverseNoise { power, most } => {
                let fits = |p: f64| p >= 0.0 && p.is_finite();
                require("weighting.power", power, fits, "0 or more")?;
                crate::schedule::positive("weighting.most", most)?
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
        let Regression { t, points, prediction } =
            Regression::new(self.times, reading, network, batch, x_1, rng)?;
        let error = prediction.clean_loss(&points)?;
        let weight = t.column(&error, |t| self.weighting.of(reading, t))?;
        Ok(Loss { per_sample: (error * weight)?, times: t.values().to_vec() })
    }
}
