//! Samples asked for by their reference: where a whole way from noise to samples is one map `G(x_1)`, as of a generator of one
//! step or of a sampler without noise of its own, the noise is changed and the map is not.

mod observed;
mod tilted;

pub use observed::{Observed, observed};
pub use tilted::{Tilted, effective_samples, tilted, untilting};
