//! Model files: what is written beside the weights, and how it is read back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use candle_core::Tensor;
use langevin_train::{ModelFile, sha256};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bad_input;

/// Keys of a model file's metadata.
const CONFIG: &str = "config";
const DOMAIN: &str = "domain";
const PROVENANCE: &str = "provenance";

/// The model file that `path` stands for: itself, or the one in the run directory.
pub fn file_of(path: &Path) -> PathBuf {
    if path.is_dir() { path.join("model.safetensors") } else { path.into() }
}

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
    /// How the weights were averaged, if that was done after training; no losses were then measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average: Option<PosthocAverage>,
    /// What training began with, if it did not begin anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// A power-function average that was made after training.
#[derive(Debug, Clone, Serialize, serde::Deserialize)]
pub struct PosthocAverage {
    /// Width σ_rel of the profile.
    pub width: f64,
    /// Snapshots that it was made from.
    pub snapshots: usize,
    /// How far its profile is off, as a part of the profile's norm.
    pub profile_error: f64,
}

/// Weights with the experiment and the domain that they belong to.
pub struct Model<E, D> {
    pub file: ModelFile,
    pub experiment: E,
    pub domain: D,
    /// sha256 of the file.
    pub hash: String,
}

/// The kind of network that a config has.
fn network_of(config: &str) -> Option<String> {
    let config: toml::Table = config.parse().ok()?;
    Some(config.get("network")?.get("kind")?.as_str()?.to_owned())
}

impl<E: DeserializeOwned, D: DeserializeOwned> Model<E, D> {
    /// The model in `path`, which may be the file or the run directory that holds it.
    ///
    /// # Errors
    /// If the file is missing, truncated, or not a model of this domain.
    pub fn read(path: &Path) -> Result<Self> {
        let path = file_of(path);
        let read = std::fs::read(&path);
        let bytes = read.with_context(|| format!("cannot read {}", path.display()));
        Self::from_bytes(&path, &bytes.map_err(bad_input)?)
    }

    /// The model in `bytes`; `path` is named in errors.
    ///
    /// # Errors
    /// As [`Model::read`].
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self> {
        let file = ModelFile::from_bytes(path, bytes).map_err(bad_input)?;
        let config = file.require(path, CONFIG).map_err(bad_input)?;
        let experiment = crate::config_file::parse(config, path).map_err(|error| {
            let kind = network_of(config).unwrap_or_else(|| "unknown".into());
            bad_input(anyhow!("{error}; its network is {kind}: is it a model of another command?"))
        })?;
        let domain = file.require(path, DOMAIN).map_err(bad_input)?;
        let domain = serde_json::from_str(domain)
            .with_context(|| format!("{}: the domain's statistics", path.display()))
            .map_err(bad_input)?;
        Ok(Self { file, experiment, domain, hash: sha256(bytes) })
    }
}

impl<E, D> Model<E, D> {
    /// Where the model, which was read from `path`, comes from.
    ///
    /// # Errors
    /// If the file does not say.
    pub fn provenance(&self, path: &Path) -> Result<Provenance> {
        let text = self.file.require(path, PROVENANCE).map_err(bad_input)?;
        let provenance = serde_json::from_str(text);
        provenance.with_context(|| format!("{}: its provenance", path.display())).map_err(bad_input)
    }

    /// Writes other weights of the same experiment and domain to `path`; gives the file's hash.
    ///
    /// # Errors
    /// If the file cannot be written; an older one is then still whole.
    pub fn write_other(
        &self,
        path: &Path,
        weights: BTreeMap<String, Tensor>,
        provenance: &Provenance,
    ) -> Result<String> {
        // Config and domain as they are: read and written again, numbers could lose their last digit.
        let mut file = ModelFile { tensors: weights, metadata: self.file.metadata.clone() };
        file.metadata.insert(PROVENANCE.into(), serde_json::to_string(provenance)?);
        Ok(file.write(path)?)
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
