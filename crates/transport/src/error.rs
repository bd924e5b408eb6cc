//! What can be wrong with a transport problem, with the values that show it.

/// Errors of this crate; each carries the numbers that a caller needs to act on it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// A slice does not have the length that its shape asks for.
    #[error("{what}: expected {expected} values, found {found}")]
    ShapeMismatch {
        /// Which argument.
        what: &'static str,
        /// Length that the shape asks for.
        expected: usize,
        /// Length found.
        found: usize,
    },
    /// There is nothing to transport, or points have no coordinates.
    #[error("{what} is empty")]
    Empty {
        /// Which argument.
        what: &'static str,
    },
    /// A cost is NaN or infinite.
    #[error("cost at row {row}, column {column} is {value}")]
    NonFiniteCost {
        /// Row (source) of the cost.
        row: usize,
        /// Column (target) of the cost.
        column: usize,
        /// The value found.
        value: f64,
    },
    /// A coordinate, weight or parameter is NaN or infinite.
    #[error("{what}[{index}] is {value}")]
    NonFinite {
        /// Which argument.
        what: &'static str,
        /// Flat index into it.
        index: usize,
        /// The value found.
        value: f64,
    },
    /// An assignment needs a column for every row.
    #[error("{rows} rows cannot be assigned to {columns} columns one to one")]
    MoreRowsThanColumns {
        /// Number of rows.
        rows: usize,
        /// Number of columns.
        columns: usize,
    },
    /// A weight is negative.
    #[error("{what}[{index}] is {value}; weights must not be negative")]
    NegativeWeight {
        /// Which weights.
        what: &'static str,
        /// Index of the weight.
        index: usize,
        /// The value found.
        value: f64,
    },
    /// The two marginals do not hold the same mass.
    #[error(
        "source mass {source_sum} differs from target mass {target_sum} by more than {tolerance:.1e}"
    )]
    UnequalMass {
        /// Sum of the source weights.
        source_sum: f64,
        /// Sum of the target weights.
        target_sum: f64,
        /// Largest difference allowed.
        tolerance: f64,
    },
    /// A parameter is outside its range.
    #[error("{what} is {value}; it must be {range}")]
    OutOfRange {
        /// Which parameter.
        what: &'static str,
        /// The value given.
        value: f64,
        /// The range, in words.
        range: &'static str,
    },
    /// An iteration stopped at its limit.
    #[error(
        "no convergence after {iterations} iterations: residual {residual:.3e}, wanted {tolerance:.3e}"
    )]
    NotConverged {
        /// Iterations spent.
        iterations: usize,
        /// Residual reached.
        residual: f64,
        /// Residual wanted.
        tolerance: f64,
    },
    /// A matrix that must be symmetric positive semidefinite is not.
    #[error("{what}: smallest eigenvalue {eigenvalue:.3e} is negative")]
    NotPositive {
        /// Which matrix.
        what: &'static str,
        /// Its smallest eigenvalue.
        eigenvalue: f64,
    },
}

/// `Ok` if `found` has the length its shape asks for.
pub(crate) fn check_length(
    what: &'static str,
    expected: usize,
    found: usize,
) -> Result<(), TransportError> {
    if expected == found {
        Ok(())
    } else {
        Err(TransportError::ShapeMismatch { what, expected, found })
    }
}

/// `Ok` if every value is finite.
pub(crate) fn check_finite(what: &'static str, values: &[f64]) -> Result<(), TransportError> {
    match values.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(index) => Err(TransportError::NonFinite { what, index, value: values[index] }),
    }
}

/// The number of `[n, dim]` points in a flat slice, if it holds whole, finite points.
pub(crate) fn count_points(
    what: &'static str,
    points: &[f64],
    dim: usize,
) -> Result<usize, TransportError> {
    if dim == 0 || points.is_empty() {
        return Err(TransportError::Empty { what });
    }
    let n = points.len() / dim;
    check_length(what, n.max(1) * dim, points.len())?;
    check_finite(what, points)?;
    Ok(n)
}
