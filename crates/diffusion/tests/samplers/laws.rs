//! Samples follow the law that the exact denoiser belongs to.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use langevin_core::factor::{Space, Torus, TorusLaw};
use langevin_core::rng::ids;
use langevin_core::{
    Aim, Denoiser, Error, Estimate, Path, Process, Purpose, Result, Rng, Sampler, Seed, Silent,
    State, TimeGrid, Times, sample,
};
use langevin_diffusion::sampler::{
    AdaptiveConfig, DdimConfig, DdpmConfig, DpmSolverConfig, DpmSolverSdeConfig, EulerConfig,
    EulerMaruyamaConfig, HeunConfig, PredictorCorrectorConfig, RenoiseConfig, UnipcConfig,
};
use langevin_diffusion::schedule::{
    BrownianConfig, BrownianWalk, EdmConfig, LinearConfig, VarianceExplodingConfig,
    VariancePreservingConfig,
};
use langevin_diffusion::{GaussianMixture, GridConfig, PathConfig, SamplerConfig};
use langevin_testing::assert_within;
use langevin_testing::oracle::{convergence, response};
use langevin_transport::wasserstein_line;

use super::{draw, line, mean_and_sd, reference, two_bumps};

/// Every kind of sampler draws a mixture of two Gaussians, on diffusion paths and on the straight one.
///
/// W2 between 20 000 samples and as many true draws, against the same between two true samples:
/// over 8 pairs of seeds the latter gives mean and sd of the floor, 0.016 ± 0.008, most of it the
/// share of the two bumps. Allowed: its mean plus 5 sd, plus 0.005 for what 100 steps leave. This
/// catches mass that moved between the bumps (3 % of it) or bumps a tenth too wide; finer faults are
/// the business of the exact recursions.
#[test]
fn samplers_draw_a_mixture() {
    let n = 20_000;
    let truth = |seed: u64| -> Vec<f64> {
        let mut rng = Rng::new(Seed(seed), Purpose::Data, ids(0, n), 0);
        two_bumps().draw(&mut rng).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    };
    let w2 = |x: &[f64], y: &[f64]| wasserstein_line(x, None, y, None, 2.0).unwrap().sqrt();
    let target = truth(1000);
    let floor: Vec<f64> = (0..8).map(|i| w2(&truth(2 * i), &truth(2 * i + 1))).collect();
    let (mean, sd) = mean_and_sd(&floor);
    let allowed = mean + 5.0 * sd + 0.005;
    let samplers: [(&str, Arc<dyn Sampler>); 6] = [
        ("DDPM", Arc::new(DdpmConfig {}.build().unwrap())),
        ("Heun", Arc::new(HeunConfig::default().build().unwrap())),
        ("3M", Arc::new(DpmSolverConfig { order: 3 }.build().unwrap())),
        ("SDE 2M", Arc::new(DpmSolverSdeConfig::default().build().unwrap())),
        ("UniPC", Arc::new(UnipcConfig::default().build().unwrap())),
        ("PC", Arc::new(PredictorCorrectorConfig::default().build().unwrap())),
    ];
    for config in [
        PathConfig::VariancePreserving(VariancePreservingConfig::default()),
        PathConfig::Edm(EdmConfig { sigma_max: 80.0 }),
        PathConfig::Linear(LinearConfig::default()),
    ] {
        let path = config.build().unwrap();
        let grid = match config {
            PathConfig::Linear(_) => GridConfig::Uniform { steps: 100 },
            _ => GridConfig::LogSnr { steps: 100, log_snr_max: 5.0 },
        };
        let grid = grid.build(path.as_ref()).unwrap();
        for (name, sampler) in &samplers {
            let x = draw(sampler.as_ref(), &path, &two_bumps(), &grid, n);
            let distance = w2(&x, &target);
            println!("{name} on {config:?}: W2 {distance:.4}, floor {mean:.4} ± {sd:.4}");
            assert!(distance < allowed, "{name} on {config:?}: {distance} above {allowed}");
        }
    }
}

/// A bridge from a point mass: exact jumps of the Brownian path end at the datum, with the bridge's law between.
#[test]
fn brownian_jumps_have_the_law_of_the_bridge() {
    let (n, sigma) = (100_000, 0.7);
    let path: Arc<dyn Path> =
        Arc::new(BrownianConfig { sigma, walk: BrownianWalk::Bridge }.build().unwrap());
    struct Point;
    impl Denoiser for Point {
        fn denoise(&self, x_t: &State, _: &Times) -> Result<Estimate> {
            x_t.map(|x| Ok((x.zeros_like()? + 3.0)?))
        }
    }
    let process = line(&path);
    let (x_1, rng) = reference(&process, n);
    let x_1 = x_1.map(|x| Ok(x.zeros_like()?)).unwrap();
    let grid = TimeGrid::linear(1.0, 0.4, 12).unwrap();
    let ddpm = DdpmConfig {}.build().unwrap();
    let x = sample(&process, &Point, &ddpm, &grid, x_1, &rng, &mut Silent).unwrap();
    let (mean, sd) = mean_and_sd(&x.part(0).flatten_all().unwrap().to_vec1::<f64>().unwrap());
    let want = sigma * (0.4f64 * 0.6).sqrt();
    assert_within("mean", mean, 0.6 * 3.0, 5.0 * want / (n as f64).sqrt());
    assert_within("sd", sd, want, 5.0 * want / (2.0 * n as f64).sqrt());
}

/// Two points of a circle, 0.2 and 0.7, the second with weight 0.7, under wrapped normal noise.
struct TwoPoints(Arc<dyn Path>);

impl Denoiser for TwoPoints {
    /// σ² d/dx ln Σ_a w_a Σ_k exp(−(x − a + k)²/2σ²).
    fn denoise(&self, x_t: &State, t: &Times) -> Result<Estimate> {
        let displacement = |x: f64, sigma: f64| {
            let (mut total, mut moment) = (0.0, 0.0);
            for (a, weight) in [(0.2, 0.3), (0.7, 0.7)] {
                for k in -8..=8 {
                    let d = x - a + f64::from(k);
                    let w = weight * (-d * d / (2.0 * sigma * sigma)).exp();
                    (total, moment) = (total + w, moment - w * d);
                }
            }
            moment / total
        };
        let x = x_t.part(0).flatten_all()?.to_vec1::<f64>()?;
        let one = |(&x, &t): (&f64, &f64)| displacement(x, self.0.coefficients(t).beta);
        let values: Vec<f64> = x.iter().zip(t.values()).map(one).collect();
        Ok(State::single(Tensor::from_vec(values, (x.len(), 1), &Device::Cpu)?))
    }
}

/// Diffusion on the circle finds both points, in their proportion, from uniform noise.
///
/// The share of the second is binomial: 5 standard errors at n = 20 000 are 0.016, plus 0.005 for
/// 200 steps. Samples end within 5 σ_min of a point, but for one in a million.
#[test]
fn wrapped_diffusion_draws_two_points_of_a_circle() {
    let n = 20_000;
    let config = VarianceExplodingConfig { sigma_min: 0.01, sigma_max: 1.0 };
    let path: Arc<dyn Path> = Arc::new(config.build().unwrap());
    let circle = Torus::new(&[1], TorusLaw::WrappedNormal, false);
    let process = Process::new(&Space::of("angle", circle), path.clone());
    let samplers: [(&str, Arc<dyn Sampler>); 5] = [
        ("DDPM", Arc::new(DdpmConfig {}.build().unwrap())),
        ("Heun", Arc::new(HeunConfig::default().build().unwrap())),
        ("2M", Arc::new(DpmSolverConfig { order: 2 }.build().unwrap())),
        ("EM", Arc::new(EulerMaruyamaConfig::default().build().unwrap())),
        ("PC", Arc::new(PredictorCorrectorConfig::default().build().unwrap())),
    ];
    for (name, sampler) in samplers {
        let (x_1, rng) = reference(&process, n);
        let grid = TimeGrid::linear(1.0, 0.0, 200).unwrap();
        let denoiser = TwoPoints(path.clone());
        let x =
            sample(&process, &denoiser, sampler.as_ref(), &grid, x_1, &rng, &mut Silent).unwrap();
        let x: Vec<f64> = x.part(0).flatten_all().unwrap().to_vec1().unwrap();
        let near = |a: f64| x.iter().filter(|x| (*x - a).abs() < 0.05).count() as f64 / n as f64;
        assert_within(&format!("{name}: share of 0.7"), near(0.7), 0.7, 0.021);
        assert_within(&format!("{name}: share of both"), near(0.2) + near(0.7), 1.0, 5e-4);
    }
}

/// Paths with noise of their own, and a sampler that keeps the marginals of each.
fn noisy_paths() -> [(PathConfig, SamplerConfig, f64); 4] {
    let bridge = |walk| PathConfig::Brownian(BrownianConfig { sigma: 0.7, walk });
    [
        (PathConfig::Linear(LinearConfig { sigma: 0.5 }), heun(), 2.0),
        (PathConfig::Linear(LinearConfig { sigma: 0.5 }), ddim(), 1.0),
        (bridge(BrownianWalk::Flow), heun(), 2.0),
        (bridge(BrownianWalk::Bridge), SamplerConfig::Ddpm(DdpmConfig {}), 1.0),
    ]
}

fn heun() -> SamplerConfig {
    SamplerConfig::Heun(HeunConfig::default())
}

fn ddim() -> SamplerConfig {
    SamplerConfig::Ddim(DdimConfig { eta: 0.0 })
}

/// On N(2, 0.5²) against independent noise, x_t is N(2 α, 0.25 α² + β² + γ²), and what each path allows
/// converges to that at its order. An estimate of anything else leaves an error that does not fall.
#[test]
fn what_a_noisy_path_allows_follows_its_marginals() {
    for (config, sampler, order) in noisy_paths() {
        let path = config.build().unwrap();
        let denoiser =
            GaussianMixture::gaussian(vec![2.0], vec![0.5]).unwrap().denoiser(path.clone());
        let law = |t: f64| {
            let c = path.coefficients(t);
            (c.alpha * 2.0, (0.5 * c.alpha).powi(2) + c.beta.powi(2) + c.gamma.powi(2))
        };
        let (start, end) = (law(0.9), law(0.1));
        let built = sampler.build().unwrap();
        sampler.check(path.as_ref()).unwrap();
        let measured = convergence(&[16, 32, 64, 128], |n| {
            let grid = TimeGrid::linear(0.9, 0.1, n)?;
            let draws = usize::from(sampler.draws_noise());
            let map = response(&line(&path), &denoiser, built.as_ref(), &grid, draws)?;
            let (mean, variance) = (map.mean(start.0), map.variance(start.1));
            Ok((mean - end.0).abs().max((variance.sqrt() - end.1.sqrt()).abs()))
        });
        let measured = measured.unwrap();
        println!("{sampler:?} on {config:?}: {:.2} {:?}", measured.order, measured.errors);
        assert_within(&format!("{sampler:?} on {config:?}"), measured.order, order, 0.25);
    }
}

/// A config refuses what its sampler would refuse at its first step, and nothing else.
#[test]
fn what_a_noisy_path_does_not_allow_is_refused() {
    let samplers = [
        (SamplerConfig::Ddpm(DdpmConfig {}), false, true),
        (ddim(), true, false),
        (SamplerConfig::Ddim(DdimConfig { eta: 0.5 }), false, false),
        (SamplerConfig::Ddim(DdimConfig { eta: 1.0 }), false, true),
        (SamplerConfig::Euler(EulerConfig::default()), true, false),
        (heun(), true, false),
        (SamplerConfig::Heun(HeunConfig { churn: 0.2, ..HeunConfig::default() }), false, false),
        (SamplerConfig::DpmSolver(DpmSolverConfig { order: 2 }), true, false),
        (SamplerConfig::DpmSolverSde(DpmSolverSdeConfig::default()), false, false),
        (SamplerConfig::Unipc(UnipcConfig { order: 2 }), true, false),
        (SamplerConfig::EulerMaruyama(EulerMaruyamaConfig { stochasticity: 0.0 }), true, false),
        (SamplerConfig::EulerMaruyama(EulerMaruyamaConfig::default()), false, false),
        (SamplerConfig::PredictorCorrector(PredictorCorrectorConfig::default()), false, false),
        (SamplerConfig::Renoise(RenoiseConfig::default()), false, false),
        (SamplerConfig::Renoise(RenoiseConfig { noise: 0.0 }), false, false),
        (SamplerConfig::Adaptive(AdaptiveConfig::default()), true, false),
    ];
    for (config, _, _) in noisy_paths() {
        let path = config.build().unwrap();
        let denoiser = two_bumps().denoiser(path.clone());
        let grid = TimeGrid::new(vec![0.9, 0.5, 0.2]).unwrap();
        for (sampler, on_flow, on_bridge) in &samplers {
            let allowed = if path.aim() == Aim::Flow { *on_flow } else { *on_bridge };
            assert_eq!(sampler.check(path.as_ref()).is_ok(), allowed, "{sampler:?} on {config:?}");
            let (x_1, rng) = reference(&line(&path), 4);
            let built = sampler.build().unwrap();
            let x = sample(&line(&path), &denoiser, built.as_ref(), &grid, x_1, &rng, &mut Silent);
            match x {
                Ok(_) => assert!(allowed, "{sampler:?} walks {config:?}"),
                Err(error) => {
                    assert!(!allowed, "{sampler:?} on {config:?}: {error}");
                    assert!(matches!(error, Error::OwnNoise { .. }), "{error}");
                }
            }
        }
    }
    let linear = LinearConfig { sigma: 0.1 }.build().unwrap();
    let error = line(&(Arc::new(linear) as Arc<dyn Path>)).require_score("score").unwrap_err();
    let want = "Euclidean factors have no score on a path with noise of its own (gamma > 0); allowed \
                there: steps that add no noise";
    assert_eq!(error.to_string(), want);
}
