//! Options that every command has.

use std::num::NonZeroUsize;

/// Options of every run.
#[derive(Debug, Clone, clap::Args)]
pub struct RunOptions {
    /// Threads; by default those that the machine or the batch system gives.
    #[arg(long)]
    pub threads: Option<NonZeroUsize>,
    /// No progress and no summary; errors only.
    #[arg(long)]
    pub quiet: bool,
}
