//! What can go wrong while a network is built or its weights are loaded.

/// A parameter that does not fit, with its name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NnError {
    /// A weight file lacks a parameter of the network.
    #[error("parameter {name} is missing")]
    Missing {
        /// Its name.
        name: String,
    },
    /// A weight file has a parameter that the network does not know.
    #[error("parameter {name} does not belong to this network")]
    Unknown {
        /// Its name.
        name: String,
    },
    /// A parameter has another shape.
    #[error("parameter {name} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// Its name.
        name: String,
        /// The shape in the file.
        found: Vec<usize>,
        /// The shape in the network.
        expected: Vec<usize>,
    },
    /// Two layers asked for the same name: a bug in the network.
    #[error("parameter {name} is defined twice")]
    Duplicate {
        /// Its name.
        name: String,
    },
    /// A layer was asked for that cannot be.
    #[error(transparent)]
    Setting(#[from] langevin_core::ConfigError),
    /// The tensor library failed.
    #[error("tensor operation failed")]
    Tensor(#[from] candle_core::Error),
}
