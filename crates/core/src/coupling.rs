//! Which reference sample is paired with which datum.

use candle_core::Tensor;

use crate::{Condition, Process, Result, Rng, State};

/// Pairs `(i, j)`: row `i` of the data goes with row `j` of the reference.
///
/// Indices, not points: conditions and labels stay attached to their data, and any coupling whose
/// rows and columns appear equally often leaves both marginals as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pairing(pub Vec<(usize, usize)>);

impl Pairing {
    /// Row `i` with row `i`.
    pub fn identity(n: usize) -> Self {
        Self((0..n).map(|i| (i, i)).collect())
    }

    /// Rows of the data.
    pub fn data_rows(&self) -> Vec<usize> {
        self.0.iter().map(|pair| pair.0).collect()
    }

    /// Rows of the reference.
    pub fn reference_rows(&self) -> Vec<usize> {
        self.0.iter().map(|pair| pair.1).collect()
    }
}

/// A rule that pairs the two ends of a batch.
pub trait Coupling: std::fmt::Debug + Send + Sync {
    /// As many pairs as the batch has data; row `i` with row `i` unless the rule says otherwise.
    ///
    /// # Errors
    /// [`crate::Error::Coupling`] if the rule's solver fails.
    fn couple(
        &self,
        _process: &Process,
        x_0: &State,
        _x_1: &State,
        _condition: &Condition,
        _rng: &mut Rng,
    ) -> Result<Pairing> {
        Ok(Pairing::identity(x_0.samples()?))
    }

    /// Paired reference samples moved nearer to their data by symmetries of the reference's law
    /// (rotations, exchanges of points), which leave its marginal as it is; nothing if the rule knows none.
    ///
    /// Points that differ in a factor that `condition` gives are not exchanged. Of a piece that it holds the points
    /// are put where the data have them, and the others around it: the reference of samples that hold a piece.
    ///
    /// # Errors
    /// [`crate::Error::Coupling`] if the rule's solver fails.
    fn align(
        &self,
        _process: &Process,
        _x_0: &State,
        _x_1: &State,
        _condition: &Condition,
    ) -> Result<Option<State>> {
        Ok(None)
    }

    /// A piece of each datum that training may hold: 1 for its points and 0 for the others, `[B, n]`; nothing if
    /// the rule knows no points.
    ///
    /// # Errors
    /// [`crate::Error::Tensor`] only.
    fn piece(&self, _x_0: &State, _rng: &mut Rng) -> Result<Option<Tensor>> {
        Ok(None)
    }
}
