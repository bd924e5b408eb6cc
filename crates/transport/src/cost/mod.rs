//! Dense cost matrices: rows are sources, columns are targets.

mod condition;
mod euclidean;
mod ground;
mod sphere;
mod torus;

use crate::error::{TransportError, check_length};
use rayon::prelude::*;

pub use ground::Ground;
pub(crate) use ground::{CostRows, PointRows};

/// A dense `[rows, columns]` cost matrix, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct CostMatrix {
    values: Vec<f64>,
    rows: usize,
    columns: usize,
}

impl CostMatrix {
    /// Wraps row-major values.
    ///
    /// # Errors
    /// [`TransportError::ShapeMismatch`] if `values` does not hold `rows * columns` values,
    /// [`TransportError::Empty`] if either is zero, [`TransportError::NonFiniteCost`].
    pub fn new(values: Vec<f64>, rows: usize, columns: usize) -> Result<Self, TransportError> {
        CostView::new(&values, rows, columns)?;
        Ok(Self { values, rows, columns })
    }

    /// Builds row `i` by `fill(i, row)`; rows are computed in parallel.
    pub(crate) fn from_rows(
        rows: usize,
        columns: usize,
        fill: impl Fn(usize, &mut [f64]) + Sync,
    ) -> Self {
        let mut values = vec![0.0; rows * columns];
        // Below this, starting a parallel job costs more than the matrix.
        if rows * columns < 1 << 17 {
            values.chunks_exact_mut(columns).enumerate().for_each(|(i, row)| fill(i, row));
        } else {
            values.par_chunks_exact_mut(columns).enumerate().for_each(|(i, row)| fill(i, row));
        }
        Self { values, rows, columns }
    }

    /// Number of sources.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of targets.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The costs from source `i`.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.columns..(i + 1) * self.columns]
    }

    /// All costs, row-major.
    pub fn as_slice(&self) -> &[f64] {
        &self.values
    }

    /// The borrowed form that solvers take.
    pub fn view(&self) -> CostView<'_> {
        CostView { values: &self.values, rows: self.rows, columns: self.columns }
    }
}

/// A borrowed, checked `[rows, columns]` cost matrix, row-major: all values are finite.
#[derive(Debug, Clone, Copy)]
pub struct CostView<'a> {
    values: &'a [f64],
    rows: usize,
    columns: usize,
}

impl<'a> CostView<'a> {
    /// Wraps a row-major slice.
    ///
    /// # Errors
    /// [`TransportError::ShapeMismatch`] if `values` does not hold `rows * columns` values,
    /// [`TransportError::Empty`] if either is zero, [`TransportError::NonFiniteCost`].
    pub fn new(values: &'a [f64], rows: usize, columns: usize) -> Result<Self, TransportError> {
        if rows == 0 || columns == 0 {
            return Err(TransportError::Empty { what: "cost" });
        }
        check_length("cost", rows * columns, values.len())?;
        // Without a branch in the loop, this check is a small part of the cost of reading.
        let finite = |row: &[f64]| row.iter().fold(true, |ok, x| ok & (x.abs() < f64::INFINITY));
        if let Some(row) = values.chunks_exact(columns).position(|row| !finite(row)) {
            let found = &values[row * columns..(row + 1) * columns];
            let column = found.iter().position(|x| !x.is_finite()).expect("the row is not finite");
            return Err(TransportError::NonFiniteCost { row, column, value: found[column] });
        }
        Ok(Self { values, rows, columns })
    }

    /// Number of sources.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of targets.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The costs from source `i`.
    pub fn row(&self, i: usize) -> &'a [f64] {
        &self.values[i * self.columns..(i + 1) * self.columns]
    }

    /// All costs, row-major.
    pub fn as_slice(&self) -> &'a [f64] {
        self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_cost_is_named_by_row_and_column() {
        let error = CostMatrix::new(vec![0.0, 1.0, 2.0, f64::INFINITY], 2, 2).unwrap_err();
        assert_eq!(
            error,
            TransportError::NonFiniteCost { row: 1, column: 1, value: f64::INFINITY }
        );
        let error = CostMatrix::new(vec![0.0; 5], 2, 3).unwrap_err();
        assert_eq!(error, TransportError::ShapeMismatch { what: "cost", expected: 6, found: 5 });
        assert_eq!(
            CostMatrix::new(vec![], 0, 3).unwrap_err(),
            TransportError::Empty { what: "cost" }
        );
    }
}
