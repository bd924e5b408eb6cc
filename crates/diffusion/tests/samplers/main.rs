//! Samplers against closed forms: moments, order of convergence, laws, product spaces, batches.

mod annealing;
mod convergence;
mod gaussian;
mod laws;
mod orders;
mod spaces;

use std::sync::Arc;

use candle_core::{DType, Device};
use langevin_core::rng::ids;
use langevin_core::{Path, Process, Purpose, Rng, Sampler, Seed, Silent, State, TimeGrid, sample};
use langevin_diffusion::GaussianMixture;

use self::orders::{line, two_bumps};

/// Reference samples, and the stream for the sampler's noise.
fn reference(process: &Process, n: usize) -> (State, Rng) {
    let rng = Rng::new(Seed(7), Purpose::Reference, ids(0, n), 0);
    let x_1 = process.reference(DType::F64, &Device::Cpu, &mut rng.clone()).unwrap();
    (x_1, rng.for_purpose(Purpose::Sampling))
}

/// `n` samples of `law` on the line, from its exact denoiser.
fn draw(
    sampler: &dyn Sampler,
    path: &Arc<dyn Path>,
    law: &GaussianMixture,
    grid: &TimeGrid,
    n: usize,
) -> Vec<f64> {
    let (x_1, rng) = reference(&line(path), n);
    let denoiser = law.denoiser(path.clone());
    let x = sample(&line(path), &denoiser, sampler, grid, x_1, &rng, &mut Silent).unwrap();
    x.part(0).flatten_all().unwrap().to_vec1().unwrap()
}

fn mean_and_sd(x: &[f64]) -> (f64, f64) {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    (mean, (x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt())
}
