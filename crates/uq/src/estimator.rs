//! What a finite ensemble is taken for: itself, or a sample of what its maker could have drawn.

use crate::UqError;

/// How the spread of `m` members enters a kernel score `mean_i d(x_i, y) − c Σ_{i<j} d(x_i, x_j)`.
///
/// # Sources
/// Gneiting & Raftery (2007), J. Am. Stat. Assoc. 102, 359–378; Ferro (2014), Q. J. R. Meteorol. Soc. 140,
/// 1917–1923; Lang et al. (2024), arXiv:2412.15832, for the almost fair form.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Estimator {
    /// `c = 1 / (m (m − 1))`: its expectation does not depend on `m`, so ensembles of different size can be
    /// compared. Also known as the PWM form. Needs two members.
    Fair,
    /// `c = 1 / m²`: the score of the empirical distribution, which favours large ensembles.
    Standard,
    /// `α` of the fair score and `1 − α` of the standard one, `α` in 0 to 1; a training loss, not an evaluation.
    AlmostFair(f64),
}

impl Estimator {
    /// The ensemble is large enough for it, and `α` is in 0 to 1.
    pub(crate) fn check(self, members: usize) -> Result<(), UqError> {
        match self {
            Self::Fair => UqError::members(members, 2),
            Self::Standard => UqError::members(members, 1),
            Self::AlmostFair(alpha) => {
                UqError::range("alpha", alpha, 0.0, 1.0)?;
                UqError::members(members, 2)
            }
        }
    }

    /// The part of the fair score.
    pub(crate) fn fairness(self) -> f64 {
        match self {
            Self::Fair => 1.0,
            Self::Standard => 0.0,
            Self::AlmostFair(alpha) => alpha,
        }
    }

    /// The factor `c` of the sum over pairs.
    pub(crate) fn pairs(self, members: usize) -> f64 {
        let m = members as f64;
        // One member has no pairs, and no fair score.
        let fair = if members > 1 { 1.0 / (m * (m - 1.0)) } else { 0.0 };
        let alpha = self.fairness();
        alpha * fair + (1.0 - alpha) / (m * m)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_those_of_the_formulas() {
        assert_eq!(Estimator::Fair.pairs(5), 1.0 / 20.0);
        assert_eq!(Estimator::Standard.pairs(5), 1.0 / 25.0);
        let half = Estimator::AlmostFair(0.5).pairs(5);
        assert!((half - 0.045).abs() < 1e-15, "{half}");
        assert_eq!(Estimator::Standard.pairs(1), 1.0);
        let error = Estimator::AlmostFair(1.5).check(5).unwrap_err();
        assert!(matches!(error, UqError::OutOfRange { value: 1.5, .. }), "{error}");
        let error = Estimator::Fair.check(1).unwrap_err();
        assert_eq!(error, UqError::TooFewMembers { members: 1, minimum: 2 });
    }
}
