//! Models that are part of the program.

use std::path::Path;

use anyhow::Result;
use candle_core::Device;

use super::experiment::ClimateExperiment;
use crate::trained::{Shipped, Trained};

const MODELS: [Shipped; 2] = [
    ("mrms", include_bytes!("../../../models/mrms.safetensors").as_slice()),
    ("mrms_flow", include_bytes!("../../../models/mrms_flow.safetensors").as_slice()),
];

/// The model that `path` stands for, and its hash.
///
/// # Errors
/// As [`Trained::find`].
pub fn read(path: &Path, device: &Device) -> Result<(Trained<ClimateExperiment>, String)> {
    Trained::find(path, &MODELS, device)
}
