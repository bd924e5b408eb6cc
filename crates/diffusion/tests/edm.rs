//! Hoogeboom et al. (2022), arXiv:2203.17003, as a configuration: its loss and its step.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use langevin_core::factor::{Centred, Euclidean, Space};
use langevin_core::rng::ids;
use langevin_core::sampler::History;
use langevin_core::{
    Batch, Condition, Denoiser, Head, Network, NetworkDenoiser, Path, Process, Purpose, Reading,
    Result, Rng, Seed, Stage, State, Times,
};
use langevin_diffusion::objective::{DenoisingConfig, TimeLawConfig, Weighting};
use langevin_diffusion::sampler::DdpmConfig;
use langevin_diffusion::schedule::PolynomialConfig;
use langevin_diffusion::{ObjectiveConfig, SamplerConfig};
use langevin_testing::assert_within;

/// Atoms, and features of each.
const ATOMS: usize = 5;
const FEATURES: usize = 6;
const SAMPLES: usize = 200;

fn path() -> Arc<dyn Path> {
    Arc::new(PolynomialConfig::default().build().unwrap())
}

fn process() -> Process {
    let (d, all) = (FEATURES as f64, 3.0 + FEATURES as f64);
    let space = Space::of("positions", Centred::new(ATOMS, 3))
        .and("species", Euclidean::new(&[ATOMS, FEATURES]));
    let weight = |name: &str| 0.5 * if name == "positions" { 3.0 } else { d } / all;
    Process::new(&space, path()).weighted(weight)
}

/// ε̂ of something that a network could say: `sin x`, with no mean over the atoms where the noise has none.
struct Sine;

fn sine(x: &State) -> Result<State> {
    let moved = x.part(0).sin()?;
    let moved = moved.broadcast_sub(&moved.mean_keepdim(1)?)?;
    Ok(State::new(vec![moved, x.part(1).sin()?]))
}

impl Network for Sine {
    fn forward(&self, x: &State, _: &Times, _: &Times, _: &Condition) -> Result<State> {
        sine(x)
    }

    fn dtype(&self) -> DType {
        DType::F64
    }
}

fn draws(purpose: Purpose) -> (State, Rng) {
    let mut rng = Rng::new(Seed(3), purpose, ids(0, SAMPLES), 0);
    (process().reference(DType::F64, &Device::Cpu, &mut rng).unwrap(), rng)
}

/// α x + σ y, one time per sample, written out.
fn mixed(x: &Tensor, y: &Tensor, times: &Times) -> Tensor {
    let alpha = times.column(x, |t| path().coefficients(t).alpha).unwrap();
    let sigma = times.column(x, |t| path().coefficients(t).beta).unwrap();
    (x.broadcast_mul(&alpha).unwrap() + y.broadcast_mul(&sigma).unwrap()).unwrap()
}

/// Denoising with the weight snr and weights ½·3/(3 + d) and ½·d/(3 + d) is `½ ‖ε − ε̂‖²/((3 + d) n)`.
///
/// σ/α is as small as 0.003: going through x̂_0 costs three of the sixteen digits.
#[test]
fn the_loss_is_the_mean_square_of_the_noise() {
    let (x_0, _) = draws(Purpose::Data);
    let (eps, mut rng) = draws(Purpose::Training);
    let times = TimeLawConfig::Grid { steps: 1000, stratified: true };
    let objective = ObjectiveConfig::Denoising(DenoisingConfig {
        weighting: Weighting::Snr,
        classes: None,
        times,
    });
    let reading = Reading::new(process(), Head::Noise);
    let batch = Batch { x_0: x_0.clone(), x_1: None, condition: Condition::none() };
    let loss = objective.build().unwrap().loss(&reading, &Sine, &batch, &eps, &mut rng).unwrap();
    let t = Times::new(loss.times);
    let z = State::new((0..2).map(|i| mixed(x_0.part(i), eps.part(i), &t)).collect());
    let answer = sine(&z).unwrap();
    let mut expected = vec![0.0; SAMPLES];
    for (answer, eps) in answer.parts().iter().zip(eps.parts()) {
        let squares = (answer - eps).unwrap().sqr().unwrap().flatten_from(1).unwrap();
        for (sum, row) in expected.iter_mut().zip(squares.to_vec2::<f64>().unwrap()) {
            *sum += 0.5 * row.iter().sum::<f64>() / ((3 + FEATURES) * ATOMS) as f64;
        }
    }
    for (found, expected) in loss.per_sample.to_vec1::<f64>().unwrap().iter().zip(expected) {
        assert_within("loss", *found, expected, 1e-10);
    }
}

/// A ddpm step has EDM's mean `z/α_ts − σ_ts²/(α_ts σ_t) ε̂` and its noise `σ_ts σ_s/σ_t`, where
/// `α_ts = α_t/α_s` and `σ_ts² = σ_t² − α_ts² σ_s²`: from both ends of the grid and from its middle.
#[test]
fn the_step_is_the_ancestral_step_in_terms_of_the_noise() {
    let sampler = SamplerConfig::Ddpm(DdpmConfig {}).build().unwrap();
    let reading = Reading::new(process(), Head::Noise);
    let denoiser = NetworkDenoiser::new(reading, Arc::new(Sine), Condition::none());
    let history = History::default();
    for k in [1000, 999, 500, 2, 1] {
        let (t, s) = (f64::from(k) / 1000.0, f64::from(k - 1) / 1000.0);
        let (z, _) = draws(Purpose::Reference);
        let mut rng = Rng::new(Seed(4), Purpose::Sampling, ids(0, SAMPLES), k);
        let noise = process().reference(DType::F64, &Device::Cpu, &mut rng.clone()).unwrap();
        let process = process();
        let denoiser: &dyn Denoiser = &denoiser;
        let stage = Stage { process: &process, denoiser, t, s, history: &history, changed: false };
        let found = sampler.step(&stage, z.clone(), &mut rng).unwrap().x;
        let (now, then) = (path().coefficients(t), path().coefficients(s));
        let alpha_ts = now.alpha / then.alpha;
        let square_ts = now.beta.powi(2) - (alpha_ts * then.beta).powi(2);
        let sigma = square_ts.sqrt() * then.beta / now.beta;
        let answer = sine(&z).unwrap();
        for i in 0..2 {
            let mean = ((z.part(i) / alpha_ts).unwrap()
                - (answer.part(i) * (square_ts / (alpha_ts * now.beta))).unwrap())
            .unwrap();
            let expected = (mean + (noise.part(i) * sigma).unwrap()).unwrap();
            let off = (found.part(i) - expected).unwrap().abs().unwrap().max_all().unwrap();
            let off = off.to_scalar::<f64>().unwrap();
            assert!(off < 1e-10, "step {k}, factor {i}: {off:e}");
        }
    }
}
