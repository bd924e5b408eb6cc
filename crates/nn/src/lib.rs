//! Layers and backbones built from `langevin-kernels`, with named parameters and seeded weights.
//!
//! A network is built twice from the same code: over a [`ParamStore`] to be trained, and over
//! frozen tensors to sample from, because candle records a graph for whatever touches a variable.
//!
//! Every layer has two forms: `forward` gives its value, `forward_dual` the same value and its
//! exact tangent along a direction of the input ([`Layer`]; [`PairLayer`] and [`Mlp`] have several
//! inputs).

mod attention;
mod conv;
mod error;
mod init;
mod inputs;
mod layer;
mod linear;
mod mlp;
mod norm;
mod pair;
mod params;
#[cfg(test)]
mod testing;
mod time_features;

pub use attention::Attention;
pub use conv::Conv2d;
pub use error::NnError;
pub use init::Init;
pub use inputs::{one_hot, radial_basis};
pub use layer::Layer;
pub use linear::Linear;
pub use mlp::{ActivationKind, Mlp, MlpConfig};
pub use norm::{LayerNorm, RmsNorm};
pub use pair::{PairHead, PairLayer, PairOptions, PairSum};
pub use params::{Builder, ParamStore};
pub use time_features::{TimeFeatures, TimeFeaturesConfig};

/// Result of building a network.
pub type Result<T, E = NnError> = std::result::Result<T, E>;
