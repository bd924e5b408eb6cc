//! Whether the spread of an ensemble is the size of its error.

use std::array::from_fn;

use ndarray::{Array1, ArrayView1, ArrayView2};

use crate::UqError;
use crate::cells::{LANES, Lanes, Real, check, check_members, check_weights, lanes, per_cell};

/// Mean of the members in each cell.
///
/// # Shapes and units
/// `ensemble`: `[members, cells]`, any unit; returns `[cells]`, the same unit, NaN where a member is NaN.
///
/// # Errors
/// [`UqError::TooFewMembers`] without members, [`UqError::Empty`] without cells.
pub fn ensemble_mean<T: Real>(ensemble: ArrayView2<T>) -> Result<Array1<f64>, UqError> {
    check_members(&ensemble, 1)?;
    Ok(per_cell(ensemble, |_, block| mean(block)))
}

/// Unbiased variance of the members in each cell: `Σ_i (x_i − x̄)² / (m − 1)`.
///
/// # Shapes and units
/// `ensemble`: `[members, cells]`, any unit; returns `[cells]`, that unit squared, NaN where a member is NaN.
///
/// # Errors
/// [`UqError::TooFewMembers`] if there is one member, [`UqError::Empty`] without cells.
pub fn ensemble_variance<T: Real>(ensemble: ArrayView2<T>) -> Result<Array1<f64>, UqError> {
    check_members(&ensemble, 2)?;
    Ok(per_cell(ensemble, |_, block| {
        let mean = mean(block);
        variance(block, &mean)
    }))
}

fn mean(block: &[Lanes]) -> Lanes {
    let mut sum = [0.0; LANES];
    for row in block {
        for lane in 0..LANES {
            sum[lane] += row[lane];
        }
    }
    sum.map(|sum| sum / block.len() as f64)
}

/// In two passes: the difference of two large sums would lose the variance of temperatures in K.
fn variance(block: &[Lanes], mean: &Lanes) -> Lanes {
    let mut sum = [0.0; LANES];
    for row in block {
        for lane in 0..LANES {
            sum[lane] += (row[lane] - mean[lane]).powi(2);
        }
    }
    sum.map(|sum| sum / (block.len() - 1) as f64)
}

/// Sums from which the ratio of spread to error is made, to be pooled over cases before roots are taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpreadSkill {
    /// Members of the ensemble, at least 2.
    pub members: usize,
    /// Weighted mean of the unbiased variance.
    pub variance: f64,
    /// Weighted mean of the squared error of the ensemble mean.
    pub squared_error: f64,
    /// Sum of the weights of the cells that are not NaN.
    pub weight: f64,
}

impl SpreadSkill {
    /// Root of the mean variance.
    pub fn spread(&self) -> f64 {
        self.variance.sqrt()
    }

    /// Root mean squared error of the ensemble mean.
    pub fn rmse(&self) -> f64 {
        self.squared_error.sqrt()
    }

    /// `√((m + 1)/m) · spread / RMSE`: 1 if members and observation are drawn alike, below 1 if the ensemble is too
    /// sure of itself.
    ///
    /// # Source
    /// Fortin et al. (2014), J. Hydrometeorol. 15, 1708–1713, Eq. 15.
    pub fn ratio(&self) -> f64 {
        let m = self.members as f64;
        ((m + 1.0) / m * self.variance / self.squared_error).sqrt()
    }

    /// One for all cases: means weighted by what each case weighs.
    ///
    /// # Errors
    /// [`UqError::Empty`] without cases, [`UqError::Unmergeable`] if they have different numbers of members.
    pub fn pooled(cases: &[Self]) -> Result<Self, UqError> {
        let members = cases.first().ok_or(UqError::Empty { what: "cases" })?.members;
        let mut pooled = Self { members, variance: 0.0, squared_error: 0.0, weight: 0.0 };
        for case in cases {
            if case.members != members {
                let (found, expected) = (case.members as f64, members as f64);
                return Err(UqError::Unmergeable { what: "members", found, expected });
            }
            // A case without a valid cell has weight 0 and NaN as its means.
            if case.weight > 0.0 {
                pooled.variance += case.weight * case.variance;
                pooled.squared_error += case.weight * case.squared_error;
                pooled.weight += case.weight;
            }
        }
        pooled.variance /= pooled.weight;
        pooled.squared_error /= pooled.weight;
        Ok(pooled)
    }
}

/// Variance and squared error of the mean in each cell.
fn variance_and_error<T: Real>(
    ensemble: ArrayView2<T>,
    observed: ArrayView1<T>,
) -> Array1<(f64, f64)> {
    per_cell(ensemble, |first, block| {
        let mean = mean(block);
        let (variance, y) = (variance(block, &mean), lanes(&observed, first));
        from_fn(|lane| (variance[lane], (mean[lane] - y[lane]).powi(2)))
    })
}

/// Spread and skill of one case.
///
/// # Shapes and units
/// - `ensemble`: `[members, cells]`; `observed`: `[cells]`; any unit; `weights`: `[cells]`
/// - cells with a NaN are left out; the means are NaN if none is left
///
/// # Errors
/// [`UqError::TooFewMembers`] if there is one member, [`UqError::ShapeMismatch`], [`UqError::Empty`],
/// [`UqError::OutOfRange`] if a weight is below 0 or not finite.
///
/// # Source
/// Fortin et al. (2014), J. Hydrometeorol. 15, 1708–1713.
pub fn spread_skill<T: Real>(
    ensemble: ArrayView2<T>,
    observed: ArrayView1<T>,
    weights: Option<ArrayView1<f64>>,
) -> Result<SpreadSkill, UqError> {
    check(&ensemble, &observed, 2)?;
    check_weights(weights, observed.len())?;
    let members = ensemble.nrows();
    let cells = variance_and_error(ensemble, observed);
    Ok(sums(members, cells.iter().copied().enumerate(), weights))
}

/// Weighted means over `cells` of (place, (variance, squared error)).
fn sums(
    members: usize,
    cells: impl Iterator<Item = (usize, (f64, f64))>,
    weights: Option<ArrayView1<f64>>,
) -> SpreadSkill {
    let (mut variances, mut errors, mut total) = (0.0, 0.0, 0.0);
    for (cell, (variance, error)) in cells.filter(|(_, (v, e))| !v.is_nan() && !e.is_nan()) {
        let weight = weights.map_or(1.0, |weights| weights[cell]);
        variances += weight * variance;
        errors += weight * error;
        total += weight;
    }
    SpreadSkill {
        members,
        variance: variances / total,
        squared_error: errors / total,
        weight: total,
    }
}

/// Spread and skill in bins of cells that are alike in spread, from least to most; equally many cells in each.
///
/// A reliable ensemble has the ratio 1 in every bin, not only over all.
///
/// # Shapes and units
/// Those of [`spread_skill`]; fewer than `bins` bins if there are fewer valid cells.
///
/// # Errors
/// Those of [`spread_skill`]; [`UqError::OutOfRange`] if `bins` is 0.
///
/// # Source
/// Leutbecher & Palmer (2008), J. Comput. Phys. 227, 3515–3539, section 2.2.
pub fn binned_spread_skill<T: Real>(
    ensemble: ArrayView2<T>,
    observed: ArrayView1<T>,
    weights: Option<ArrayView1<f64>>,
    bins: usize,
) -> Result<Vec<SpreadSkill>, UqError> {
    check(&ensemble, &observed, 2)?;
    check_weights(weights, observed.len())?;
    UqError::range("the number of bins", bins as f64, 1.0, f64::MAX)?;
    let members = ensemble.nrows();
    let cells = variance_and_error(ensemble, observed);
    let mut order: Vec<usize> =
        (0..cells.len()).filter(|&c| !cells[c].0.is_nan() && !cells[c].1.is_nan()).collect();
    order.sort_by(|&a, &b| cells[a].0.total_cmp(&cells[b].0).then(a.cmp(&b)));
    let edge = |bin: usize| bin * order.len() / bins;
    let in_bin = |bin: usize| &order[edge(bin)..edge(bin + 1)];
    let of_bin = |places: &[usize]| sums(members, places.iter().map(|&c| (c, cells[c])), weights);
    Ok((0..bins).map(in_bin).filter(|places| !places.is_empty()).map(of_bin).collect())
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::seeded::SplitMix64;

    /// By hand: variances 2 and 8, means 1 and 4, errors 1 and 2.
    #[test]
    fn two_cells_by_hand() {
        let (ensemble, y) = (array![[0.0f32, 2.0], [2.0, 6.0]], array![2.0f32, 2.0]);
        assert_eq!(ensemble_mean(ensemble.view()).unwrap(), array![1.0, 4.0]);
        assert_eq!(ensemble_variance(ensemble.view()).unwrap(), array![2.0, 8.0]);
        let both = spread_skill(ensemble.view(), y.view(), None).unwrap();
        assert_eq!((both.variance, both.squared_error, both.weight), (5.0, 2.5, 2.0));
        assert!((both.ratio() - 3f64.sqrt()).abs() < 1e-15);
        assert_eq!((both.spread(), both.rmse()), (5f64.sqrt(), 2.5f64.sqrt()));
        let weights = array![3.0, 1.0];
        let weighted = spread_skill(ensemble.view(), y.view(), Some(weights.view())).unwrap();
        assert_eq!((weighted.variance, weighted.squared_error), (3.5, 1.75));
        let bins = binned_spread_skill(ensemble.view(), y.view(), None, 2).unwrap();
        assert_eq!(bins.iter().map(|bin| bin.variance).collect::<Vec<_>>(), [2.0, 8.0]);
        assert_eq!(SpreadSkill::pooled(&bins), Ok(both));
    }

    #[test]
    fn missing_cells_and_single_members() {
        let (ensemble, y) = (array![[0.0, 2.0], [2.0, 6.0]], array![2.0, f64::NAN]);
        let one = spread_skill(ensemble.view(), y.view(), None).unwrap();
        assert_eq!((one.variance, one.weight), (2.0, 1.0));
        assert_eq!(binned_spread_skill(ensemble.view(), y.view(), None, 5).unwrap().len(), 1);
        let error = spread_skill(array![[0.0]].view(), array![1.0].view(), None).unwrap_err();
        assert_eq!(error, UqError::TooFewMembers { members: 1, minimum: 2 });
        let other = SpreadSkill { members: 3, ..one };
        let error = SpreadSkill::pooled(&[one, other]).unwrap_err();
        assert_eq!(error.to_string(), "parts with members 3 and 2 cannot be merged");
    }

    /// Members and observation drawn alike have the ratio 1 for any size, because of the factor (m + 1)/m; without it
    /// 2 members would have 0.816. Tolerance: 5 standard errors; the sd of the log of a mean of n squares of normal
    /// like numbers is below √(2/n), so that of the ratio below √(2/100 000) = 0.0045.
    #[test]
    fn exchangeable_members_have_ratio_one() {
        let (cells, mut random) = (100_000, SplitMix64::new(11));
        for members in [2, 8] {
            let ensemble = Array2::from_shape_simple_fn((members, cells), || random.uniform());
            let y = Array1::from_shape_simple_fn(cells, || random.uniform());
            let ratio = spread_skill(ensemble.view(), y.view(), None).unwrap().ratio();
            assert!((ratio - 1.0).abs() < 0.023, "{members}: {ratio}");
        }
    }
}
