//! Steps taken farther to the data than the flow says.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use langevin_core::factor::{Euclidean, Space};
use langevin_core::rng::ids;
use langevin_core::sampler::carry;
use langevin_core::{
    Denoiser, Estimate, Path, Process, Purpose, Result, Rng, Seed, Silent, State, TimeGrid, Times,
};
use langevin_diffusion::sampler::Euler;
use langevin_diffusion::schedule::LinearConfig;

/// Knows that the data are 0.
struct Zero;

impl Denoiser for Zero {
    fn denoise(&self, x_t: &State, _: &Times) -> Result<Estimate> {
        x_t.map(|x| Ok(x.zeros_like()?))
    }
}

/// Where 1 is at each of the times 1/2 and 1/4, annealed by `anneal`.
fn walked(anneal: f64) -> [f64; 2] {
    let path: Arc<dyn Path> = Arc::new(LinearConfig::default().build().unwrap());
    let space = Space::of("x", Euclidean::new(&[1]));
    let process =
        Process::new(&space, path).annealed(|name| if name == "x" { anneal } else { 9.0 });
    let rng = Rng::new(Seed(1), Purpose::Sampling, ids(0, 1), 0);
    let to = |times: Vec<f64>| {
        let grid = TimeGrid::new(times).unwrap();
        let x = State::single(Tensor::new(&[[1.0]], &Device::Cpu).unwrap());
        let x = carry(&process, &Zero, &Euler, &grid, x, &rng, &mut Silent).unwrap();
        x.part(0).to_vec2::<f64>().unwrap()[0][0]
    };
    [to(vec![1.0, 0.5]), to(vec![1.0, 0.5, 0.25])]
}

/// From 1 to 1/2 nothing is added, 1 − t being 0. From there x goes (1/4)/(1/2) of its way to 0, 1 + a/2 times as far,
/// but never beyond.
#[test]
fn velocities_are_followed_farther_but_not_beyond_the_data() {
    for (anneal, want) in [(0.0, 0.25), (1.0, 0.125), (2.0, 0.0), (7.0, 0.0)] {
        let [half, quarter] = walked(anneal);
        assert!(
            (half - 0.5).abs() < 1e-12 && (quarter - want).abs() < 1e-12,
            "{anneal}: {quarter}"
        );
    }
}
