//! Variogram scores: whether differences between places have the right size.

use ndarray::{ArrayView1, ArrayView2, ArrayView3};
use rayon::prelude::*;

use crate::cells::{Real, check};
use crate::{Estimator, UqError};

/// Variogram score of order `p` over all pairs of cells; lower is better.
///
/// `VS = Σ_ij w_ij (|y_i − y_j|^p − mean_m |x_mi − x_mj|^p)²`. The fair form `E_1 − ½ E_2` over members subtracts the
/// unbiased variance of `|x_mi − x_mj|^p`, divided by the number of members, from each square.
///
/// # Shapes and units
/// - `ensemble`: `[members, cells]`; `observed`: `[cells]`; any unit
/// - `weights`: `[cells, cells]`, 1 if there are none
/// - returns the unit of the members to the power `2p`; cells with a NaN are left out
///
/// # Errors
/// [`UqError::TooFewMembers`] if a fair score has one member, [`UqError::ShapeMismatch`], [`UqError::Empty`],
/// [`UqError::OutOfRange`] if the order is not above 0 or a weight is not finite.
///
/// # Source
/// Scheuerer & Hamill (2015), Mon. Weather Rev. 143, 1321–1334, Eq. 4; `p = 0.5` is the order they recommend.
pub fn variogram_score<T: Real>(
    ensemble: ArrayView2<T>,
    observed: ArrayView1<T>,
    order: f64,
    weights: Option<ArrayView2<f64>>,
    estimator: Estimator,
) -> Result<f64, UqError> {
    check(&ensemble, &observed, 1)?;
    check_order(order)?;
    estimator.check(ensemble.nrows())?;
    let cells = observed.len();
    if let Some(weights) = weights {
        UqError::shape("weights", weights.shape(), &[cells, cells])?;
        if let Some(&w) = weights.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
            UqError::range("a weight", w, 0.0, f64::MAX)?;
        }
    }
    // Cell after cell, so that the members of a pair lie together.
    let columns = ensemble.t().mapv(|x| -> f64 { x.into() }).as_standard_layout().into_owned();
    let of_cell = |i: usize| -> f64 {
        let a = columns.row(i);
        let pair = |j: usize| {
            // A cell differs from itself by 0, in every member and as observed.
            let weight = weights.map_or(2.0, |weights| weights[[i, j]] + weights[[j, i]]);
            let members = a.iter().zip(columns.row(j)).map(|(a, b)| a - b);
            let square = square(members, observed[i].into() - observed[j].into(), order, estimator);
            if square.is_nan() || weight == 0.0 { 0.0 } else { weight * square }
        };
        (0..i).map(pair).sum()
    };
    let sums: Vec<f64> = (0..cells).into_par_iter().map(of_cell).collect();
    Ok(sums.iter().sum())
}

/// Variogram score of fields over pairs at given `lags` along rows and columns, as a mean over the pairs with weight
/// `1/lag`; lower is better.
///
/// A mean, unlike the sum of [`variogram_score`], compares fields of different size and with missing cells.
///
/// # Shapes and units
/// - `ensemble`: `[members, height, width]`; `observed`: `[height, width]`; any unit
/// - `lags`: in cells; 1, 2, 4, 8 see scales up to 16 cells
/// - returns the unit of the members to the power `2p`; pairs with a NaN are left out, NaN if none is left
///
/// # Errors
/// Those of [`variogram_score`]; [`UqError::Empty`] without lags, [`UqError::OutOfRange`] if a lag is 0 or as long
/// as the shorter side.
///
/// # Source
/// Scheuerer & Hamill (2015), Mon. Weather Rev. 143, 1321–1334, section 3, for weights that fall with distance.
pub fn variogram_score_lags(
    ensemble: ArrayView3<f64>,
    observed: ArrayView2<f64>,
    order: f64,
    lags: &[usize],
    estimator: Estimator,
) -> Result<f64, UqError> {
    let (members, height, width) = ensemble.dim();
    check_order(order)?;
    UqError::members(members, 1)?;
    estimator.check(members)?;
    UqError::shape("observations", observed.shape(), &[height, width])?;
    UqError::enough("lags", lags.len(), 1)?;
    for &lag in lags {
        UqError::range("a lag", lag as f64, 1.0, height.min(width) as f64 - 1.0)?;
    }
    let of_row = |row: usize| -> (f64, f64) {
        let (mut sum, mut total) = (0.0, 0.0);
        for &lag in lags {
            let weight = 1.0 / lag as f64;
            for column in 0..width {
                for (i, j) in [(row + lag, column), (row, column + lag)] {
                    if i >= height || j >= width {
                        continue;
                    }
                    let member = |m: usize| ensemble[[m, row, column]] - ensemble[[m, i, j]];
                    let observed = observed[[row, column]] - observed[[i, j]];
                    let square = square((0..members).map(member), observed, order, estimator);
                    if !square.is_nan() {
                        sum += weight * square;
                        total += weight;
                    }
                }
            }
        }
        (sum, total)
    };
    let rows: Vec<(f64, f64)> = (0..height).into_par_iter().map(of_row).collect();
    let (sum, total) = rows.iter().fold((0.0, 0.0), |(a, b), (c, d)| (a + c, b + d));
    Ok(sum / total)
}

fn check_order(order: f64) -> Result<(), UqError> {
    UqError::range("the order", order, f64::MIN_POSITIVE, f64::MAX)
}

/// `(|y|^p − mean |x|^p)²` of one pair of cells, less what the variance of the members adds to it.
fn square(
    members: impl ExactSizeIterator<Item = f64> + Clone,
    observed: f64,
    order: f64,
    estimator: Estimator,
) -> f64 {
    let power = |d: f64| match order {
        // Square roots are many times cheaper than powers.
        0.5 => d.abs().sqrt(),
        1.0 => d.abs(),
        2.0 => d * d,
        _ => d.abs().powf(order),
    };
    let count = members.len() as f64;
    let mean = members.clone().map(power).sum::<f64>() / count;
    let gap = (power(observed) - mean).powi(2);
    match estimator.fairness() {
        0.0 => gap,
        fairness => {
            let squares = members.map(|d| (power(d) - mean).powi(2)).sum::<f64>();
            gap - fairness * squares / (count * (count - 1.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array3, array, s};

    use super::*;
    use crate::seeded::SplitMix64;

    /// By hand: observed difference 4, members 1 and 9; roots 2, 1, 3, so the mean fits and the variance of the
    /// roots is 2.
    #[test]
    fn two_cells_by_hand() {
        let (ensemble, y) = (array![[0.0, 1.0], [9.0, 0.0]], array![0.0, 4.0]);
        let value = |order, estimator| {
            variogram_score(ensemble.view(), y.view(), order, None, estimator).unwrap()
        };
        assert_eq!(value(0.5, Estimator::Standard), 0.0);
        assert_eq!(value(0.5, Estimator::Fair), -2.0);
        // Order 1: 4 against the mean of 1 and 9, whose variance is 32.
        assert_eq!(value(1.0, Estimator::Standard), 2.0);
        assert_eq!(value(1.0, Estimator::Fair), 2.0 * (1.0 - 16.0));
    }

    /// `E_1 − ½ E_2` from its definition, by members and pairs of members.
    #[test]
    fn fair_form_is_its_definition() {
        let mut random = SplitMix64::new(9);
        let x = Array2::from_shape_simple_fn((4, 3), || random.uniform());
        let y = array![0.2, 0.9, 0.4];
        let weights = array![[0.0, 1.0, 2.0], [0.5, 0.0, 3.0], [1.0, 0.0, 0.0]];
        let v = |row: ArrayView1<f64>, i: usize, j: usize| (row[i] - row[j]).abs().powf(0.7);
        let distance = |a: ArrayView1<f64>, b: ArrayView1<f64>| -> f64 {
            let cells = (0..3).flat_map(|i| (0..3).map(move |j| (i, j)));
            cells.map(|(i, j)| weights[[i, j]] * (v(a, i, j) - v(b, i, j)).powi(2)).sum()
        };
        let first = x.rows().into_iter().map(|row| distance(row, y.view())).sum::<f64>() / 4.0;
        let pairs = (0..4).flat_map(|i| (0..4).map(move |j| (i, j)));
        let second = pairs.map(|(i, j)| distance(x.row(i), x.row(j))).sum::<f64>() / 12.0;
        let fair = Estimator::Fair;
        let got = variogram_score(x.view(), y.view(), 0.7, Some(weights.view()), fair).unwrap();
        assert!((got - (first - 0.5 * second)).abs() < 1e-14, "{got}");
    }

    /// A field that varies along its rows only, one cell per row missing.
    #[test]
    fn lags_see_both_directions() {
        let observed = Array2::from_shape_fn((3, 4), |(_, column)| column as f64);
        let ensemble = Array3::zeros((2, 3, 4));
        let value = |observed: &Array2<f64>, lags: &[usize]| {
            let standard = Estimator::Standard;
            variogram_score_lags(ensemble.view(), observed.view(), 1.0, lags, standard).unwrap()
        };
        // 9 pairs along rows differ by 1, 8 along columns by 0.
        assert!((value(&observed, &[1]) - 9.0 / 17.0).abs() < 1e-15);
        // Lag 2 adds with weight 1/2: 6 pairs that differ by 2, 4 by 0.
        assert!((value(&observed, &[1, 2]) - (9.0 + 0.5 * 24.0) / (17.0 + 5.0)).abs() < 1e-15);
        let mut missing = observed;
        missing.slice_mut(s![.., 3]).fill(f64::NAN);
        assert!((value(&missing, &[1]) - 6.0 / 12.0).abs() < 1e-15);
        let error = variogram_score_lags(
            ensemble.view(),
            missing.view(),
            0.5,
            &[1, 3],
            Estimator::Standard,
        );
        assert!(matches!(error, Err(UqError::OutOfRange { value: 3.0, maximum: 2.0, .. })));
    }
}
