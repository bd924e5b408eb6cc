//! What each trait of `langevin-core` promises, as checks.

mod denoiser;
mod factor;
mod path;
mod sampler;

pub use denoiser::denoiser;
pub use factor::factor;
pub use path::path;
pub use sampler::sampler;

use candle_core::{DType, Tensor};
use langevin_core::State;

/// All numbers of a tensor in f64.
fn values(x: &Tensor) -> Vec<f64> {
    let flat = x.to_dtype(DType::F64).and_then(|x| x.flatten_all());
    flat.and_then(|x| x.to_vec1()).expect("a tensor on the CPU")
}

/// Panics unless the two states hold the same bits.
#[track_caller]
fn assert_same_bits(what: &str, a: &State, b: &State) {
    for (a, b) in a.parts().iter().zip(b.parts()) {
        assert_eq!(a.dims(), b.dims(), "{what}: shapes differ");
        for (i, (a, b)) in values(a).iter().zip(values(b)).enumerate() {
            assert!(a.to_bits() == b.to_bits(), "{what}: number {i} is {a:e} or {b:e}");
        }
    }
}
