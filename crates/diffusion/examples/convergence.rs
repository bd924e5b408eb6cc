//! Measures the samplers against exact answers and writes `docs/results/samplers.json`.
//!
//! `cargo run --release -p langevin-diffusion --example convergence -- MACHINE DATE [OUT]`, where
//! MACHINE says in words what it runs on. Nothing here depends on the machine's speed.

#[path = "../tests/samplers/orders.rs"]
mod orders;

use std::error::Error;
use std::path::Path as FilePath;
use std::sync::Arc;

use langevin_core::Path;
use langevin_diffusion::GridConfig;
use langevin_diffusion::sampler::{
    DdimConfig, DdpmConfig, DpmSolverConfig, DpmSolverSdeConfig, EulerConfig, EulerMaruyamaConfig,
    HeunConfig, PredictorCorrectorConfig, SamplerConfig, UnipcConfig,
};
use langevin_diffusion::schedule::CosineConfig;
use langevin_report::results::{Results, Row};
use langevin_testing::oracle::response;

use self::orders::{gaussian, line, ordinary, slack, stochastic, strong, weak};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [machine, date, rest @ ..] = words.as_slice() else {
        return Err("expected: MACHINE DATE [OUT]".into());
    };
    let out = rest.first().map_or("docs/results/samplers.json", String::as_str);
    let path: Arc<dyn Path> = Arc::new(CosineConfig {}.build()?);
    let mut rows = Vec::new();
    for (name, sampler, order) in ordinary() {
        let sampler = sampler.build()?;
        rows.push(judged_order(name, "order", strong(&path, &sampler, true)?.order, order));
        if name.contains("3M") {
            let cold = strong(&path, &sampler, false)?.order;
            rows.push(judged_order(name, "order from a first-order first step", cold, 2.0));
        }
    }
    for (name, sampler, order) in stochastic() {
        rows.push(judged_order(name, "weak order", weak(&path, &sampler.build()?)?.order, order));
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

fn by_steps() -> Vec<(&'static str, SamplerConfig)> {
    vec![
        ("DDPM", SamplerConfig::Ddpm(DdpmConfig {})),
        ("DDIM", SamplerConfig::Ddim(DdimConfig { eta: 0.0 })),
        ("Euler", SamplerConfig::Euler(EulerConfig::default())),
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
    Row::new(format!("{name}: {what} (theory {want})"), round(order, 2))
        .bar(format!(">= {}", want - slack(want)))
}

fn round(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}

/// Relative error of the standard deviation of N(2, 0.5²), from noise to data.
fn moments_row(
    name: &str,
    config: &SamplerConfig,
    path: &Arc<dyn Path>,
    steps: usize,
) -> Result<Row, Box<dyn Error>> {
    let denoiser = gaussian().denoiser(path.clone());
    let grid = GridConfig::LogSnr { steps, log_snr_max: 5.0 }.build(path.as_ref())?;
    let map = response(&line(path), &denoiser, config.build()?.as_ref(), &grid, 2)?;
    let sigma = path.coefficients(path.start()).beta;
    let sd = map.variance(sigma * sigma).sqrt();
    let error = round(100.0 * (sd / 0.5 - 1.0), 3);
    Ok(Row::new(format!("{name}, {steps} steps: error of the sd of a Gaussian"), error).unit("%"))
}
