//! Normalisation over the last dimension: layer norm, RMS norm, softmax.

mod affine;
mod softmax;

pub use affine::{layer_norm, layer_norm_adjoint, layer_norm_dual, rms_norm, rms_norm_dual};
pub use softmax::{softmax, softmax_adjoint, softmax_dual};
pub(crate) use softmax::{softmax_row, softmax_row_adjoint};
