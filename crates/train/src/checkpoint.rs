//! A saved state: all that resuming needs, in one file that knows whether it is whole.

use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use langevin_core::Seed;
use langevin_kernels::optim::{AdamW, Moments};
use safetensors::SafeTensorError;

use crate::atomic::{self, WriteError, Wrap};
use crate::hash;
use crate::tensorfile::{Metadata, Tensors, decode, encode};

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
        self.tensors.extend(tensors.into_iter().map(|(name, tensor)| (format!("{kind}/{name}"), tensor)));
    }

    /// Adds weights, moments and averages.
    pub(crate) fn capture(&mut self, adam: &AdamW, names: &[String]) -> langevin_core::Result<()> {
        for ((name, var), state) in names.iter().zip(adam.vars()).zip(&adam.states) {
            self.tensors.insert(format!("weights/{name}"), var.as_tensor().copy()?.detach());
            macro_rules! memory {
                ($state:expr) => {{
                    let tensor = |values| Tensor::from_slice(values, var.dims(), &Device::Cpu);
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

    /// Puts moments and averages back; the weights are the caller's.
    pub(crate) fn restore(&self, path: &Path, adam: &mut AdamW, names: &[String]) -> Result<(), CheckpointError> {
        let sizes: Vec<usize> = adam.vars().iter().map(|var| var.elem_count()).collect();
        let missing = |what: &str| CheckpointError::Missing { path: path.into(), what: what.into() };
        for ((name, state), len) in names.iter().zip(&mut adam.states).zip(sizes) {
            macro_rules! memory {
                ($state:expr, $t:ty) => {{
                    let read = |kind: &str| {
                        let key = format!("{kind}/{name}");
                        let tensor = self.tensors.get(&key).ok_or_else(|| missing(&key))?;
                        let values = tensor.flatten_all().and_then(|flat| flat.to_vec1::<$t>());
                        values.ok().filter(|values| values.len() == len).ok_or_else(|| missing(&key))
                    };
                    $state.m = read("m")?;
                    $state.v = read("v")?;
                    for (i, average) in $state.ema.iter_mut().enumerate() {
                        *average = read(&format!("average.{i}"))?;
                    }
                }};
            }
            match state {
                Moments::F32(state) => memory!(state, f32),
                Moments::F64(state) => memory!(state, f64),
            }
        }
        adam.step = self.step;
        Ok(())
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
        let bytes = fs::read(path).map_err(|source| CheckpointError::Read { path: path.into(), source })?;
        let (tensors, mut metadata) =
            decode(&bytes).map_err(|source| CheckpointError::Damaged { path: path.into(), source })?;
        let missing = |what: &str| CheckpointError::Missing { path: path.into(), what: what.into() };
        let (expected, found) = hash::check(bytes).ok_or_else(|| missing("sha256"))?;
        if expected != found {
            return Err(CheckpointError::Hash { path: path.into(), expected, found });
        }
        let mut text = |key: &str| metadata.remove(key).ok_or_else(|| missing(key));
        let number = |key: &str, text: String| text.parse().map_err(|_| missing(key));
        if text("format")? != FORMAT {
            return Err(missing(FORMAT));
        }
        Ok(Self {
            step: number("step", text("step")?)?,
            seed: Seed(number("seed", text("seed")?)?),
            config: text("config")?,
            data: text("data")?,
            tensors,
        })
    }

    /// A number of the log that was open when the state was saved.
    pub(crate) fn log(&self) -> Option<Vec<f64>> {
        let tensor = self.tensors.get("log/window").filter(|tensor| tensor.dtype() == DType::F64)?;
        tensor.to_vec1().ok()
    }
}

/// The folder `state` of a run.
#[derive(Debug, Clone)]
pub struct StateFolder {
    folder: PathBuf,
    keep: usize,
}

/// A state that was found, and newer files that were passed over.
#[derive(Debug)]
pub struct Found {
    /// The state.
    pub state: SavedState,
    /// Its file.
    pub path: PathBuf,
    /// What is wrong with each newer file.
    pub rejected: Vec<CheckpointError>,
}

impl StateFolder {
    /// The folder, of which saving keeps the last `keep` states.
    pub fn new(folder: PathBuf, keep: usize) -> Self {
        Self { folder, keep }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Steps and files, newest first; empty if there is no folder.
    pub fn list(&self) -> Vec<(u64, PathBuf)> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let step = |entry: fs::DirEntry| {
            let name = entry.file_name();
            let digits = name.to_str()?.strip_prefix("step-")?.strip_suffix(".safetensors")?;
            Some((digits.parse().ok()?, entry.path()))
        };
        let mut found: Vec<(u64, PathBuf)> = entries.flatten().filter_map(step).collect();
        found.sort_by_key(|(step, _)| std::cmp::Reverse(*step));
        found
    }

    /// The newest state that is whole; nothing if there is no file at all.
    ///
    /// # Errors
    /// What is wrong with each file, newest first, if none is whole.
    pub fn newest(&self) -> Result<Option<Found>, Vec<CheckpointError>> {
        let mut rejected = Vec::new();
        for (_, path) in self.list() {
            match SavedState::load(&path) {
                Ok(state) => return Ok(Some(Found { state, path, rejected })),
                Err(error) => rejected.push(error),
            }
        }
        if rejected.is_empty() { Ok(None) } else { Err(rejected) }
    }

    /// Writes a state, then removes states older than the last `keep`.
    ///
    /// # Errors
    /// [`CheckpointError::Write`]; all older states are then still there.
    pub fn save(&self, state: &SavedState) -> Result<PathBuf, CheckpointError> {
        self.save_through(state, |file| Box::new(file))
    }

    pub(crate) fn save_through(&self, state: &SavedState, wrap: Wrap) -> Result<PathBuf, CheckpointError> {
        let path = self.folder.join(format!("step-{:08}.safetensors", state.step));
        fs::create_dir_all(&self.folder).map_err(WriteError::at(&self.folder))?;
        atomic::sweep(&self.folder);
        atomic::write_through(&path, &state.bytes()?, wrap)?;
        // Newer files are damaged ones that resuming passed over: they do not count, and are left
        // for somebody to look at until this run reaches and replaces them.
        let older = self.list().into_iter().filter(|(step, _)| *step <= state.step);
        for (_, path) in older.skip(self.keep) {
            // One that cannot be removed costs disk space only.
            let _ = fs::remove_file(path);
        }
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atomic::tests::FullDisk;

    fn state(step: u64) -> SavedState {
        let weights = Tensor::new(&[step as f32, 2.0], &Device::Cpu).unwrap();
        let mut state = SavedState {
            step,
            seed: Seed(u64::MAX),
            config: "[train]".into(),
            data: "abc".into(),
            tensors: Tensors::new(),
        };
        state.put("weights", Tensors::from([("w".into(), weights)]));
        state
    }

    fn folder() -> (tempfile::TempDir, StateFolder) {
        let temporary = tempfile::tempdir().unwrap();
        let folder = StateFolder::new(temporary.path().join("state"), 2);
        (temporary, folder)
    }

    #[test]
    fn the_last_states_are_kept_and_read_back() {
        let (_guard, folder) = folder();
        assert!(folder.newest().unwrap().is_none());
        for step in [1, 2, 3] {
            folder.save(&state(step)).unwrap();
        }
        assert_eq!(folder.list().iter().map(|(step, _)| *step).collect::<Vec<_>>(), [3, 2]);
        let found = folder.newest().unwrap().unwrap();
        assert_eq!((found.state.step, found.state.seed), (3, Seed(u64::MAX)));
        assert_eq!(found.state.tensors("weights")["w"].to_vec1::<f32>().unwrap(), [3.0, 2.0]);
        assert!(found.rejected.is_empty());
    }

    #[test]
    fn damaged_files_are_named_and_the_one_before_is_taken() {
        let (_guard, folder) = folder();
        folder.save(&state(1)).unwrap();
        let second = folder.save(&state(2)).unwrap();
        let mut bytes = fs::read(&second).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&second, &bytes).unwrap();
        let found = folder.newest().unwrap().unwrap();
        assert_eq!(found.state.step, 1);
        assert!(matches!(&found.rejected[..], [CheckpointError::Hash { path, .. }] if *path == second));
        fs::write(&second, &bytes[..bytes.len() - 3]).unwrap();
        let found = folder.newest().unwrap().unwrap();
        assert!(matches!(&found.rejected[..], [CheckpointError::Damaged { path, .. }] if *path == second));
        fs::write(folder.list()[1].1.clone(), b"").unwrap();
        assert_eq!(folder.newest().unwrap_err().len(), 2);
        assert!(matches!(SavedState::load(Path::new("no/such")), Err(CheckpointError::Read { .. })));
    }

    #[test]
    fn a_full_disk_leaves_the_states_that_were_there() {
        let (_guard, folder) = folder();
        folder.save(&state(1)).unwrap();
        let error = folder.save_through(&state(2), FullDisk::boxed).unwrap_err();
        assert!(matches!(error, CheckpointError::Write(_)));
        // Replacing a file of the same step fails the same way and leaves the old one whole.
        assert!(folder.save_through(&state(1), FullDisk::boxed).is_err());
        let found = folder.newest().unwrap().unwrap();
        assert_eq!((found.state.step, found.rejected.len()), (1, 0));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_newer_file_does_not_push_out_a_good_one() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = StateFolder::new(temporary.path().into(), 1);
        fs::write(temporary.path().join("step-00000009.safetensors"), b"damaged").unwrap();
        folder.save(&state(4)).unwrap();
        assert_eq!(folder.newest().unwrap().unwrap().state.step, 4);
    }
}
