//! The `[data]`, `[reference]` and `[network]` sections.

use std::path::PathBuf;

use langevin_core::{ConfigError, Process};
use langevin_nn::{Builder, Mlp, MlpConfig, TimeFeatures};
use serde::{Deserialize, Serialize};

use crate::space::Geometry;
use crate::toy::Toy;

/// `[data]` or `[reference]`: a law to draw from, or a file to read. Exactly one of the two.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// A law by its kind and parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub law: Option<Toy>,
    /// Draw this many points of the law once and train on epochs of them; without it every batch is fresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// A CSV, NPY or HDF5 file, relative to where the command is run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Columns of the file that are coordinates, in this order; left out: all but the label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// Column of the file that holds integer labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Data set of an HDF5 file; left out: the only one with two axes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// Whether the first row of a text names its columns; left out: it does if none of its fields is a
    /// number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// Where the points of the file live; left out: as the file says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geometry: Option<Geometry>,
    /// Split a file by row instead of by position. Copies of a point may then be both trained on and
    /// tested with, as in the published tables of data on the globe.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub split_by_row: bool,
    /// Whether to standardise to mean 0 and mean square 1.
    #[serde(default)]
    pub standardise: bool,
    /// Number of classes if the network is to be told the label; 0: it is not.
    #[serde(default)]
    pub classes: usize,
}

/// Where points come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// Drawn: `count` of them once, or every batch anew.
    Law(Toy, Option<usize>),
    /// Read from this file.
    File(PathBuf),
}

impl DataConfig {
    /// Where the points come from, if the section makes sense.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn origin(&self) -> Result<Origin, ConfigError> {
        match (&self.law, &self.file) {
            (Some(law), None) => {
                law.build().map_err(|error| error.within("law"))?;
                let of_files = [
                    ("columns", self.columns.is_some()),
                    ("label", self.label.is_some()),
                    ("dataset", self.dataset.is_some()),
                    ("header", self.header.is_some()),
                    ("geometry", self.geometry.is_some()),
                    ("split_by_row", self.split_by_row),
                ];
                if let Some((key, _)) = of_files.iter().find(|(_, given)| *given) {
                    return Err(ConfigError::new(*key, "a value", "this key only with a file"));
                }
                if self.count == Some(0) {
                    return Err(ConfigError::new("count", 0, "at least 1"));
                }
                if self.standardise && self.count.is_none() {
                    let allowed = "false for a law without count: there are no points to measure";
                    return Err(ConfigError::new("standardise", true, allowed));
                }
                Ok(Origin::Law(law.clone(), self.count))
            }
            (None, Some(file)) => {
                if self.count.is_some() {
                    let allowed = "count only with a law: a file is used whole";
                    return Err(ConfigError::new("count", file.display(), allowed));
                }
                if self.classes > 0 && self.label.is_none() {
                    let allowed = "0, or a label column to take the classes from";
                    return Err(ConfigError::new("classes", self.classes, allowed));
                }
                Ok(Origin::File(file.clone()))
            }
            (Some(_), Some(file)) => {
                Err(ConfigError::new("file", file.display(), "law or file, not both"))
            }
            (None, None) => Err(ConfigError::new("law", "nothing", "law or file")),
        }
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
