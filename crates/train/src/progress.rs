//! Who looks on while a network is trained.

use std::path::Path;

use serde::Serialize;

use crate::{CheckpointError, LossSummary};

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LogLine {
    /// Training since the line before.
    Train(TrainLine),
    /// Validation on fixed data and noise.
    Validation {
        /// Steps done.
        step: u64,
        /// Losses.
        #[serde(flatten)]
        loss: LossSummary,
    },
}

/// Training since the line before.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainLine {
    /// Steps done.
    pub step: u64,
    /// Losses.
    #[serde(flatten)]
    pub loss: LossSummary,
    /// Mean norm of the gradient before clipping.
    pub grad_norm: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Speed since the line before, or since the run was resumed.
    pub steps_per_second: f64,
    /// The same in samples.
    pub samples_per_second: f64,
    /// Further numbers of the method.
    #[serde(flatten)]
    pub scalars: std::collections::BTreeMap<String, f64>,
}

impl LogLine {
    /// Steps done.
    pub fn step(&self) -> u64 {
        match self {
            Self::Train(line) => line.step,
            Self::Validation { step, .. } => *step,
        }
    }
}

/// Told how training goes. Every method does nothing unless it is written.
pub trait Progress {
    /// Training starts after `step` of `steps`, passing over `rejected` files that are damaged.
    fn started(&mut self, _step: u64, _steps: u64, _rejected: &[CheckpointError]) {}
    /// `step` steps are done; called after each, so it must be cheap.
    fn stepped(&mut self, _step: u64) {}
    /// A line was added to the log.
    fn logged(&mut self, _line: &LogLine) {}
    /// A state was saved.
    fn saved(&mut self, _step: u64, _path: &Path) {}
}

/// Looks away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Progress for Quiet {}
