//! Models that are part of the program.

use std::path::Path;

use anyhow::Result;
use candle_core::Device;

use super::prediction::Predictor;
use super::sample::Trained;
use crate::trained::Shipped;

const MODELS: [Shipped; 1] =
    [("qm9", include_bytes!("../../../models/qm9.safetensors").as_slice())];

/// The model that `path` stands for, and its hash.
///
/// # Errors
/// As [`Trained::find`].
pub fn read(path: &Path, device: &Device) -> Result<(Trained, String)> {
    Trained::find(path, &MODELS, device)
}

const PREDICTORS: [Shipped; 1] =
    [("qm9_properties", include_bytes!("../../../models/qm9_properties.safetensors").as_slice())];

/// The model of properties that `path` stands for, and its hash.
///
/// # Errors
/// As [`Trained::find`].
pub fn read_predictor(path: &Path, device: &Device) -> Result<(Predictor, String)> {
    Predictor::find(path, &PREDICTORS, device)
}
