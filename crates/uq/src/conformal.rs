//! Intervals that hold what they promise, whatever the forecast: conformal prediction, by blocks and groups.

use ndarray::{Array1, ArrayView1};

use crate::UqError;
use crate::coverage::grouped;

/// Less than a case: `(n + 1)(1 − α)` of whole numbers must not be rounded up because it is 18.000000000000004.
const ROUNDING: f64 = 1e-9;

/// Scores of a symmetric forecast: `|y − m|/s`. Covered are `m ± Q s`.
///
/// # Shapes and units
/// `centre`, `scale` (above 0) and `observed`: `[cells]`, the same unit; returns `[cells]`, NaN where an input is.
///
/// # Errors
/// [`UqError::ShapeMismatch`].
///
/// # Source
/// Lei et al. (2018), J. Am. Stat. Assoc. 113, 1094–1111, section 5.2.
pub fn scaled_residuals(
    centre: ArrayView1<f64>,
    scale: ArrayView1<f64>,
    observed: ArrayView1<f64>,
) -> Result<Array1<f64>, UqError> {
    UqError::shape("scales", scale.shape(), centre.shape())?;
    UqError::shape("observations", observed.shape(), centre.shape())?;
    Ok((&observed - &centre).mapv(f64::abs) / scale)
}

/// Scores of conformalised quantile regression: `max(q_lo − y, y − q_hi)`. Covered are `q_lo − Q` to `q_hi + Q`; a `Q`
/// below 0 makes intervals shorter.
///
/// # Shapes and units
/// `lower`, `upper` and `observed`: `[cells]`, the same unit; returns `[cells]`, NaN where an input is.
///
/// # Errors
/// [`UqError::ShapeMismatch`].
///
/// # Source
/// Romano, Patterson & Candès (2019), Adv. Neural Inf. Process. Syst. 32, Eq. 6.
pub fn quantile_residuals(
    lower: ArrayView1<f64>,
    upper: ArrayView1<f64>,
    observed: ArrayView1<f64>,
) -> Result<Array1<f64>, UqError> {
    UqError::shape("upper limits", upper.shape(), lower.shape())?;
    UqError::shape("observations", observed.shape(), lower.shape())?;
    let residual = |cell: usize| {
        let (below, above) = (lower[cell] - observed[cell], observed[cell] - upper[cell]);
        // Not f64::max, which would drop a NaN.
        if below.is_nan() || below > above { below } else { above }
    };
    Ok((0..lower.len()).map(residual).collect())
}

/// The quantile `Q` of split conformal prediction: the `⌈(n + 1)(1 − α)⌉`-th smallest score, ∞ if there are too few.
///
/// A new score exchangeable with these is at most `Q` with probability `1 − α` or more. Cells of one day are not
/// exchangeable with those of another: see [`pooled_quantile`].
///
/// # Shapes
/// `scores`: any number; NaN is left out.
///
/// # Errors
/// [`UqError::OutOfRange`] if `α` is not between 0 and 1, [`UqError::Empty`] if no score is left.
///
/// # Source
/// Vovk, Gammerman & Shafer (2005), Algorithmic Learning in a Random World; Lei et al. (2018), J. Am. Stat. Assoc.
/// 113, 1094–1111, Algorithm 2.
pub fn split_quantile(scores: ArrayView1<f64>, alpha: f64) -> Result<f64, UqError> {
    check_alpha(alpha)?;
    let sorted = valid(scores)?;
    let rank = ((sorted.len() + 1) as f64 * (1.0 - alpha) - ROUNDING).ceil() as usize;
    // α below 1 leaves a rank of at least 1 but for rounding.
    Ok(sorted.get(rank.max(1) - 1).copied().unwrap_or(f64::INFINITY))
}

/// [`split_quantile`] of scores that come in exchangeable blocks (days, regions), all scores of all blocks pooled.
///
/// Each of `B` blocks has the weight `1/(B + 1)`, shared by its scores, and ∞ has the rest: a score drawn from a new
/// block is at most `Q` with probability `1 − α` or more, on average over blocks. ∞ if `B < 1/α − 1`.
///
/// # Shapes
/// `blocks`: the scores of each, any number; NaN and blocks without a score are left out.
///
/// # Errors
/// Those of [`split_quantile`].
///
/// # Source
/// Lee, Barber & Willett (2023), arXiv:2306.06342, Theorem 1.
pub fn pooled_quantile(blocks: &[ArrayView1<f64>], alpha: f64) -> Result<f64, UqError> {
    check_alpha(alpha)?;
    let blocks: Vec<Vec<f64>> = blocks.iter().filter_map(|block| valid(*block).ok()).collect();
    UqError::enough("blocks with a score", blocks.len(), 1)?;
    let share = |block: Vec<f64>| {
        let weight = 1.0 / block.len() as f64;
        block.into_iter().map(move |score| (score, weight))
    };
    let wanted = (blocks.len() + 1) as f64 * (1.0 - alpha) - ROUNDING;
    let mut scores: Vec<(f64, f64)> = blocks.into_iter().flat_map(share).collect();
    scores.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut weight = 0.0;
    let reached = scores.into_iter().find(|(_, share)| {
        weight += share;
        weight >= wanted
    });
    Ok(reached.map_or(f64::INFINITY, |(score, _)| score))
}

/// The quantile that covers `1 − α` of the cells of a new block with probability `1 − δ` or more: [`split_quantile`] at
/// `δ` of each block's `⌈n (1 − α)⌉`-th smallest score. With `α = 0` all cells at once: simultaneous bands.
///
/// # Shapes
/// Those of [`pooled_quantile`].
///
/// # Errors
/// Those of [`split_quantile`], with `α` in 0 to 1, 0 allowed, and `δ` between 0 and 1.
///
/// # Source
/// Dunn, Wasserman & Ramdas (2023), J. Am. Stat. Assoc. 118, 2491–2502; Diquigiovanni, Fontana & Vantini (2022),
/// J. Multivar. Anal. 189, 104879, for bands by the largest score.
pub fn block_quantile(blocks: &[ArrayView1<f64>], alpha: f64, delta: f64) -> Result<f64, UqError> {
    if alpha != 0.0 {
        check_alpha(alpha)?;
    }
    let of_block = |sorted: Vec<f64>| {
        let rank = (sorted.len() as f64 * (1.0 - alpha) - ROUNDING).ceil() as usize;
        sorted[rank.max(1) - 1]
    };
    let blocks: Array1<f64> =
        blocks.iter().filter_map(|block| valid(*block).ok()).map(of_block).collect();
    split_quantile(blocks.view(), delta)
}

/// [`split_quantile`] of each of `count` groups (seasons, intensities): each is covered by itself. ∞ for a group with
/// too few scores.
///
/// # Shapes
/// `scores` and `groups`: `[cells]`; groups count from 0, and must not depend on what was observed. Returns `[count]`.
///
/// # Errors
/// [`UqError::ShapeMismatch`], [`UqError::OutOfRange`] for a group of `count` or more, or `α`.
///
/// # Source
/// Vovk, Gammerman & Shafer (2005), Algorithmic Learning in a Random World, section 4.5, Mondrian predictors.
pub fn mondrian_quantiles(
    scores: ArrayView1<f64>,
    groups: &[usize],
    count: usize,
    alpha: f64,
) -> Result<Vec<f64>, UqError> {
    check_alpha(alpha)?;
    let places = grouped(groups, count, scores.len())?;
    let quantile = |places: &Vec<usize>| {
        let scores: Array1<f64> = places.iter().map(|&cell| scores[cell]).collect();
        // The only error that is left is a group without a score.
        split_quantile(scores.view(), alpha).unwrap_or(f64::INFINITY)
    };
    Ok(places.iter().map(quantile).collect())
}

fn check_alpha(alpha: f64) -> Result<(), UqError> {
    UqError::range("alpha", alpha, f64::MIN_POSITIVE, 1.0 - f64::EPSILON)
}

/// Scores that are not NaN, rising; at least one.
fn valid(scores: ArrayView1<f64>) -> Result<Vec<f64>, UqError> {
    let mut sorted: Vec<f64> = scores.iter().copied().filter(|score| !score.is_nan()).collect();
    UqError::enough("scores", sorted.len(), 1)?;
    sorted.sort_unstable_by(f64::total_cmp);
    Ok(sorted)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, array, aview1};

    use super::*;
    use crate::seeded::SplitMix64;

    #[test]
    fn scores_by_hand() {
        let (lower, upper) = (array![0.0, 0.0, 0.0], array![2.0, 2.0, f64::NAN]);
        let y = array![1.5, 5.0, 1.0];
        let got = quantile_residuals(lower.view(), upper.view(), y.view()).unwrap();
        assert_eq!((got[0], got[1]), (-0.5, 3.0));
        assert!(got[2].is_nan());
        let got = scaled_residuals(aview1(&[1.0]), aview1(&[2.0]), aview1(&[-4.0])).unwrap();
        assert_eq!(got[0], 2.5);
    }

    /// Of 19 scores the 18th covers 90 %: (19 + 1) · 0.9; of 8, none.
    #[test]
    fn ranks_by_hand() {
        let scores: Array1<f64> = (1..=19).rev().map(f64::from).collect();
        assert_eq!(split_quantile(scores.view(), 0.1), Ok(18.0));
        assert_eq!(split_quantile(scores.view(), 0.15), Ok(17.0));
        assert_eq!(split_quantile(aview1(&[1.0; 8]), 0.1), Ok(f64::INFINITY));
        let error = split_quantile(aview1(&[f64::NAN]), 0.1).unwrap_err();
        assert_eq!(error, UqError::Empty { what: "scores" });
        assert!(split_quantile(scores.view(), 0.0).is_err());
        // Blocks of one score are scores; a score given twice in its block is the same.
        let twice: Vec<Array1<f64>> = scores.iter().map(|&s| array![s, s, f64::NAN]).collect();
        let blocks: Vec<ArrayView1<f64>> = twice.iter().map(|block| block.view()).collect();
        assert_eq!(pooled_quantile(&blocks, 0.1), Ok(18.0));
        assert_eq!(block_quantile(&blocks, 0.0, 0.1), Ok(18.0));
        // Half the cells of each block: the lower of 1, 101 and so on.
        let spread: Vec<Array1<f64>> = scores.iter().map(|&s| array![s + 100.0, s]).collect();
        let blocks: Vec<ArrayView1<f64>> = spread.iter().map(|block| block.view()).collect();
        assert_eq!(block_quantile(&blocks, 0.5, 0.1), Ok(18.0));
        assert_eq!(block_quantile(&blocks, 0.0, 0.1), Ok(118.0));
        let groups = mondrian_quantiles(aview1(&[1.0, 9.0, 2.0]), &[0, 2, 0], 3, 0.4);
        assert_eq!(groups, Ok(vec![2.0, f64::INFINITY, f64::INFINITY]));
        assert!(mondrian_quantiles(aview1(&[1.0]), &[3], 3, 0.4).is_err());
    }

    /// Blocks of 50 cells that share an offset. Over 2000 trials of 19 blocks a cell of a new block is covered 9 times
    /// in 10 or more by the pooled quantile, its whole block 9 times in 10 by the simultaneous one.
    ///
    /// Tolerance: 5 standard errors of a part of 0.9 in 2000 trials, 0.0335; the pooled quantile may cover more. Whole
    /// blocks must not be promised by the quantile of cells.
    #[test]
    fn new_blocks_are_covered() {
        let (mut cells, mut wholes, mut cells_only) = (0, 0, 0);
        let trials = 2000;
        for trial in 0..trials {
            let mut random = SplitMix64::stream(5, trial);
            let mut block = || {
                let offset = random.uniform();
                Array1::from_shape_simple_fn(50, || offset + 0.3 * random.uniform())
            };
            let past: Vec<Array1<f64>> = (0..19).map(|_| block()).collect();
            let new = block();
            let views: Vec<ArrayView1<f64>> = past.iter().map(|block| block.view()).collect();
            let pooled = pooled_quantile(&views, 0.1).unwrap();
            let whole = block_quantile(&views, 0.0, 0.1).unwrap();
            cells += usize::from(new[0] <= pooled);
            wholes += usize::from(new.iter().all(|score| *score <= whole));
            cells_only += usize::from(new.iter().all(|score| *score <= pooled));
        }
        let part = |count: usize| count as f64 / trials as f64;
        assert!((0.8665..0.96).contains(&part(cells)), "{}", part(cells));
        assert!((0.8665..0.9335).contains(&part(wholes)), "{}", part(wholes));
        assert!(part(cells_only) < 0.8665, "{}", part(cells_only));
    }
}
