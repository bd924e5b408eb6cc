//! The optimiser's settings, and its memory as named tensors.

use std::collections::BTreeMap;

use candle_core::Tensor;
use langevin_core::{ConfigError, config::require};
use langevin_kernels::{AdamW, AdamWParams};
use serde::{Deserialize, Serialize};

/// `[train.optimiser]`: AdamW of Loshchilov & Hutter (2019).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimiserConfig {
    /// Decay of the first moment, from 0 to below 1.
    pub beta1: f64,
    /// Decay of the second moment, from 0 to below 1.
    pub beta2: f64,
    /// Added to the root of the second moment; above 0.
    pub eps: f64,
    /// Decoupled weight decay, multiplied by the learning rate; 0 or more.
    pub weight_decay: f64,
}

impl Default for OptimiserConfig {
    /// β = (0.9, 0.999), ε = 1e-8, no weight decay: Adam.
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 }
    }
}

impl OptimiserConfig {
    /// The settings; the learning rate is put in at each step.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn build(&self) -> Result<AdamWParams, ConfigError> {
        for (key, beta) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            require(key, beta, |b| (0.0..1.0).contains(&b), "from 0 to below 1")?;
        }
        require("eps", self.eps, |e| e > 0.0 && e.is_finite(), "a positive number")?;
        require("weight_decay", self.weight_decay, |w| w >= 0.0 && w.is_finite(), "0 or more")?;
        let Self { beta1, beta2, eps, weight_decay } = *self;
        Ok(AdamWParams { lr: 0.0, beta1, beta2, eps, weight_decay })
    }
}

/// Average `index` of the weights, by parameter name.
pub(crate) fn average(
    adam: &AdamW,
    names: &[String],
    index: usize,
) -> langevin_core::Result<BTreeMap<String, Tensor>> {
    Ok(names.iter().cloned().zip(adam.average(index)?).collect())
}
