//! Optimal transport: exact, entropic and closed-form, on plain `f64` slices.
//!
//! A **cost** is a dense row-major matrix, rows the sources, columns the targets. A **plan** moves
//! mass from rows to columns; **potentials** are the dual variables that prove it optimal. Points
//! are row-major `[n, dim]` slices. Every function is pure and returns the same bits for any
//! number of threads.

mod assignment;
mod cost;
mod error;
mod matching;
mod simd;
#[cfg(test)]
mod testing;

pub use assignment::{Assigner, Assignment};
pub use cost::{CostMatrix, CostView, Ground};
pub fn tmp_match(x:&[f64],y:&[f64],dim:usize)->Assignment{matching::match_points(&cost::PointRows::new(x.to_vec(),y.to_vec(),dim,Ground::SquaredEuclidean))}
pub use error::TransportError;
