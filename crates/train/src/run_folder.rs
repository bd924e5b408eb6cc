//! What a run leaves in its folder, and how the next one may begin there.

use std::fs;
use std::io::{ErrorKind, Result};
use std::path::{Path, PathBuf};

use langevin_files::{WriteError, sweep};

use crate::{Snapshots, StateFolder, TrainError};

/// How a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the first step, in a folder that holds no run.
    Afresh,
    /// At the first step; what another run left in the folder is removed.
    Replacing,
    /// After the newest whole state in the folder; at the first step if the run was killed before it
    /// saved one.
    Resuming,
}

/// The folder of a run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// The run in `path`, which need not exist.
    pub fn new(path: &Path) -> Self {
        Self { path: path.into() }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text of the config.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// The model that a finished run publishes; the caller writes it.
    pub fn model(&self) -> PathBuf {
        self.path.join("model.safetensors")
    }

    /// The last `keep` states.
    pub fn states(&self, keep: usize) -> StateFolder {
        StateFolder::new(self.path.join("state"), keep)
    }

    /// Snapshots of the power-function averages.
    pub fn snapshots(&self) -> Snapshots {
        Snapshots::new(self.path.join("snapshots"))
    }

    /// Whether a run may begin here in this way.
    ///
    /// # Errors
    /// [`TrainError::RunExists`] where starting afresh would write over a run,
    /// [`TrainError::NothingToResume`] where there is neither a state nor the config of a run that was
    /// killed before its first one.
    pub fn check(&self, start: Start) -> std::result::Result<(), TrainError> {
        let (traces, folder) = (self.traces(), self.path.clone());
        let state = !self.states(1).list().is_empty();
        let unfinished = self.config().exists() && !self.model().exists();
        match start {
            Start::Afresh if !traces.is_empty() => Err(TrainError::RunExists { folder, traces }),
            Start::Resuming if !state && !unfinished => {
                Err(TrainError::NothingToResume { folder, traces })
            }
            _ => Ok(()),
        }
    }

    /// What a run left here, the most telling first.
    fn traces(&self) -> Vec<PathBuf> {
        let files = [self.config(), self.model(), self.path.join("metrics.jsonl")];
        let mut traces: Vec<PathBuf> = files.into_iter().filter(|file| file.exists()).collect();
        let folders = [self.states(1), self.snapshots().folder];
        let filled = folders.iter().filter(|folder| !folder.list().is_empty());
        traces.extend(filled.map(|folder| folder.path().to_path_buf()));
        traces.extend(self.events());
        traces
    }

    fn events(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(&self.path) else { return Vec::new() };
        let is_events = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("events.out.tfevents.") && name.contains(".langevin.")
        };
        entries.flatten().map(|entry| entry.path()).filter(is_events).collect()
    }

    /// Removes what a run left here, and nothing else.
    ///
    /// # Errors
    /// [`WriteError`] naming what cannot be removed.
    pub(crate) fn clear(&self) -> std::result::Result<(), WriteError> {
        for folder in [self.states(1), self.snapshots().folder] {
            sweep(folder.path());
            for (_, path) in folder.list() {
                fs::remove_file(&path).map_err(WriteError::at(&path))?;
            }
            // A folder with files of somebody else stays.
            let _ = fs::remove_dir(folder.path());
        }
        // The config last: whatever is left when this is cut short is known as a run by it.
        let files =
            [self.events(), vec![self.model(), self.path.join("metrics.jsonl"), self.config()]];
        for path in files.concat() {
            gone(fs::remove_file(&path)).map_err(WriteError::at(&path))?;
        }
        Ok(())
    }
}

/// A file that is not there needs no removing.
fn gone(removed: Result<()>) -> Result<()> {
    removed.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posthoc::blank;

    fn names(traces: &[PathBuf]) -> Vec<String> {
        traces.iter().map(|p| p.file_name().unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn only_what_a_run_left_is_found_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::new(folder.path());
        fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        run.check(Start::Afresh).unwrap();
        let nothing = run.check(Start::Resuming).unwrap_err();
        assert!(nothing.to_string().contains("found nothing"), "{nothing}");

        fs::write(folder.path().join("metrics.jsonl"), "").unwrap();
        fs::write(run.model(), "").unwrap();
        fs::write(run.config(), "").unwrap();
        fs::write(folder.path().join("events.out.tfevents.17.langevin.0"), "").unwrap();
        // A finished run without its states has nothing to go on from, and must not be trained again.
        assert!(run.check(Start::Resuming).is_err());
        run.states(1).save(&blank(3)).unwrap();
        run.check(Start::Resuming).unwrap();
        let Err(TrainError::RunExists { traces, .. }) = run.check(Start::Afresh) else { panic!() };
        let events = "events.out.tfevents.17.langevin.0";
        let expected = ["config.toml", "model.safetensors", "metrics.jsonl", "state", events];
        assert_eq!(names(&traces), expected);

        run.check(Start::Replacing).unwrap();
        run.clear().unwrap();
        run.check(Start::Afresh).unwrap();
        let left = fs::read_dir(folder.path()).unwrap().flatten().map(|e| e.path());
        assert_eq!(names(&left.collect::<Vec<_>>()), ["notes.txt"]);
    }
}
