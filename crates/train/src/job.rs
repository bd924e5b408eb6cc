//! What a training run is given and what it gives.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::Tensor;
use langevin_core::Seed;
use langevin_nn::ParamStore;

use crate::{CheckpointError, Feed, LossSummary, ShardLoss, Start};

/// What is trained on what.
pub struct Job<'a> {
    /// The weights.
    pub store: &'a ParamStore,
    /// Where shards come from.
    pub feed: &'a dyn Feed,
    /// Where the shards of validation come from.
    pub validation: Option<&'a dyn Feed>,
    /// What is minimised.
    pub loss: &'a mut dyn ShardLoss,
    /// Seed of data, reference, times and noise.
    pub seed: Seed,
    /// Text of the config; a saved state resumes under the same config only.
    pub config: &'a str,
    /// A saved config's text as `config` would be written: the text of an earlier version lacks the keys
    /// that came since, at whose defaults it ran.
    pub restate: fn(&str) -> String,
    /// The run's folder: `config.toml`, `state/`, `snapshots/`, `metrics.jsonl` and TensorBoard events.
    /// With none, nothing is written.
    pub folder: Option<&'a Path>,
    /// How to begin in that folder.
    pub start: Start,
}

/// How training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All steps are done.
    Finished,
    /// A stop was asked for; the state is saved and can be resumed.
    Stopped {
        /// Steps done.
        step: u64,
    },
}

/// What training gave.
#[derive(Debug)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// Steps that were done before, if the run was resumed.
    pub resumed_from: Option<u64>,
    /// Saved states that were passed over because they are damaged, newest first.
    pub rejected: Vec<CheckpointError>,
    /// The last line of training losses.
    pub train: Option<LossSummary>,
    /// The last validation.
    pub validation: Option<LossSummary>,
    /// The weights to publish: the first average or, if none is kept, the weights themselves.
    pub weights: BTreeMap<String, Tensor>,
    /// All averages, in the order of the config.
    pub averages: Vec<BTreeMap<String, Tensor>>,
}
