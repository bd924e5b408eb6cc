//! Guidance: denoisers around denoisers, and samplers around samplers.

mod contrast;
mod posterior;
mod projection;
mod reference;
mod repetition;
mod replacement;

pub use contrast::{Contrast, ContrastConfig, Contrasted};
pub use posterior::{Measurement, Posterior, PosteriorConfig, Tilt};
pub use projection::{Held, affine_projection};
pub use reference::{Observed, Tilted, effective_samples, observed, tilted, untilting};
pub use repetition::Repeated;
pub use replacement::Replaced;
