//! Denoising: the regression of the clean end.

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
    /// The same of the cross-entropies of classes, which fall as the noise and not as its square; without it they
    /// are weighted as the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Weighting>,
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
        self.weighting.check().map_err(|error| error.within("weighting"))?;
        let classes = self.classes.unwrap_or(self.weighting);
        classes.check().map_err(|error| error.within("classes"))?;
        let times = self.times.build().map_err(|error| error.within("times"))?;
        Ok(Denoising { weighting: self.weighting, classes, times })
    }
}

/// `E w(t) ‖x̂_0(x_t, t) − x_0‖²`, factors added; cross-entropy on categories, with weights of its own.
#[derive(Debug, Clone, Copy)]
pub struct Denoising {
    weighting: Weighting,
    classes: Weighting,
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
        let per_sample = prediction.clean_loss(&points, |component, t| {
            let jumps = component.factor.moves_by_rates();
            if jumps { self.classes } else { self.weighting }.of(reading, t)
        })?;
        Ok(Loss { per_sample, times: t.values().to_vec() })
    }
}
