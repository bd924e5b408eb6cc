//! Measures the samplers against exact answers and writes `docs/results/samplers.json`.
//!
//! `cargo run --release -p langevin-diffusion --example convergence -- MACHINE DATE [OUT]`, where
//! MACHINE says in words what it runs on. Nothing here depends on the machine's speed.

use std::error::Error;
use std::path::Path as FilePath;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use langevin_core::factor::{Euclidean, Space};
use langevin_core::rng::ids;
use langevin_core::{
    Path, Process, Purpose, Result, Rng, Sampler, Seed, Silent, State, TimeGrid, carry,
};
use langevin_diffusion::sampler::{
    AdaptiveConfig, DdimConfig, DdpmConfig, DpmSolverConfig, DpmSolverSdeConfig, EulerConfig,
    EulerMaruyamaConfig, HeunConfig, PredictorCorrectorConfig, SamplerConfig, UnipcConfig,
};
use langevin_diffusion::schedule::CosineConfig;
use langevin_diffusion::{GaussianMixture, GridConfig};
use langevin_report::results::{Results, Row};
use langevin_testing::oracle::{convergence, response};

/// λ between which orders are measured.
const LAMBDA: [f64; 2] = [-1.5, 2.5];

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [machine, date, rest @ ..] = words.as_slice() else {
        return Err("expected: MACHINE DATE [OUT]".into());
    };
    let out = rest.first().map_or("docs/results/samplers.json", String::as_str);
    let path: Arc<dyn Path> = Arc::new(CosineConfig {}.build()?);
    let mut rows = Vec::new();
    for (name, sampler, order) in ordinary()? {
        rows.push(judged_order(name, "order", strong_order(&path, sampler.as_ref(), true)?, order));
        if name.contains("3M") {
            let cold = strong_order(&path, sampler.as_ref(), false)?;
            rows.push(judged_order(name, "order from a first-order first step", cold, 2.0));
        }
    }
    for (name, sampler, order) in stochastic()? {
        rows.push(judged_order(name, "weak order", weak_order(&path, sampler.as_ref())?, order));
    }
    for (name, config) in by_steps() {
        for steps in [10, 20, 50] {
            rows.push(moments_row(name, &config, &path, steps)?);
        }
    }
    let results = Results {
        topic: "samplers".into(),
        command: "cargo run --release -p langevin-diffusion --example convergence".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        machine: machine.clone(),
        date: date.clone(),
        rows,
    };
    println!("{}", results.table().to_text());
    results.write(FilePath::new(out))?;
    Ok(())
}

type Case = (&'static str, Arc<dyn Sampler>, f64);

fn ordinary() -> Result<Vec<Case>, Box<dyn Error>> {
    Ok(vec![
        ("Euler", Arc::new(EulerConfig {}.build()?), 1.0),
        ("DDIM", Arc::new(DdimConfig { eta: 0.0 }.build()?), 1.0),
        ("Heun", Arc::new(HeunConfig::default().build()?), 2.0),
        ("DPM-Solver++ 2M", Arc::new(DpmSolverConfig { order: 2 }.build()?), 2.0),
        ("DPM-Solver++ 3M", Arc::new(DpmSolverConfig { order: 3 }.build()?), 3.0),
        ("UniPC-1", Arc::new(UnipcConfig { order: 1 }.build()?), 2.0),
        ("UniPC-2", Arc::new(UnipcConfig { order: 2 }.build()?), 3.0),
        ("UniPC-3", Arc::new(UnipcConfig { order: 3 }.build()?), 4.0),
    ])
}

fn stochastic() -> Result<Vec<Case>, Box<dyn Error>> {
    Ok(vec![
        ("Euler–Maruyama", Arc::new(EulerMaruyamaConfig::default().build()?), 1.0),
        ("DDPM", Arc::new(DdpmConfig {}.build()?), 1.0),
        ("DDIM, η = 0.5", Arc::new(DdimConfig { eta: 0.5 }.build()?), 1.0),
        ("SDE-DPM-Solver++ 2M", Arc::new(DpmSolverSdeConfig { order: 2, eta: 1.0 }.build()?), 2.0),
    ])
}

fn by_steps() -> Vec<(&'static str, SamplerConfig)> {
    vec![
        ("DDPM", SamplerConfig::Ddpm(DdpmConfig {})),
        ("DDIM", SamplerConfig::Ddim(DdimConfig { eta: 0.0 })),
        ("Euler", SamplerConfig::Euler(EulerConfig {})),
        ("Heun", SamplerConfig::Heun(HeunConfig::default())),
        ("DPM-Solver++ 2M", SamplerConfig::DpmSolver(DpmSolverConfig { order: 2 })),
        ("DPM-Solver++ 3M", SamplerConfig::DpmSolver(DpmSolverConfig { order: 3 })),
        ("SDE-DPM-Solver++ 2M", SamplerConfig::DpmSolverSde(DpmSolverSdeConfig::default())),
        ("UniPC-2", SamplerConfig::Unipc(UnipcConfig { order: 2 })),
        ("UniPC-3", SamplerConfig::Unipc(UnipcConfig { order: 3 })),
        ("Euler–Maruyama", SamplerConfig::EulerMaruyama(EulerMaruyamaConfig::default())),
        (
            "Predictor–corrector",
            SamplerConfig::PredictorCorrector(PredictorCorrectorConfig::default()),
        ),
    ]
}

/// The bar is what the order must not miss: a quarter of an order, 0.35 above order 2.
fn judged_order(name: &str, what: &str, order: f64, want: f64) -> Row {
    let slack = if want > 2.0 { 0.35 } else { 0.25 };
    Row::new(format!("{name}: {what} (theory {want})"), round(order, 2))
        .bar(format!(">= {}", want - slack))
}

fn round(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}

fn line(path: &Arc<dyn Path>) -> Process {
    Process::new(&Space::of("x", Euclidean::new(&[1])), path.clone())
}

/// `n` steps, equal in λ; where `warm`, the first is split so that its first-order error is of third order.
fn grid(path: &dyn Path, n: usize, warm: bool) -> Result<TimeGrid> {
    let ahead = warm.then(|| (n as f64).powf(-1.5));
    let rest = (1..=n).map(|i| i as f64 / n as f64);
    let nodes = [0.0].into_iter().chain(ahead).chain(rest);
    let times = nodes.map(|u| path.time_of_log_snr(LAMBDA[0] + (LAMBDA[1] - LAMBDA[0]) * u));
    TimeGrid::new(times.collect())
}

/// Order of the largest error of twelve states of a two-component mixture.
fn strong_order(
    path: &Arc<dyn Path>,
    sampler: &dyn Sampler,
    warm: bool,
) -> Result<f64, Box<dyn Error>> {
    let (means, sds) = (vec![vec![-1.0], vec![0.8]], vec![vec![0.5], vec![0.4]]);
    let denoiser = GaussianMixture::new(vec![1.0, 2.0], means, sds)?.denoiser(path.clone());
    let start: Vec<f64> = (0..12).map(|i| -1.8 + 0.33 * f64::from(i)).collect();
    let rng = Rng::new(Seed(1), Purpose::Sampling, ids(0, 12), 0);
    let run = |sampler: &dyn Sampler, grid: &TimeGrid| -> Result<Vec<f64>> {
        let x_t = State::single(Tensor::from_slice(&start, (12, 1), &Device::Cpu)?);
        let x = carry(&line(path), &denoiser, sampler, grid, x_t, &rng, &mut Silent)?;
        Ok(x.part(0).flatten_all()?.to_vec1()?)
    };
    let tight =
        AdaptiveConfig { relative: 1e-13, absolute: 1e-13, smallest_step: 1e-13 }.build()?;
    let ends = TimeGrid::new(LAMBDA.map(|l| path.time_of_log_snr(l)).to_vec())?;
    let exact = run(&tight, &ends)?;
    let measured = convergence(&[32, 64, 128, 256], |n| {
        let x = run(sampler, &grid(path.as_ref(), n, warm)?)?;
        Ok(x.iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max))
    })?;
    Ok(measured.order)
}

/// The data of the moments, N(2, 0.5²).
fn gaussian() -> Result<GaussianMixture, langevin_core::ConfigError> {
    GaussianMixture::gaussian(vec![2.0], vec![0.5])
}

/// Order of the larger of the errors of mean and standard deviation, both without statistics.
fn weak_order(path: &Arc<dyn Path>, sampler: &dyn Sampler) -> Result<f64, Box<dyn Error>> {
    let denoiser = gaussian()?.denoiser(path.clone());
    let law = |lambda: f64| {
        let c = path.coefficients(path.time_of_log_snr(lambda));
        (c.alpha * 2.0, c.alpha * c.alpha * 0.25 + c.beta * c.beta)
    };
    let (start, end) = (law(LAMBDA[0]), law(LAMBDA[1]));
    let measured = convergence(&[16, 32, 64, 128], |n| {
        let grid = grid(path.as_ref(), n, false)?;
        let map = response(&line(path), &denoiser, sampler, &grid, 1)?;
        let (mean, variance) = (map.mean(start.0), map.variance(start.1));
        Ok((mean - end.0).abs().max((variance.sqrt() - end.1.sqrt()).abs()))
    })?;
    Ok(measured.order)
}

/// Relative error of the standard deviation of N(2, 0.5²), from noise to data.
fn moments_row(
    name: &str,
    config: &SamplerConfig,
    path: &Arc<dyn Path>,
    steps: usize,
) -> Result<Row, Box<dyn Error>> {
    let denoiser = gaussian()?.denoiser(path.clone());
    let grid = GridConfig::LogSnr { steps, log_snr_max: 5.0 }.build(path.as_ref())?;
    let map = response(&line(path), &denoiser, config.build()?.as_ref(), &grid, 2)?;
    let sigma = path.coefficients(path.start()).beta;
    let sd = map.variance(sigma * sigma).sqrt();
    let error = round(100.0 * (sd / 0.5 - 1.0), 3);
    Ok(Row::new(format!("{name}, {steps} steps: error of the sd of a Gaussian"), error).unit("%"))
}
