//! What an interval shares with cells of equal length.

use std::ops::Range;

/// Less than this of a cell is rounding.
const ROUNDING: f64 = 1e-9;

/// Those of `cells`, each from its number to the next, that the interval reaches into, with how much of each it covers.
pub(crate) fn covered([low, high]: [f64; 2], cells: Range<usize>) -> Vec<(usize, f64)> {
    let first = ((low + ROUNDING).floor().max(0.0) as usize).max(cells.start);
    let end = ((high - ROUNDING).ceil().max(0.0) as usize).min(cells.end);
    let share = |cell: usize| (cell, high.min((cell + 1) as f64) - low.max(cell as f64));
    (first..end.max(first)).map(share).collect()
}

/// `row` with its weights divided by `size` of them.
pub(crate) fn scaled(
    row: Vec<(usize, f64)>,
    size: impl Fn(&mut dyn Iterator<Item = f64>) -> f64,
) -> Vec<(usize, f64)> {
    let size = size(&mut row.iter().map(|(_, weight)| *weight));
    row.into_iter().map(|(cell, weight)| (cell, weight / size)).collect()
}

/// Weights that add to 1.
pub(crate) fn averaging(row: Vec<(usize, f64)>) -> Vec<(usize, f64)> {
    scaled(row, |weights| weights.sum())
}

/// Weights whose squares add to 1: sums of independent numbers keep their variance.
pub(crate) fn independent(row: Vec<(usize, f64)>) -> Vec<(usize, f64)> {
    scaled(row, |weights| weights.map(|w| w * w).sum::<f64>().sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_cover_cells_in_parts() {
        assert_eq!(covered([1.5, 4.0], 0..9), [(1, 0.5), (2, 1.0), (3, 1.0)]);
        assert_eq!(covered([1.5, 4.0], 2..3), [(2, 1.0)]);
        assert_eq!(covered([2.0 - 1e-12, 3.0 + 1e-12], 0..9).len(), 1);
        assert_eq!(covered([4.0, 4.5], 0..4), []);
        assert_eq!(averaging(vec![(0, 1.0), (3, 3.0)]), [(0, 0.25), (3, 0.75)]);
        assert_eq!(independent(vec![(0, 3.0), (1, 4.0)]), [(0, 0.6), (1, 0.8)]);
    }
}
