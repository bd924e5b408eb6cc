//! The `[data]` section.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::base::TemplateBase;
use crate::space::Motion;

/// `[data]`: crystals to train on, and others to validate with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Files of crystals to train on, relative to where the command is run.
    pub files: Vec<PathBuf>,
    /// File of crystals that are never trained on; needed where `train.validate_every` is above 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_file: Option<PathBuf>,
    /// How fractional coordinates go to their reference: `"geodesic"` for flow matching, `"wrapped_normal"` for
    /// diffusion.
    #[serde(default)]
    pub motion: Motion,
    /// Where paths begin at known crystals instead of noise, the files' own being those that are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub templates: Option<TemplateBase>,
}
