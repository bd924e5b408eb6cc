//! Why a figure cannot be drawn.

/// Why a figure cannot be drawn; single values that cannot be drawn are a note in the figure instead.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// No value in any series is finite (and positive, on a log axis).
    #[error("{figure}: none of {values} values on the axis \"{axis}\" can be drawn")]
    NothingToDraw {
        /// Kind of figure.
        figure: &'static str,
        /// The axis' label.
        axis: String,
        /// How many values there were.
        values: usize,
    },
    /// Two lists that belong together differ in length.
    #[error("{figure}, series \"{series}\": {found} {what} for {expected} values")]
    LengthMismatch {
        /// Kind of figure.
        figure: &'static str,
        /// Name of the series.
        series: String,
        /// What the second list holds.
        what: &'static str,
        /// Length of the first list.
        expected: usize,
        /// Length of the second list.
        found: usize,
    },
    /// Axis limits out of order, not finite, or not positive on a log axis.
    #[error("axis \"{axis}\": limits {lo} and {hi} are not an increasing pair on a {scale} scale")]
    BadLimits {
        /// The axis' label.
        axis: String,
        /// Lower limit as given.
        lo: f64,
        /// Upper limit as given.
        hi: f64,
        /// `linear` or `log`.
        scale: &'static str,
    },
    /// A grid whose number of values is not rows × columns, or which is empty.
    #[error("heat map: {values} values do not fill a grid of {rows} rows and {columns} columns")]
    GridShape {
        /// Rows of the grid.
        rows: usize,
        /// Columns of the grid.
        columns: usize,
        /// Values given.
        values: usize,
    },
}
