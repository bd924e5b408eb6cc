//! From plans to couplings: which source goes with which target.

use crate::error::{TransportError, check_length};

/// Draws pairs from a plan, with replacement, in proportion to their mass.
#[derive(Debug, Clone, PartialEq)]
pub struct PairSampler {
    pairs: Vec<(usize, usize)>,
    /// Rising; the last is the total mass.
    cumulative: Vec<f64>,
}

impl PairSampler {
    /// From the `(row, column, mass)` entries of a sparse plan.
    ///
    /// # Errors
    /// [`TransportError::NegativeWeight`] with the entry's index, [`TransportError::OutOfRange`] if
    /// the masses do not add up to a positive, finite number.
    pub fn sparse(plan: &[(usize, usize, f64)]) -> Result<Self, TransportError> {
        Self::new(plan.iter().copied())
    }

    /// From a dense, row-major plan.
    ///
    /// # Errors
    /// [`TransportError::ShapeMismatch`] if `plan` does not hold whole rows, and as
    /// [`Self::sparse`].
    pub fn dense(plan: &[f64], columns: usize) -> Result<Self, TransportError> {
        if columns == 0 || plan.is_empty() {
            return Err(TransportError::Empty { what: "plan" });
        }
        check_length("plan", plan.len().div_ceil(columns) * columns, plan.len())?;
        Self::new(plan.iter().enumerate().map(|(k, &mass)| (k / columns, k % columns, mass)))
    }

    fn new(plan: impl Iterator<Item = (usize, usize, f64)>) -> Result<Self, TransportError> {
        let (mut pairs, mut cumulative, mut total) = (Vec::new(), Vec::new(), 0.0);
        for (index, (i, j, mass)) in plan.enumerate() {
            if mass < 0.0 {
                return Err(TransportError::NegativeWeight { what: "plan", index, value: mass });
            }
            if mass != 0.0 {
                total += mass;
                pairs.push((i, j));
                cumulative.push(total);
            }
        }
        if !(total > 0.0 && total.is_finite()) {
            let range = "positive and finite";
            return Err(TransportError::OutOfRange {
                what: "sum of the plan",
                value: total,
                range,
            });
        }
        Ok(Self { pairs, cumulative })
    }

    /// One pair, by inversion of one number uniform on [0, 1).
    pub fn draw(&self, uniform: f64) -> (usize, usize) {
        let last = self.pairs.len() - 1;
        let level = uniform * self.cumulative[last];
        self.pairs[self.cumulative.partition_point(|c| *c <= level).min(last)]
    }

    /// `count` pairs; `uniform` gives independent numbers on [0, 1) and is called once per pair.
    pub fn draw_many(&self, count: usize, mut uniform: impl FnMut() -> f64) -> Vec<(usize, usize)> {
        (0..count).map(|_| self.draw(uniform())).collect()
    }
}

/// The column that receives most of each row's mass, the lowest on ties; on the plan of an
/// assignment this is its permutation.
///
/// # Errors
/// [`TransportError::ShapeMismatch`] if `plan` does not hold whole rows.
pub fn most_likely_columns(plan: &[f64], columns: usize) -> Result<Vec<usize>, TransportError> {
    if columns == 0 {
        return Err(TransportError::Empty { what: "plan" });
    }
    check_length("plan", plan.len().div_ceil(columns) * columns, plan.len())?;
    let argmax = |row: &[f64]| (1..columns).fold(0, |k, j| if row[j] > row[k] { j } else { k });
    Ok(plan.chunks_exact(columns).map(argmax).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_invert_the_cumulative_mass() {
        let sampler = PairSampler::sparse(&[(0, 2, 0.5), (1, 0, 0.0), (1, 1, 1.5)]).unwrap();
        assert_eq!(sampler.draw(0.0), (0, 2));
        assert_eq!(sampler.draw(0.249), (0, 2));
        assert_eq!(sampler.draw(0.25), (1, 1));
        assert_eq!(sampler.draw(1.0), (1, 1)); // a caller's rounding must not leave the plan
        let dense = PairSampler::dense(&[0.0, 0.0, 0.5, 0.0, 1.5, 0.0], 3).unwrap();
        assert_eq!(dense, sampler);
        let mut k = 0.0;
        let pairs = sampler.draw_many(8, || {
            k += 0.125;
            k - 0.125
        });
        assert_eq!(pairs.iter().filter(|p| **p == (0, 2)).count(), 2);
    }

    #[test]
    fn a_permutation_is_read_off_its_plan() {
        assert_eq!(most_likely_columns(&[0.0, 0.5, 0.5, 0.0], 2).unwrap(), [1, 0]);
        assert_eq!(most_likely_columns(&[0.25, 0.25], 2).unwrap(), [0]);
    }

    #[test]
    fn bad_plans_are_refused_with_their_values() {
        let error = PairSampler::sparse(&[(0, 0, 1.0), (0, 1, -0.5)]).unwrap_err();
        assert_eq!(error, TransportError::NegativeWeight { what: "plan", index: 1, value: -0.5 });
        assert!(PairSampler::dense(&[0.0, 0.0], 2).is_err());
        assert!(PairSampler::dense(&[1.0; 3], 2).is_err());
    }
}
