//! The promises of a denoiser.

use langevin_core::{Denoiser, State, Times};

use super::assert_same_bits;

/// The same answer twice, and for a sample alone the same bits as in its batch.
///
/// # Panics
/// With the first promise that does not hold.
pub fn denoiser(denoiser: &dyn Denoiser, x_t: &State, t: &Times) {
    let ask = |x: &State, t: &Times| denoiser.denoise(x, t).expect("a denoiser answers");
    let all = ask(x_t, t);
    assert_same_bits("asked twice", &all, &ask(x_t, t));
    for (i, &time) in t.values().iter().enumerate() {
        let alone = ask(&x_t.narrow(i, 1).expect("a row"), &Times::all(1, time));
        assert_same_bits(&format!("sample {i} alone"), &alone, &all.narrow(i, 1).expect("a row"));
    }
}
