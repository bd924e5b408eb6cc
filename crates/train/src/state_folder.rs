//! The folder of saved states: the last few are kept, damaged ones passed over.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::{CheckpointError, SavedState};
use langevin_files::{Staged, WriteError, sweep};

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

    /// Where the state after `step` belongs.
    pub(crate) fn file(&self, step: u64) -> PathBuf {
        self.folder.join(format!("step-{step:08}.safetensors"))
    }

    /// The same folder, of which saving removes nothing.
    pub(crate) fn keeping_all(&self) -> Self {
        Self { keep: usize::MAX, ..self.clone() }
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
        let bytes = state.bytes()?;
        self.save_through(state.step, |out| out.write_all(&bytes))
    }

    pub(crate) fn save_through(
        &self,
        step: u64,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<PathBuf, CheckpointError> {
        let path = self.file(step);
        fs::create_dir_all(&self.folder).map_err(WriteError::at(&self.folder))?;
        sweep(&self.folder);
        Staged::bytes(&path, true, fill)?.publish()?;
        // Newer files are damaged ones that resuming passed over: they do not count, and are left
        // for somebody to look at until this run reaches and replaces them.
        let older = self.list().into_iter().filter(|(older, _)| *older <= step);
        for (_, path) in older.skip(self.keep) {
            // One that cannot be removed costs disk space only.
            let _ = fs::remove_file(path);
        }
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};
    use langevin_core::Seed;
    use langevin_files::FullDisk;

    use super::*;
    use crate::tensorfile::Tensors;

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
        assert!(
            matches!(&found.rejected[..], [CheckpointError::Hash { path, .. }] if *path == second)
        );
        fs::write(&second, &bytes[..bytes.len() - 3]).unwrap();
        let found = folder.newest().unwrap().unwrap();
        assert!(
            matches!(&found.rejected[..], [CheckpointError::Damaged { path, .. }] if *path == second)
        );
        fs::write(folder.list()[1].1.clone(), b"").unwrap();
        assert_eq!(folder.newest().unwrap_err().len(), 2);
        assert!(matches!(
            SavedState::load(Path::new("no/such")),
            Err(CheckpointError::Read { .. })
        ));
    }

    #[test]
    fn a_full_disk_leaves_the_states_that_were_there() {
        let (_guard, folder) = folder();
        folder.save(&state(1)).unwrap();
        let fill = |out: &mut dyn Write| FullDisk::new(out, 8).write_all(b"longer than eight");
        let error = folder.save_through(2, fill).unwrap_err();
        assert!(matches!(error, CheckpointError::Write(_)));
        // Replacing a file of the same step fails the same way and leaves the old one whole.
        assert!(folder.save_through(1, fill).is_err());
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
