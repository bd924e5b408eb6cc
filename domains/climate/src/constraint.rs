//! What a fine field must keep of a coarse one: the means of blocks.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

/// How a fine field is brought to the means of its blocks, `c` a coarse cell and `ȳ` the mean over its block.
///
/// # Source
/// Harder et al. (2023), JMLR 24 (365).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constraint {
    /// `y + (c − ȳ)`: any field.
    Add,
    /// `y c/ȳ`, where `y` and `c` are at least 0; a block of zeros becomes `c` everywhere.
    Multiply,
    /// `e^y c/mean(e^y)`, for scores `y` and `c` of at least 0.
    Softmax,
}

/// Blocks of `factor` by `factor` cells, with the weights of a block's rows.
#[derive(Debug, Clone)]
pub struct Blocks {
    factor: usize,
    /// Of each row of the fine field; in a block they sum up to 1.
    weights: Vec<f64>,
}

impl Blocks {
    /// Blocks of rows with these areas; `rows` a multiple of `factor`.
    ///
    /// # Panics
    /// If the rows are no multiple of the factor.
    pub fn new(factor: usize, row_areas: &[f64]) -> Self {
        assert!(factor > 0 && row_areas.len().is_multiple_of(factor), "rows in whole blocks");
        let share = |block: &[f64]| {
            let sum: f64 = block.iter().sum();
            block.iter().map(|area| area / sum).collect::<Vec<_>>()
        };
        Self { factor, weights: row_areas.chunks(factor).flat_map(share).collect() }
    }

    /// Blocks of cells of the same area.
    pub fn equal(factor: usize, rows: usize) -> Self {
        Self::new(factor, &vec![1.0; rows])
    }

    /// Means of the blocks, weighted by area; missing where a cell is.
    ///
    /// # Panics
    /// If the field is not in whole blocks.
    pub fn means(&self, fine: ArrayView2<f32>) -> Array2<f32> {
        let (height, width) = self.coarse(fine.dim());
        Array2::from_shape_fn((height, width), |(i, j)| self.mean(&fine, i, j) as f32)
    }

    fn coarse(&self, (rows, columns): (usize, usize)) -> (usize, usize) {
        assert_eq!(rows, self.weights.len(), "rows of the blocks");
        assert!(columns.is_multiple_of(self.factor), "columns in whole blocks");
        (rows / self.factor, columns / self.factor)
    }

    fn mean(&self, fine: &ArrayView2<f32>, i: usize, j: usize) -> f64 {
        let f = self.factor;
        let mut sum = 0.0;
        for row in i * f..(i + 1) * f {
            let along: f64 = (j * f..(j + 1) * f).map(|k| f64::from(fine[(row, k)])).sum();
            sum += self.weights[row] * along;
        }
        sum / f as f64
    }

    /// `fine` with the means of `coarse`; cells under a missing one are missing.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn hold(&self, fine: &mut Array2<f32>, coarse: ArrayView2<f32>, constraint: Constraint) {
        let (height, width) = self.coarse(fine.dim());
        assert_eq!(coarse.dim(), (height, width), "one cell for each block");
        let f = self.factor;
        let columns = fine.ncols();
        let strips = fine.as_slice_mut().expect("fields are in order").par_chunks_mut(f * columns);
        strips.enumerate().for_each(|(i, strip)| {
            let weights = &self.weights[i * f..(i + 1) * f];
            for j in 0..width {
                hold_one(strip, columns, j * f..(j + 1) * f, weights, coarse[(i, j)], constraint);
            }
        });
    }
}

/// One block: columns `range` of a strip of rows.
fn hold_one(
    strip: &mut [f32],
    columns: usize,
    range: std::ops::Range<usize>,
    weights: &[f64],
    c: f32,
    constraint: Constraint,
) {
    let f = range.len() as f64;
    let mut block: Vec<&mut [f32]> =
        strip.chunks_mut(columns).map(|row| &mut row[range.clone()]).collect();
    if constraint == Constraint::Softmax {
        // The same for any shift: with the highest at 0 nothing overflows.
        let most = block.iter().flat_map(|row| row.iter()).fold(f32::MIN, |a, &b| a.max(b));
        block.iter_mut().flat_map(|row| row.iter_mut()).for_each(|y| *y = (*y - most).exp());
    }
    let sums = block.iter().zip(weights);
    let mean: f64 = sums.map(|(row, w)| w * row.iter().map(|&y| f64::from(y)).sum::<f64>()).sum();
    let (mean, c64) = (mean / f, f64::from(c));
    let change = |y: f32| match constraint {
        Constraint::Add => (f64::from(y) + (c64 - mean)) as f32,
        _ if mean > 0.0 => (f64::from(y) * (c64 / mean)) as f32,
        _ => c,
    };
    block.iter_mut().flat_map(|row| row.iter_mut()).for_each(|y| *y = change(*y));
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// All kinds, blocks of unequal areas: the means are those of the coarse field to single precision.
        #[test]
        fn block_means_are_kept(seed in 0u32..1000, factor in 1usize..5) {
            let noise = |k: usize| ((k as f32 + 0.3) * (seed as f32 + 1.7)).sin();
            let (rows, columns) = (3 * factor, 2 * factor);
            let fine = Array2::from_shape_fn((rows, columns), |(i, j)| noise(i * columns + j).abs());
            let coarse = Array2::from_shape_fn((3, 2), |(i, j)| 2.0 + noise(100 + 2 * i + j));
            let areas: Vec<f64> = (0..rows).map(|i| 1.0 + i as f64).collect();
            let blocks = Blocks::new(factor, &areas);
            for constraint in [Constraint::Add, Constraint::Multiply, Constraint::Softmax] {
                let mut held = fine.clone();
                blocks.hold(&mut held, coarse.view(), constraint);
                let means = blocks.means(held.view());
                for (a, b) in means.iter().zip(&coarse) {
                    prop_assert!((a - b).abs() < 2e-6 * b, "{constraint:?}: {a} {b}");
                }
            }
        }
    }

    #[test]
    fn zeros_become_the_mean_and_missing_cells_stay_missing() {
        let blocks = Blocks::equal(2, 2);
        let mut fine = array![[0.0, 0.0, 1.0, 3.0], [0.0, 0.0, 1.0, 3.0]];
        blocks.hold(&mut fine, array![[0.5, f32::NAN]].view(), Constraint::Multiply);
        assert!(fine.columns().into_iter().take(2).all(|column| column.iter().all(|&x| x == 0.5)));
        assert!(fine.columns().into_iter().skip(2).all(|column| column.iter().all(|x| x.is_nan())));
        assert!(blocks.means(fine.view())[(0, 1)].is_nan());
    }
}
