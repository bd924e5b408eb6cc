//! How large the rare ones are: laws of maxima and of excesses, and levels that return once in many years.

mod gev;
mod gpd;
mod lmoments;

pub use gev::Gev;
pub use gpd::{Gpd, decluster};
pub use lmoments::LMoments;

/// How parameters are estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// From L-moments: robust, and better than likelihood for a few dozen values.
    LMoments,
    /// By maximum likelihood, from the L-moments as start. Shapes beyond ±0.5 are penalised by
    /// `((|k| − 0.5)/0.1)²/2`: short records would else give laws without a variance.
    Likelihood,
}

/// What is added to the negative log-likelihood: a normal prior of sd 0.1 on how far a shape is beyond ±0.5, in the
/// spirit of Coles & Dixon (1999), Extremes 2, 5–23.
fn penalty(shape: f64) -> f64 {
    (10.0 * (shape.abs() - 0.5).max(0.0)).powi(2) / 2.0
}

/// `(1 − e^(−k y))/k`, and `y` as `k` goes to 0: the quantile of a law with shape `k` from one with shape 0.
fn bend(y: f64, shape: f64) -> f64 {
    if (shape * y).abs() < 1e-12 { y } else { -(-shape * y).exp_m1() / shape }
}

/// The inverse of [`bend`]: `−ln(1 − k z)/k`; NaN beyond the limit of the law.
fn unbend(z: f64, shape: f64) -> f64 {
    if (shape * z).abs() < 1e-12 { z } else { -(-shape * z).ln_1p() / shape }
}
