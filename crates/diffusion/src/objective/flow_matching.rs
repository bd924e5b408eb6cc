//! Conditional flow matching: the regression of the velocity.

use langevin_core::{Batch, ConfigError, Loss, Network, Objective, Reading, Result, Rng, State};
use serde::{Deserialize, Serialize};

use super::regression::Regression;
use super::{TimeLaw, TimeLawConfig};

/// `[objective] kind = "flow_matching"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowMatchingConfig {
    /// Law of training times.
    #[serde(default)]
    pub times: TimeLawConfig,
}

impl FlowMatchingConfig {
    /// The objective.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn build(&self) -> Result<FlowMatching, ConfigError> {
        Ok(FlowMatching { times: self.times.build().map_err(|error| error.within("times"))? })
    }
}

/// `E ‖u(x_t, t) − dx_t/dt‖²`, factors added.
///
/// On flat factors this is conditional flow matching (Lipman et al. 2023; Tong et al. 2024), on the
/// torus and the sphere Riemannian flow matching (Chen & Lipman 2024), on categories discrete flow
/// matching (Gat et al. 2024) with the cross-entropy of the clean class.
#[derive(Debug, Clone, Copy)]
pub struct FlowMatching {
    times: TimeLaw,
}

impl Objective for FlowMatching {
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
        let per_sample = prediction.velocity_loss(&points)?;
        Ok(Loss { per_sample, times: t.values().to_vec() })
    }
}
