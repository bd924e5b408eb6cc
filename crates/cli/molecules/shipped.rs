//! Models that are part of the program.

use std::path::Path;

use anyhow::Result;

use super::sample::Trained;
use crate::model::Model;
use crate::refused;

/// Each model's name and file; cards are beside the files in `models/`.
const MODELS: [(&str, &[u8]); 1] =
    [("qm9", include_bytes!("../../../models/qm9.safetensors").as_slice())];

/// The model that `path` stands for: a file, a run directory, or the name of one that is part of the program.
/// Its hash comes with it.
///
/// # Errors
/// If there is none, or it is damaged or of another domain.
pub fn read(path: &Path) -> Result<(Trained, String)> {
    if path.exists() {
        return Trained::read(path);
    }
    let Some((_, bytes)) = MODELS.iter().find(|(name, _)| path == Path::new(name)) else {
        let names: Vec<&str> = MODELS.iter().map(|(name, _)| *name).collect();
        let (path, names) = (path.display(), names.join(", "));
        return refused(format!("no model {path}: allowed: a file, a run directory, or {names}"));
    };
    Trained::of(Model::from_bytes(path, bytes)?)
}
