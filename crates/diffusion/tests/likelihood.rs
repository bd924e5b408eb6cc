//! Log-densities by the probability flow against closed forms, on flat and curved factors.

use std::f64::consts::{PI, TAU};
use std::sync::Arc;

use candle_core::{D, DType, Device, Tensor};
use langevin_core::factor::{Euclidean, Space, Sphere, Torus, TorusLaw};
use langevin_core::rng::ids;
use langevin_core::{Denoiser, Estimate, Path, Process, Purpose, Result, Rng, Seed, State, Times};
use langevin_diffusion::likelihood::LikelihoodConfig;
use langevin_diffusion::schedule::{
    CosineConfig, EdmConfig, LinearConfig, VarianceExplodingConfig, VariancePreservingConfig,
};
use langevin_diffusion::{GaussianMixture, PathConfig};
use langevin_testing::assert_within;

fn stream(n: usize) -> Rng {
    Rng::new(Seed(11), Purpose::Data, ids(0, n), 0)
}

fn densities(process: &Process, denoiser: &dyn Denoiser, x: &State, rng: &Rng) -> Vec<f64> {
    let likelihood = LikelihoodConfig::default().build().unwrap();
    likelihood.log_densities(process, denoiser, x, rng).unwrap().values
}

fn numbers(x: &Tensor) -> Vec<f64> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

/// Three components in `d` dimensions, on scales from 0.3 to 0.7.
fn mixture(d: usize) -> GaussianMixture {
    let row = |k: usize, f: fn(f64) -> f64| (0..d).map(|i| f((3 * i + k) as f64)).collect();
    let means = (0..3).map(|k| row(k, |i| 1.2 * (2.4 * i).sin())).collect();
    let sds = (0..3).map(|k| row(k, |i| 0.5 + 0.2 * (1.7 * i).cos())).collect();
    GaussianMixture::new(vec![1.0, 2.0, 1.0], means, sds).unwrap()
}

/// The bar of the project: 1e-3 nats per dimension on average, at default tolerances.
///
/// The exploding schedule ends with noise of 0.01: its density is that of the data blurred by so
/// much, which moves ln p by ½ 0.01² |Δp/p|, below 6e-4 per dimension at standard deviations of 0.3.
#[test]
fn densities_are_exact_in_one_two_and_five_dimensions() {
    let paths = [
        PathConfig::Linear(LinearConfig::default()),
        PathConfig::Cosine(CosineConfig {}),
        PathConfig::VariancePreserving(VariancePreservingConfig::default()),
        PathConfig::VarianceExploding(VarianceExplodingConfig::default()),
        PathConfig::Edm(EdmConfig::default()),
    ];
    let n = 64;
    for d in [1, 2, 5] {
        let gaussian = GaussianMixture::gaussian(vec![0.4; d], vec![0.6; d]).unwrap();
        for (name, law) in [("gaussian", gaussian), ("mixture", mixture(d))] {
            let x = law.draw(&mut stream(n)).unwrap();
            let exact = numbers(&law.log_density(&x).unwrap());
            for config in &paths {
                let path = config.build().unwrap();
                let process = Process::new(&Space::of("x", Euclidean::new(&[d])), path.clone());
                let state = State::single(x.clone());
                let got = densities(&process, &law.denoiser(path), &state, &stream(n));
                let gap: f64 = got.iter().zip(&exact).map(|(a, b)| (a - b).abs()).sum();
                let gap = gap / (n * d) as f64;
                println!("{name}, d = {d}, {config:?}: {gap:.1e}");
                assert!(gap <= 1e-3, "{name}, d = {d}, {config:?}: {gap}");
            }
        }
    }
}

/// The flow towards `axis` with a turn about it: `v = c (a − (a·x) x) + w a × x`.
///
/// With u = a·x it has du/dt = c (1 − u²), so that u_1 = tanh(atanh u_0 + c) and, from the uniform law
/// at t = 1, ln p_0 = −ln 4π + ln((1 − u_1²)/(1 − u_0²)). The turn changes nothing.
struct Polar {
    path: Arc<dyn Path>,
    axis: [f64; 3],
    pull: f64,
    turn: f64,
}

impl Polar {
    fn log_density(&self, x: &[f64]) -> f64 {
        let u_0: f64 = x.iter().zip(self.axis).map(|(x, a)| x * a).sum();
        let u_1 = (u_0.atanh() + self.pull).tanh();
        -(4.0 * PI).ln() + ((1.0 - u_1 * u_1) / (1.0 - u_0 * u_0)).ln()
    }
}

impl Denoiser for Polar {
    fn denoise(&self, x_t: &State, t: &Times) -> Result<Estimate> {
        x_t.map(|x| {
            let [a, b, c] = self.axis;
            let axis = Tensor::new(&[[a, b, c]], x.device())?;
            let along = x.broadcast_mul(&axis)?.sum_keepdim(D::Minus1)?;
            let towards = axis.broadcast_sub(&x.broadcast_mul(&along)?)?;
            let cross = Tensor::new(&[[0.0, c, -b], [-c, 0.0, a], [b, -a, 0.0]], x.device())?;
            let velocity = ((towards * self.pull)? + (x.matmul(&cross)? * self.turn)?)?;
            // The factor turns an estimate into −(κ'/κ) estimate.
            let scale = t.column(x, |t| -self.path.kappa(t) / self.path.kappa_rate(t))?;
            Ok(velocity.broadcast_mul(&scale)?)
        })
    }
}

fn polar(path: Arc<dyn Path>) -> Polar {
    Polar { path, axis: [0.48, -0.6, 0.64], pull: 0.9, turn: 2.0 }
}

/// The tolerance is ten times the solver's 1e-5, for the steps that add up; the flow's start at the
/// floor, t = 1e-5, takes 2 c |u| 1e-5 < 2e-5 nats more. Without the surface's own part of the
/// divergence, −2 c u, densities would be off by up to 1.8 nats.
#[test]
fn the_sphere_has_the_density_of_a_polar_flow() {
    let path: Arc<dyn Path> = Arc::new(LinearConfig::default().build().unwrap());
    let process = Process::new(&Space::of("x", Sphere), path.clone());
    let mut rng = stream(40);
    let x = process.reference(DType::F64, &Device::Cpu, &mut rng).unwrap();
    let denoiser = polar(path);
    let got = densities(&process, &denoiser, &x, &rng);
    for (got, x) in got.iter().zip(x.part(0).to_vec2::<f64>().unwrap()) {
        assert_within("sphere", *got, denoiser.log_density(&x), 1.2e-4);
    }
}

/// Angles distributed by a wrapped normal of standard deviation `sd` about `mean`, exactly.
struct Wrapped {
    path: Arc<dyn Path>,
    mean: f64,
    sd: f64,
}

impl Wrapped {
    fn log_density(&self, x: &[f64]) -> f64 {
        let images = |x: f64| -> f64 {
            let image = |k: i32| {
                let z = (x - self.mean + f64::from(k)) / self.sd;
                (-0.5 * z * z).exp() / (self.sd * TAU.sqrt())
            };
            (-20..=20).map(image).sum::<f64>().ln()
        };
        x.iter().map(|&x| images(x)).sum()
    }
}

impl Denoiser for Wrapped {
    fn denoise(&self, x_t: &State, t: &Times) -> Result<Estimate> {
        x_t.map(|x| {
            // σ² ∇ ln Σ_k N(x + k; m, s² + σ²), and beyond ±20 images nothing is left at s² + σ² = 4.
            let sigma2 = |t: f64| self.path.coefficients(t).beta.powi(2);
            let precision = t.column(x, |t| 1.0 / (self.sd * self.sd + sigma2(t)))?;
            let (mut weights, mut moments) = (x.zeros_like()?, x.zeros_like()?);
            for image in -20..=20 {
                let off = (x + (f64::from(image) - self.mean))?;
                let weight = (off.sqr()?.broadcast_mul(&precision)? * -0.5)?.exp()?;
                moments = (moments + (&weight * &off)?)?;
                weights = (weights + weight)?;
            }
            let gain = t.column(x, |t| -sigma2(t) / (self.sd * self.sd + sigma2(t)))?;
            Ok((moments / weights)?.broadcast_mul(&gain)?)
        })
    }
}

fn wrapped() -> (Arc<dyn Path>, Wrapped) {
    // At σ = 2 turns the wrapped law is uniform to the last bit.
    let path = VarianceExplodingConfig { sigma_min: 1e-3, sigma_max: 2.0 };
    let path: Arc<dyn Path> = Arc::new(path.build().unwrap());
    (path.clone(), Wrapped { path, mean: 0.9, sd: 0.12 })
}

/// Blur of 0.001 against 0.12 moves ln p by at most ½ (0.001/0.12)² |z² − 1| < 6e-4 at |z| < 4.
#[test]
fn the_torus_has_the_density_of_a_wrapped_normal() {
    let (path, denoiser) = wrapped();
    let torus = Torus::new(&[2], TorusLaw::WrappedNormal, false);
    let process = Process::new(&Space::of("x", torus), path);
    let mut rng = stream(40);
    let z = rng.normal(&[2], DType::F64, &Device::Cpu).unwrap();
    let x = process
        .map([&State::single(((z * 0.12).unwrap() + 0.9).unwrap())], |c, [x]| c.factor.project(x));
    let x = x.unwrap();
    let got = densities(&process, &denoiser, &x, &rng);
    for (got, x) in got.iter().zip(x.part(0).to_vec2::<f64>().unwrap()) {
        assert_within("torus", *got, denoiser.log_density(&x), 1e-3);
    }
}

/// A factor each for [`Polar`] and a Gaussian, independent of each other.
struct Both(Polar, langevin_diffusion::mixture::MixtureDenoiser);

impl Denoiser for Both {
    fn denoise(&self, x_t: &State, t: &Times) -> Result<Estimate> {
        let one = |i: usize| State::single(x_t.part(i).clone());
        let (a, b) = (self.0.denoise(&one(0), t)?, self.1.denoise(&one(1), t)?);
        Ok(State::new(vec![a.part(0).clone(), b.part(0).clone()]))
    }
}

/// Log-densities of independent factors add, and a sample's bits do not depend on its batch.
#[test]
fn factors_add_and_samples_do_not_meet() {
    let path: Arc<dyn Path> = Arc::new(LinearConfig::default().build().unwrap());
    let space = Space::of("direction", Sphere).and("length", Euclidean::new(&[2]));
    let process = Process::new(&space, path.clone());
    let law = mixture(2);
    let denoiser = Both(polar(path.clone()), law.denoiser(path));
    let mut rng = stream(30);
    let x = process.reference(DType::F64, &Device::Cpu, &mut rng).unwrap();
    let got = densities(&process, &denoiser, &x, &rng);
    let flat = numbers(&law.log_density(x.part(1)).unwrap());
    for (i, x) in x.part(0).to_vec2::<f64>().unwrap().iter().enumerate() {
        assert_within("sum", got[i], denoiser.0.log_density(x) + flat[i], 2e-3);
    }
    for start in (0..30).step_by(7) {
        let count = 7.min(30 - start);
        let rows: Vec<usize> = (start..start + count).collect();
        let some = densities(&process, &denoiser, &x.select(&rows).unwrap(), &rng.select(&rows));
        let same = some.iter().zip(&got[start..]).all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(same, "rows from {start}: {some:?}");
    }
}
