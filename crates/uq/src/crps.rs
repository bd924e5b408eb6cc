//! Continuous ranked probability scores of ensembles, cell by cell.

use std::array::from_fn;

use ndarray::{Array1, ArrayView1, ArrayView2};

use crate::cells::{LANES, Lanes, Real, check, lanes, per_cell};
use crate::order::Order;
use crate::{Estimator, UqError};

/// Continuous ranked probability score of an ensemble in each cell; lower is better.
///
/// `CRPS = mean_i |x_i − y| − c Σ_{i<j} |x_i − x_j|`, with `c` from the [`Estimator`]. Sorted members `x_(i)` give
/// the sum over pairs as `Σ_i i (m − i) (x_(i+1) − x_(i))`, `m log m` operations of which none cancel.
///
/// # Shapes and units
/// - `ensemble`: `[members, cells]`, any unit; `observed`: `[cells]`, the same unit
/// - returns `[cells]`, the same unit; a NaN input gives NaN in that cell only
///
/// # Errors
/// [`UqError::TooFewMembers`] if a fair score has one member, [`UqError::ShapeMismatch`] if the cells differ,
/// [`UqError::Empty`] if there are none, [`UqError::OutOfRange`] if `α` is not in 0 to 1.
///
/// # Sources
/// Gneiting & Raftery (2007), J. Am. Stat. Assoc. 102, 359–378, Eq. 21; Ferro (2014), Q. J. R. Meteorol. Soc. 140,
/// 1917–1923.
pub fn crps<T: Real>(
    ensemble: ArrayView2<T>,
    observed: ArrayView1<T>,
    estimator: Estimator,
) -> Result<Array1<f64>, UqError> {
    chained(ensemble, observed, estimator, |x| x)
}

/// Threshold-weighted score: [`crps`] of `max(x, t)`, which judges forecasts above the threshold `t` only.
///
/// It is the integral of the squared difference of the distribution functions from `t` on, and proper.
///
/// # Shapes and units
/// Those of [`crps`]; `threshold` has the unit of the members.
///
/// # Errors
/// Those of [`crps`]; [`UqError::OutOfRange`] if the threshold is not finite.
///
/// # Sources
/// Gneiting & Ranjan (2011), J. Bus. Econ. Stat. 29, 411–422; Allen, Ginsbourger & Ziegel (2023), SIAM/ASA J.
/// Uncertain. Quantif. 11, 906–940, for the chaining function.
pub fn crps_above<T: Real>(
    ensemble: ArrayView2<T>,
    observed: ArrayView1<T>,
    threshold: f64,
    estimator: Estimator,
) -> Result<Array1<f64>, UqError> {
    UqError::range("the threshold", threshold, f64::MIN, f64::MAX)?;
    // Not f64::max, which would take a missing value for the threshold.
    chained(ensemble, observed, estimator, |x| if x < threshold { threshold } else { x })
}

fn chained<T: Real>(
    ensemble: ArrayView2<T>,
    observed: ArrayView1<T>,
    estimator: Estimator,
    chain: impl Fn(f64) -> f64 + Sync,
) -> Result<Array1<f64>, UqError> {
    check(&ensemble, &observed, 1)?;
    let members = ensemble.nrows();
    estimator.check(members)?;
    let (order, factor) = (Order::of(members), estimator.pairs(members));
    Ok(per_cell(ensemble, |first, block| -> Lanes {
        let y = lanes(&observed, first).map(&chain);
        let mut skill = [0.0; LANES];
        for row in block.iter_mut() {
            for lane in 0..LANES {
                row[lane] = chain(row[lane]) - y[lane];
                skill[lane] += row[lane].abs();
            }
        }
        order.sort(block);
        let mut pairs = [0.0; LANES];
        for (i, next) in block.windows(2).enumerate() {
            let across = ((i + 1) * (members - i - 1)) as f64; // pairs with one member on each side of the gap
            for lane in 0..LANES {
                pairs[lane] += across * (next[1][lane] - next[0][lane]);
            }
        }
        // A NaN anywhere in the cell is in `skill`, whatever the sort made of it.
        from_fn(|lane| skill[lane] / members as f64 - factor * pairs[lane])
    }))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array, aview1, aview2};
    use proptest::prelude::*;

    use super::*;
    use crate::seeded::SplitMix64;

    /// The definition, by all pairs.
    fn by_pairs(members: &[f64], y: f64, factor: f64) -> f64 {
        let skill = members.iter().map(|x| (x - y).abs()).sum::<f64>() / members.len() as f64;
        let pairs = members.iter().flat_map(|a| members.iter().map(move |b| (a - b).abs()));
        skill - factor * pairs.sum::<f64>() / 2.0
    }

    /// By hand: members 1, 2, 4 and 3 observed have skill 4/3 and 6 as the sum over pairs.
    #[test]
    fn three_members_by_hand() {
        let (ensemble, y) = (array![[4.0f32], [1.0], [2.0]], array![3.0f32]);
        let value = |estimator| crps(ensemble.view(), y.view(), estimator).unwrap()[0];
        assert!((value(Estimator::Fair) - (4.0 / 3.0 - 1.0)).abs() < 1e-15);
        assert!((value(Estimator::Standard) - (4.0 / 3.0 - 6.0 / 9.0)).abs() < 1e-15);
        let almost = value(Estimator::AlmostFair(0.95));
        assert!((almost - (0.95 / 3.0 + 0.05 * 2.0 / 3.0)).abs() < 1e-15);
        // Above 2.5: 2.5, 2.5, 4 and 3 have skill 2/3 and 3 over pairs.
        let above = crps_above(ensemble.view(), y.view(), 2.5, Estimator::Standard).unwrap()[0];
        assert!((above - (2.0 / 3.0 - 3.0 / 9.0)).abs() < 1e-15);
    }

    /// Equal members, even where their value has no short binary form, are a point forecast.
    #[test]
    fn equal_members_score_the_absolute_error() {
        let ensemble = Array2::from_elem((7, 2), 273.17);
        let y = array![273.17, 270.0];
        for estimator in [Estimator::Fair, Estimator::Standard] {
            let score = crps(ensemble.view(), y.view(), estimator).unwrap();
            assert_eq!(score[0], 0.0);
            assert!((score[1] - 3.17).abs() < 1e-12);
        }
        let one = crps(aview2(&[[2.0]]), aview1(&[5.0]), Estimator::Standard).unwrap();
        assert_eq!(one[0], 3.0);
    }

    #[test]
    fn missing_values_stay_in_their_cell() {
        let mut ensemble = Array2::from_shape_fn((5, 40), |(m, c)| (m * m + c) as f64);
        let mut y = Array1::from_shape_fn(40, |c| c as f64 + 3.0);
        let whole = crps(ensemble.view(), y.view(), Estimator::Fair).unwrap();
        ensemble[[3, 17]] = f64::NAN;
        y[21] = f64::NAN;
        for threshold in [None, Some(-1.0)] {
            let score = match threshold {
                None => crps(ensemble.view(), y.view(), Estimator::Fair),
                Some(t) => crps_above(ensemble.view(), y.view(), t, Estimator::Fair),
            };
            for (cell, value) in score.unwrap().iter().enumerate() {
                assert_eq!(value.is_nan(), cell == 17 || cell == 21, "{cell}");
                assert!(value.is_nan() || *value == whole[cell], "{cell}");
            }
        }
    }

    #[test]
    fn bad_shapes_are_named() {
        let ensemble = Array2::<f64>::zeros((1, 4));
        let error = crps(ensemble.view(), aview1(&[0.0; 4]), Estimator::Fair).unwrap_err();
        assert_eq!(error, UqError::TooFewMembers { members: 1, minimum: 2 });
        let error = crps(ensemble.view(), aview1(&[0.0; 3]), Estimator::Standard).unwrap_err();
        assert!(matches!(error, UqError::ShapeMismatch { .. }), "{error}");
        let error = crps_above(ensemble.view(), aview1(&[0.0; 4]), f64::NAN, Estimator::Standard);
        assert!(matches!(error, Err(UqError::OutOfRange { .. })));
    }

    /// With members and observation uniform on 0 to 1 the expected fair score is E|X−Y| − ½E|X−X'| = 1/6 for any
    /// number of members; the standard score of 3 members is 1/6 + (1/3)/(2·3) = 0.2222.
    ///
    /// Tolerance: 5 standard errors; the sd of one score is below 0.25, so 0.25/√200 000 = 0.00056.
    #[test]
    fn fair_score_does_not_depend_on_the_size() {
        let (cells, mut random) = (200_000, SplitMix64::new(7));
        for members in [2, 3, 10] {
            let ensemble = Array2::from_shape_simple_fn((members, cells), || random.uniform());
            let y = Array1::from_shape_simple_fn(cells, || random.uniform());
            let fair = crps(ensemble.view(), y.view(), Estimator::Fair).unwrap().mean().unwrap();
            assert!((fair - 1.0 / 6.0).abs() < 0.0028, "{members}: {fair}");
            let standard = crps(ensemble.view(), y.view(), Estimator::Standard).unwrap();
            let want = 1.0 / 6.0 + 1.0 / (6.0 * members as f64);
            assert!((standard.mean().unwrap() - want).abs() < 0.0028, "{members}");
        }
    }

    proptest! {
        /// The sorted form is the definition, for any members, in any order, with ties.
        #[test]
        fn sorted_form_is_the_definition(
            members in prop::collection::vec(-20i32..20, 2..70),
            y in -20i32..20,
        ) {
            let values: Vec<f64> = members.iter().map(|x| f64::from(*x) / 7.0).collect();
            let y = f64::from(y) / 7.0;
            let mut turned = values.clone();
            turned.reverse();
            let m = values.len();
            for (estimator, factor) in [
                (Estimator::Fair, 1.0 / (m * (m - 1)) as f64),
                (Estimator::Standard, 1.0 / (m * m) as f64),
            ] {
                let want = by_pairs(&values, y, factor);
                for members in [&values, &turned] {
                    let column = ArrayView2::from_shape((m, 1), members).unwrap();
                    let got = crps(column, aview1(&[y]), estimator).unwrap()[0];
                    prop_assert!((got - want).abs() < 1e-12, "{} {}", got, want);
                }
            }
        }
    }
}
