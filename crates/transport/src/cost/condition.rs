//! Condition-aware costs: pairs whose conditions differ pay extra.
//!
//! Coupling by position alone mixes conditions, so that the coupled reference is no longer
//! independent of the condition and a conditional model learns a biased start. Adding the
//! distance between conditions to the cost removes the mixing as the weight grows.

use super::CostMatrix;
use super::euclidean::{squared_distances, transpose};
use crate::error::{TransportError, check_finite, check_length, count_points};
use crate::simd::Level;

impl CostMatrix {
    /// Adds `weight` to every pair whose labels differ.
    ///
    /// # Errors
    /// [`TransportError::ShapeMismatch`] if there is not one label per row and per column,
    /// [`TransportError::NonFinite`] for `weight`.
    pub fn add_label_mismatch(
        mut self,
        row_labels: &[usize],
        column_labels: &[usize],
        weight: f64,
    ) -> Result<Self, TransportError> {
        check_length("row_labels", self.rows, row_labels.len())?;
        check_length("column_labels", self.columns, column_labels.len())?;
        check_finite("weight", &[weight])?;
        for (row, a) in self.values.chunks_exact_mut(self.columns).zip(row_labels) {
            for (cost, b) in row.iter_mut().zip(column_labels) {
                *cost += if a == b { 0.0 } else { weight };
            }
        }
        Self::new(self.values, self.rows, self.columns)
    }

    /// Adds `weight * ‖c_i − c_j‖²`, the squared distance between continuous conditions.
    ///
    /// # Shapes and units
    /// - `row_conditions`: `[rows, dim]`, `column_conditions`: `[columns, dim]`, row-major
    ///
    /// # Errors
    /// [`TransportError::ShapeMismatch`] if there is not one condition per row and per column,
    /// [`TransportError::NonFinite`], [`TransportError::NonFiniteCost`] if a cost overflows.
    pub fn add_condition_distance(
        mut self,
        row_conditions: &[f64],
        column_conditions: &[f64],
        dim: usize,
        weight: f64,
    ) -> Result<Self, TransportError> {
        count_points("row_conditions", row_conditions, dim)?;
        count_points("column_conditions", column_conditions, dim)?;
        check_length("row_conditions", self.rows * dim, row_conditions.len())?;
        check_length("column_conditions", self.columns * dim, column_conditions.len())?;
        check_finite("weight", &[weight])?;
        let (level, c_t) = (Level::detect(), transpose(column_conditions, dim));
        let mut distance = vec![0.0; self.columns];
        for (row, c) in
            self.values.chunks_exact_mut(self.columns).zip(row_conditions.chunks_exact(dim))
        {
            squared_distances(level, c, &c_t, 0, &mut distance);
            for (cost, d) in row.iter_mut().zip(&distance) {
                *cost += weight * d;
            }
        }
        Self::new(self.values, self.rows, self.columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_differing_conditions_pay() {
        let base = CostMatrix::squared_euclidean(&[0.0, 1.0], &[0.0, 2.0], 1).unwrap();
        let labels = base.clone().add_label_mismatch(&[0, 1], &[0, 0], 10.0).unwrap();
        assert_eq!(labels.as_slice(), [0.0, 4.0, 11.0, 11.0]);
        let continuous =
            base.clone().add_condition_distance(&[0.0, 1.0], &[0.0, 3.0], 1, 2.0).unwrap();
        assert_eq!(continuous.as_slice(), [0.0, 22.0, 3.0, 9.0]);
        assert_eq!(
            base.add_label_mismatch(&[0], &[0, 0], 1.0).unwrap_err(),
            TransportError::ShapeMismatch { what: "row_labels", expected: 2, found: 1 }
        );
    }
}
