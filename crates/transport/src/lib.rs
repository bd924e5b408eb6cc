//! Optimal transport: exact, entropic and closed-form, on plain `f64` slices.
//!
//! A **cost** is a dense row-major matrix, rows the sources, columns the targets. A **plan** moves
//! mass from rows to columns; **potentials** are the dual variables that prove it optimal. Points
//! are row-major `[n, dim]` slices. Every function is pure and returns the same bits for any
//! number of threads.

mod assignment;
mod cost;
mod error;
mod gaussian;
mod kabsch;
mod matching;
mod network_simplex;
mod plan;
mod simd;
mod sinkhorn;
#[cfg(test)]
mod testing;
mod vector_exp;
mod wasserstein;

pub use assignment::{Assigner, Assignment};
pub use cost::{CostMatrix, CostView, Ground};
pub use error::TransportError;
pub use gaussian::gaussian_wasserstein_squared;
pub use kabsch::{RigidMotion, kabsch};
pub use network_simplex::{Transport, network_simplex};
pub use plan::{PairSampler, most_likely_columns};
pub use sinkhorn::{Sinkhorn, SinkhornConfig, sinkhorn, sinkhorn_divergence};
pub use wasserstein::{
    energy_distance, match_clouds, mmd_unbiased, sliced_wasserstein, transport_clouds,
    wasserstein_1, wasserstein_2, wasserstein_circle, wasserstein_line, wasserstein_power,
};
