//! The `[data]` section.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::property::PropertyConfig;

/// `[data]`: molecules to train on, and others to validate with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// File of molecules to train on, relative to where the command is run.
    pub file: PathBuf,
    /// File of molecules that are never trained on; needed where `train.validate_every` is above 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_file: Option<PathBuf>,
    /// Labels that the network is told, so that samples can be asked for values of them. Molecules without
    /// a label hide it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<PropertyConfig>,
}
