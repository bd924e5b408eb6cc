//! Steps taken farther to the data than the flow says.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use langevin_core::factor::{Base, Categorical, Euclidean, Space};
use langevin_core::rng::ids;
use langevin_core::sampler::carry;
use langevin_core::{
    Denoiser, Estimate, Path, Process, Purpose, Result, Rng, Seed, Silent, State, TimeGrid, Times,
};
use langevin_diffusion::sampler::{Euler, EulerConfig};
use langevin_diffusion::schedule::LinearConfig;

/// Knows that the data are 0.
struct Zero;

impl Denoiser for Zero {
    fn denoise(&self, x_t: &State, _: &Times) -> Result<Estimate> {
        x_t.map(|x| Ok(x.zeros_like()?))
    }
}

fn process(space: &Space, anneal: f64) -> Process {
    let path: Arc<dyn Path> = Arc::new(LinearConfig::default().build().unwrap());
    Process::new(space, path).annealed(|name| if name == "x" { anneal } else { 9.0 })
}

fn euler(farthest: f64) -> Euler {
    EulerConfig { farthest }.build().unwrap()
}

/// Where 1 is at each of the times 1/2, 1/4 and 0, annealed by `anneal`.
fn walked(anneal: f64, farthest: f64) -> [f64; 3] {
    let process = process(&Space::of("x", Euclidean::new(&[1])), anneal);
    let rng = Rng::new(Seed(1), Purpose::Sampling, ids(0, 1), 0);
    let to = |times: &[f64]| {
        let grid = TimeGrid::new(times.to_vec()).unwrap();
        let x = State::single(Tensor::new(&[[1.0]], &Device::Cpu).unwrap());
        let x = carry(&process, &Zero, &euler(farthest), &grid, x, &rng, &mut Silent).unwrap();
        x.part(0).to_vec2::<f64>().unwrap()[0][0]
    };
    [to(&[1.0, 0.5]), to(&[1.0, 0.5, 0.25]), to(&[1.0, 0.5, 0.25, 0.0])]
}

/// From 1 to 1/2 nothing is added, 1 − t being 0. From there x goes (1/4)/(1/2) of its way to 0, 1 + a/2 times as far,
/// but not beyond `farthest` of it; the last step ends there.
#[test]
fn velocities_are_followed_farther_but_not_beyond_what_is_allowed() {
    for (anneal, farthest, want) in [
        (0.0, 1.0, 0.25),
        (1.0, 1.0, 0.125),
        (2.0, 1.0, 0.0),
        (7.0, 1.0, 0.0),
        (0.0, 1.5, 0.25),
        (3.0, 1.5, -0.125),
        (7.0, 1.5, -0.25),
    ] {
        let [half, quarter, end] = walked(anneal, farthest);
        let near = |x: f64, want: f64| (x - want).abs() < 1e-12;
        assert!(near(half, 0.5) && near(quarter, want), "{anneal}, {farthest}: {quarter}");
        assert!(near(end, 0.0), "{anneal}, {farthest}: {end}");
    }
    let error = EulerConfig { farthest: 2.0 }.build().unwrap_err().to_string();
    assert_eq!(error, "farthest: found 2, allowed: 1 to below 2");
}

/// Thinks that every variable is of class 1 of 2.
struct One;

impl Denoiser for One {
    fn denoise(&self, x_t: &State, _: &Times) -> Result<Estimate> {
        let (batch, n) = x_t.part(0).dims2()?;
        let row = Tensor::new(&[-1e3, 0.0], &Device::Cpu)?;
        Ok(State::single(row.broadcast_as((batch, n, 2))?.contiguous()?))
    }
}

/// A mask stays from 1 to 1/2 with probability e^(−1/2), from there to 1/4 with e^(−(1 + a/2)/2): 40,000 variables, five
/// standard errors.
#[test]
fn rates_are_as_many_times_as_large() {
    let n = 40_000;
    let space = Space::of("x", Categorical::new(n, 2, Base::Mask));
    for anneal in [0.0, 3.0] {
        let process = process(&space, anneal);
        let rng = Rng::new(Seed(1), Purpose::Sampling, ids(0, 1), 0);
        let masks = State::single(Tensor::full(2u32, (1, n), &Device::Cpu).unwrap());
        let grid = TimeGrid::new(vec![1.0, 0.5, 0.25]).unwrap();
        let x = carry(&process, &One, &euler(1.5), &grid, masks, &rng, &mut Silent).unwrap();
        let stay = x.part(0).to_vec2::<u32>().unwrap()[0].iter().filter(|&&x| x == 2).count();
        let want = (-0.5 - 0.5 * (1.0 + 0.5 * anneal)).exp();
        let error = (want * (1.0 - want) / n as f64).sqrt();
        let found = stay as f64 / n as f64;
        assert!((found - want).abs() < 5.0 * error, "{anneal}: {found}, not {want}");
    }
}
