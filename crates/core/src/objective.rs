//! The regression that fits a network.

use candle_core::Tensor;

use crate::{Batch, Network, Reading, Result, Rng, State};

/// A loss per sample, with the time at which each was taken.
#[derive(Debug, Clone)]
pub struct Loss {
    /// `[B]`, on the autodiff graph of the network's weights; weights of the objective included.
    pub per_sample: Tensor,
    /// Time of each sample, for losses by noise level.
    pub times: Vec<f64>,
}

/// What training minimises. It draws times and path noise and asks the network once per sample.
pub trait Objective: Send + Sync {
    /// The loss on coupled ends: row `i` of `batch.x_0` goes with row `i` of `x_1`.
    ///
    /// # Errors
    /// Those of the network.
    fn loss(
        &self,
        reading: &Reading,
        network: &dyn Network,
        batch: &Batch,
        x_1: &State,
        rng: &mut Rng,
    ) -> Result<Loss>;
}
