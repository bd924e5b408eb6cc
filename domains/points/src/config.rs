//! The `[data]`, `[reference]` and `[network]` sections.

use std::path::PathBuf;

use langevin_core::{ConfigError, Process};
use langevin_nn::{Builder, Mlp, MlpConfig, TimeFeatures};
use serde::{Deserialize, Serialize};

use crate::toy::Toy;

/// `[data]` or `[reference]`: a law to draw from, or a file to read. Exactly one of the two.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// A law by its kind and parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub law: Option<Toy>,
    /// A CSV, NPY or HDF5 file, relative to where the command is run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Draw this many points once and train on epochs of them; without it every batch is fresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// Whether to standardise to mean 0 and mean square 1.
    #[serde(default)]
    pub standardise: bool,
    /// Column of the file that holds integer labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Split a file by row instead of by position. Copies of a point may then be both trained on and
    /// tested with, as in the published tables of data on the globe.
    #[serde(default)]
    pub split_by_row: bool,
    /// Number of classes if the network is to be told the label; 0: it is not.
    #[serde(default)]
    pub classes: usize,
}

impl DataConfig {
    /// Nothing if the section makes sense.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn check(&self) -> Result<(), ConfigError> {
        match (&self.law, &self.file) {
            (Some(law), None) => {
                law.build().map_err(|error| error.within("law"))?;
            }
            (None, Some(file)) if self.count.is_some() => {
                let allowed = "count only with a law: a file is used whole";
                return Err(ConfigError::new("count", file.display(), allowed));
            }
            (None, Some(_)) => {}
            (Some(_), Some(file)) => {
                return Err(ConfigError::new("file", file.display(), "law or file, not both"));
            }
            (None, None) => return Err(ConfigError::new("law", "nothing", "law or file")),
        }
        if self.count == Some(0) {
            return Err(ConfigError::new("count", 0, "at least 1"));
        }
        if self.standardise && self.law.is_some() && self.count.is_none() {
            let allowed = "false for a law without count: there are no points to measure";
            return Err(ConfigError::new("standardise", true, allowed));
        }
        Ok(())
    }
}

/// `[network]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NetworkConfig {
    /// A multilayer perceptron.
    Mlp(MlpConfig),
}

/// A checked network section.
#[derive(Debug, Clone)]
pub struct NetworkPlan {
    config: MlpConfig,
    time: TimeFeatures,
}

impl NetworkConfig {
    /// The plan.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn check(&self) -> Result<NetworkPlan, ConfigError> {
        let Self::Mlp(config) = self;
        Ok(NetworkPlan { config: config.clone(), time: config.check()? })
    }
}

impl NetworkPlan {
    /// The network for states of `process` and `classes` classes of conditions.
    ///
    /// # Errors
    /// Those of [`Builder::parameter`].
    pub fn build(
        &self,
        builder: &Builder,
        process: &Process,
        classes: usize,
    ) -> langevin_nn::Result<Mlp> {
        Mlp::new(builder, &self.config, self.time.clone(), process, classes)
    }
}
