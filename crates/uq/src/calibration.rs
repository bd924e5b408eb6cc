//! Scores made into probabilities, and how far probabilities are from what happens.

use serde::{Deserialize, Serialize};

/// Why scores cannot be calibrated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CalibrationError {
    /// There must be something to learn from.
    #[error("found no scores")]
    Empty,
    /// One outcome for each score.
    #[error("found {outcomes} outcomes for {scores} scores")]
    Count {
        /// How many scores.
        scores: usize,
        /// How many outcomes.
        outcomes: usize,
    },
    /// Scores must be numbers.
    #[error("score {place} is {score}")]
    NotFinite {
        /// Its place, from 1.
        place: usize,
        /// What it is.
        score: f64,
    },
}

fn check(scores: &[f64], outcomes: &[bool]) -> Result<(), CalibrationError> {
    if scores.is_empty() {
        return Err(CalibrationError::Empty);
    }
    if scores.len() != outcomes.len() {
        let (scores, outcomes) = (scores.len(), outcomes.len());
        return Err(CalibrationError::Count { scores, outcomes });
    }
    match scores.iter().position(|score| !score.is_finite()) {
        Some(place) => Err(CalibrationError::NotFinite { place: place + 1, score: scores[place] }),
        None => Ok(()),
    }
}

/// A rising function from scores to probabilities: isotonic regression.
///
/// Of all functions that never fall, the one with the least sum of squared differences from the outcomes (1 where
/// something happened, 0 where not), found by pooling adjacent violators; between its knots it is linear, beyond
/// them constant.
///
/// # Sources
/// Ayer et al. (1955), Annals of Mathematical Statistics 26, 641–647; Zadrozny & Elkan (2002) for probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Isotonic {
    /// Scores, rising, and probabilities there.
    knots: Vec<(f64, f64)>,
}

/// Scores that were pooled.
pub(crate) struct Block {
    /// Sum of the scores, weighted.
    scores: f64,
    /// Weight of those whose outcome happened.
    pub(crate) happened: f64,
    /// Weight of all.
    pub(crate) count: f64,
}

/// Adjacent violators pooled: `cases` of score, outcome and weight above 0, which are sorted by score, in blocks
/// whose mean outcomes rise.
pub(crate) fn pool(cases: &mut [(f64, f64, f64)]) -> Vec<Block> {
    cases.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut blocks: Vec<Block> = Vec::new();
    for alike in cases.chunk_by(|a, b| a.0 == b.0) {
        let count = alike.iter().map(|(_, _, weight)| weight).sum();
        let happened = alike.iter().map(|(_, outcome, weight)| outcome * weight).sum();
        blocks.push(Block { scores: alike[0].0 * count, happened, count });
        while let [.., before, last] = &blocks[..] {
            if before.happened / before.count < last.happened / last.count {
                break;
            }
            let last = blocks.pop().expect("there are two");
            let before = blocks.last_mut().expect("there was one more");
            before.scores += last.scores;
            before.happened += last.happened;
            before.count += last.count;
        }
    }
    blocks
}

impl Isotonic {
    /// The function of `scores` whose `outcomes` are known.
    ///
    /// # Errors
    /// [`CalibrationError`].
    pub fn fit(scores: &[f64], outcomes: &[bool]) -> Result<Self, CalibrationError> {
        check(scores, outcomes)?;
        let mut cases: Vec<(f64, f64, f64)> =
            scores.iter().zip(outcomes).map(|(&s, &o)| (s, f64::from(u8::from(o)), 1.0)).collect();
        let blocks = pool(&mut cases);
        let knot = |block: &Block| (block.scores / block.count, block.happened / block.count);
        Ok(Self { knots: blocks.iter().map(knot).collect() })
    }

    /// The probability that `score` stands for.
    pub fn at(&self, score: f64) -> f64 {
        let after = self.knots.partition_point(|knot| knot.0 <= score);
        match (after.checked_sub(1).map(|i| self.knots[i]), self.knots.get(after)) {
            (Some((x, p)), Some(&(y, q))) => p + (q - p) * (score - x) / (y - x),
            (Some((_, p)), None) | (None, Some(&(_, p))) => p,
            (None, None) => unreachable!("a fit has a knot"),
        }
    }
}

/// Predictions whose probabilities are alike.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// Their mean probability.
    pub predicted: f64,
    /// The part of them that happened.
    pub observed: f64,
    /// How many.
    pub count: usize,
}

/// A reliability diagram: predictions in `bins` classes of equal width from 0 to 1, empty ones left out.
///
/// # Errors
/// [`CalibrationError`].
pub fn reliability(
    probabilities: &[f64],
    outcomes: &[bool],
    bins: usize,
) -> Result<Vec<Bin>, CalibrationError> {
    check(probabilities, outcomes)?;
    let mut sums = vec![(0.0, 0usize, 0usize); bins];
    for (&p, &outcome) in probabilities.iter().zip(outcomes) {
        let (sum, happened, count) = &mut sums[((p * bins as f64) as usize).min(bins - 1)];
        *sum += p;
        *happened += usize::from(outcome);
        *count += 1;
    }
    let full = sums.into_iter().filter(|(_, _, count)| *count > 0);
    Ok(full
        .map(|(sum, happened, count)| Bin {
            predicted: sum / count as f64,
            observed: happened as f64 / count as f64,
            count,
        })
        .collect())
}

/// Expected calibration error: `Σ_b n_b/n |observed_b − predicted_b|` over the bins of [`reliability`].
///
/// # Source
/// Naeini, Cooper & Hauskrecht (2015), AAAI, 2901–2907.
pub fn expected_calibration_error(bins: &[Bin]) -> f64 {
    let total: usize = bins.iter().map(|bin| bin.count).sum();
    let of = |bin: &Bin| bin.count as f64 * (bin.observed - bin.predicted).abs();
    bins.iter().map(of).sum::<f64>() / total as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By hand: 0.2 and 0.3 are pooled, because the outcome falls from one to the other.
    #[test]
    fn violators_are_pooled_and_between_knots_it_is_linear() {
        let fit = Isotonic::fit(&[0.3, 0.1, 0.2, 0.9], &[false, false, true, true]).unwrap();
        for (score, want) in
            [(0.0, 0.0), (0.1, 0.0), (0.25, 0.5), (0.175, 0.25), (0.9, 1.0), (2.0, 1.0)]
        {
            assert!((fit.at(score) - want).abs() < 1e-12, "{score}: {}", fit.at(score));
        }
        assert_eq!(Isotonic::fit(&[], &[]), Err(CalibrationError::Empty));
        let error = Isotonic::fit(&[1.0, f64::NAN], &[true, true]).unwrap_err();
        assert!(error.to_string().starts_with("score 2 is NaN"), "{error}");
    }

    #[test]
    fn calibration_errors_are_weighted_gaps() {
        let p = [0.1, 0.1, 0.1, 0.1, 0.9, 0.9];
        let bins = reliability(&p, &[true, false, false, false, true, true], 10).unwrap();
        assert_eq!(bins.iter().map(|bin| bin.count).collect::<Vec<_>>(), [4, 2]);
        let want = (4.0 * 0.15 + 2.0 * 0.1) / 6.0;
        assert!((expected_calibration_error(&bins) - want).abs() < 1e-12);
        assert_eq!(reliability(&[1.0], &[true], 10).unwrap()[0].count, 1);
    }

    proptest! {
        /// It never falls and stays a probability, whatever it was fitted to.
        #[test]
        fn fits_rise_and_are_probabilities(pairs in prop::collection::vec((0u8..20, any::<bool>()), 1..60)) {
            let scores: Vec<f64> = pairs.iter().map(|(score, _)| f64::from(*score)).collect();
            let outcomes: Vec<bool> = pairs.iter().map(|(_, outcome)| *outcome).collect();
            let fit = Isotonic::fit(&scores, &outcomes).unwrap();
            let along: Vec<f64> = (0..200).map(|i| fit.at(f64::from(i) / 10.0)).collect();
            prop_assert!(along.windows(2).all(|pair| pair[0] <= pair[1] + 1e-12));
            prop_assert!(along.iter().all(|p| (0.0..=1.0).contains(p)));
        }
    }
}
