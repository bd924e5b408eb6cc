//! Fields brought from one grid to another.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::grid::Grid;
use crate::weights::{Rule, Weights};

/// A map from the fields of one grid to those of another: a matrix for the rows, one for the columns.
#[derive(Debug, Clone)]
pub struct Regridder {
    rows: Weights,
    columns: Weights,
    rule: Rule,
    /// The least part of a cell that must be known.
    tolerance: f64,
}

impl Regridder {
    /// From `source` to `target` by `rule`.
    ///
    /// A conservative cell is the mean over its known part, weighted by area, if that is at least `tolerance` of it, in
    /// (0, 1]; otherwise it is missing. Interpolated values need all cells that have a weight.
    pub fn new(source: &Grid, target: &Grid, rule: Rule, tolerance: f64) -> Self {
        Self {
            rows: Weights::new(&source.y, &target.y, rule),
            columns: Weights::new(&source.x, &target.x, rule),
            rule,
            tolerance,
        }
    }

    /// `field` on the target.
    ///
    /// # Panics
    /// If the field is not one of the source's grid.
    pub fn apply(&self, field: ArrayView2<f32>) -> Array2<f32> {
        assert_eq!(field.dim(), (self.rows.source(), self.columns.source()), "another grid");
        let (height, width) = (self.rows.len(), self.columns.len());
        let mut out = Array2::from_elem((height, width), f32::NAN);
        let rows: Vec<&mut [f32]> =
            out.as_slice_mut().expect("it was just made").chunks_mut(width).collect();
        rows.into_par_iter().enumerate().for_each(|(i, to)| self.row(field, i, to));
        out
    }

    /// Row `i` of the target.
    fn row(&self, field: ArrayView2<f32>, i: usize, to: &mut [f32]) {
        let n = field.ncols();
        // Sums along the column of what is known, and of its weights.
        let (mut sums, mut known) = (vec![0.0f64; n], vec![0.0f64; n]);
        for &(row, weight) in self.rows.row(i) {
            for (j, &value) in field.row(row).iter().enumerate() {
                if !value.is_nan() {
                    sums[j] += weight * f64::from(value);
                    known[j] += weight;
                }
            }
        }
        let whole: f64 = self.rows.row(i).iter().map(|(_, weight)| weight).sum();
        for (k, to) in to.iter_mut().enumerate() {
            let (mut sum, mut part, mut all) = (0.0, 0.0, 0.0);
            for &(j, weight) in self.columns.row(k) {
                sum += weight * sums[j];
                part += weight * known[j];
                all += weight * whole;
            }
            let enough = match self.rule {
                Rule::Conservative => part > 0.0 && part >= self.tolerance * (1.0 - 1e-9),
                _ => (part - all).abs() < 1e-9,
            };
            if enough {
                *to = (sum / part) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;
    use crate::axis::{Axis, Measure};

    fn globe(rows: usize, columns: usize) -> Grid {
        let step = (180.0 / rows as f64, 360.0 / columns as f64);
        let y = (0..rows).map(|i| 90.0 - step.0 * (i as f64 + 0.5)).collect();
        let x = (0..columns).map(|j| step.1 * j as f64).collect();
        Grid {
            y: Axis::new(y, Measure::Sine, None).unwrap(),
            x: Axis::new(x, Measure::Length, Some(360.0)).unwrap(),
        }
    }

    fn mean(field: &Array2<f32>, grid: &Grid) -> f64 {
        let rows = field.rows().into_iter().zip(grid.row_weights());
        let sum: f64 =
            rows.map(|(row, w)| w * row.iter().map(|&x| f64::from(x)).sum::<f64>()).sum();
        sum / field.len() as f64
    }

    proptest! {
        /// What is regridded conservatively over the whole sphere has the same mean, on any two grids.
        #[test]
        fn conservative_regridding_keeps_the_mean(
            from in (2usize..9, 2usize..12), to in (2usize..9, 2usize..12), seed in 0u32..1000,
        ) {
            let (source, target) = (globe(from.0, from.1), globe(to.0, to.1));
            let value = |i: usize| ((i as f32 + 1.0) * (seed as f32 + 0.7)).sin();
            let field = Array2::from_shape_fn(from, |(i, j)| value(i * from.1 + j));
            let made = Regridder::new(&source, &target, Rule::Conservative, 1.0).apply(field.view());
            prop_assert!((mean(&made, &target) - mean(&field, &source)).abs() < 1e-6);
        }
    }

    #[test]
    fn missing_cells_take_no_part_and_stay_missing_by_tolerance() {
        let axis = |n: usize| {
            Axis::new((0..n).map(|i| i as f64 + 0.5).collect(), Measure::Length, None).unwrap()
        };
        let fine = Grid { y: axis(2), x: axis(4) };
        let coarse = fine.coarsened(2).unwrap();
        let nan = f32::NAN;
        let field = array![[1.0, 3.0, nan, nan], [5.0, nan, nan, 8.0]];
        let half = Regridder::new(&fine, &coarse, Rule::Conservative, 0.5).apply(field.view());
        assert_eq!(half[(0, 0)], 3.0);
        assert!(half[(0, 1)].is_nan());
        let quarter = Regridder::new(&fine, &coarse, Rule::Conservative, 0.25).apply(field.view());
        assert_eq!(quarter[(0, 1)], 8.0);
        let near = Regridder::new(&fine, &coarse, Rule::Bilinear, 1.0).apply(field.view());
        assert!(near[(0, 0)].is_nan());
    }
}
