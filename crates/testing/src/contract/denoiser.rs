//! The promises of a denoiser.

use langevin_core::{Denoiser, State, Times};

use super::assert_same_bits;

/// The same answer twice, and for some samples of the batch the same bits as in it.
///
/// `x_t` is the whole batch that conditions, if any, are bound to.
///
/// # Panics
/// With the first promise that does not hold.
pub fn denoiser(denoiser: &dyn Denoiser, x_t: &State, t: &Times) {
    let ask = |x: &State, t: &Times| denoiser.denoise(x, t).expect("a denoiser answers");
    let all = ask(x_t, t);
    assert_same_bits("asked twice", &all, &ask(x_t, t));
    let n = t.len();
    let alone = (0..n).map(|i| vec![i]);
    // A batch let go of its first, as solvers do, and one in another order.
    let others = [(1..n).collect::<Vec<_>>(), (0..n).rev().collect()];
    for rows in alone.chain(others).filter(|rows| !rows.is_empty()) {
        let times = Times::new(rows.iter().map(|&row| t.values()[row]).collect());
        let some = denoiser.denoise_rows(&x_t.select(&rows).expect("rows"), &times, &rows);
        let within = all.select(&rows).expect("rows");
        assert_same_bits(&format!("samples {rows:?}"), &some.expect("an answer"), &within);
    }
}
