//! Where the observation falls among the members.

use std::array::from_fn;

use ndarray::{Array1, ArrayView1, ArrayView2};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::UqError;
use crate::cells::{LANES, Real, check, lanes, per_cell};

/// Rank of the observation among the members of each cell, from 0 (below all) to `members` (above all).
///
/// Among members equal to the observation its place is drawn at random, or dry cells would all have rank 0.
///
/// # Shapes
/// - `ensemble`: `[members, cells]`; `observed`: `[cells]`, the same unit
/// - `random` gives uniform numbers in [0, 1); it is asked once for each cell with ties, in the order of the cells
/// - returns one rank per cell, `None` where an input is NaN
///
/// # Errors
/// [`UqError::TooFewMembers`] without members, [`UqError::ShapeMismatch`], [`UqError::Empty`].
///
/// # Source
/// Hamill & Colucci (1998), Mon. Weather Rev. 126, 711–724, for ties in precipitation.
pub fn ranks<T: Real>(
    ensemble: ArrayView2<T>,
    observed: ArrayView1<T>,
    random: &mut impl FnMut() -> f64,
) -> Result<Vec<Option<usize>>, UqError> {
    check(&ensemble, &observed, 1)?;
    let counts: Array1<Option<(u32, u32)>> = per_cell(ensemble, |first, block| {
        let y = lanes(&observed, first);
        let (mut below, mut equal, mut valid) = ([0u32; LANES], [0u32; LANES], [true; LANES]);
        for row in block.iter() {
            for lane in 0..LANES {
                below[lane] += u32::from(row[lane] < y[lane]);
                equal[lane] += u32::from(row[lane] == y[lane]);
                valid[lane] &= !row[lane].is_nan();
            }
        }
        from_fn(|lane| (valid[lane] && !y[lane].is_nan()).then_some((below[lane], equal[lane])))
    });
    let mut rank = |(below, equal): (u32, u32)| {
        let places = f64::from(equal + 1);
        let among = if equal > 0 { ((random() * places) as u32).min(equal) } else { 0 };
        (below + among) as usize
    };
    Ok(counts.into_iter().map(|count| count.map(&mut rank)).collect())
}

/// Probability integral transform of each rank: `(rank + U)/(members + 1)`, uniform on 0 to 1 if the ensemble is
/// reliable; NaN where there is no rank.
///
/// # Source
/// Czado, Gneiting & Held (2009), Biometrics 65, 1254–1261, for the randomised transform of counts.
pub fn pit(
    ranks: &[Option<usize>],
    members: usize,
    random: &mut impl FnMut() -> f64,
) -> Array1<f64> {
    let value = |rank: &Option<usize>| match rank {
        Some(rank) => (*rank as f64 + random()) / (members + 1) as f64,
        None => f64::NAN,
    };
    ranks.iter().map(value).collect()
}

/// How often the observation had each rank; flat if it is drawn as the members are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankHistogram {
    counts: Vec<u64>,
}

/// Pearson's test of a flat histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChiSquare {
    /// `Σ_k (n_k − e)²/e` with `e = N/(members + 1)`.
    pub statistic: f64,
    /// As many as there are members.
    pub degrees: usize,
    /// Probability of a statistic as large if the histogram is flat and its cases are independent: cells of a field
    /// are not, unless they were thinned.
    pub p_value: f64,
}

impl RankHistogram {
    /// Of the `ranks` that there are.
    ///
    /// # Errors
    /// [`UqError::TooFewMembers`] without members, [`UqError::Empty`] if there is no rank,
    /// [`UqError::OutOfRange`] if one is above `members`.
    pub fn new(ranks: &[Option<usize>], members: usize) -> Result<Self, UqError> {
        UqError::members(members, 1)?;
        let mut counts = vec![0; members + 1];
        for &rank in ranks.iter().flatten() {
            UqError::range("a rank", rank as f64, 0.0, members as f64)?;
            counts[rank] += 1;
        }
        UqError::enough("ranks", counts.iter().sum::<u64>() as usize, 1)?;
        Ok(Self { counts })
    }

    /// The count of each rank, `members + 1` of them.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Adds the counts of another case.
    ///
    /// # Errors
    /// [`UqError::Unmergeable`] if it has another number of members.
    pub fn merge(&mut self, other: &Self) -> Result<(), UqError> {
        if self.counts.len() != other.counts.len() {
            let [found, expected] = [other, self].map(|h| h.counts.len() as f64 - 1.0);
            return Err(UqError::Unmergeable { what: "members", found, expected });
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        Ok(())
    }

    fn total(&self) -> f64 {
        self.counts.iter().sum::<u64>() as f64
    }

    /// Σ_k (n_k − N/(m + 1))².
    fn squares(&self) -> f64 {
        let expected = self.total() / self.counts.len() as f64;
        self.counts.iter().map(|&n| (n as f64 - expected).powi(2)).sum()
    }

    /// Pearson's test.
    ///
    /// # Source
    /// Elmore (2005), Weather Forecast. 20, 789–795, who also warns of dependent cases.
    pub fn chi_square(&self) -> ChiSquare {
        let degrees = self.counts.len() - 1;
        let statistic = self.squares() * self.counts.len() as f64 / self.total();
        let law = ChiSquared::new(degrees as f64).expect("there is a member");
        ChiSquare { statistic, degrees, p_value: law.sf(statistic) }
    }

    /// Reliability index `Σ_k |n_k/N − 1/(m + 1)|`: 0 if flat, below 2.
    ///
    /// # Source
    /// Delle Monache et al. (2006), J. Geophys. Res. 111, D24307, Eq. 13.
    pub fn reliability_index(&self) -> f64 {
        let (total, flat) = (self.total(), 1.0 / self.counts.len() as f64);
        self.counts.iter().map(|&n| (n as f64 / total - flat).abs()).sum()
    }

    /// `δ = Σ_k (n_k − N/(m + 1))² / (N m/(m + 1))`: its expectation is 1 if the ensemble is reliable and the cases
    /// independent, more if not.
    ///
    /// # Source
    /// Candille & Talagrand (2005), Q. J. R. Meteorol. Soc. 131, 2131–2150, Eq. 9.
    pub fn delta(&self) -> f64 {
        let bins = self.counts.len() as f64;
        self.squares() * bins / (self.total() * (bins - 1.0))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::seeded::SplitMix64;

    #[test]
    fn ranks_by_hand_and_ties_as_drawn() {
        let ensemble = array![[1.0, 0.0, 1.0, 5.0], [3.0, 0.0, f64::NAN, 6.0]];
        let y = array![2.0, 0.0, 1.0, 7.0];
        for (draw, tied) in [(0.0, 0), (0.4, 1), (0.99, 2)] {
            let mut asked = 0;
            let mut random = || {
                asked += 1;
                draw
            };
            let got = ranks(ensemble.view(), y.view(), &mut random).unwrap();
            assert_eq!(got, [Some(1), Some(tied), None, Some(2)]);
            assert_eq!(asked, 1);
        }
        let got = pit(&[Some(1), None, Some(2)], 2, &mut || 0.5);
        assert_eq!((got[0], got[2]), (0.5, 2.5 / 3.0));
        assert!(got[1].is_nan());
    }

    /// By hand: counts 4, 1, 1 have e = 2, so squares 4 + 1 + 1; the law of 2 degrees of freedom is exp(−x/2).
    #[test]
    fn statistics_by_hand() {
        let ranks = [0, 0, 0, 0, 1, 2].map(Some);
        let mut histogram = RankHistogram::new(&ranks, 2).unwrap();
        assert_eq!(histogram.counts(), [4, 1, 1]);
        let test = histogram.chi_square();
        assert_eq!((test.statistic, test.degrees), (3.0, 2));
        assert!((test.p_value - (-1.5f64).exp()).abs() < 1e-12, "{}", test.p_value);
        assert!((histogram.reliability_index() - 2.0 / 3.0).abs() < 1e-15);
        assert!((histogram.delta() - 1.5).abs() < 1e-15);
        histogram.merge(&RankHistogram::new(&[Some(1), None], 2).unwrap()).unwrap();
        assert_eq!(histogram.counts(), [4, 2, 1]);
        let other = RankHistogram::new(&[Some(1)], 3).unwrap();
        let error = histogram.merge(&other).unwrap_err();
        assert_eq!(error.to_string(), "parts with members 3 and 2 cannot be merged");
        assert_eq!(RankHistogram::new(&[None], 2), Err(UqError::Empty { what: "ranks" }));
    }

    /// Members and observation drawn alike, three in ten of them 0: flat by the chi-square test, because ties are
    /// drawn; with ties counted below the first bin would hold a quarter too much.
    ///
    /// One seed in a thousand would fall below 0.001.
    #[test]
    fn exchangeable_members_are_flat() {
        let (cells, mut random) = (50_000, SplitMix64::new(3));
        let mut draw = || (random.uniform() - 0.3).max(0.0);
        let ensemble = Array2::from_shape_simple_fn((9, cells), &mut draw);
        let y = Array1::from_shape_simple_fn(cells, &mut draw);
        let mut ties = SplitMix64::new(4);
        let drawn = ranks(ensemble.view(), y.view(), &mut || ties.uniform()).unwrap();
        let test = RankHistogram::new(&drawn, 9).unwrap().chi_square();
        assert!(test.p_value > 0.001, "{test:?}");
        let lowest = ranks(ensemble.view(), y.view(), &mut || 0.0).unwrap();
        assert!(RankHistogram::new(&lowest, 9).unwrap().chi_square().p_value < 1e-6);
    }
}
