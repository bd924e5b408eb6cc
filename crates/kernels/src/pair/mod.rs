//! The pair block of an E(n)-equivariant network, fused.
//!
//! For every ordered pair of points of a sample,
//! `h_ij = σ(a_i + b_j + e_ij C + b1)`, `m_ij = σ(h_ij W2ᵀ + b2)`, then a gated sum over the
//! neighbours and a few scalars per pair. `[a | b]` are the halves of the usual first layer on
//! `[h_i, h_j, d_ij²]` (Satorras et al., 2021, Eq. 3): the n² products with `h` become n.
//!
//! Pairs are visited in chunks that stay in the second-level cache: products with `W2`, and with `C` and the scalars'
//! weights where these are many, between passes over rows that do all the rest. Of the arrays of size n² · H
//! only one is ever written to memory, the pre-activation of `m`, and only for the adjoint, which
//! computes the rest again.

mod adjoint;
mod directions;
mod forward;
mod geometry;
mod hidden;
mod messages;
mod op;
mod passes;
mod products;
mod shape;
mod tangent;
#[cfg(test)]
mod tests;

pub use directions::directed_sums;
pub use geometry::{
    displacement_sum, displacement_sum_dual, squared_distances, squared_distances_dual,
};
pub use op::{PairOutput, PairWeights, pair_block, pair_block_dual};
