//! Whether higher probabilities go with events: the area under the ROC curve.

use ndarray::ArrayView1;

use crate::UqError;
use crate::decomposition::cases;

/// Area under the relative operating characteristic: the probability that a case with the event has a higher forecast
/// than one without, ties counting one half. 1 separates all, 0.5 says nothing; any rising function of the
/// probabilities has the same area.
///
/// # Shapes
/// `probabilities` (0 to 1), `events` (0, 1) and `weights`: `[cells]`; cells with a NaN are left out.
///
/// # Errors
/// [`UqError::ShapeMismatch`], [`UqError::Empty`], [`UqError::OutOfRange`], [`UqError::NotEvent`];
/// [`UqError::NoVariation`] if all or none of the events happened.
///
/// # Source
/// Mason & Graham (2002), Q. J. R. Meteorol. Soc. 128, 2145–2166.
pub fn roc_area(
    probabilities: ArrayView1<f64>,
    events: ArrayView1<f64>,
    weights: Option<ArrayView1<f64>>,
) -> Result<f64, UqError> {
    let mut cases = cases(probabilities, events, weights)?;
    cases.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut pairs, mut with, mut without) = (0.0, 0.0, 0.0);
    for alike in cases.chunk_by(|a, b| a.0 == b.0) {
        let happened: f64 = alike.iter().map(|(_, o, w)| o * w).sum();
        let not: f64 = alike.iter().map(|(_, o, w)| (1.0 - o) * w).sum();
        pairs += happened * (without + 0.5 * not);
        with += happened;
        without += not;
    }
    if with == 0.0 || without == 0.0 {
        return Err(UqError::NoVariation { what: "events", value: cases[0].1 });
    }
    Ok(pairs / (with * without))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, array, aview1};

    use super::*;

    /// By hand: of the 2 · 3 pairs, (0.8, ·) wins 3, (0.4, ·) wins 1, ties 1 and loses 1.
    #[test]
    fn pairs_by_hand() {
        let p = array![0.8, 0.4, 0.1, 0.4, 0.6];
        let o = array![1.0, 1.0, 0.0, 0.0, 0.0];
        assert_eq!(roc_area(p.view(), o.view(), None), Ok(4.5 / 6.0));
        // The case at 0.6 counts three times: 10 pairs, of which 5 + 1.5 are won.
        let weights = array![1.0, 1.0, 1.0, 1.0, 3.0];
        assert_eq!(roc_area(p.view(), o.view(), Some(weights.view())), Ok(6.5 / 10.0));
        let squared: Array1<f64> = p.mapv(|p| p * p);
        assert_eq!(roc_area(squared.view(), o.view(), None), Ok(4.5 / 6.0));
        assert_eq!(roc_area(o.view(), o.view(), None), Ok(1.0));
        let error = roc_area(p.view(), aview1(&[1.0; 5]), None).unwrap_err();
        assert_eq!(error, UqError::NoVariation { what: "events", value: 1.0 });
    }
}
