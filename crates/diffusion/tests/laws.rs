//! Laws that samplers must keep on bridges and on product spaces, and the contracts of the factors.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use langevin_core::factor::{
    Base, Categorical, Centred, Euclidean, GridField, RandomField, Space, Sphere, Torus, TorusLaw,
};
use langevin_core::rng::ids;
use langevin_core::{
    Denoiser, Estimate, Path, Process, Purpose, Result, Rng, Seed, Silent, State, TimeGrid, Times,
    sample,
};
use langevin_diffusion::SamplerConfig;
use langevin_diffusion::sampler::{DdimConfig, DdpmConfig, EulerConfig, HeunConfig};
use langevin_diffusion::schedule::{BrownianConfig, LinearConfig};
use langevin_testing::{assert_within, contract};

fn line(path: &Arc<dyn Path>) -> Process {
    Process::new(&Space::of("x", Euclidean::new(&[1])), path.clone())
}

fn reference(process: &Process, n: usize) -> (State, Rng) {
    let rng = Rng::new(Seed(7), Purpose::Reference, ids(0, n), 0);
    let x_1 = process.reference(DType::F64, &Device::Cpu, &mut rng.clone()).unwrap();
    (x_1, rng.for_purpose(Purpose::Sampling))
}

fn mean_and_sd(x: &[f64]) -> (f64, f64) {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    (mean, (x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt())
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

/// Flow on a product of a line, a circle and a class: exact denoisers of point masses bring every
/// factor home, by the same sampler, and no sample sees its batch.
#[test]
fn product_spaces_are_moved_by_the_same_samplers() {
    struct Home;
    impl Denoiser for Home {
        fn denoise(&self, x: &State, _: &Times) -> Result<Estimate> {
            let n = x.samples()?;
            let way = ((x.part(1).neg()? + 0.25)? + 0.5)?;
            let way = ((&way - way.floor()?)? - 0.5)?;
            let log_p = Tensor::new(&[[[-1e3, 0.0, -1e3]]], &Device::Cpu)?.broadcast_as((n, 1, 3))?;
            Ok(State::new(vec![(x.part(0).zeros_like()? + 1.5)?, way, log_p.contiguous()?]))
        }
    }
    let space = Space::of("x", Euclidean::new(&[2]))
        .and("angle", Torus::new(&[1], TorusLaw::Geodesic, false))
        .and("class", Categorical::new(1, 3, Base::Uniform));
    let process = Process::new(&space, Arc::new(LinearConfig::default().build().unwrap()));
    let grid = TimeGrid::linear(1.0, 0.0, 40).unwrap();
    for config in [SamplerConfig::Euler(EulerConfig {}), SamplerConfig::Ddim(DdimConfig { eta: 0.0 }), SamplerConfig::Heun(HeunConfig::default())] {
        let sampler = config.build().unwrap();
        let (x_1, rng) = reference(&process, 50);
        let x = sample(&process, &Home, sampler.as_ref(), &grid, x_1, &rng, &mut Silent).unwrap();
        let off = |part: usize, want: f64| {
            let x = x.part(part).to_dtype(DType::F64).unwrap();
            (x - want).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap()
        };
        assert!(off(0, 1.5) < 1e-9 && off(1, 0.25) < 1e-9, "{config:?}");
        // τ-leaping leaves a class behind with probability e^−1 times that of the steps before: the
        // product over 40 steps of the linear path is below 1 %.
        let right = x.part(2).eq(1u32).unwrap().to_dtype(DType::F64).unwrap().mean_all().unwrap();
        assert!(right.to_scalar::<f64>().unwrap() > 0.85, "{config:?}");
        contract::sampler(sampler.as_ref(), &process, &Home, &grid);
    }
}

#[test]
fn factors_keep_their_contract() {
    let linear = LinearConfig::default().build().unwrap();
    contract::factor(&Euclidean::new(&[2, 3]), &linear);
    contract::factor(&Centred::new(4, 3), &linear);
    contract::factor(&Torus::new(&[4, 3], TorusLaw::Geodesic, false), &linear);
    contract::factor(&Sphere, &linear);
    contract::factor(&Categorical::new(4, 3, Base::Uniform), &linear);
    contract::factor(&Categorical::new(4, 3, Base::Mask), &linear);
    let law = RandomField::new(3.0, 1.0).unwrap();
    contract::factor(&GridField::new(2, 8, 12, law), &linear);
}
