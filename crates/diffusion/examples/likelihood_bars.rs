//! Measures densities and information against closed forms and writes `docs/results/likelihood.json`.
//!
//! `cargo run --release -p langevin-diffusion --example likelihood_bars -- MACHINE DATE [OUT]`, where
//! MACHINE says in words what it runs on. Nothing here depends on the machine's speed.

use std::error::Error;
use std::path::Path as FilePath;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use langevin_core::factor::{Euclidean, Space};
use langevin_core::rng::ids;
use langevin_core::{Denoiser, Estimate, Path, Process, Purpose, Result, Rng, Seed, State, Times};
use langevin_diffusion::entropy::EntropyConfig;
use langevin_diffusion::information::InformationConfig;
use langevin_diffusion::likelihood::LikelihoodConfig;
use langevin_diffusion::schedule::{
    CosineConfig, EdmConfig, LinearConfig, VarianceExplodingConfig, VariancePreservingConfig,
};
use langevin_diffusion::{GaussianMixture, PathConfig};
use langevin_report::results::{Results, Row};

/// Seeds of every row.
const SEEDS: [u64; 3] = [1, 2, 3];

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [machine, date, rest @ ..] = words.as_slice() else {
        return Err("expected: MACHINE DATE [OUT]".into());
    };
    let out = rest.first().map_or("docs/results/likelihood.json", String::as_str);
    let mut rows = Vec::new();
    for (law_name, law) in laws()? {
        for (path_name, config) in paths() {
            let path = config.build()?;
            let gaps = over_seeds(|seed| density_gap(&law, &path, seed))?;
            let what = format!("{law_name}, {path_name}: mean |Δ ln p| per dimension");
            rows.push(row(what, gaps).unit("nats").bar("<= 1e-3"));
        }
    }
    let (name, law) = &laws()?[2];
    let path: Arc<dyn Path> = Arc::new(CosineConfig {}.build()?);
    let what = format!("{name}, cosine, 8 probes: bias of the mean");
    let bias = round(probe_bias(law, &path)?);
    rows.push(Row::new(what, bias).unit("standard errors").bar("<= 4"));
    for d in [1, 5] {
        for rho in [0.3, 0.6, 0.9] {
            let errors = over_seeds(|seed| information_error(&path, d, rho, seed))?;
            let what = format!("mutual information, ρ = {rho}, d = {d}: relative error");
            rows.push(row(what, errors).bar("<= 0.02"));
        }
    }
    let errors = over_seeds(|seed| entropy_error(law, &path, seed))?;
    rows.push(row(format!("{name}: entropy by I-MMSE, relative error"), errors));
    let results = Results {
        topic: "likelihood".into(),
        command: "cargo run --release -p langevin-diffusion --example likelihood_bars".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        machine: machine.clone(),
        date: date.clone(),
        rows,
    };
    println!("{}", results.table().to_text());
    results.write(FilePath::new(out))?;
    Ok(())
}

/// Mean and standard deviation of a measure over the seeds.
type Measured = (f64, f64);

fn over_seeds(
    measure: impl Fn(u64) -> Result<f64, Box<dyn Error>>,
) -> Result<Measured, Box<dyn Error>> {
    let values = SEEDS.into_iter().map(measure).collect::<Result<Vec<_>, _>>()?;
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    Ok((mean, (square / (n - 1.0)).sqrt()))
}

/// Two significant digits are all that three seeds carry.
fn row(what: String, (mean, sd): Measured) -> Row {
    Row::new(what, round(mean)).spread(round(sd), SEEDS.len() as u64)
}

fn round(v: f64) -> f64 {
    format!("{v:.1e}").parse().unwrap_or(v)
}

fn laws() -> Result<[(&'static str, GaussianMixture); 5], langevin_core::ConfigError> {
    Ok([
        ("Gaussian, d = 1", GaussianMixture::gaussian(vec![0.4], vec![0.6])?),
        ("3 components, d = 1", mixture(1)?),
        ("3 components, d = 2", mixture(2)?),
        ("3 components, d = 5", mixture(5)?),
        ("8 on a circle, d = 2", circle()?),
    ])
}

/// Three components in `d` dimensions, on scales from 0.3 to 0.7.
fn mixture(d: usize) -> Result<GaussianMixture, langevin_core::ConfigError> {
    let row = |k: usize, f: fn(f64) -> f64| (0..d).map(|i| f((3 * i + k) as f64)).collect();
    let means = (0..3).map(|k| row(k, |i| 1.2 * (2.4 * i).sin())).collect();
    let sds = (0..3).map(|k| row(k, |i| 0.5 + 0.2 * (1.7 * i).cos())).collect();
    GaussianMixture::new(vec![1.0, 2.0, 1.0], means, sds)
}

/// Eight narrow components, 0.1 wide at distance 1.4: unit variance per coordinate.
fn circle() -> Result<GaussianMixture, langevin_core::ConfigError> {
    let angle = |k: usize| std::f64::consts::TAU * k as f64 / 8.0;
    let means = (0..8).map(|k| vec![1.4 * angle(k).cos(), 1.4 * angle(k).sin()]).collect();
    GaussianMixture::new(vec![1.0; 8], means, vec![vec![0.1; 2]; 8])
}

fn paths() -> [(&'static str, PathConfig); 5] {
    [
        ("linear", PathConfig::Linear(LinearConfig::default())),
        ("cosine", PathConfig::Cosine(CosineConfig {})),
        ("VP", PathConfig::VariancePreserving(VariancePreservingConfig::default())),
        // 0.002 in place of 0.01: what is left at the end blurs the data, and the narrowest are 0.1.
        (
            "VE",
            PathConfig::VarianceExploding(VarianceExplodingConfig {
                sigma_min: 0.002,
                sigma_max: 50.0,
            }),
        ),
        ("EDM", PathConfig::Edm(EdmConfig::default())),
    ]
}

fn process(d: usize, path: &Arc<dyn Path>) -> Process {
    Process::new(&Space::of("x", Euclidean::new(&[d])), path.clone())
}

/// Log-densities and exact ones of 256 samples of `law`, with the estimates' standard errors.
#[allow(clippy::type_complexity, reason = "three columns of one table")]
fn densities(
    law: &GaussianMixture,
    path: &Arc<dyn Path>,
    probes: usize,
    seed: u64,
) -> Result<(Vec<f64>, Vec<f64>, Vec<f64>), Box<dyn Error>> {
    let rng = Rng::new(Seed(seed), Purpose::Data, ids(0, 256), 0);
    let x = law.draw(&mut rng.clone())?;
    let exact = law.log_density(&x)?.to_vec1::<f64>()?;
    let likelihood = LikelihoodConfig { probes, ..LikelihoodConfig::default() }.build()?;
    let process = process(law.dimension(), path);
    let denoiser = law.denoiser(path.clone());
    let got = likelihood.log_densities(&process, &denoiser, &State::single(x), &rng)?;
    Ok((got.values, exact, got.standard_errors))
}

fn density_gap(
    law: &GaussianMixture,
    path: &Arc<dyn Path>,
    seed: u64,
) -> Result<f64, Box<dyn Error>> {
    let (got, exact, _) = densities(law, path, 0, seed)?;
    let gap: f64 = got.iter().zip(&exact).map(|(a, b)| (a - b).abs()).sum();
    Ok(gap / (got.len() * law.dimension()) as f64)
}

/// Mean gap over the samples of 40 seeds in units of its standard error, without its sign.
fn probe_bias(law: &GaussianMixture, path: &Arc<dyn Path>) -> Result<f64, Box<dyn Error>> {
    let (mut gap, mut variance) = (0.0, 0.0);
    for seed in 1..=40 {
        let (got, exact, errors) = densities(law, path, 8, seed)?;
        gap += got.iter().zip(&exact).map(|(a, b)| a - b).sum::<f64>();
        variance += errors.iter().map(|e| e * e).sum::<f64>();
    }
    Ok(gap.abs() / variance.sqrt())
}

/// Exact denoiser of N(mean_i, v I) along `path`; the mean may differ by sample.
struct Posterior {
    path: Arc<dyn Path>,
    mean: Tensor,
    variance: f64,
}

impl Denoiser for Posterior {
    fn denoise(&self, x_t: &State, t: &Times) -> Result<Estimate> {
        x_t.map(|x| {
            let alpha = t.column(x, |t| self.path.coefficients(t).alpha)?;
            let gain = t.column(x, |t| {
                let (c, v) = (self.path.coefficients(t), self.variance);
                c.alpha * v / (c.alpha * c.alpha * v + c.beta * c.beta)
            })?;
            let off = (x - self.mean.broadcast_mul(&alpha)?)?;
            Ok((&self.mean + off.broadcast_mul(&gain)?)?)
        })
    }
}

/// |Î/I − 1| for `d` pairs of standard normals with correlation `rho`; I = −d/2 ln(1 − ρ²).
fn information_error(
    path: &Arc<dyn Path>,
    d: usize,
    rho: f64,
    seed: u64,
) -> Result<f64, Box<dyn Error>> {
    let mut rng = Rng::new(Seed(seed), Purpose::Data, ids(0, 20_000), 0);
    let y = rng.normal(&[d], DType::F64, &Device::Cpu)?;
    let e = rng.normal(&[d], DType::F64, &Device::Cpu)?;
    let (mean, variance) = ((y * rho)?, 1.0 - rho * rho);
    let x = (&mean + (e * variance.sqrt())?)?;
    let blind = Posterior { path: path.clone(), mean: x.zeros_like()?, variance: 1.0 };
    let known = Posterior { path: path.clone(), mean, variance };
    let information =
        InformationConfig { location: 1.0, ..InformationConfig::default() }.build()?;
    let got = information.mutual(&process(d, path), &known, &blind, &State::single(x), &rng)?;
    Ok((got.nats / (-0.5 * d as f64 * variance.ln()) - 1.0).abs())
}

/// Relative error of the mean of −ln p over 4000 samples, against that of the same samples.
fn entropy_error(
    law: &GaussianMixture,
    path: &Arc<dyn Path>,
    seed: u64,
) -> Result<f64, Box<dyn Error>> {
    let n = 4000;
    let rng = Rng::new(Seed(seed), Purpose::Data, ids(0, n), 0);
    let x = law.draw(&mut rng.clone())?;
    let exact: f64 = -law.log_density(&x)?.to_vec1::<f64>()?.iter().sum::<f64>() / n as f64;
    let denoiser = law.denoiser(path.clone());
    let entropy = EntropyConfig::default().build()?;
    let got = entropy.nll(&process(law.dimension(), path), &denoiser, &State::single(x), &rng)?;
    Ok((got.nats / exact - 1.0).abs())
}
