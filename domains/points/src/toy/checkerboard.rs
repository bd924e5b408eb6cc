//! The black fields of a board.

use langevin_core::ConfigError;
use langevin_core::config::require;
use langevin_kernels::rng::Stream;
use serde::{Deserialize, Serialize};

use super::law::Law;
use super::positive;

/// Uniform on the fields (i, j) with i + j even of a board around the origin: `kind = "checkerboard"`.
///
/// Label: number of the field, column by column. Grathwohl et al. (2019), FFJORD, use 4 cells of
/// side 2.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Checkerboard {
    /// Fields along each axis; even, from 2 to 1024.
    pub cells: usize,
    /// Length of a field's side, above 0.
    pub side: f64,
}

impl Checkerboard {
    /// The law.
    ///
    /// # Errors
    /// [`ConfigError`] at `cells` or `side`.
    pub fn build(&self) -> Result<Board, ConfigError> {
        let holds = |n: usize| (2..=1024).contains(&n) && n.is_multiple_of(2);
        let cells = require("cells", self.cells, holds, "an even number from 2 to 1024")?;
        Ok(Board { cells, side: positive("side", self.side)? })
    }
}

/// The law of a [`Checkerboard`].
#[derive(Debug, Clone)]
pub struct Board {
    cells: usize,
    side: f64,
}

impl Law for Board {
    fn dimension(&self) -> usize {
        2
    }

    fn draw(&self, stream: &mut Stream, point: &mut [f64]) -> i64 {
        let half = self.cells as u64 / 2;
        let column = stream.below(self.cells as u64);
        let nth = stream.below(half);
        let row = 2 * nth + column % 2;
        for (x, cell) in point.iter_mut().zip([column, row]) {
            *x = self.side * (cell as f64 + stream.uniform() - half as f64);
        }
        (column * half + nth) as i64
    }

    fn log_density(&self, point: &[f64]) -> Option<f64> {
        let half = (self.cells / 2) as f64;
        let cell = |x: f64| (x / self.side + half).floor();
        let (i, j) = (cell(point[0]), cell(point[1]));
        let on_board = |c: f64| (0.0..self.cells as f64).contains(&c);
        let black = on_board(i) && on_board(j) && (i as i64 + j as i64) % 2 == 0;
        let area = self.side * self.side * self.cells as f64 * half;
        Some(if black { -area.ln() } else { f64::NEG_INFINITY })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::testing::{assert_moments, draws};

    /// Each axis is uniform on (−4, 4): variance 64/12. Of the eight black fields' centres the mean
    /// product is side²/4: the diagonal is black.
    #[test]
    fn a_board_has_the_moments_of_its_fields() {
        let law = Checkerboard { cells: 4, side: 2.0 }.build().unwrap();
        assert_moments(&law, [0.0, 0.0], [64.0 / 12.0, 64.0 / 12.0, 1.0]);
    }

    #[test]
    fn every_point_lies_where_the_density_is() {
        let law = Checkerboard { cells: 6, side: 0.5 }.build().unwrap();
        let (points, labels) = draws(&law, 2000);
        for p in points.chunks(2) {
            assert_eq!(law.log_density(p), Some(-(18.0f64 * 0.25).ln()));
        }
        assert!((0..18).all(|field| labels.contains(&field)));
        assert!(labels.iter().all(|label| (0..18).contains(label)));
    }

    /// Midpoints of a grid that the fields' borders are part of: the sum is the integral.
    #[test]
    fn the_density_integrates_to_one() {
        let law = Checkerboard { cells: 4, side: 2.0 }.build().unwrap();
        let at = |i: i32| f64::from(i) * 0.25 + 0.125;
        let density = |x, y| law.log_density(&[x, y]).unwrap().exp() * 0.0625;
        let sum: f64 = (-20..20).flat_map(|i| (-20..20).map(move |j| density(at(i), at(j)))).sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
    }

    #[test]
    fn an_odd_board_is_refused() {
        let error = Checkerboard { cells: 3, side: 1.0 }.build().unwrap_err();
        assert_eq!(error.to_string(), "cells: found 3, allowed: an even number from 2 to 1024");
    }
}
