//! Products of spaces, categories, and the promises that hold everywhere.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use langevin_core::factor::{
    Base, Categorical, Centred, Euclidean, GridField, RandomField, Space, Sphere, Torus, TorusLaw,
};
use langevin_core::{
    Condition, Denoiser, Estimate, Head, Network, NetworkDenoiser, Path, Process, Reading, Result,
    Silent, State, TimeGrid, Times, sample,
};
use langevin_diffusion::sampler::{
    AdaptiveConfig, DdimConfig, DdpmConfig, DpmSolverConfig, DpmSolverSdeConfig, EulerConfig,
    EulerMaruyamaConfig, HeunConfig, PredictorCorrectorConfig, RenoiseConfig, UnipcConfig,
};
use langevin_diffusion::schedule::{
    BrownianConfig, BrownianWalk, CosineConfig, EdmConfig, LinearConfig, VarianceExplodingConfig,
    VariancePreservingConfig,
};
use langevin_diffusion::{GridConfig, PathConfig, SamplerConfig};
use langevin_testing::{assert_within, contract};

use super::{line, reference, two_bumps};

/// Point masses at 1.5, at the angle 0.25 and at class 1.
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

fn product() -> Process {
    let space = Space::of("x", Euclidean::new(&[2]))
        .and("angle", Torus::new(&[1], TorusLaw::Geodesic, false))
        .and("class", Categorical::new(1, 3, Base::Uniform));
    Process::new(&space, Arc::new(LinearConfig::default().build().unwrap()))
}

/// Samples of [`Home`] at the end of `grid`: the largest misses of the two points, and the part of classes
/// that are right.
fn arrive(config: &SamplerConfig, grid: &TimeGrid, n: usize) -> [f64; 3] {
    let (x_1, rng) = reference(&product(), n);
    let sampler = config.build().unwrap();
    let x = sample(&product(), &Home, sampler.as_ref(), grid, x_1, &rng, &mut Silent).unwrap();
    let off = |part: usize, want: f64| {
        (x.part(part) - want).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap()
    };
    let right = x.part(2).eq(1u32).unwrap().to_dtype(DType::F64).unwrap().mean_all().unwrap();
    [off(0, 1.5), off(1, 0.25), right.to_scalar::<f64>().unwrap()]
}

/// One sampler brings every factor of a product home, and no sample sees its batch.
///
/// The last step is exact on point masses, whatever the sampler, and so is every step of one that jumps.
/// Those that follow rates have left a wrong class behind with probability Π exp(−∫ rate) one step
/// earlier, where a step of length h at time t counts h/t, Heun's the mean of h/t and h/s; the part that
/// is right then is binomial, tolerance 5 standard errors. A jump to κ_s keeps the part κ_s of the classes.
#[test]
fn product_spaces_are_moved_by_the_same_samplers() {
    let (n, steps) = (20_000, 40);
    let grid = TimeGrid::linear(1.0, 0.0, steps).unwrap();
    let early = TimeGrid::new(grid.times()[..steps].to_vec()).unwrap();
    let left = |of_step: &dyn Fn(f64, f64) -> f64| {
        let total: f64 = early.steps().map(|(t, s)| of_step(t, s)).sum();
        2.0 / 3.0 * (-total).exp()
    };
    let euler = left(&|t, s| (t - s) / t);
    let heun = left(&|t, s| 0.5 * (t - s) * (1.0 / t + 1.0 / s));
    let jump = left(&|t, s| (t / s).ln());
    for (config, wrong) in [
        (SamplerConfig::Euler(EulerConfig::default()), euler),
        (SamplerConfig::TauLeaping(EulerConfig::default()), euler),
        (SamplerConfig::Heun(HeunConfig::default()), heun),
        (SamplerConfig::Ddim(DdimConfig { eta: 0.0 }), jump),
        (SamplerConfig::DpmSolver(DpmSolverConfig { order: 2 }), jump),
        (SamplerConfig::Unipc(UnipcConfig { order: 2 }), jump),
        (SamplerConfig::Renoise(RenoiseConfig { noise: 0.5 }), jump),
    ] {
        let [x, angle, right] = arrive(&config, &grid, n);
        assert!(x < 1e-9 && angle < 1e-9, "{config:?}: {x:e} {angle:e}");
        assert_eq!(right, 1.0, "{config:?}");
        let [_, _, right] = arrive(&config, &early, n);
        let error = (wrong * (1.0 - wrong) / n as f64).sqrt();
        assert_within(&format!("{config:?}"), right, 1.0 - wrong, 5.0 * error);
        let sampler = config.build().unwrap();
        contract::sampler(sampler.as_ref(), &product(), &Home, &grid);
    }
}

/// Every sampler that takes categories, on all schedules: some are coarse, and one never quite gives up
/// its noise.
#[test]
fn no_mask_stays_in_a_sample() {
    struct Even;
    impl Denoiser for Even {
        fn denoise(&self, x: &State, _: &Times) -> Result<Estimate> {
            let shape = (x.samples()?, 4, 3);
            let even = Tensor::zeros(shape, DType::F64, &Device::Cpu)?;
            Ok(State::single((even - 3f64.ln())?))
        }
    }
    let probability_flow = EulerMaruyamaConfig { stochasticity: 0.0 };
    for config in [
        PathConfig::Linear(LinearConfig::default()),
        PathConfig::Cosine(CosineConfig {}),
        PathConfig::VarianceExploding(VarianceExplodingConfig { sigma_min: 0.5, sigma_max: 50.0 }),
    ] {
        let path = config.build().unwrap();
        let space = Space::of("class", Categorical::new(4, 3, Base::Mask));
        let process = Process::new(&space, path.clone());
        let grid = GridConfig::Uniform { steps: 3 }.build(path.as_ref()).unwrap();
        for sampler in [
            SamplerConfig::Ddpm(DdpmConfig {}),
            SamplerConfig::Ddim(DdimConfig { eta: 0.0 }),
            SamplerConfig::Ddim(DdimConfig { eta: 0.5 }),
            SamplerConfig::Euler(EulerConfig::default()),
            SamplerConfig::TauLeaping(EulerConfig::default()),
            SamplerConfig::Heun(HeunConfig::default()),
            SamplerConfig::Heun(HeunConfig { churn: 0.2, ..HeunConfig::default() }),
            SamplerConfig::DpmSolver(DpmSolverConfig { order: 3 }),
            SamplerConfig::DpmSolverSde(DpmSolverSdeConfig::default()),
            SamplerConfig::Unipc(UnipcConfig { order: 3 }),
            SamplerConfig::EulerMaruyama(probability_flow),
            SamplerConfig::Renoise(RenoiseConfig::default()),
        ] {
            let (x_1, rng) = reference(&process, 500);
            let built = sampler.build().unwrap();
            let x = sample(&process, &Even, built.as_ref(), &grid, x_1, &rng, &mut Silent).unwrap();
            let highest = x.part(0).max_all().unwrap().to_scalar::<u32>().unwrap();
            assert!(highest < 3, "{sampler:?} on {config:?} leaves a mask");
        }
    }
}

#[test]
fn samplers_and_denoisers_keep_their_contracts() {
    let path: Arc<dyn Path> = Arc::new(VariancePreservingConfig::default().build().unwrap());
    let law = two_bumps();
    let denoiser = law.denoiser(path.clone());
    let x = State::single(Tensor::new(&[[-0.3], [0.1], [1.2]], &Device::Cpu).unwrap());
    contract::denoiser(&denoiser, &x, &Times::new(vec![0.1, 0.5, 0.9]));
    let grid = GridConfig::LogSnr { steps: 8, log_snr_max: 4.0 }.build(path.as_ref()).unwrap();
    let once = TimeGrid::new(vec![1.0, 0.0]).unwrap();
    for (config, grid) in [
        (SamplerConfig::Ddpm(DdpmConfig {}), &grid),
        (SamplerConfig::Heun(HeunConfig { churn: 0.2, ..HeunConfig::default() }), &grid),
        (SamplerConfig::DpmSolver(DpmSolverConfig { order: 3 }), &grid),
        (SamplerConfig::DpmSolverSde(DpmSolverSdeConfig::default()), &grid),
        (SamplerConfig::Unipc(UnipcConfig { order: 3 }), &grid),
        (SamplerConfig::EulerMaruyama(EulerMaruyamaConfig::default()), &grid),
        (SamplerConfig::PredictorCorrector(PredictorCorrectorConfig::default()), &grid),
        (SamplerConfig::Renoise(RenoiseConfig::default()), &grid),
        (SamplerConfig::Adaptive(AdaptiveConfig::default()), &once),
    ] {
        contract::sampler(config.build().unwrap().as_ref(), &line(&path), &denoiser, grid);
    }
}

/// `tanh(x + t + the condition)`, in f32 as networks are.
struct Bent;

impl Network for Bent {
    fn forward(&self, x: &State, t: &Times, _: &Times, condition: &Condition) -> Result<State> {
        let told = condition.input(DType::F32)?.expect("a condition").narrow(1, 0, 1)?;
        x.map(|x| Ok(x.broadcast_add(&t.column(x, |t| t)?)?.broadcast_add(&told)?.tanh()?))
    }

    fn dtype(&self) -> DType {
        DType::F32
    }
}

#[test]
fn networks_read_under_every_head_keep_the_denoisers_contract() {
    let path: Arc<dyn Path> = Arc::new(CosineConfig {}.build().unwrap());
    let x = State::single(Tensor::new(&[[-0.3], [0.1], [1.2]], &Device::Cpu).unwrap());
    let condition = Tensor::new(&[[0.5f32], [-0.2], [1.0]], &Device::Cpu).unwrap();
    for head in [
        Head::Clean,
        Head::Noise,
        Head::V,
        Head::Velocity,
        Head::Score,
        Head::Edm { sigma_data: 0.5 },
    ] {
        let reading = Reading::new(line(&path), head);
        let condition = Condition::new(condition.clone()).unwrap();
        let denoiser = NetworkDenoiser::new(reading, Arc::new(Bent), condition);
        contract::denoiser(&denoiser, &x, &Times::new(vec![0.1, 0.5, 0.9]));
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
    contract::factor(&GridField::new(2, 8, 12, law.clone()), &linear);
    // Small noise: the nearest image is then the only one, and the mean displacement leads home.
    let noise = EdmConfig { sigma_max: 0.1 }.build().unwrap();
    contract::factor(&Torus::new(&[4, 3], TorusLaw::WrappedNormal, false), &noise);
    contract::factor(&Torus::new(&[4, 3], TorusLaw::WrappedNormal, true), &noise);
    contract::factor(&Torus::new(&[4, 3], TorusLaw::Geodesic, true), &linear);
    // With noise of the path's own, of either aim.
    let bridge = |walk| PathConfig::Brownian(BrownianConfig { sigma: 0.3, walk });
    for config in [
        PathConfig::Linear(LinearConfig { sigma: 0.1 }),
        bridge(BrownianWalk::Flow),
        bridge(BrownianWalk::Bridge),
    ] {
        let path = config.build().unwrap();
        contract::factor(&Euclidean::new(&[2, 3]), path.as_ref());
        contract::factor(&Centred::new(4, 3), path.as_ref());
        contract::factor(&GridField::new(2, 8, 12, law.clone()), path.as_ref());
        contract::factor(&Torus::new(&[4, 3], TorusLaw::Geodesic, false), path.as_ref());
        contract::factor(&Torus::new(&[4, 3], TorusLaw::Geodesic, true), path.as_ref());
        contract::factor(&Sphere, path.as_ref());
        contract::factor(&Categorical::new(4, 3, Base::Mask), path.as_ref());
    }
}
