//! Objectives: the regressions that fit a network.

mod denoising;
mod flow_matching;
mod time_law;
mod weighting;

use std::sync::Arc;

use langevin_core::{ConfigError, Objective};
use serde::{Deserialize, Serialize};

pub use denoising::{Denoising, DenoisingConfig};
pub use flow_matching::{FlowMatching, FlowMatchingConfig};
pub use time_law::{TimeLaw, TimeLawConfig};
pub use weighting::Weighting;

/// `[objective]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ObjectiveConfig {
    /// Regression of the clean end.
    Denoising(DenoisingConfig),
    /// Regression of the velocity; Riemannian and discrete by the factors.
    FlowMatching(FlowMatchingConfig),
}

impl ObjectiveConfig {
    /// The objective.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn build(&self) -> Result<Arc<dyn Objective>, ConfigError> {
        Ok(match self {
            Self::Denoising(config) => Arc::new(config.build()?),
            Self::FlowMatching(config) => Arc::new(config.build()?),
        })
    }
}
