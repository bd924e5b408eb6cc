//! Where training batches come from.

use std::collections::BTreeMap;

use langevin_kernels::rng::Stream;

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

/// Records of several sizes, of which a batch has one: sizes as often as the data have them, records of that
/// size with replacement. Every record is as likely as any other, in every place of every batch.
#[derive(Debug, Clone)]
pub struct BySize<R> {
    by_size: BTreeMap<usize, Vec<R>>,
    total: usize,
}

impl<R> BySize<R> {
    /// `records`, whose sizes `size` tells.
    ///
    /// # Panics
    /// If there are none.
    pub fn new(records: Vec<R>, size: impl Fn(&R) -> usize) -> Self {
        assert!(!records.is_empty(), "a source has records");
        let total = records.len();
        let mut by_size: BTreeMap<usize, Vec<R>> = BTreeMap::new();
        for record in records {
            by_size.entry(size(&record)).or_default().push(record);
        }
        Self { by_size, total }
    }

    /// A record for each sample of `rng`, all of one size.
    pub fn draw(&self, rng: &mut Rng) -> Vec<&R> {
        let among = self.of_quantile(rng.uniforms()[0]);
        let pick = |mut stream: Stream| &among[stream.below(among.len() as u64) as usize];
        rng.streams().into_iter().map(pick).collect()
    }

    /// All records, by size.
    pub fn iter(&self) -> impl Iterator<Item = &R> {
        self.by_size.values().flatten()
    }

    /// The records that the quantile `u` falls among, all of one size.
    fn of_quantile(&self, u: f64) -> &[R] {
        let mut below = (u * self.total as f64) as usize;
        for records in self.by_size.values() {
            if below < records.len() {
                return records;
            }
            below -= records.len();
        }
        // u below 1 ends above; rounding of the product could make it the total itself.
        self.by_size.values().next_back().expect("a source has records")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::ids;
    use crate::{Purpose, Seed};

    /// Three records of size two and one of size five: sizes in the ratio 3 to 1.
    #[test]
    fn sizes_are_as_frequent_as_in_the_data_and_do_not_mix() {
        let records = BySize::new(vec![2, 2, 5, 2], |&size| size);
        let mut of_two = 0;
        for step in 0..2000 {
            let mut rng = Rng::new(Seed(1), Purpose::Data, ids(0, 4), step);
            let drawn = records.draw(&mut rng);
            assert!(drawn.len() == 4 && drawn.iter().all(|size| *size == drawn[0]));
            of_two += usize::from(*drawn[0] == 2);
        }
        // 2000 draws with chance 3/4: a standard deviation of 19; five of them.
        assert!(of_two.abs_diff(1500) < 97, "{of_two}");
    }
}
