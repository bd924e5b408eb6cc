//! Where training batches come from.

use crate::{Condition, Result, Rng, State};

/// Data for one shard of a training step; all samples have one size.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The clean end.
    pub x_0: State,
    /// The other end where it is data as well; `None`: the reference of the space.
    pub x_1: Option<State>,
    /// What the samples are conditioned on.
    pub condition: Condition,
}

/// A stream of batches that depends on step and sample numbers only, so that it can be resumed.
pub trait Source: Send + Sync {
    /// The batch of the samples of `rng` at its step. `position` is the number of samples drawn in
    /// this run before them, by which a finite data set walks through its shuffled epochs.
    ///
    /// # Errors
    /// Those of the domain's encoding.
    fn batch(&self, position: u64, rng: &mut Rng) -> Result<Batch>;

    /// A hash of the data, for provenance.
    fn fingerprint(&self) -> String;
}
