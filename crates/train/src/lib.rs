//! The one training loop, with what belongs to it: learning rates, averages of the weights, logs,
//! saved states and model files.
//!
//! A [`Feed`] makes shards (data coupled with the reference) and a [`ShardLoss`] says what is
//! minimised on them; [`train`] knows neither domain nor method. Everything random is keyed by (seed,
//! purpose, sample of the step, step), and gradients are summed in shard order: the weights depend on
//! neither threads nor prefetching, nor on how often a run was stopped and resumed.
//!
//! A run's folder holds `config.toml`, `metrics.jsonl`, TensorBoard events,
//! `state/step-XXXXXXXX.safetensors` (the last few, each written whole and carrying its hash) and, on
//! request, `snapshots/` of the power-function averages, from which averages of any width are
//! reconstructed after training.

mod average;
mod bins;
mod checkpoint;
mod config;
mod crc32c;
mod error;
mod hash;
mod job;
mod log;
mod metrics;
mod model_file;
mod optimiser;
mod posthoc;
mod prefetch;
mod progress;
mod rehearsal;
mod resume;
mod run_folder;
mod schedule;
mod shard;
mod state_folder;
mod step;
mod stop;
mod tensorboard;
mod tensorfile;
mod trainer;
mod validate;

#[cfg(test)]
mod step_time;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod watched_runs;
#[cfg(test)]
mod whole_runs;

pub use average::{Average, AverageConfig, power_exponent};
pub use bins::{BINS, LossBins, LossSummary, bin_of};
pub use checkpoint::{CheckpointError, SavedState};
pub use config::{PrecisionConfig, TrainConfig, TrainPlan};
pub use error::TrainError;
pub use hash::{model_hash, sha256};
pub use job::{Job, Outcome, Report};
pub use langevin_files::{WriteError, write_whole};
pub use model_file::{ModelFile, ModelFileError};
pub use optimiser::OptimiserConfig;
pub use posthoc::{
    PosthocError, Profile, RECONSTRUCTION_LIMIT, Reconstruction, Snapshots, reconstruction_error,
    reconstruction_weights,
};
pub use progress::{LogLine, Progress, Quiet, TrainLine};
pub use rehearsal::Rehearsal;
pub use run_folder::{RunFolder, Start};
pub use schedule::{LearningRate, LearningRateConfig};
pub use shard::{CoupledFeed, Feed, Given, Moment, ObjectiveLoss, Shard, ShardLoss};
pub use state_folder::{Found, StateFolder};
pub use stop::Stop;
pub use trainer::train;
