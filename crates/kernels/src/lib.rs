//! Fused operations with their adjoints and tangents, and the counter-based generator.
//!
//! Each operation takes candle tensors (f32 or f64), on the CPU records one node in candle's graph and has its own
//! adjoint, and on other devices is composed of candle's products and kernels between them. Where a forward-mode tangent
//! is needed (consistency models, flow maps) `*_dual` returns `(value, tangent)`: the value is differentiable, the tangent has no graph.
//!
//! Three promises hold for all of them, and are tested:
//! - the same bits for any number of threads of the pool they run in ([`parallel`]);
//! - a row of a batch has the same bits whatever the batch ([`linear`]);
//! - one instruction set, one result: the set is chosen at run time ([`isa`]).

// Vector instructions, disjoint writes from several threads and unchecked tile addresses need it;
// every block states what makes it sound, and no other crate of the workspace may.
#![allow(unsafe_code)]

pub mod activation;
mod along;
mod attention;
mod backward;
mod composed;
mod conv;
#[cfg(any(test, feature = "cuda"))]
pub mod cuda;
mod gemm;
pub mod isa;
mod linear;
mod math;
mod norm;
mod optim;
mod pair;
pub mod parallel;
mod points;
mod precision;
mod real;
pub mod rng;
mod scratch;
mod segment;
mod simd;
mod tensor;
#[cfg(test)]
mod testing;
mod turn;
mod twins;

pub use activation::{Activation, gelu, gelu_tanh, selu, sigmoid, silu, softplus, tanh};
pub use along::{SparseRows, along};
pub use attention::{attention, attention_dual};
pub use backward::backward;
pub use composed::{compose_everywhere, composing, imitates_another_device};
pub use conv::{Conv2d, conv2d};
pub use linear::{linear, linear_act, linear_act_dual, linear_dual};
pub use norm::{
    layer_norm, layer_norm_adjoint, layer_norm_dual, rms_norm, rms_norm_dual, softmax,
    softmax_adjoint, softmax_dual,
};
pub use optim::{
    AdamW, AdamWParams, Moments, ParamState, StepInfo, adamw_slice, global_norm, sum_in_order,
};
pub use pair::{
    PairOutput, PairWeights, directed_sums, displacement_sum, displacement_sum_dual, pair_block,
    pair_block_dual, squared_distances, squared_distances_dual,
};
pub use points::{mean_over_points, to_points};
pub use precision::{Precision, precision, set_precision, whole_product};
pub use real::Real;
pub use segment::{
    Gather, Segments, gather, segment_max, segment_max_dual, segment_mean, segment_softmax,
    segment_softmax_dual, segment_sum,
};
pub use turn::in_turn;
pub use twins::emulated::emulate_everywhere;
