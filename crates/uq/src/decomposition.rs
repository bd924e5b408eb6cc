//! Brier scores in parts: reliability, resolution, uncertainty.

use ndarray::ArrayView1;

use crate::UqError;
use crate::brier::check_events;
use crate::calibration::{Block, pool};
use crate::cells::check_weights;

/// Cases of probability, event and weight, without those that are missing or weigh nothing.
pub(crate) fn cases(
    probabilities: ArrayView1<f64>,
    events: ArrayView1<f64>,
    weights: Option<ArrayView1<f64>>,
) -> Result<Vec<(f64, f64, f64)>, UqError> {
    check_events(probabilities, events)?;
    check_weights(weights, probabilities.len())?;
    let case = |cell: usize| {
        (probabilities[cell], events[cell], weights.map_or(1.0, |weights| weights[cell]))
    };
    let valid = |(p, o, w): &(f64, f64, f64)| !p.is_nan() && !o.is_nan() && *w > 0.0;
    let cases: Vec<_> = (0..probabilities.len()).map(case).filter(valid).collect();
    UqError::enough("valid cells", cases.len(), 1)?;
    Ok(cases)
}

/// A mean Brier score in parts: `score = reliability − resolution + uncertainty + residual`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decomposition {
    /// The mean score.
    pub score: f64,
    /// How far the forecast probabilities are from the frequencies; lower is better. CORP: miscalibration.
    pub reliability: f64,
    /// How far the frequencies are from their mean; higher is better. CORP: discrimination.
    pub resolution: f64,
    /// `ō (1 − ō)`, the score of the climatology of the sample.
    pub uncertainty: f64,
    /// What varies within bins; 0 if each bin has one probability, and for CORP.
    pub residual: f64,
}

/// Mean score, mean event and sum of the weights.
fn overall(cases: &[(f64, f64, f64)]) -> (f64, f64, f64) {
    let total = cases.iter().map(|(_, _, w)| w).sum::<f64>();
    let score = cases.iter().map(|(p, o, w)| w * (p - o).powi(2)).sum::<f64>() / total;
    (score, cases.iter().map(|(_, o, w)| w * o).sum::<f64>() / total, total)
}

/// Murphy's decomposition over `bins` classes of probability of equal width.
///
/// `reliability = Σ_b n_b (p̄_b − ō_b)²/N`, `resolution = Σ_b n_b (ō_b − ō)²/N`, with the mean probability `p̄_b` and
/// frequency `ō_b` of each bin. What is left, the variances and covariances within bins, is the residual.
///
/// # Shapes
/// `probabilities`, `events` (0, 1) and `weights`: `[cells]`; cells with a NaN are left out.
///
/// # Errors
/// Those of [`brier`](crate::brier::brier); [`UqError::Empty`] if no cell is valid, [`UqError::OutOfRange`] if `bins` is 0 or a weight is
/// below 0.
///
/// # Sources
/// Murphy (1973), J. Appl. Meteorol. 12, 595–600; Stephenson, Coelho & Jolliffe (2008), Weather Forecast. 23,
/// 752–757, for the residual.
pub fn murphy(
    probabilities: ArrayView1<f64>,
    events: ArrayView1<f64>,
    weights: Option<ArrayView1<f64>>,
    bins: usize,
) -> Result<Decomposition, UqError> {
    UqError::range("the number of bins", bins as f64, 1.0, f64::MAX)?;
    let cases = cases(probabilities, events, weights)?;
    let (score, mean, total) = overall(&cases);
    let mut sums = vec![(0.0, 0.0, 0.0); bins];
    for (p, o, w) in cases {
        let sum = &mut sums[((p * bins as f64) as usize).min(bins - 1)];
        *sum = (sum.0 + w * p, sum.1 + w * o, sum.2 + w);
    }
    let (mut reliability, mut resolution) = (0.0, 0.0);
    for (p, o, n) in sums.into_iter().filter(|(_, _, n)| *n > 0.0) {
        reliability += n * ((p - o) / n).powi(2) / total;
        resolution += n * (o / n - mean).powi(2) / total;
    }
    let uncertainty = mean * (1.0 - mean);
    let residual = score - (reliability - resolution + uncertainty);
    Ok(Decomposition { score, reliability, resolution, uncertainty, residual })
}

/// CORP decomposition: the frequencies are those of isotonic regression, so there are no bins to choose and no
/// residual.
///
/// With the score `S_c` of the recalibrated probabilities and `S_r = ō (1 − ō)`: miscalibration `S − S_c`,
/// discrimination `S_r − S_c`, uncertainty `S_r`; the first two are never below 0.
///
/// # Shapes
/// Those of [`murphy`].
///
/// # Errors
/// Those of [`murphy`].
///
/// # Source
/// Dimitriadis, Gneiting & Jordan (2021), Proc. Natl. Acad. Sci. 118, e2016191118.
pub fn corp(
    probabilities: ArrayView1<f64>,
    events: ArrayView1<f64>,
    weights: Option<ArrayView1<f64>>,
) -> Result<Decomposition, UqError> {
    let mut cases = cases(probabilities, events, weights)?;
    let (score, mean, total) = overall(&cases);
    let uncertainty = mean * (1.0 - mean);
    let within = |block: &Block| block.happened * (1.0 - block.happened / block.count) / total;
    let recalibrated: f64 = pool(&mut cases).iter().map(within).sum();
    let (reliability, resolution) = (score - recalibrated, uncertainty - recalibrated);
    Ok(Decomposition { score, reliability, resolution, uncertainty, residual: 0.0 })
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, array, aview1};
    use proptest::prelude::*;

    use super::*;
    use crate::brier::brier;
    use crate::weighted_mean;

    /// By hand: at 0.2 one of four happened, at 0.7 two of two.
    #[test]
    fn decompositions_by_hand() {
        let p = array![0.2, 0.2, 0.2, 0.2, 0.7, 0.7, f64::NAN];
        let o = array![1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0];
        let murphy = murphy(p.view(), o.view(), None, 10).unwrap();
        let score = (0.64 + 3.0 * 0.04 + 2.0 * 0.09) / 6.0;
        assert!((murphy.score - score).abs() < 1e-15);
        assert!((murphy.reliability - (4.0 * 0.0025 + 2.0 * 0.09) / 6.0).abs() < 1e-15);
        assert!((murphy.resolution - (4.0 * 0.0625 + 2.0 * 0.25) / 6.0).abs() < 1e-15);
        assert!((murphy.uncertainty - 0.25).abs() < 1e-15);
        assert!(murphy.residual.abs() < 1e-15);
        let mean = weighted_mean(brier(p.view(), o.view()).unwrap().view(), None).unwrap();
        assert!((mean - score).abs() < 1e-15);
        // The frequencies rise already, so isotonic regression finds the same.
        let isotonic = corp(p.view(), o.view(), None).unwrap();
        assert!((isotonic.reliability - murphy.reliability).abs() < 1e-15);
        assert!((isotonic.resolution - murphy.resolution).abs() < 1e-15);
        let error = corp(aview1(&[f64::NAN]), aview1(&[1.0]), None).unwrap_err();
        assert_eq!(error, UqError::Empty { what: "valid cells" });
    }

    proptest! {
        /// Parts add up to the score, those of CORP are not below 0, and a weight of 2 is a case given twice.
        #[test]
        fn parts_add_up(cases in prop::collection::vec((0u8..=20, any::<bool>(), 1u8..3), 2..60)) {
            let p: Array1<f64> = cases.iter().map(|(p, _, _)| f64::from(*p) / 20.0).collect();
            let o: Array1<f64> = cases.iter().map(|(_, o, _)| f64::from(u8::from(*o))).collect();
            let w: Array1<f64> = cases.iter().map(|(_, _, w)| f64::from(*w)).collect();
            let d = corp(p.view(), o.view(), Some(w.view())).unwrap();
            prop_assert!((d.score - d.reliability + d.resolution - d.uncertainty).abs() < 1e-12);
            prop_assert!(d.reliability > -1e-12 && d.resolution > -1e-12);
            let twice = |values: &Array1<f64>| -> Array1<f64> {
                let times = |i: usize| std::iter::repeat_n(values[i], cases[i].2 as usize);
                (0..values.len()).flat_map(times).collect()
            };
            let (p2, o2) = (twice(&p), twice(&o));
            let repeated = corp(p2.view(), o2.view(), None).unwrap();
            prop_assert!((repeated.reliability - d.reliability).abs() < 1e-12);
            let fine = murphy(p.view(), o.view(), Some(w.view()), 1000).unwrap();
            prop_assert!(fine.residual.abs() < 1e-12);
            let coarse = murphy(p2.view(), o2.view(), None, 3).unwrap();
            let weighted = murphy(p.view(), o.view(), Some(w.view()), 3).unwrap();
            prop_assert!((coarse.reliability - weighted.reliability).abs() < 1e-12);
            prop_assert!((coarse.residual - weighted.residual).abs() < 1e-12);
        }
    }
}
