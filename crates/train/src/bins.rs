//! Losses by noise level.

use serde::Serialize;

/// Number of bins of time.
pub const BINS: usize = 10;

/// The bin of time `t`: bin `i` holds `[i/10, (i + 1)/10)`, the last one 1 as well.
pub fn bin_of(t: f64) -> usize {
    // The cast sends NaN and negative times to 0.
    ((t * BINS as f64) as usize).min(BINS - 1)
}

/// Sums of losses per bin of time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LossBins {
    pub(crate) sums: [f64; BINS],
    pub(crate) counts: [f64; BINS],
}

/// Means over all samples and per bin.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LossSummary {
    /// Mean loss per sample; NaN if there was none.
    pub loss: f64,
    /// The same per bin of time, from data to reference; nothing for a bin without samples.
    pub loss_by_t: Vec<Option<f64>>,
}

impl LossBins {
    /// Adds the `loss` of a sample at time `t`.
    pub fn add(&mut self, t: f64, loss: f64) {
        let bin = bin_of(t);
        self.sums[bin] += loss;
        self.counts[bin] += 1.0;
    }

    /// The numbers that are saved: sums, then counts.
    pub(crate) fn numbers(&self) -> Vec<f64> {
        [self.sums, self.counts].concat()
    }

    /// From the numbers that were saved; nothing if there are not as many.
    pub(crate) fn from_numbers(numbers: &[f64]) -> Option<Self> {
        let (sums, counts) = numbers.split_at_checked(BINS)?;
        Some(Self { sums: sums.try_into().ok()?, counts: counts.try_into().ok()? })
    }

    /// The first bin whose sum is NaN or ±∞, and its mean.
    pub(crate) fn first_non_finite(&self) -> Option<(usize, f64)> {
        let bin = self.sums.iter().position(|sum| !sum.is_finite())?;
        Some((bin, self.sums[bin] / self.counts[bin]))
    }

    /// Means of what was added.
    pub fn summary(&self) -> LossSummary {
        let mean = |(&sum, &count): (&f64, &f64)| (count > 0.0).then(|| sum / count);
        let total: f64 = self.sums.iter().sum();
        LossSummary {
            loss: total / self.counts.iter().sum::<f64>(),
            loss_by_t: self.sums.iter().zip(&self.counts).map(mean).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_has_its_bin() {
        assert_eq!([0.0, 0.05, 0.1, 0.95, 1.0, f64::NAN].map(bin_of), [0, 0, 1, 9, 9, 0]);
    }

    #[test]
    fn saved_numbers_give_the_bins_back() {
        let mut bins = LossBins::default();
        bins.add(0.35, 0.1);
        assert_eq!(LossBins::from_numbers(&bins.numbers()), Some(bins));
        assert_eq!(LossBins::from_numbers(&[0.0; BINS + 1]), None);
        assert_eq!(bins.first_non_finite(), None);
        bins.add(0.72, f64::INFINITY);
        assert_eq!(bins.first_non_finite(), Some((7, f64::INFINITY)));
    }

    #[test]
    fn means_are_over_samples_not_over_bins() {
        let mut bins = LossBins::default();
        for (t, loss) in [(0.01, 1.0), (0.02, 3.0), (0.99, 8.0)] {
            bins.add(t, loss);
        }
        let summary = bins.summary();
        assert_eq!(summary.loss, 4.0);
        assert_eq!(summary.loss_by_t[0], Some(2.0));
        assert_eq!(summary.loss_by_t[5], None);
        assert_eq!(summary.loss_by_t[9], Some(8.0));
    }
}
