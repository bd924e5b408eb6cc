//! Random numbers that depend on a seed and on nothing else.

/// SplitMix64: Steele, Lea & Flood (2014), Proc. OOPSLA, 453–472; small, and good enough to resample with.
#[derive(Debug, Clone)]
pub(crate) struct SplitMix64 {
    state: u64,
}

/// 2⁶⁴ over the golden ratio, odd: the increment of the reference.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The output function of the reference: every bit of `z` moves about half the bits of the result.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl SplitMix64 {
    /// The sequence of `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The sequence of resample `index` under `seed`, so that resamples can be drawn in any order.
    pub(crate) fn stream(seed: u64, index: u64) -> Self {
        Self::new(mix(seed ^ mix(index.wrapping_add(GOLDEN))))
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// Uniform on [0, 1), in steps of 2⁻⁵³.
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 * (-53f64).exp2()
    }

    /// Uniform on (0, 1), both ends left out: logarithms of it are finite.
    pub(crate) fn open(&mut self) -> f64 {
        ((self.next() >> 12) as f64 + 0.5) * (-52f64).exp2()
    }

    /// One of `0..count`; the bias is below `count` / 2⁵³.
    pub(crate) fn index(&mut self, count: usize) -> usize {
        ((self.uniform() * count as f64) as usize).min(count - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs of the reference implementation for the seed 1234567.
    #[test]
    fn reference_sequence() {
        let mut random = SplitMix64::new(1_234_567);
        let want =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([random.next(), random.next(), random.next()], want);
    }

    /// Tolerance: 5 standard errors of the mean of a uniform number, 0.2887/√10⁵ = 0.00091.
    #[test]
    fn streams_are_uniform_and_differ() {
        let mean =
            (0..100_000).map(|i| SplitMix64::stream(3, i).uniform()).sum::<f64>() / 100_000.0;
        assert!((mean - 0.5).abs() < 0.0046, "{mean}");
        assert_ne!(SplitMix64::stream(3, 0).next(), SplitMix64::stream(4, 0).next());
        let mut random = SplitMix64::new(1);
        let seen: std::collections::BTreeSet<usize> = (0..200).map(|_| random.index(5)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }
}
