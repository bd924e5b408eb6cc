//! NVIDIA GPUs, in programs built with the feature `cuda`.

mod fit;
#[cfg(feature = "cuda")]
mod open;

#[cfg(feature = "cuda")]
pub(crate) use open::CAPABILITY;
#[cfg(feature = "cuda")]
pub use open::{check_fewer_bits, free, open};
