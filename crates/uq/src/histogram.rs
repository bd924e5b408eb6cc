//! Quantiles of more values than memory holds.

use crate::UqError;
use crate::cells::Real;

/// Magnitudes below this count as 0: far below any rate or concentration that is measured.
const SMALLEST: f64 = 1e-30;

/// Histogram with logarithmic bins: quantiles of any number of values with bounded relative error.
///
/// Bin `i` holds `γ^(i−1) < |x| ≤ γ^i` with `γ = (1 + a)/(1 − a)`, one side for each sign, and answers with
/// `2γ^i/(γ + 1)`: no value of it is further than `a` times itself from that. Two histograms add up to that of all
/// values, in any order. Memory: `ln(largest/smallest)/ln γ` counts, 23 000 for 20 decades at `a = 0.001`.
///
/// # Source
/// Masson, Rim & Lee (2019), Proc. VLDB Endow. 12, 2195–2205.
#[derive(Debug, Clone, PartialEq)]
pub struct LogHistogram {
    accuracy: f64,
    negative: Bins,
    zeros: u64,
    positive: Bins,
    skipped: u64,
}

/// Counts of bins from `first` on.
#[derive(Debug, Clone, PartialEq, Default)]
struct Bins {
    first: i64,
    counts: Vec<u64>,
}

impl Bins {
    fn add(&mut self, bin: i64, count: u64) {
        if self.counts.is_empty() {
            self.first = bin;
        }
        if bin < self.first {
            let missing = (self.first - bin) as usize;
            self.counts.splice(0..0, std::iter::repeat_n(0, missing));
            self.first = bin;
        }
        let place = (bin - self.first) as usize;
        if place >= self.counts.len() {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] += count;
    }

    fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Bins that hold something, with rising magnitude.
    fn filled(&self) -> impl DoubleEndedIterator<Item = (i64, u64)> + '_ {
        let bins = self.counts.iter().enumerate();
        bins.filter(|(_, n)| **n > 0).map(|(i, &n)| (self.first + i as i64, n))
    }
}

impl LogHistogram {
    /// An empty histogram with the relative error `accuracy`.
    ///
    /// # Errors
    /// [`UqError::OutOfRange`] if it is not in 0.0001 to 0.5: below, bins outgrow the values.
    pub fn new(accuracy: f64) -> Result<Self, UqError> {
        UqError::range("the accuracy", accuracy, 1e-4, 0.5)?;
        let (negative, positive) = Default::default();
        Ok(Self { accuracy, negative, zeros: 0, positive, skipped: 0 })
    }

    /// `ln γ`.
    fn width(&self) -> f64 {
        ((1.0 + self.accuracy) / (1.0 - self.accuracy)).ln()
    }

    /// Counts values; those that are not finite are only counted by [`Self::skipped`].
    pub fn extend<T: Real>(&mut self, values: impl IntoIterator<Item = T>) {
        let width = self.width();
        for value in values {
            let value: f64 = value.into();
            let bin = || (value.abs().ln() / width).ceil() as i64;
            if !value.is_finite() {
                self.skipped += 1;
            } else if value.abs() < SMALLEST {
                self.zeros += 1;
            } else if value > 0.0 {
                self.positive.add(bin(), 1);
            } else {
                self.negative.add(bin(), 1);
            }
        }
    }

    /// Adds what another histogram counted.
    ///
    /// # Errors
    /// [`UqError::Unmergeable`] if its accuracy differs.
    pub fn merge(&mut self, other: &Self) -> Result<(), UqError> {
        if self.accuracy != other.accuracy {
            let (found, expected) = (other.accuracy, self.accuracy);
            return Err(UqError::Unmergeable { what: "accuracy", found, expected });
        }
        for (mine, theirs) in
            [(&mut self.negative, &other.negative), (&mut self.positive, &other.positive)]
        {
            theirs.filled().for_each(|(bin, count)| mine.add(bin, count));
        }
        self.zeros += other.zeros;
        self.skipped += other.skipped;
        Ok(())
    }

    /// How many finite values were counted.
    pub fn count(&self) -> u64 {
        self.negative.total() + self.zeros + self.positive.total()
    }

    /// How many values were NaN or ±∞.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The order statistic nearest to the probability, `x_(i)` with `i = 1 + round(p (n − 1))`, within the relative
    /// error.
    ///
    /// # Errors
    /// [`UqError::Empty`] if nothing was counted, [`UqError::OutOfRange`] if `p` is outside 0 to 1.
    pub fn quantile(&self, p: f64) -> Result<f64, UqError> {
        UqError::range("a probability", p, 0.0, 1.0)?;
        UqError::enough("values", self.count() as usize, 1)?;
        let rank = (p * (self.count() - 1) as f64).round() as u64;
        let width = self.width();
        let middle = |bin: i64| 2.0 * (bin as f64 * width).exp() / (width.exp() + 1.0);
        let negative = self.negative.filled().rev().map(|(bin, n)| (-middle(bin), n));
        let positive = self.positive.filled().map(|(bin, n)| (middle(bin), n));
        let mut below = 0;
        for (value, count) in negative.chain(std::iter::once((0.0, self.zeros))).chain(positive) {
            below += count;
            if rank < below {
                return Ok(value);
            }
        }
        unreachable!("the rank is below the count")
    }

    /// Quantiles of this histogram over those of `observed`, NaN where both are 0; the relative error is at most
    /// `2a/(1 − a)`.
    ///
    /// # Errors
    /// Those of [`Self::quantile`].
    pub fn ratios(&self, observed: &Self, probabilities: &[f64]) -> Result<Vec<f64>, UqError> {
        probabilities.iter().map(|&p| Ok(self.quantile(p)? / observed.quantile(p)?)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The last of a million values: what a quantile at 99.9999 % is for.
    #[test]
    fn far_tail_of_a_million() {
        let mut histogram = LogHistogram::new(0.001).unwrap();
        histogram.extend((0..1_000_000).map(|i| if i < 600_000 { 0.0f32 } else { i as f32 }));
        histogram.extend([f64::NAN, f64::INFINITY]);
        assert_eq!((histogram.count(), histogram.skipped()), (1_000_000, 2));
        assert_eq!(histogram.quantile(0.5), Ok(0.0));
        for (p, want) in [(0.99, 989_999.0), (0.999999, 999_998.0), (1.0, 999_999.0)] {
            let got = histogram.quantile(p).unwrap();
            assert!((got / want - 1.0).abs() < 0.0011, "{p}: {got}");
        }
        let ratios = histogram.ratios(&histogram.clone(), &[0.2, 0.9]).unwrap();
        assert!(ratios[0].is_nan());
        assert_eq!(ratios[1], 1.0);
    }

    #[test]
    fn bad_parameters_are_named() {
        assert!(matches!(LogHistogram::new(0.0), Err(UqError::OutOfRange { value: 0.0, .. })));
        let mut a = LogHistogram::new(0.01).unwrap();
        assert_eq!(a.quantile(0.5), Err(UqError::Empty { what: "values" }));
        let error = a.merge(&LogHistogram::new(0.02).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "parts with accuracy 0.02 and 0.01 cannot be merged");
    }

    proptest! {
        /// Each quantile is within the error of its order statistic, also when two histograms are merged.
        #[test]
        fn error_is_bounded(
            values in prop::collection::vec((-6.0f64..6.0, -1i8..=1), 1..80),
            cut in 0.0f64..1.0,
            p in 0.0f64..=1.0,
        ) {
            let mut values: Vec<f64> =
                values.iter().map(|(e, sign)| f64::from(*sign) * 10f64.powf(*e)).collect();
            let (mut a, mut b) = (LogHistogram::new(0.01).unwrap(), LogHistogram::new(0.01).unwrap());
            let cut = (cut * values.len() as f64) as usize;
            a.extend(values[..cut].iter().copied());
            b.extend(values[cut..].iter().copied());
            a.merge(&b).unwrap();
            values.sort_by(f64::total_cmp);
            let want = values[(p * (values.len() - 1) as f64).round() as usize];
            let got = a.quantile(p).unwrap();
            prop_assert!((got - want).abs() <= 0.01001 * want.abs(), "{} {}", got, want);
        }
    }
}
