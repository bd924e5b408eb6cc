//! The promises of a sampler.

use candle_core::{DType, Device};
use langevin_core::rng::ids;
use langevin_core::{
    Denoiser, Process, Purpose, Rng, SampleId, Sampler, Seed, Silent, State, TimeGrid, sample,
};

use super::assert_same_bits;

/// A sample has the same bits alone, in batches of 7, and in one of 256, and on a second run.
///
/// # Panics
/// With the first promise that does not hold.
pub fn sampler(sampler: &dyn Sampler, process: &Process, denoiser: &dyn Denoiser, grid: &TimeGrid) {
    let run = |ids: Vec<SampleId>| -> State {
        let mut reference = Rng::new(Seed(23), Purpose::Reference, ids.clone(), 0);
        let x_1 = process.reference(DType::F64, &Device::Cpu, &mut reference).expect("a reference");
        let rng = Rng::new(Seed(23), Purpose::Sampling, ids, 0);
        sample(process, denoiser, sampler, grid, x_1, &rng, &mut Silent).expect("samples")
    };
    let n = 256;
    let all = run(ids(0, n));
    assert_same_bits("a second run", &all, &run(ids(0, n)));
    let sevens: Vec<State> =
        (0..n).step_by(7).map(|first| run(ids(first as u64, 7.min(n - first)))).collect();
    assert_same_bits("batches of 7", &all, &State::concat(&sevens).expect("rows"));
    // Every 37th alone: enough to meet all places of a vector register.
    for i in (0..n).step_by(37) {
        let alone = run(ids(i as u64, 1));
        assert_same_bits(&format!("sample {i} alone"), &all.narrow(i, 1).expect("a row"), &alone);
    }
}
