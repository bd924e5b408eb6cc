//! Models that are part of the program.

use std::path::Path;

use anyhow::Result;
use candle_core::Device;

use super::sample::Trained;
use crate::trained::Shipped;

const MODELS: [Shipped; 5] = [
    ("perov5", include_bytes!("../../../models/perov5.safetensors").as_slice()),
    ("mp20", include_bytes!("../../../models/mp20.safetensors").as_slice()),
    ("mp20_prediction", include_bytes!("../../../models/mp20_prediction.safetensors").as_slice()),
    ("mp20_weaker", include_bytes!("../../../models/mp20_weaker.safetensors").as_slice()),
    ("mp20_templates", include_bytes!("../../../models/mp20_templates.safetensors").as_slice()),
];

/// The model that `path` stands for, and its hash.
///
/// # Errors
/// As [`Trained::find`].
pub fn read(path: &Path, device: &Device) -> Result<(Trained, String)> {
    Trained::find(path, &MODELS, device)
}
