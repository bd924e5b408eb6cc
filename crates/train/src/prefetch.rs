//! The shards of the steps to come, computed in order ahead of training.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use langevin_core::{Purpose, Result, Rng, Seed, rng};

use crate::{Feed, Shard};

/// Where each shard of each step is in the stream of samples.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) seed: Seed,
    pub(crate) shards: usize,
    /// Samples per shard.
    pub(crate) samples: usize,
}

impl Layout {
    /// The stream of `purpose` for shard `index` of step `step`, counted from 0.
    pub(crate) fn rng(&self, purpose: Purpose, step: u64, index: usize) -> Rng {
        let first = (index * self.samples) as u64;
        Rng::new(self.seed, purpose, rng::ids(first, self.samples), step as u32)
    }

    /// Shard `index` of step `step`, counted from 0.
    pub(crate) fn shard(&self, feed: &dyn Feed, step: u64, index: usize) -> Result<Shard> {
        let position = (step * self.shards as u64 + index as u64) * self.samples as u64;
        feed.shard(position, &mut self.rng(Purpose::Data, step, index))
    }
}

/// All shards of a step.
pub(crate) type Shards = Vec<Shard>;

/// Starts a thread in `scope` that computes the shards of `steps`, at most `ahead` steps early.
///
/// Steps arrive in order; the thread ends after the last one, after the first error, or when the
/// receiver is dropped. It works in a rayon pool of its own with one thread, so that a feed that
/// computes in parallel does not take the threads of the training step.
pub(crate) fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    feed: &'scope dyn Feed,
    layout: Layout,
    steps: std::ops::Range<u64>,
    ahead: usize,
) -> Receiver<Result<Shards>> {
    let (sender, receiver) = sync_channel(ahead);
    let produce = move || {
        for step in steps {
            let shards: Result<Shards> =
                (0..layout.shards).map(|i| layout.shard(feed, step, i)).collect();
            let failed = shards.is_err();
            if sender.send(shards).is_err() || failed {
                break;
            }
        }
    };
    scope.spawn(move || match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
        Ok(pool) => pool.install(produce),
        // No room for one more thread: this one does the work.
        Err(_) => produce(),
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Toy;

    #[test]
    fn steps_arrive_in_order_and_as_computed_in_place() {
        let toy = Toy::new();
        let layout = Layout { seed: Seed(3), shards: 2, samples: 4 };
        let values = |shard: &Shard| shard.x_1.part(0).to_vec2::<f32>().unwrap();
        std::thread::scope(|scope| {
            let receiver = start(scope, toy.feed.as_ref(), layout, 5..9, 2);
            for step in 5..9 {
                let shards = receiver.recv().unwrap().unwrap();
                for (i, shard) in shards.iter().enumerate() {
                    let here = layout.shard(toy.feed.as_ref(), step, i).unwrap();
                    assert_eq!(values(shard), values(&here), "shard {i} of step {step}");
                }
            }
            assert!(receiver.recv().is_err());
        });
    }

    #[test]
    fn a_dropped_receiver_ends_the_thread() {
        let toy = Toy::new();
        let layout = Layout { seed: Seed(3), shards: 1, samples: 4 };
        // The scope joins the thread: this returns only if it ended.
        std::thread::scope(|scope| drop(start(scope, toy.feed.as_ref(), layout, 0..u64::MAX, 1)));
    }
}
