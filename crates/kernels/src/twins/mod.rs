//! The kernels of GPUs: what stands between the matrix products of [`crate::composed`], fused, with adjoints and
//! tangents.
//!
//! Their sources (`source/`) are compiled by NVRTC when they are first needed, for f32 and f64. Each runs as one node of
//! candle's graph; sums have a fixed order, so that results have the same bits each time. The same sources run on a CPU,
//! thread by thread (`emulated`).

mod along;
mod call;
mod conv;
mod directions;
pub(crate) mod emulated;
mod geometry;
mod node;
mod norm;
#[cfg(feature = "cuda")]
mod nvrtc;
mod optim;
mod pair;
mod pointwise;
mod softmax;
mod source;
mod sums;

pub(crate) use along::{Entries, along};
pub(crate) use conv::conv2d;
pub(crate) use directions::directed_sums;
pub(crate) use geometry::{
    displacement_sum, displacement_tangent, squared_distances, squared_distances_tangent,
};
pub(crate) use norm::{norm, norm_tangent};
pub(crate) use optim::{adamw, average, square_sum};
pub(crate) use pair::{
    first_layer, first_sum, gate, gate_tangent, gated_sum, pair_sum, without_diagonal,
};
pub(crate) use pointwise::{biased, biased_times, slope, value};
pub(crate) use softmax::{softmax, softmax_jacobian};
pub(crate) use sums::{sum_over_points, to_points};

use candle_core::{DType, Tensor};

use crate::composed::by_candle_alone;

/// Whether these kernels are to run where `x` lies.
pub(crate) fn here(x: &Tensor) -> bool {
    let device = x.device().is_cuda() || (x.device().is_cpu() && emulated::is_on());
    device && !by_candle_alone() && matches!(x.dtype(), DType::F32 | DType::F64)
}
