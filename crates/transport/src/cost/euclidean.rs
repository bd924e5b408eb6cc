//! Squared Euclidean cost, one coordinate at a time so that every row is a vector loop.

use super::CostMatrix;
use crate::error::{TransportError, count_points};
use crate::simd::{Level, dispatched};

impl CostMatrix {
    /// Squared Euclidean distances ‖x_i − y_j‖².
    ///
    /// Differences are squared and added coordinate by coordinate; the expanded form
    /// ‖x‖² + ‖y‖² − 2 x·y was ruled out because it loses half the digits between near points.
    ///
    /// # Shapes and units
    /// - `x`: `[n, dim]`, `y`: `[m, dim]`, row-major, the same unit
    /// - returns `[n, m]`, that unit squared
    ///
    /// # Errors
    /// [`TransportError::Empty`], [`TransportError::ShapeMismatch`] if a slice does not hold whole
    /// points, [`TransportError::NonFinite`] for a bad coordinate, [`TransportError::NonFiniteCost`]
    /// if a square overflows.
    pub fn squared_euclidean(x: &[f64], y: &[f64], dim: usize) -> Result<Self, TransportError> {
        let (n, m) = (count_points("x", x, dim)?, count_points("y", y, dim)?);
        let (level, y_t) = (Level::detect(), transpose(y, dim));
        let costs = Self::from_rows(n, m, |i, row| {
            squared_distances(level, &x[i * dim..][..dim], &y_t, 0, row)
        });
        let CostMatrix { values, rows, columns } = costs;
        Self::new(values, rows, columns)
    }
}

/// `[n, dim]` to `[dim, n]`.
pub(crate) fn transpose(points: &[f64], dim: usize) -> Vec<f64> {
    let n = points.len() / dim;
    (0..dim * n).map(|k| points[(k % n) * dim + k / n]).collect()
}

dispatched! {
    /// Squared distances from the point `x` to the columns `first..first + row.len()` of `y_t`,
    /// `[dim, m]`.
    pub(crate) fn squared_distances(x: &[f64], y_t: &[f64], first: usize, row: &mut [f64]) = distances_body
}

#[inline(always)]
fn distances_body(x: &[f64], y_t: &[f64], first: usize, row: &mut [f64]) {
    let m = y_t.len() / x.len();
    // 512 values of the row stay in the first-level cache while the coordinates pass over them.
    const BLOCK: usize = 512;
    for (block, out) in row.chunks_mut(BLOCK).enumerate() {
        let start = first + block * BLOCK;
        let end = start + out.len();
        match x.len() {
            2 => {
                let (y_0, y_1) = (&y_t[start..end], &y_t[m + start..m + end]);
                for ((out, a), b) in out.iter_mut().zip(y_0).zip(y_1) {
                    let (a, b) = (x[0] - a, x[1] - b);
                    *out = a * a + b * b;
                }
            }
            _ => {
                out.fill(0.0);
                for (k, &x_k) in x.iter().enumerate() {
                    for (out, y) in out.iter_mut().zip(&y_t[k * m + start..k * m + end]) {
                        let delta = x_k - y;
                        *out += delta * delta;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dimension_and_level_equals_the_double_loop() {
        for dim in [1, 2, 3, 16] {
            let (n, m) = (5, 519); // longer than a block, not a multiple of any vector
            let x: Vec<f64> = (0..n * dim).map(|k| (k as f64 * 0.37).sin()).collect();
            let y: Vec<f64> = (0..m * dim).map(|k| (k as f64 * 0.73).cos()).collect();
            let cost = CostMatrix::squared_euclidean(&x, &y, dim).unwrap();
            let y_t = transpose(&y, dim);
            for i in 0..n {
                for j in 0..m {
                    let direct: f64 =
                        (0..dim).map(|k| (x[i * dim + k] - y[j * dim + k]).powi(2)).sum();
                    assert!((cost.row(i)[j] - direct).abs() <= 1e-15 * direct.max(1.0));
                }
                for level in Level::all() {
                    let mut row = vec![0.0; m];
                    squared_distances(level, &x[i * dim..][..dim], &y_t, 0, &mut row);
                    assert_eq!(row, cost.row(i));
                }
            }
        }
    }
}
