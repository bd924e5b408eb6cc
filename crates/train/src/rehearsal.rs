//! What a step does to a few samples, done to see what it takes.

use candle_core::{Tensor, Var};
use langevin_core::{Result, Seed};

use crate::prefetch::Layout;
use crate::step::shard_gradient;
use crate::{Feed, ShardLoss, TrainPlan};

/// Steps among whose shards the largest is looked for: sizes that one draw in fifty has are missed by 1 % of the runs.
const LOOKED_AT: u64 = 256;

/// Losses and gradients of a large shard, cut to any number of samples, for nothing but what they cost.
pub struct Rehearsal<'a> {
    feed: &'a dyn Feed,
    layout: Layout,
    step: u64,
}

impl<'a> Rehearsal<'a> {
    /// Of the training by `plan` on `feed` under `seed`.
    ///
    /// # Errors
    /// Those of the feed.
    pub fn new(plan: &TrainPlan, feed: &'a dyn Feed, seed: Seed) -> Result<Self> {
        let layout = Layout { seed, shards: plan.config().shards, samples: plan.shard_samples() };
        // The sizes of a shard are drawn with its first sample: one tells what all of them take.
        let one = Layout { samples: 1, ..layout };
        let elements = |step| -> Result<(usize, u64)> {
            let x_0 = one.shard(feed, step, 0)?.batch.x_0;
            Ok((x_0.parts().iter().map(Tensor::elem_count).sum(), step))
        };
        let sizes: Vec<(usize, u64)> = (0..LOOKED_AT).map(elements).collect::<Result<_>>()?;
        let (_, step) = sizes.into_iter().max().unwrap_or_default();
        Ok(Self { feed, layout, step })
    }

    /// Samples of a whole shard.
    pub fn samples(&self) -> usize {
        self.layout.samples
    }

    /// A shard of `samples` samples, its loss and the gradient of `vars`, all thrown away.
    ///
    /// # Errors
    /// Those of the feed and of the network.
    pub fn run(&self, samples: usize, loss: &dyn ShardLoss, vars: &[Var]) -> Result<()> {
        let layout = Layout { samples, ..self.layout };
        let shard = layout.shard(self.feed, self.step, 0)?;
        shard_gradient(loss, shard, layout, self.step, 0, vars).map(drop)
    }
}
