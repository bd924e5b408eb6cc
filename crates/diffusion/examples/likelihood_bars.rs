//! Measures densities and mutual information against closed forms and writes
//! `docs/results/likelihood.json`.
//!
//! `cargo run --release -p langevin-diffusion --example likelihood_bars -- MACHINE DATE [OUT]`, where
//! MACHINE says in words what it runs on. Nothing here depends on the machine's speed.

use std::error::Error;
use std::path::Path as FilePath;
use std::sync::Arc;

use candle_core::{DType, Device};
use langevin_core::factor::{Euclidean, Space};
use langevin_core::rng::ids;
use langevin_core::{Path, Process, Purpose, Rng, Seed, State};
use langevin_diffusion::GaussianMixture;
use langevin_diffusion::information::InformationConfig;
use langevin_diffusion::likelihood::LikelihoodConfig;
use langevin_diffusion::schedule::{
    CosineConfig, EdmConfig, LinearConfig, PathConfig, VariancePreservingConfig,
};
use langevin_report::results::{Results, Row};

/// Points at which densities are compared.
const POINTS: usize = 1000;
/// Samples from which information is estimated.
const SAMPLES: usize = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [machine, date, rest @ ..] = words.as_slice() else {
        return Err("expected: MACHINE DATE [OUT]".into());
    };
    let out = rest.first().map_or("docs/results/likelihood.json", String::as_str);
    let paths = [
        ("linear", PathConfig::Linear(LinearConfig::default())),
        ("cosine", PathConfig::Cosine(CosineConfig {})),
        ("VP", PathConfig::VariancePreserving(VariancePreservingConfig::default())),
        ("EDM", PathConfig::Edm(EdmConfig::default())),
    ];
    let mut rows = Vec::new();
    for dimension in [1, 2, 5] {
        for (name, config) in &paths {
            let gap = density_gap(&config.build()?, dimension)?;
            let what =
                format!("mean |ln p − exact| per dimension, mixture in {dimension}-d, {name} path");
            rows.push(Row::new(what, gap).unit("nats").bar("<= 0.001"));
        }
    }
    for dimension in [1, 5] {
        for rho in [0.3, 0.6, 0.9] {
            let (error, spread) = information_error(rho, dimension)?;
            let what = format!("I-MMSE, relative error, correlation {rho} in {dimension}-d");
            rows.push(Row::new(what, error.abs()).spread(spread, 1).bar("<= 0.02"));
        }
    }
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

/// Three components with spreads from 0.25 to 0.6, in `dimension` coordinates.
fn mixture(dimension: usize) -> Result<GaussianMixture, Box<dyn Error>> {
    let mean = |shift: f64| (0..dimension).map(|i| shift * (1.0 - 0.3 * i as f64)).collect();
    let sd = |s: f64| vec![s; dimension];
    let means = vec![mean(-1.2), mean(1.0), mean(0.1)];
    Ok(GaussianMixture::new(vec![1.0, 2.0, 1.0], means, vec![sd(0.4), sd(0.25), sd(0.6)])?)
}

fn density_gap(path: &Arc<dyn Path>, dimension: usize) -> Result<f64, Box<dyn Error>> {
    let law = mixture(dimension)?;
    let process = Process::new(&Space::of("x", Euclidean::new(&[dimension])), path.clone());
    let rng = Rng::new(Seed(2), Purpose::Data, ids(0, POINTS), 0);
    let x = law.draw(&mut rng.clone())?;
    let exact = law.log_density(&x)?.to_vec1::<f64>()?;
    let likelihood = LikelihoodConfig::default().build()?;
    let denoiser = law.denoiser(path.clone());
    let got = likelihood.log_densities(&process, &denoiser, &State::single(x), &rng)?;
    let total: f64 = got.values.iter().zip(&exact).map(|(a, b)| (a - b).abs()).sum();
    Ok(total / (POINTS * dimension) as f64)
}

/// Relative error of I(x; y) of `dimension` pairs of correlation `rho`, and its standard error.
fn information_error(rho: f64, dimension: usize) -> Result<(f64, f64), Box<dyn Error>> {
    let path: Arc<dyn Path> = Arc::new(CosineConfig {}.build()?);
    let process = Process::new(&Space::of("x", Euclidean::new(&[dimension])), path.clone());
    let mut rng = Rng::new(Seed(3), Purpose::Data, ids(0, SAMPLES), 0);
    let y = rng.normal(&[dimension], DType::F64, &Device::Cpu)?;
    let noise = rng.normal(&[dimension], DType::F64, &Device::Cpu)?;
    let spread = (1.0 - rho * rho).sqrt();
    let mean = (&y * rho)?;
    let x = (&mean + (noise * spread)?)?;
    // Around its own mean, a sample given y is N(0, 1 − ρ²): both questions are about centred laws.
    let known = Shifted {
        mean,
        inner: centred(spread, dimension)?.denoiser(path.clone()),
        path: path.clone(),
    };
    let blind = centred(1.0, dimension)?.denoiser(path);
    let config = InformationConfig { location: 1.0, ..InformationConfig::default() };
    let got = config.build()?.mutual(&process, &known, &blind, &State::single(x), &rng)?;
    let exact = -0.5 * dimension as f64 * (1.0 - rho * rho).ln();
    Ok((got.nats / exact - 1.0, got.standard_error / exact))
}

fn centred(sd: f64, dimension: usize) -> Result<GaussianMixture, Box<dyn Error>> {
    Ok(GaussianMixture::gaussian(vec![0.0; dimension], vec![sd; dimension])?)
}

/// A denoiser of a centred law, moved to a mean of each sample's own.
struct Shifted<D> {
    mean: candle_core::Tensor,
    inner: D,
    path: Arc<dyn Path>,
}

impl<D: langevin_core::Denoiser> langevin_core::Denoiser for Shifted<D> {
    fn denoise(
        &self,
        x_t: &State,
        t: &langevin_core::Times,
    ) -> langevin_core::Result<langevin_core::Estimate> {
        let alpha = t.column(x_t.part(0), |t| self.path.coefficients(t).alpha)?;
        let centred = x_t.map(|x| Ok((x - self.mean.broadcast_mul(&alpha)?)?))?;
        self.inner.denoise(&centred, t)?.map(|estimate| Ok((estimate + &self.mean)?))
    }
}
