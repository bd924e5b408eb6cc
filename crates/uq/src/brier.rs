//! Probabilities of an event against whether it happened.

use std::array::from_fn;

use ndarray::{Array1, ArrayView1, ArrayView2};

use crate::cells::{LANES, Real, check, check_members, lanes, per_cell};
use crate::{Estimator, UqError};

/// Part of the members above `threshold` in each cell, `k/m`; NaN where a member is NaN.
///
/// # Shapes
/// `ensemble`: `[members, cells]`, the unit of the threshold; returns `[cells]`, 0 to 1. With one member this is the
/// event itself.
///
/// # Errors
/// [`UqError::TooFewMembers`] without members, [`UqError::Empty`] without cells.
pub fn exceedance<T: Real>(
    ensemble: ArrayView2<T>,
    threshold: f64,
) -> Result<Array1<f64>, UqError> {
    check_members(&ensemble, 1)?;
    Ok(per_cell(ensemble, |_, block| above(block, threshold).map(|k| k / block.len() as f64)))
}

/// How many members are above the threshold, NaN where one is missing.
fn above(block: &[[f64; LANES]], threshold: f64) -> [f64; LANES] {
    let mut count = [0.0; LANES];
    for row in block {
        for lane in 0..LANES {
            count[lane] += indicator(row[lane], threshold);
        }
    }
    count
}

fn indicator(x: f64, threshold: f64) -> f64 {
    if x.is_nan() { x } else { f64::from(u8::from(x > threshold)) }
}

/// Brier score of the event `x > threshold` in each cell: `(k/m − o)²`, and for the fair form less
/// `k (m − k) / (m² (m − 1))`, so that its expectation does not depend on `m`.
///
/// # Shapes and units
/// - `ensemble`: `[members, cells]`; `observed`: `[cells]`; the unit of the threshold
/// - returns `[cells]`; a NaN input gives NaN in that cell only
///
/// # Errors
/// [`UqError::TooFewMembers`] if a fair score has one member, [`UqError::ShapeMismatch`], [`UqError::Empty`].
///
/// # Source
/// Ferro (2014), Q. J. R. Meteorol. Soc. 140, 1917–1923, Eq. 5.
pub fn brier_of_ensemble<T: Real>(
    ensemble: ArrayView2<T>,
    observed: ArrayView1<T>,
    threshold: f64,
    estimator: Estimator,
) -> Result<Array1<f64>, UqError> {
    check(&ensemble, &observed, 1)?;
    estimator.check(ensemble.nrows())?;
    let m = ensemble.nrows() as f64;
    let fair = if m > 1.0 { estimator.fairness() / (m * m * (m - 1.0)) } else { 0.0 };
    Ok(per_cell(ensemble, |first, block| {
        let (count, y) = (above(block, threshold), lanes(&observed, first));
        from_fn(|lane| {
            let (k, event) = (count[lane], indicator(y[lane], threshold));
            (k / m - event).powi(2) - fair * k * (m - k)
        })
    }))
}

/// Brier score of each probability: `(p − o)²`; average it with [`weighted_mean`](crate::weighted_mean).
///
/// # Shapes
/// `probabilities`: `[cells]`, 0 to 1 or NaN; `events`: `[cells]`, 0, 1 or NaN. Returns `[cells]`.
///
/// # Errors
/// [`UqError::ShapeMismatch`], [`UqError::Empty`], [`UqError::OutOfRange`] for a probability, [`UqError::NotEvent`].
///
/// # Source
/// Brier (1950), Mon. Weather Rev. 78, 1–3, in its form for one of two categories.
pub fn brier(
    probabilities: ArrayView1<f64>,
    events: ArrayView1<f64>,
) -> Result<Array1<f64>, UqError> {
    check_events(probabilities, events)?;
    Ok(probabilities.iter().zip(events).map(|(p, o)| (p - o).powi(2)).collect())
}

/// Skill `1 − S/S_ref` of a score whose best is 0: 1 is perfect, 0 as good as the reference.
///
/// For a Brier score against the climatology of the sample the reference is `ō (1 − ō)`, the uncertainty of its
/// [`Decomposition`](crate::decomposition::Decomposition).
pub fn skill(score: f64, reference: f64) -> f64 {
    1.0 - score / reference
}

pub(crate) fn check_events(
    probabilities: ArrayView1<f64>,
    events: ArrayView1<f64>,
) -> Result<(), UqError> {
    UqError::enough("probabilities", probabilities.len(), 1)?;
    UqError::shape("events", events.shape(), probabilities.shape())?;
    for &p in probabilities.iter().filter(|p| !p.is_nan()) {
        UqError::range("a probability", p, 0.0, 1.0)?;
    }
    match events.iter().position(|o| !(o.is_nan() || *o == 0.0 || *o == 1.0)) {
        Some(place) => Err(UqError::NotEvent { place: place + 1, value: events[place] }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{array, aview1};

    use super::*;

    /// By hand: 1 of 3 members above 2, and it happened: (1/3 − 1)², fair less 1·2/(9·2).
    #[test]
    fn three_members_by_hand() {
        let (ensemble, y) = (array![[1.0f32], [2.0], [3.0]], array![2.5f32]);
        assert_eq!(exceedance(ensemble.view(), 2.0).unwrap()[0], 1.0 / 3.0);
        let value = |e| brier_of_ensemble(ensemble.view(), y.view(), 2.0, e).unwrap()[0];
        assert!((value(Estimator::Standard) - 4.0 / 9.0).abs() < 1e-15);
        assert!((value(Estimator::Fair) - (4.0 / 9.0 - 1.0 / 9.0)).abs() < 1e-15);
        let missing = array![[1.0], [f64::NAN], [3.0]];
        assert!(exceedance(missing.view(), 2.0).unwrap()[0].is_nan());
        let one = array![[3.0]];
        let score = brier_of_ensemble(one.view(), aview1(&[1.0]), 2.0, Estimator::Standard);
        assert_eq!(score.unwrap()[0], 1.0);
    }

    #[test]
    fn bad_probabilities_and_events_are_named() {
        let error = brier(aview1(&[1.5]), aview1(&[1.0])).unwrap_err();
        assert_eq!(error.to_string(), "a probability is 1.5, outside 0 to 1");
        let error = brier(aview1(&[0.5, 0.5]), aview1(&[1.0, 2.0])).unwrap_err();
        assert_eq!(error, UqError::NotEvent { place: 2, value: 2.0 });
        assert_eq!(skill(0.1, 0.25), 0.6);
    }
}
