//! Measured orders of convergence.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use langevin_core::rng::ids;
use langevin_core::{Path, Purpose, Rng, Sampler, Seed, Silent, State, TimeGrid, carry};
use langevin_diffusion::GaussianMixture;
use langevin_diffusion::sampler::{
    AdaptiveConfig, DdimConfig, DdpmConfig, DpmSolverConfig, DpmSolverSdeConfig, EulerConfig,
    EulerMaruyamaConfig, HeunConfig, UnipcConfig,
};
use langevin_diffusion::schedule::CosineConfig;
use langevin_testing::assert_within;
use langevin_testing::oracle::{convergence, response};

use super::{line, two_bumps};

/// λ between which orders are measured: there every term of the errors is smooth and none is small.
const LAMBDA: [f64; 2] = [-1.5, 2.5];

fn cosine() -> Arc<dyn Path> {
    Arc::new(CosineConfig {}.build().unwrap())
}

/// `n` steps, equal in λ; where `warm`, the first is split at n^−1.5 of the way: a multistep rule starts
/// with a first-order step, whose error then is of the order of the rule.
fn grid(path: &dyn Path, n: usize, warm: bool) -> TimeGrid {
    let ahead = warm.then(|| (n as f64).powf(-1.5));
    let rest = (1..=n).map(|i| i as f64 / n as f64);
    let nodes = [0.0].into_iter().chain(ahead).chain(rest);
    let times = nodes.map(|u| path.time_of_log_snr(LAMBDA[0] + (LAMBDA[1] - LAMBDA[0]) * u));
    TimeGrid::new(times.collect()).unwrap()
}

/// Twelve states of a mixture of two Gaussians, carried from one end of the interval to the other.
fn carried(
    sampler: &dyn Sampler,
    path: &Arc<dyn Path>,
    grid: &TimeGrid,
) -> langevin_core::Result<Vec<f64>> {
    let start: Vec<f64> = (0..12).map(|i| -1.8 + 0.33 * f64::from(i)).collect();
    let x_t = State::single(Tensor::from_vec(start, (12, 1), &Device::Cpu)?);
    let rng = Rng::new(Seed(1), Purpose::Sampling, ids(0, 12), 0);
    let denoiser = two_bumps().denoiser(path.clone());
    let x = carry(&line(path), &denoiser, sampler, grid, x_t, &rng, &mut Silent)?;
    Ok(x.part(0).flatten_all()?.to_vec1()?)
}

/// Order against a solution at a tolerance of 1e-13.
///
/// The slope over three halvings is within 0.25 of the order (0.35 above order 2), because the next
/// order's term is still a few per cent of the error. One wrong coefficient costs an order or more.
#[test]
fn deterministic_samplers_converge_at_their_order() {
    let path = cosine();
    let tight = AdaptiveConfig { relative: 1e-13, absolute: 1e-13, smallest_step: 1e-13 };
    let ends = TimeGrid::new(LAMBDA.map(|l| path.time_of_log_snr(l)).to_vec()).unwrap();
    let exact = carried(&tight.build().unwrap(), &path, &ends).unwrap();
    let cases: [(&str, Arc<dyn Sampler>, f64); 8] = [
        ("Euler", Arc::new(EulerConfig {}.build().unwrap()), 1.0),
        ("DDIM", Arc::new(DdimConfig { eta: 0.0 }.build().unwrap()), 1.0),
        ("Heun", Arc::new(HeunConfig::default().build().unwrap()), 2.0),
        ("DPM-Solver++ 2M", Arc::new(DpmSolverConfig { order: 2 }.build().unwrap()), 2.0),
        ("DPM-Solver++ 3M", Arc::new(DpmSolverConfig { order: 3 }.build().unwrap()), 3.0),
        ("UniPC-1", Arc::new(UnipcConfig { order: 1 }.build().unwrap()), 2.0),
        ("UniPC-2", Arc::new(UnipcConfig { order: 2 }.build().unwrap()), 3.0),
        ("UniPC-3", Arc::new(UnipcConfig { order: 3 }.build().unwrap()), 4.0),
    ];
    for (name, sampler, order) in cases {
        let measured = convergence(&[32, 64, 128, 256], |n| {
            let x = carried(sampler.as_ref(), &path, &grid(path.as_ref(), n, true))?;
            Ok(x.iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max))
        });
        let measured = measured.unwrap();
        println!("{name}: order {:.2}, errors {:?}", measured.order, measured.errors);
        assert_within(name, measured.order, order, if order > 2.0 { 0.35 } else { 0.25 });
    }
}

/// Weak order of the stochastic samplers, without statistics: on N(2, 0.5²) mean and variance at the
/// end follow from the sampler's linear map, and the exact ones from the path.
///
/// The stochastic 2M is of weak order 2 (with η = 1 its noise is the exact increment), the others 1.
#[test]
fn stochastic_samplers_converge_at_their_weak_order() {
    let path = cosine();
    let (m, v) = (2.0, 0.25);
    let denoiser = GaussianMixture::gaussian(vec![m], vec![0.5]).unwrap().denoiser(path.clone());
    let law = |lambda: f64| {
        let c = path.coefficients(path.time_of_log_snr(lambda));
        (c.alpha * m, c.alpha * c.alpha * v + c.beta * c.beta)
    };
    let (start, end) = (law(LAMBDA[0]), law(LAMBDA[1]));
    let cases: [(&str, Arc<dyn Sampler>, f64); 4] = [
        ("Euler–Maruyama", Arc::new(EulerMaruyamaConfig::default().build().unwrap()), 1.0),
        ("DDPM", Arc::new(DdpmConfig {}.build().unwrap()), 1.0),
        ("DDIM, η = 0.5", Arc::new(DdimConfig { eta: 0.5 }.build().unwrap()), 1.0),
        ("SDE 2M", Arc::new(DpmSolverSdeConfig { order: 2, eta: 1.0 }.build().unwrap()), 2.0),
    ];
    for (name, sampler, order) in cases {
        let measured = convergence(&[16, 32, 64, 128], |n| {
            let grid = grid(path.as_ref(), n, false);
            let map = response(&line(&path), &denoiser, sampler.as_ref(), &grid, 1)?;
            let (mean, variance) = (map.mean(start.0), map.variance(start.1));
            Ok((mean - end.0).abs().max((variance.sqrt() - end.1.sqrt()).abs()))
        });
        let measured = measured.unwrap();
        println!("{name}: order {:.2}, errors {:?}", measured.order, measured.errors);
        assert_within(name, measured.order, order, 0.25);
    }
}
