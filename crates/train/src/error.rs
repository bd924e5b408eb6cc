//! What can end a training run.

use std::path::PathBuf;

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
        "step {step}: loss of sample {sample} is {value} at t = {t:.4} (noise bin {bin}); the weights were not updated"
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
    },
    /// A gradient is NaN or ±∞; the weights are those before this step.
    #[error(
        "step {step}: gradient of {parameter} is not finite (largest loss {largest_loss:.3e} in noise \
         bin {bin}); the weights were not updated"
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
    },
    /// A fresh start was asked for where there are saved states.
    #[error("{folder} holds {states} saved states: resume, or choose another folder")]
    RunExists {
        /// The folder of the run.
        folder: PathBuf,
        /// How many.
        states: usize,
    },
    /// There are saved states, but none is whole.
    #[error("none of the {} saved states in {folder} can be read", rejected.len())]
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
