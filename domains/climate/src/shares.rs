//! Means that are kept where fine cells do not lie in whole blocks.

use ndarray::{Array2, ArrayView2};

use crate::constraint::Constraint;
use crate::grid::Grid;
use crate::regrid::Regridder;
use crate::weights::Rule;

/// How far means may be off, as a part of the largest one.
const TOLERANCE: f32 = 1e-6;
/// Sweeps at most; at any factor above 1.5 some 20 are enough.
const SWEEPS: usize = 200;

/// A fine grid over a coarse one, at any factor: the means of coarse cells are over what fine cells share with them.
#[derive(Debug, Clone)]
pub struct Shares {
    means: Regridder,
    spread: Regridder,
}

impl Shares {
    /// Of two grids that cover the same.
    pub fn new(coarse: &Grid, fine: &Grid) -> Self {
        Self {
            means: Regridder::new(fine, coarse, Rule::Conservative, 1e-6),
            spread: Regridder::new(coarse, fine, Rule::Conservative, 1e-6),
        }
    }

    /// `fine` with the means of `coarse`, by sweeps: the change that each coarse cell needs, spread to the fine cells by what
    /// they share. Cells that reach into a missing one are missing.
    ///
    /// # Source
    /// Censor & Segman (1987), J. Math. Biol. 25: block iterations of this kind converge where a solution exists.
    pub fn hold(&self, fine: &mut Array2<f32>, coarse: ArrayView2<f32>, constraint: Constraint) {
        let largest =
            coarse.iter().filter(|c| !c.is_nan()).fold(0.0f32, |most, c| most.max(c.abs()));
        for _ in 0..SWEEPS {
            let means = self.means.apply(fine.view());
            let off =
                coarse.iter().zip(&means).map(|(c, mean)| (c - mean).abs()).fold(0.0, f32::max);
            if off <= TOLERANCE * largest {
                break;
            }
            let mut change = Array2::zeros(coarse.dim());
            ndarray::Zip::from(&mut change).and(&coarse).and(&means).for_each(|to, &c, &mean| {
                *to = match constraint {
                    Constraint::Add => c - mean,
                    _ if mean > 0.0 => c / mean,
                    _ => 1.0,
                };
            });
            let change = self.spread.apply(change.view());
            fine.zip_mut_with(&change, |y, &change| match constraint {
                Constraint::Add => *y += change,
                _ => *y *= change,
            });
        }
        let known = coarse.mapv(|c| if c.is_nan() { 1.0 } else { 0.0 });
        let missing = self.spread.apply(known.view());
        fine.zip_mut_with(&missing, |y, &part| {
            if part > 1e-6 {
                *y = f32::NAN
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::{Axis, Measure};

    #[test]
    fn means_are_kept_at_factors_that_are_no_whole_numbers() {
        let axis = |n: usize| {
            Axis::new((0..n).map(|i| i as f64).collect(), Measure::Length, None).unwrap()
        };
        let coarse_grid = Grid { y: axis(6), x: axis(7) };
        for (factor, constraint) in
            [(5.5, Constraint::Multiply), (1.5, Constraint::Multiply), (2.5, Constraint::Add)]
        {
            let grid = coarse_grid.refined(factor);
            let shares = Shares::new(&coarse_grid, &grid);
            let coarse = Array2::from_shape_fn((6, 7), |(i, j)| ((3 * i + 5 * j) % 4) as f32);
            let mut fine = Array2::from_shape_fn(grid.shape(), |(i, j)| {
                1.0 + ((i * 31 + j * 17) as f32).sin()
            });
            shares.hold(&mut fine, coarse.view(), constraint);
            let means = shares.means.apply(fine.view());
            let off = means.iter().zip(&coarse).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 1e-5, "{factor}: {off}");
            assert!(constraint == Constraint::Add || fine.iter().all(|&x| x >= 0.0));
        }
    }

    #[test]
    fn what_reaches_into_a_missing_cell_is_missing() {
        let axis = |n: usize| {
            Axis::new((0..n).map(|i| i as f64).collect(), Measure::Length, None).unwrap()
        };
        let coarse_grid = Grid { y: axis(2), x: axis(2) };
        let grid = coarse_grid.refined(1.5);
        let mut fine = Array2::ones(grid.shape());
        let coarse = ndarray::array![[1.0, 2.0], [f32::NAN, 1.0]];
        Shares::new(&coarse_grid, &grid).hold(&mut fine, coarse.view(), Constraint::Multiply);
        let missing: Vec<bool> = fine.iter().map(|x| x.is_nan()).collect();
        assert_eq!(missing, [false, false, false, true, true, false, true, true, false]);
    }
}
