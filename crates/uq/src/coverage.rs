//! What intervals cover and how wide they are, over all and by regime.

use ndarray::ArrayView1;

use crate::UqError;
use crate::cells::check_weights;

/// What intervals cover, and how wide they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coverage {
    /// Weighted part of the cells whose observation is within the limits, which count as within.
    pub covered: f64,
    /// Weighted mean of upper less lower limit.
    pub width: f64,
    /// Cells that are not NaN and have a weight.
    pub count: usize,
}

/// Coverage and width of intervals; NaN if no cell is left.
///
/// # Shapes and units
/// `lower`, `upper`, `observed` and `weights`: `[cells]`; cells with a NaN are left out.
///
/// # Errors
/// [`UqError::ShapeMismatch`], [`UqError::OutOfRange`] if a weight is below 0 or not finite.
pub fn coverage(
    lower: ArrayView1<f64>,
    upper: ArrayView1<f64>,
    observed: ArrayView1<f64>,
    weights: Option<ArrayView1<f64>>,
) -> Result<Coverage, UqError> {
    let groups = vec![0; observed.len()];
    Ok(coverage_by(lower, upper, observed, weights, &groups, 1)?[0])
}

/// [`coverage`] in each of `count` groups of cells: regimes, seasons, classes of intensity.
///
/// # Shapes and units
/// Those of [`coverage`]; `groups`: `[cells]`, from 0. Returns one per group.
///
/// # Errors
/// Those of [`coverage`]; [`UqError::OutOfRange`] for a group of `count` or more.
pub fn coverage_by(
    lower: ArrayView1<f64>,
    upper: ArrayView1<f64>,
    observed: ArrayView1<f64>,
    weights: Option<ArrayView1<f64>>,
    groups: &[usize],
    count: usize,
) -> Result<Vec<Coverage>, UqError> {
    UqError::shape("lower limits", lower.shape(), observed.shape())?;
    UqError::shape("upper limits", upper.shape(), observed.shape())?;
    check_weights(weights, observed.len())?;
    let of_group = |places: &Vec<usize>| {
        let (mut covered, mut width, mut total, mut count) = (0.0, 0.0, 0.0, 0);
        for &cell in places {
            let (low, high, y) = (lower[cell], upper[cell], observed[cell]);
            let weight = weights.map_or(1.0, |weights| weights[cell]);
            if low.is_nan() || high.is_nan() || y.is_nan() || weight == 0.0 {
                continue;
            }
            covered += if low <= y && y <= high { weight } else { 0.0 };
            width += weight * (high - low);
            total += weight;
            count += 1;
        }
        Coverage { covered: covered / total, width: width / total, count }
    };
    Ok(grouped(groups, count, observed.len())?.iter().map(of_group).collect())
}

/// The cells of each group.
pub(crate) fn grouped(
    groups: &[usize],
    count: usize,
    cells: usize,
) -> Result<Vec<Vec<usize>>, UqError> {
    UqError::shape("groups", &[groups.len()], &[cells])?;
    UqError::enough("groups", count, 1)?;
    let mut places = vec![Vec::new(); count];
    for (cell, &group) in groups.iter().enumerate() {
        UqError::range("a group", group as f64, 0.0, count as f64 - 1.0)?;
        places[group].push(cell);
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn limits_count_as_within_and_missing_cells_do_not_count() {
        let (lower, upper) = (array![0.0, 0.0, 0.0], array![2.0, 2.0, f64::NAN]);
        let y = array![2.0, 5.0, 1.0];
        let cover = coverage(lower.view(), upper.view(), y.view(), None).unwrap();
        assert_eq!(cover, Coverage { covered: 0.5, width: 2.0, count: 2 });
        let groups =
            coverage_by(lower.view(), upper.view(), y.view(), None, &[0, 1, 1], 2).unwrap();
        assert_eq!(groups.iter().map(|group| group.covered).collect::<Vec<_>>(), [1.0, 0.0]);
        let weights = array![3.0, 1.0, 1.0];
        let cover = coverage(lower.view(), upper.view(), y.view(), Some(weights.view())).unwrap();
        assert_eq!(cover, Coverage { covered: 0.75, width: 2.0, count: 2 });
        let error = coverage_by(lower.view(), upper.view(), y.view(), None, &[0, 1, 2], 2);
        assert!(matches!(error, Err(UqError::OutOfRange { value: 2.0, maximum: 1.0, .. })));
    }
}
