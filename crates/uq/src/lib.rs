//! Uncertainty that can be checked: arrays in, numbers out. It knows no network, no file and no domain.
//!
//! An ensemble on cells is `[members, cells]`, its observations `[cells]`; a field is `[height, width]`, a stack of
//! them `[members, height, width]`. Inputs are `f32` or `f64` ([`Real`]), results `f64`. A missing value is NaN: it
//! makes the score of its cell NaN, and sums over cells leave that cell out.

mod cells;
mod error;
mod estimator;
mod interval;
mod nelder_mead;
mod order;
mod seeded;

pub mod area;
pub mod brier;
pub mod calibration;
pub mod conformal;
pub mod correlation;
pub mod coverage;
pub mod crps;
pub mod decomposition;
pub mod energy;
pub mod extremes;
pub mod fss;
pub mod histogram;
pub mod quantiles;
pub mod rank;
pub mod roc;
pub mod significance;
pub mod spectrum;
pub mod spread;
pub mod variogram;
pub mod wet_days;
pub mod zonal;

pub use cells::{Real, weighted_mean};
pub use error::UqError;
pub use estimator::Estimator;
pub use interval::Interval;
