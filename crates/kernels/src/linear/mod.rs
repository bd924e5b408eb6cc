//! Affine maps of the last dimension, with the activation that follows fused in.

mod op;
pub(crate) mod passes;

pub use op::{linear, linear_act, linear_act_dual, linear_dual};
