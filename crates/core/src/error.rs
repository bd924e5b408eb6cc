//! What can go wrong while numbers are being computed.

/// A fact about a computation that failed, with the values that a caller can act on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A network or a closed form returned NaN or ±∞.
    #[error("{what} of sample {sample} is not finite at t = {t:.6}")]
    NonFinite {
        /// The quantity, with its factor's name.
        what: String,
        /// Row of the batch.
        sample: usize,
        /// Time at which it was asked for.
        t: f64,
    },
    /// A tensor has another shape than its factor.
    #[error("{what} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// The tensor.
        what: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that fits.
        expected: Vec<usize>,
    },
    /// A time grid must fall strictly from its first time to its last, within [0, 1].
    #[error("time {index} of the grid is {value}, after {previous}: times must fall within [0, 1]")]
    TimeGrid {
        /// Position in the grid.
        index: usize,
        /// Time found there.
        value: f64,
        /// Time before it (1 for the first).
        previous: f64,
    },
    /// An adaptive solver was not able to go on.
    #[error(
        "step at t = {t:.6} fell below {minimum:.1e} for sample {sample} (error {error:.2e} of the \
         tolerance after {evaluations} evaluations): the field is too stiff for these tolerances"
    )]
    StepTooSmall {
        /// Row of the batch.
        sample: usize,
        /// Time reached.
        t: f64,
        /// Smallest step allowed.
        minimum: f64,
        /// Estimated error in units of the tolerance.
        error: f64,
        /// Evaluations so far.
        evaluations: usize,
    },
    /// A question that has no answer for this factor (the score of a category, say).
    #[error("{factor} factors have no {what}")]
    Undefined {
        /// The factor's kind.
        factor: &'static str,
        /// What was asked.
        what: &'static str,
    },
    /// A question that has no exact answer where the path adds noise of its own.
    #[error(
        "{factor} factors have no {what} on a path with noise of its own (gamma > 0); allowed there: \
         {allowed}"
    )]
    OwnNoise {
        /// The factor's kind.
        factor: &'static str,
        /// What was asked.
        what: &'static str,
        /// What such a path allows.
        allowed: &'static str,
    },
    /// A coupling could not be computed.
    #[error("cannot couple {rows} samples of the data with {columns} of the reference: {reason}")]
    Coupling {
        /// Samples of x_0.
        rows: usize,
        /// Samples of x_1.
        columns: usize,
        /// The solver's message.
        reason: String,
    },
    /// The tensor library failed: a bug here, or memory.
    #[error("tensor operation failed")]
    Tensor(#[from] candle_core::Error),
}
