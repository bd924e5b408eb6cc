//! The `[data]` section.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::property::PropertyConfig;
use crate::species::SpeciesForm;

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
    /// How a state says which element an atom is: `"classes"`, or `"features"` as in EDM.
    #[serde(default, skip_serializing_if = "SpeciesForm::is_usual")]
    pub species: SpeciesForm,
    /// Whether formal charges are part of a state: each element with each of its charges is then a species of
    /// its own. Every molecule must know its charges.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub charges: bool,
    /// Å per unit of a state's positions; above 0. Left out: the root mean square of the coordinates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_angstrom: Option<f64>,
}

/// `[data]` of a model of properties: labelled molecules to train on, and others to validate with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelledConfig {
    /// File of molecules to train on, relative to where the command is run; those without all labels are left out.
    pub file: PathBuf,
    /// File of molecules that are never trained on, to validate with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_file: Option<PathBuf>,
    /// Labels that are predicted.
    pub properties: Vec<PropertyConfig>,
}
