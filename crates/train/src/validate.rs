//! The loss on fixed data, times and noise.

use langevin_core::{Purpose, Result, Rng, rng};
use langevin_nn::{NnError, ParamStore};
use rayon::prelude::*;

use crate::bins::LossBins;
use crate::prefetch::{Layout, Shards};
use crate::step::values;
use crate::tensorfile::Tensors;
use crate::{Feed, Shard, ShardLoss};

/// Shards that are made once and looked at again and again.
pub(crate) struct Validation<'a> {
    feed: &'a dyn Feed,
    layout: Layout,
    count: usize,
    shards: Shards,
}

impl<'a> Validation<'a> {
    /// `count` shards of `feed`, each as large as one of training.
    pub(crate) fn new(feed: &'a dyn Feed, layout: Layout, count: usize) -> Self {
        Self { feed, layout, count, shards: Vec::new() }
    }

    /// Losses of the weights in `store`, or of `average` in their place for the time being.
    ///
    /// # Errors
    /// [`NnError`] if the average does not fit, and those of the feed and of the network.
    pub(crate) fn losses(
        &mut self,
        store: &ParamStore,
        average: Option<&Tensors>,
        loss: &dyn ShardLoss,
    ) -> Result<Result<LossBins>, NnError> {
        let Some(average) = average else { return Ok(self.evaluate(loss)) };
        let present = store.tensors()?;
        store.load(average)?;
        let found = self.evaluate(loss);
        store.load(&present)?;
        Ok(found)
    }

    fn evaluate(&mut self, loss: &dyn ShardLoss) -> Result<LossBins> {
        let (seed, samples) = (self.layout.seed, self.layout.samples);
        // Data are drawn at step 0 and noise at step 1, so that the two streams never meet.
        let stream = |index: usize, step: u32| {
            Rng::new(seed, Purpose::Validation, rng::ids((index * samples) as u64, samples), step)
        };
        if self.shards.is_empty() {
            let make = |i: usize| self.feed.shard((i * samples) as u64, &mut stream(i, 0));
            self.shards = (0..self.count).into_par_iter().map(make).collect::<Result<_>>()?;
        }
        let of = |(i, shard): (usize, &Shard)| -> Result<(Vec<f64>, Vec<f64>)> {
            let found = loss.loss(shard, &mut stream(i, 1))?;
            Ok((found.times, values(&found.per_sample)?))
        };
        let found: Vec<_> = self.shards.par_iter().enumerate().map(of).collect::<Result<_>>()?;
        let mut bins = LossBins::default();
        for (times, losses) in found {
            times.iter().zip(&losses).for_each(|(&t, &loss)| bins.add(t, loss));
        }
        Ok(bins)
    }
}
