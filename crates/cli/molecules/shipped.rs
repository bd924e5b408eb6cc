//! Models that are part of the program.

use std::path::Path;

use anyhow::Result;

use super::prediction::Predictor;
use super::sample::Trained;
use crate::trained::Shipped;

const MODELS: [Shipped; 1] =
    [("qm9", include_bytes!("../../../models/qm9.safetensors").as_slice())];

/// The model that `path` stands for, and its hash.
///
/// # Errors
/// As [`Trained::find`].
pub fn read(path: &Path) -> Result<(Trained, String)> {
    Trained::find(path, &MODELS)
}

const PREDICTORS: [Shipped; 1] =
    [("qm9_properties", include_bytes!("../../../models/qm9_properties.safetensors").as_slice())];

/// The model of properties that `path` stands for, and its hash.
///
/// # Errors
/// As [`Trained::find`].
pub fn read_predictor(path: &Path) -> Result<(Predictor, String)> {
    Predictor::find(path, &PREDICTORS)
}
