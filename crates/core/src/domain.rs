//! What a scientific domain brings along.

use crate::{Result, Space, State};

/// Records a scientist knows, and the space in which they are generated.
///
/// A domain knows no method: it says what its records are, how they become states and back, and
/// nothing about noise, training or sampling.
pub trait Domain: Send + Sync {
    /// The physical object.
    type Record;

    /// The factors of a state.
    fn space(&self) -> Space;

    /// States of records of one size, standardised.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if the records do not fit the space.
    fn encode(&self, records: &[Self::Record]) -> Result<State>;

    /// Records of states, in physical units.
    ///
    /// # Errors
    /// [`crate::Error::Tensor`] only.
    fn decode(&self, state: &State) -> Result<Vec<Self::Record>>;
}
