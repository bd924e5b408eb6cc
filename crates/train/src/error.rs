//! What can end a training run.

use std::error::Error;
use std::path::{Path, PathBuf};

use langevin_nn::NnError;

use crate::{CheckpointError, WriteError};

/// Why training did not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The data, the coupling or the network failed.
    #[error("step {step}")]
    Compute {
        /// Step, counted from 1.
        step: u64,
        /// What went wrong.
        source: langevin_core::Error,
    },
    /// A loss is NaN or ±∞; the weights are those before this step.
    #[error(
        "step {step}: loss of sample {sample} is {value} at t = {t:.4} (noise bin {bin}); the weights were \
         not updated, {}",
        kept(state.as_deref())
    )]
    NonFiniteLoss {
        /// Step, counted from 1.
        step: u64,
        /// Sample of the step.
        sample: usize,
        /// Its time.
        t: f64,
        /// Noise bin of that time, from 0 (data) to 9 (reference).
        bin: usize,
        /// The loss.
        value: f64,
        /// The saved state of before this step; none without a folder.
        state: Option<PathBuf>,
    },
    /// A gradient is NaN or ±∞; the weights are those before this step.
    #[error(
        "step {step}: gradient of {parameter} is not finite (largest loss {largest_loss:.3e} in noise \
         bin {bin}); the weights were not updated, {}",
        kept(state.as_deref())
    )]
    NonFiniteGradient {
        /// Step, counted from 1.
        step: u64,
        /// First parameter concerned.
        parameter: String,
        /// Noise bin, from 0 (data) to 9 (reference), of the sample with the largest loss.
        bin: usize,
        /// That loss.
        largest_loss: f64,
        /// The saved state of before this step; none without a folder.
        state: Option<PathBuf>,
    },
    /// A loss of validation is NaN or ±∞, though those of training were not.
    #[error("step {step}: the validation loss is {value} in noise bin {bin}; {}", kept(state.as_deref()))]
    NonFiniteValidation {
        /// Steps done.
        step: u64,
        /// First noise bin concerned, from 0 (data) to 9 (reference).
        bin: usize,
        /// Mean loss of that bin.
        value: f64,
        /// The saved state after this step; none without a folder.
        state: Option<PathBuf>,
    },
    /// An update made a weight NaN or ±∞ out of numbers that were not.
    #[error("step {step}: {parameter} is not finite after the update; {}", kept(state.as_deref()))]
    NonFiniteWeight {
        /// Steps done.
        step: u64,
        /// First parameter concerned.
        parameter: String,
        /// The newest saved state of before, if there is one.
        state: Option<PathBuf>,
    },
    /// Training failed, and the state of before could not be saved either.
    #[error("{failure}; saving the state of before failed too")]
    NotKept {
        /// Why training stopped.
        failure: Box<TrainError>,
        /// Why there is no state.
        source: Box<TrainError>,
    },
    /// A fresh start was asked for where a run has left something.
    #[error("{folder} holds a run already ({})", names(traces))]
    RunExists {
        /// The folder of the run.
        folder: PathBuf,
        /// What is there.
        traces: Vec<PathBuf>,
    },
    /// There is neither a saved state nor an unfinished run.
    #[error("{folder} holds no state to go on from (found {})", names(traces))]
    NothingToResume {
        /// The folder that was given.
        folder: PathBuf,
        /// What is there of a run.
        traces: Vec<PathBuf>,
    },
    /// There are saved states, but none is whole.
    #[error("none of the {} saved states in {folder} can be read:{}", rejected.len(), list(rejected))]
    NoGoodState {
        /// The folder of the states.
        folder: PathBuf,
        /// What is wrong with each, newest first.
        rejected: Vec<CheckpointError>,
    },
    /// A saved state cannot be read or does not belong to this run.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Weights do not fit the network.
    #[error("weights do not fit the network")]
    Network(#[from] NnError),
}

impl TrainError {
    /// Where the last good state is, if numbers that are not finite ended the run.
    pub(crate) fn state_mut(&mut self) -> Option<&mut Option<PathBuf>> {
        match self {
            Self::NonFiniteLoss { state, .. }
            | Self::NonFiniteGradient { state, .. }
            | Self::NonFiniteValidation { state, .. } => Some(state),
            _ => None,
        }
    }
}

/// Where the state of a failed run is.
fn kept(state: Option<&Path>) -> String {
    match state {
        Some(path) => format!("the last good state is {}", path.display()),
        None => "there is no good state".into(),
    }
}

/// File names on one line.
fn names(paths: &[PathBuf]) -> String {
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let names: Vec<String> = paths.iter().map(name).collect();
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}

/// A line for each error, with its causes.
fn list(errors: &[CheckpointError]) -> String {
    let mut text = String::new();
    for error in errors {
        let mut next: Option<&dyn Error> = Some(error);
        let mut before = "\n  ";
        while let Some(cause) = next {
            text.push_str(&format!("{before}{cause}"));
            (next, before) = (cause.source(), ": ");
        }
    }
    text
}
