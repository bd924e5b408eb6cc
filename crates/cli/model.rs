//! Model files: what is written beside the weights, and how it is read back.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use langevin_train::{ModelFile, model_hash};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bad_input;

/// Keys of a model file's metadata.
const CONFIG: &str = "config";
const DOMAIN: &str = "domain";
const PROVENANCE: &str = "provenance";

/// Where a model comes from.
#[derive(Debug, Clone, Serialize, serde::Deserialize)]
pub struct Provenance {
    /// Version of the program.
    pub version: String,
    /// Hash of the training data.
    pub data: String,
    /// Seed of the run.
    pub seed: u64,
    /// Steps trained.
    pub steps: u64,
    /// Mean training loss over the last log interval.
    pub train_loss: Option<f64>,
    /// Validation loss, if there was a validation.
    pub validation_loss: Option<f64>,
}

/// Weights with the experiment and the domain that they belong to.
pub struct Model<E, D> {
    pub file: ModelFile,
    pub experiment: E,
    pub domain: D,
    /// sha256 of the file.
    pub hash: String,
}

impl<E: DeserializeOwned, D: DeserializeOwned> Model<E, D> {
    /// The model in `path`, which may be the file or the run directory that holds it.
    ///
    /// # Errors
    /// If the file is missing, truncated, or not a model of this domain.
    pub fn read(path: &Path) -> Result<Self> {
        let path: PathBuf =
            if path.is_dir() { path.join("model.safetensors") } else { path.into() };
        let file = ModelFile::read(&path).map_err(bad_input)?;
        let config = file.require(&path, CONFIG).map_err(bad_input)?;
        let experiment = crate::config_file::parse(config, &path).map_err(bad_input)?;
        let domain = file.require(&path, DOMAIN).map_err(bad_input)?;
        let domain = serde_json::from_str(domain)
            .with_context(|| format!("{}: the domain's statistics", path.display()))
            .map_err(bad_input)?;
        let hash = model_hash(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self { file, experiment, domain, hash })
    }
}

/// Writes `file` to `path` with its config, domain and provenance; gives its hash.
///
/// # Errors
/// If the file cannot be written; an older one is then still whole.
pub fn write<D: Serialize>(
    path: &Path,
    mut file: ModelFile,
    config: &str,
    domain: &D,
    provenance: &Provenance,
) -> Result<String> {
    file.metadata.insert(CONFIG.into(), config.into());
    file.metadata.insert(DOMAIN.into(), serde_json::to_string(domain)?);
    file.metadata.insert(PROVENANCE.into(), serde_json::to_string(provenance)?);
    Ok(file.write(path)?)
}
