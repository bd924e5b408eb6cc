//! A model: one file with the weights and everything needed to sample from them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use safetensors::SafeTensorError;

use crate::hash;
use crate::tensorfile::{decode, encode};
use langevin_files::{WriteError, write_whole};

/// Why a model file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelFileError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is cut off or is no safetensors file.
    #[error("{path} is truncated or no safetensors file")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the format's reader found.
        source: SafeTensorError,
    },
    /// The metadata lack a key.
    #[error("{path} has no {key:?} in its metadata")]
    MissingKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A tensor cannot be written.
    #[error("tensor operation failed")]
    Tensor(#[from] langevin_core::Error),
}

/// Weights by parameter name, and text by key: config, statistics, provenance.
#[derive(Debug, Clone, Default)]
pub struct ModelFile {
    /// Weights.
    pub tensors: BTreeMap<String, Tensor>,
    /// Text.
    pub metadata: BTreeMap<String, String>,
}

impl ModelFile {
    /// Reads a model.
    ///
    /// # Errors
    /// [`ModelFileError::Read`] or [`ModelFileError::Damaged`].
    pub fn read(path: &Path) -> Result<Self, ModelFileError> {
        let bytes = std::fs::read(path)
            .map_err(|source| ModelFileError::Read { path: path.into(), source })?;
        Self::from_bytes(path, &bytes)
    }

    /// Reads a model that is already in memory (one that ships inside the program); `path` is named
    /// in errors.
    ///
    /// # Errors
    /// [`ModelFileError::Damaged`].
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, ModelFileError> {
        let (tensors, metadata) = decode(bytes)
            .map_err(|source| ModelFileError::Damaged { path: path.into(), source })?;
        Ok(Self { tensors, metadata })
    }

    /// Replaces `path` whole and returns the file's hash, as [`crate::model_hash`] gives it. The same
    /// content gives the same bytes.
    ///
    /// # Errors
    /// [`ModelFileError::Write`]; an older file is then untouched.
    pub fn write(&self, path: &Path) -> Result<String, ModelFileError> {
        let bytes = encode(&self.tensors, &self.metadata)?;
        write_whole(path, &bytes)?;
        Ok(hash::sha256(&bytes))
    }

    /// The metadata of `key`; `path` is named in the error.
    ///
    /// # Errors
    /// [`ModelFileError::MissingKey`].
    pub fn require(&self, path: &Path, key: &str) -> Result<&str, ModelFileError> {
        let missing = || ModelFileError::MissingKey { path: path.into(), key: key.into() };
        self.metadata.get(key).map(String::as_str).ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn a_model_is_read_back_and_named_by_its_hash() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let w = Tensor::new(&[1.0f32, 2.0, 3.0], &Device::Cpu).unwrap();
        let model = ModelFile {
            tensors: BTreeMap::from([("w".into(), w)]),
            metadata: BTreeMap::from([
                ("config".into(), "[train]\n".into()),
                ("seed".into(), "3".into()),
            ]),
        };
        let hash = model.write(&path).unwrap();
        assert_eq!(hash, hash::model_hash(&path).unwrap());
        let read = ModelFile::read(&path).unwrap();
        assert_eq!(read.tensors["w"].to_vec1::<f32>().unwrap(), [1.0, 2.0, 3.0]);
        assert_eq!(read.require(&path, "config").unwrap(), "[train]\n");
        let error = read.require(&path, "statistics").unwrap_err();
        assert!(matches!(error, ModelFileError::MissingKey { key, .. } if key == "statistics"));
        assert_eq!(model.write(&path).unwrap(), hash);
    }

    #[test]
    fn a_file_that_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        assert!(matches!(ModelFile::read(&path), Err(ModelFileError::Read { .. })));
        std::fs::write(&path, [9u8, 0, 0, 0, 0, 0, 0, 0, b'{']).unwrap();
        let error = ModelFile::read(&path).unwrap_err();
        assert!(matches!(&error, ModelFileError::Damaged { path: named, .. } if *named == path));
        assert!(error.to_string().contains("model.safetensors"));
    }
}
