//! Why a score has no value.

/// A fact about the arrays or parameters of a score, with the values that a caller can act on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UqError {
    /// There must be something to score.
    #[error("found no {what}")]
    Empty {
        /// What there is none of.
        what: &'static str,
    },
    /// A spread, or a score that is fair, needs two members.
    #[error("{members} members are fewer than the {minimum} that this score needs")]
    TooFewMembers {
        /// How many there are.
        members: usize,
        /// How many there must be.
        minimum: usize,
    },
    /// A fit or a test needs more values.
    #[error("{found} {what} are fewer than the {minimum} that are needed")]
    TooFew {
        /// What there are too few of.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there must be.
        minimum: usize,
    },
    /// Arrays that belong together have different shapes.
    #[error("{what} have shape {found:?}, expected {expected:?}")]
    ShapeMismatch {
        /// The array.
        what: &'static str,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that fits.
        expected: Vec<usize>,
    },
    /// A parameter outside its limits, or not a number.
    #[error("{what} is {value}, outside {minimum} to {maximum}")]
    OutOfRange {
        /// The parameter.
        what: &'static str,
        /// What it is.
        value: f64,
        /// The least that it can be.
        minimum: f64,
        /// The most that it can be.
        maximum: f64,
    },
    /// A value that must be finite is not.
    #[error("{what} {place} is {value}")]
    NotFinite {
        /// The quantity.
        what: &'static str,
        /// Its place, from 1.
        place: usize,
        /// What it is.
        value: f64,
    },
    /// A coordinate must rise or fall all the way.
    #[error("{what} {place} is {value} after {before}: they must rise or fall all the way")]
    NotMonotone {
        /// The coordinate.
        what: &'static str,
        /// Its place, from 1.
        place: usize,
        /// What it is.
        value: f64,
        /// The one before.
        before: f64,
    },
    /// An event happened (1), did not (0) or is missing (NaN).
    #[error("event {place} is {value}, neither 0 nor 1")]
    NotEvent {
        /// Its place, from 1.
        place: usize,
        /// What it is.
        value: f64,
    },
    /// Something that must vary does not.
    #[error("all {what} are {value}")]
    NoVariation {
        /// The values.
        what: &'static str,
        /// What they are.
        value: f64,
    },
    /// Only parts of the same kind can be added up.
    #[error("parts with {what} {found} and {expected} cannot be merged")]
    Unmergeable {
        /// In what they differ.
        what: &'static str,
        /// What one has.
        found: f64,
        /// What the other has.
        expected: f64,
    },
}

impl UqError {
    /// `value` must be within `minimum` and `maximum`, both allowed; NaN is not.
    pub(crate) fn range(
        what: &'static str,
        value: f64,
        minimum: f64,
        maximum: f64,
    ) -> Result<(), Self> {
        if value >= minimum && value <= maximum {
            return Ok(());
        }
        Err(Self::OutOfRange { what, value, minimum, maximum })
    }

    /// Shapes must be the same.
    pub(crate) fn shape(
        what: &'static str,
        found: &[usize],
        expected: &[usize],
    ) -> Result<(), Self> {
        if found == expected {
            return Ok(());
        }
        Err(Self::ShapeMismatch { what, found: found.to_vec(), expected: expected.to_vec() })
    }

    /// There must be at least `minimum` members.
    pub(crate) fn members(members: usize, minimum: usize) -> Result<(), Self> {
        if members >= minimum {
            return Ok(());
        }
        Err(Self::TooFewMembers { members, minimum })
    }

    /// There must be at least `minimum` of `what`.
    pub(crate) fn enough(what: &'static str, found: usize, minimum: usize) -> Result<(), Self> {
        match found {
            _ if found >= minimum => Ok(()),
            0 => Err(Self::Empty { what }),
            _ => Err(Self::TooFew { what, found, minimum }),
        }
    }

    /// Every value must be finite.
    pub(crate) fn finite(what: &'static str, values: &[f64]) -> Result<(), Self> {
        match values.iter().position(|value| !value.is_finite()) {
            Some(place) => Err(Self::NotFinite { what, place: place + 1, value: values[place] }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message names the fact, the value and the limit.
    #[test]
    fn messages_carry_values() {
        let error = UqError::range("alpha", f64::NAN, 0.0, 1.0).unwrap_err();
        assert_eq!(error.to_string(), "alpha is NaN, outside 0 to 1");
        let error = UqError::members(1, 2).unwrap_err();
        assert_eq!(error.to_string(), "1 members are fewer than the 2 that this score needs");
        let error = UqError::shape("observations", &[3], &[4]).unwrap_err();
        assert_eq!(error.to_string(), "observations have shape [3], expected [4]");
        assert_eq!(UqError::enough("values", 0, 2), Err(UqError::Empty { what: "values" }));
        let error = UqError::finite("score", &[1.0, f64::INFINITY]).unwrap_err();
        assert_eq!(error.to_string(), "score 2 is inf");
    }
}
