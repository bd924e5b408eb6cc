//! Samples follow the law that the exact denoiser belongs to.

use std::sync::Arc;

use langevin_core::rng::ids;
use langevin_core::{
    Denoiser, Estimate, Path, Purpose, Result, Rng, Sampler, Seed, Silent, State, TimeGrid, Times,
    sample,
};
use langevin_diffusion::sampler::{
    DdpmConfig, DpmSolverConfig, DpmSolverSdeConfig, HeunConfig, PredictorCorrectorConfig, UnipcConfig,
};
use langevin_diffusion::schedule::{BrownianConfig, EdmConfig, LinearConfig, VariancePreservingConfig};
use langevin_diffusion::{GridConfig, PathConfig};
use langevin_testing::assert_within;
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
    let path: Arc<dyn Path> = Arc::new(BrownianConfig { sigma }.build().unwrap());
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
