//! Orders of convergence, as the tests bound them and the example publishes them: one set of cases.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use langevin_core::factor::{Euclidean, Space};
use langevin_core::rng::ids;
use langevin_core::{
    Path, Process, Purpose, Result, Rng, Sampler, Seed, Silent, State, TimeGrid, carry,
};
use langevin_diffusion::sampler::{
    AdaptiveConfig, DdimConfig, DdpmConfig, DpmSolverConfig, DpmSolverSdeConfig, EulerConfig,
    EulerMaruyamaConfig, HeunConfig, UnipcConfig,
};
use langevin_diffusion::{GaussianMixture, SamplerConfig};
use langevin_testing::oracle::{Convergence, convergence, response};

/// λ between which orders are measured: there every term of the errors is smooth and none is small.
const LAMBDA: [f64; 2] = [-1.5, 2.5];

/// A sampler and its order.
pub(crate) type Case = (&'static str, SamplerConfig, f64);

/// Samplers without noise, and their orders.
pub(crate) fn ordinary() -> [Case; 8] {
    [
        ("Euler", SamplerConfig::Euler(EulerConfig::default()), 1.0),
        ("DDIM", SamplerConfig::Ddim(DdimConfig { eta: 0.0 }), 1.0),
        ("Heun", SamplerConfig::Heun(HeunConfig::default()), 2.0),
        ("DPM-Solver++ 2M", SamplerConfig::DpmSolver(DpmSolverConfig { order: 2 }), 2.0),
        ("DPM-Solver++ 3M", SamplerConfig::DpmSolver(DpmSolverConfig { order: 3 }), 3.0),
        ("UniPC-1", SamplerConfig::Unipc(UnipcConfig { order: 1 }), 2.0),
        ("UniPC-2", SamplerConfig::Unipc(UnipcConfig { order: 2 }), 3.0),
        ("UniPC-3", SamplerConfig::Unipc(UnipcConfig { order: 3 }), 4.0),
    ]
}

/// Samplers with noise, and their weak orders.
///
/// The stochastic 2M is of weak order 2 (with η = 1 its noise is the exact increment), the others 1.
pub(crate) fn stochastic() -> [Case; 4] {
    let sde = DpmSolverSdeConfig { order: 2, eta: 1.0 };
    [
        ("Euler–Maruyama", SamplerConfig::EulerMaruyama(EulerMaruyamaConfig::default()), 1.0),
        ("DDPM", SamplerConfig::Ddpm(DdpmConfig {}), 1.0),
        ("DDIM, η = 0.5", SamplerConfig::Ddim(DdimConfig { eta: 0.5 }), 1.0),
        ("SDE-DPM-Solver++ 2M", SamplerConfig::DpmSolverSde(sde), 2.0),
    ]
}

/// How far a measured order may be from theory: over three halvings the next order's term is still a few
/// per cent of the error. One wrong coefficient costs an order or more.
pub(crate) fn slack(order: f64) -> f64 {
    if order > 2.0 { 0.35 } else { 0.25 }
}

/// One coordinate along `path`.
pub(crate) fn line(path: &Arc<dyn Path>) -> Process {
    Process::new(&Space::of("x", Euclidean::new(&[1])), path.clone())
}

/// The data of strong orders.
pub(crate) fn two_bumps() -> GaussianMixture {
    let (means, sds) = (vec![vec![-1.0], vec![0.8]], vec![vec![0.5], vec![0.4]]);
    GaussianMixture::new(vec![1.0, 2.0], means, sds).expect("two Gaussians")
}

/// The data of weak orders and moments, N(2, 0.5²).
pub(crate) fn gaussian() -> GaussianMixture {
    GaussianMixture::gaussian(vec![2.0], vec![0.5]).expect("a Gaussian")
}

/// `n` steps, equal in λ; where `warm`, the first is split at n^−1.5 of the way: a multistep rule starts
/// with a first-order step, whose error then is of the order of the rule.
fn grid(path: &dyn Path, n: usize, warm: bool) -> Result<TimeGrid> {
    let ahead = warm.then(|| (n as f64).powf(-1.5));
    let rest = (1..=n).map(|i| i as f64 / n as f64);
    let nodes = [0.0].into_iter().chain(ahead).chain(rest);
    let times = nodes.map(|u| path.time_of_log_snr(LAMBDA[0] + (LAMBDA[1] - LAMBDA[0]) * u));
    TimeGrid::new(times.collect())
}

/// Twelve states of the two bumps, carried from one end of the interval to the other.
fn carried(sampler: &dyn Sampler, path: &Arc<dyn Path>, grid: &TimeGrid) -> Result<Vec<f64>> {
    let start: Vec<f64> = (0..12).map(|i| -1.8 + 0.33 * f64::from(i)).collect();
    let x_t = State::single(Tensor::from_vec(start, (12, 1), &Device::Cpu)?);
    let rng = Rng::new(Seed(1), Purpose::Sampling, ids(0, 12), 0);
    let denoiser = two_bumps().denoiser(path.clone());
    let x = carry(&line(path), &denoiser, sampler, grid, x_t, &rng, &mut Silent)?;
    Ok(x.part(0).flatten_all()?.to_vec1()?)
}

/// The largest error against a solution at a tolerance of 1e-13.
pub(crate) fn strong(
    path: &Arc<dyn Path>,
    sampler: &dyn Sampler,
    warm: bool,
) -> Result<Convergence> {
    let tight = AdaptiveConfig { relative: 1e-13, absolute: 1e-13, smallest_step: 1e-13 };
    let ends = TimeGrid::new(LAMBDA.map(|l| path.time_of_log_snr(l)).to_vec())?;
    let exact = carried(&tight.build().expect("positive tolerances"), path, &ends)?;
    convergence(&[32, 64, 128, 256], |n| {
        let x = carried(sampler, path, &grid(path.as_ref(), n, warm)?)?;
        Ok(x.iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max))
    })
}

/// The larger error of mean and standard deviation, without statistics: on a Gaussian both follow from
/// the sampler's linear map, and the exact ones from the path.
pub(crate) fn weak(path: &Arc<dyn Path>, sampler: &dyn Sampler) -> Result<Convergence> {
    let denoiser = gaussian().denoiser(path.clone());
    let law = |lambda: f64| {
        let c = path.coefficients(path.time_of_log_snr(lambda));
        (c.alpha * 2.0, c.alpha * c.alpha * 0.25 + c.beta * c.beta)
    };
    let (start, end) = (law(LAMBDA[0]), law(LAMBDA[1]));
    convergence(&[16, 32, 64, 128], |n| {
        let grid = grid(path.as_ref(), n, false)?;
        let map = response(&line(path), &denoiser, sampler, &grid, 1)?;
        let (mean, variance) = (map.mean(start.0), map.variance(start.1));
        Ok((mean - end.0).abs().max((variance.sqrt() - end.1.sqrt()).abs()))
    })
}
