//! Conditional flow matching: the regression of the velocity.

use langevin_core::{
    Batch, ConfigError, Loss, Network, Objective, Reading, Result, Rng, State, Times,
};
use serde::{Deserialize, Serialize};

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
        let t = Times::new(self.times.draw(reading.process().path(), rng));
        let points = reading.process().path_points(&batch.x_0, x_1, &t, rng)?;
        let x_t = State::new(points.iter().map(|point| point.x_t.clone()).collect());
        let prediction = reading.predict(network, &x_t, &t, &batch.condition)?;
        let per_sample = prediction.velocity_loss(&points)?;
        Ok(Loss { per_sample, times: t.values().to_vec() })
    }
}
