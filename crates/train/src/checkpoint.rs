//! A saved state: all that resuming needs, in one file that knows whether it is whole.

use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor, Var};
use langevin_core::Seed;
use langevin_kernels::{AdamW, Moments, ParamState, Real};
use safetensors::SafeTensorError;

use crate::hash;
use crate::tensorfile::{Metadata, Tensors, decode, encode};
use langevin_files::WriteError;

/// What the metadata call the format; another layout gets another number.
const FORMAT: &str = "langevin-state-1";

/// Why a saved state cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is cut off or is no safetensors file.
    #[error("{path} is truncated or damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the format's reader found.
        source: SafeTensorError,
    },
    /// The content is not what was written.
    #[error("{path} has SHA-256 {found}, but was written with {expected}")]
    Hash {
        /// The file.
        path: PathBuf,
        /// Hash in the file.
        expected: String,
        /// Hash of the content.
        found: String,
    },
    /// The file is of another version of the format.
    #[error("{path} has format {found:?}, this version reads {expected:?}")]
    Version {
        /// The file.
        path: PathBuf,
        /// Format in the file.
        found: String,
        /// The one that can be read.
        expected: &'static str,
    },
    /// A metadata key or a tensor is not there, or has another form than expected.
    #[error("{path}: {what} is missing or malformed")]
    Missing {
        /// The file.
        path: PathBuf,
        /// Key or tensor.
        what: String,
    },
    /// The state belongs to another run.
    #[error("{path} was saved with another {what}: {found}, now {expected}")]
    OtherRun {
        /// The file.
        path: PathBuf,
        /// What differs: `seed`, `data` or `config`.
        what: &'static str,
        /// As saved.
        found: String,
        /// As it is now.
        expected: String,
    },
    /// The state could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A tensor could not be copied.
    #[error("tensor operation failed")]
    Tensor(#[from] langevin_core::Error),
}

/// All that resuming needs.
#[derive(Debug, Clone)]
pub struct SavedState {
    /// Steps done.
    pub step: u64,
    /// Seed of the run.
    pub seed: Seed,
    /// Text of the config.
    pub config: String,
    /// Fingerprint of the data.
    pub data: String,
    /// Tensors by `kind/name`: `weights`, `m`, `v`, `average.0`, …, `extra`, `log`.
    pub(crate) tensors: Tensors,
}

impl SavedState {
    /// The tensors of a kind, by name: `weights`, or `average.0` for the first average.
    pub fn tensors(&self, kind: &str) -> Tensors {
        let strip = |(name, tensor): (&String, &Tensor)| {
            let name = name.strip_prefix(kind)?.strip_prefix('/')?;
            Some((name.to_string(), tensor.clone()))
        };
        self.tensors.iter().filter_map(strip).collect()
    }

    /// Adds `tensors` under `kind`.
    pub(crate) fn put(&mut self, kind: &str, tensors: Tensors) {
        self.tensors
            .extend(tensors.into_iter().map(|(name, tensor)| (format!("{kind}/{name}"), tensor)));
    }

    /// Adds weights, moments and averages.
    pub(crate) fn capture(&mut self, adam: &AdamW, names: &[String]) -> langevin_core::Result<()> {
        let (weights, states) = (adam.weights()?, adam.states()?);
        for ((name, weight), state) in names.iter().zip(&weights).zip(&*states) {
            self.tensors.insert(format!("weights/{name}"), weight.copy()?.detach());
            macro_rules! memory {
                ($state:expr) => {{
                    let tensor = |values| Tensor::from_slice(values, weight.dims(), &Device::Cpu);
                    self.tensors.insert(format!("m/{name}"), tensor(&$state.m)?);
                    self.tensors.insert(format!("v/{name}"), tensor(&$state.v)?);
                    for (i, values) in $state.ema.iter().enumerate() {
                        self.tensors.insert(format!("average.{i}/{name}"), tensor(values)?);
                    }
                }};
            }
            match state {
                Moments::F32(state) => memory!(state),
                Moments::F64(state) => memory!(state),
            }
        }
        Ok(())
    }

    /// Moments and `averages` averages of the parameters `vars`, in order.
    pub(crate) fn moments(
        &self,
        path: &Path,
        vars: &[Var],
        names: &[String],
        averages: usize,
    ) -> Result<Vec<Moments>, CheckpointError> {
        let of = |(name, var): (&String, &Var)| match var.dtype() {
            DType::F32 => self.memory(path, name, var, averages).map(Moments::F32),
            _ => self.memory(path, name, var, averages).map(Moments::F64),
        };
        names.iter().zip(vars).map(of).collect()
    }

    fn memory<T: Real>(
        &self,
        path: &Path,
        name: &str,
        var: &Var,
        averages: usize,
    ) -> Result<ParamState<T>, CheckpointError> {
        let read = |kind: &str| {
            let key = format!("{kind}/{name}");
            let tensor = self.tensors.get(&key);
            let values = tensor.and_then(|tensor| tensor.flatten_all().ok()?.to_vec1::<T>().ok());
            let fits = values.filter(|values| values.len() == var.elem_count());
            fits.ok_or_else(|| CheckpointError::Missing { path: path.into(), what: key })
        };
        let average = |i: usize| read(&format!("average.{i}"));
        Ok(ParamState {
            m: read("m")?,
            v: read("v")?,
            ema: (0..averages).map(average).collect::<Result<_, _>>()?,
        })
    }

    /// The file's bytes, sealed with their hash.
    pub(crate) fn bytes(&self) -> langevin_core::Result<Vec<u8>> {
        let metadata = Metadata::from([
            ("format".into(), FORMAT.into()),
            ("step".into(), self.step.to_string()),
            ("seed".into(), self.seed.0.to_string()),
            ("config".into(), self.config.clone()),
            ("data".into(), self.data.clone()),
            ("sha256".into(), hash::placeholder()),
        ]);
        let mut bytes = encode(&self.tensors, &metadata)?;
        hash::seal(&mut bytes);
        Ok(bytes)
    }

    /// Reads and verifies a file.
    ///
    /// # Errors
    /// [`CheckpointError`] naming the file.
    pub fn load(path: &Path) -> Result<Self, CheckpointError> {
        let bytes =
            fs::read(path).map_err(|source| CheckpointError::Read { path: path.into(), source })?;
        let (tensors, mut metadata) = decode(&bytes)
            .map_err(|source| CheckpointError::Damaged { path: path.into(), source })?;
        let missing =
            |what: &str| CheckpointError::Missing { path: path.into(), what: what.into() };
        let (expected, found) = hash::check(bytes).ok_or_else(|| missing("sha256"))?;
        if expected != found {
            return Err(CheckpointError::Hash { path: path.into(), expected, found });
        }
        let mut text = |key: &str| metadata.remove(key).ok_or_else(|| missing(key));
        let number = |key: &str, text: String| text.parse().map_err(|_| missing(key));
        let format = text("format")?;
        if format != FORMAT {
            let (path, expected) = (path.into(), FORMAT);
            return Err(CheckpointError::Version { path, found: format, expected });
        }
        Ok(Self {
            step: number("step", text("step")?)?,
            seed: Seed(number("seed", text("seed")?)?),
            config: text("config")?,
            data: text("data")?,
            tensors,
        })
    }

    /// Numbers of the log as they stood when the state was saved, by what they count.
    pub(crate) fn log(&self, what: &str) -> Option<Vec<f64>> {
        let tensor = self.tensors.get(&format!("log/{what}"))?;
        Some(tensor).filter(|tensor| tensor.dtype() == DType::F64)?.to_vec1().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posthoc::blank;

    /// A file of a later version, whole and sealed, is told from a damaged one.
    #[test]
    fn another_version_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("step-00000003.safetensors");
        let mut bytes = blank(3).bytes().unwrap();
        let at = bytes.windows(FORMAT.len()).position(|w| w == FORMAT.as_bytes()).unwrap();
        bytes[at + FORMAT.len() - 1] = b'9';
        let seal = hash::check(bytes.clone()).unwrap().0;
        let at = bytes.windows(seal.len()).position(|w| w == seal.as_bytes()).unwrap();
        bytes[at..at + seal.len()].copy_from_slice(hash::placeholder().as_bytes());
        hash::seal(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let error = SavedState::load(&path).unwrap_err();
        assert!(
            matches!(&error, CheckpointError::Version { found, .. } if found == "langevin-state-9"),
            "{error}"
        );
    }
}
