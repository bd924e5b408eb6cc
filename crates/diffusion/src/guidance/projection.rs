//! Hard constraints: the estimate projected on the set of allowed ends.

use std::sync::Arc;

use candle_core::Tensor;
use langevin_core::sampler::Arrival;
use langevin_core::{Denoiser, Estimate, Result, Rng, Sampler, Stage, State, Times};

/// A denoiser whose estimates satisfy a constraint. `project` takes and gives estimates.
///
/// Samples satisfy it only where the last step lands on the estimate itself: a jump to σ_0 = 0, or Euler's
/// step on a straight path. Euler's and Heun's on a curved schedule do not, nor does any jump on a
/// schedule that keeps σ_min at t = 0. [`Held`] around the sampler makes it true of all.
pub struct Projected<D, P> {
    denoiser: D,
    project: Arc<P>,
}

impl<D: Denoiser, P: Fn(&Estimate) -> Result<Estimate> + Send + Sync> Projected<D, P> {
    /// `denoiser` with `project` after it.
    pub fn new(denoiser: D, project: P) -> Self {
        Self { denoiser, project: Arc::new(project) }
    }
}

impl<D: Denoiser, P: Fn(&Estimate) -> Result<Estimate> + Send + Sync> Denoiser for Projected<D, P> {
    fn denoise(&self, x_t: &State, t: &Times) -> Result<Estimate> {
        (self.project)(&self.denoiser.denoise(x_t, t)?)
    }

    fn denoise_rows(&self, x_t: &State, t: &Times, rows: &[usize]) -> Result<Estimate> {
        (self.project)(&self.denoiser.denoise_rows(x_t, t, rows)?)
    }

    fn recalling<'a>(&'a self, previous: &Estimate) -> Option<Box<dyn Denoiser + 'a>> {
        let denoiser = self.denoiser.recalling(previous)?;
        Some(Box::new(Projected { denoiser, project: self.project.clone() }))
    }
}

/// A sampler whose samples satisfy a constraint exactly: what arrives at t = 0 is projected on it.
///
/// With [`Projected`] as the denoiser the whole way leads there and the last projection is small. Put it
/// outermost, around [`super::Replaced`] too: the constraint then holds, and known values as well if
/// `project` keeps them, as it does where each is an equation of its own.
pub struct Held<S, P> {
    sampler: S,
    project: P,
}

impl<S: Sampler, P: Fn(&State) -> Result<State> + Send + Sync> Held<S, P> {
    /// `sampler` with `project`, from states to states, after its last step.
    pub fn new(sampler: S, project: P) -> Self {
        Self { sampler, project }
    }
}

impl<S: Sampler, P> std::fmt::Debug for Held<S, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("sampler", &self.sampler).finish_non_exhaustive()
    }
}

impl<S: Sampler, P: Fn(&State) -> Result<State> + Send + Sync> Sampler for Held<S, P> {
    fn step(&self, stage: &Stage, x: State, rng: &mut Rng) -> Result<Arrival> {
        let mut arrival = self.sampler.step(stage, x, rng)?;
        if stage.s == 0.0 {
            arrival.x = (self.project)(&arrival.x)?;
        }
        Ok(arrival)
    }

    fn memory(&self) -> usize {
        self.sampler.memory()
    }
}

/// The point of `{x : C x = b}` nearest to each row of `x` `[B, d]`: `x − C⁺ (C x − b)`.
///
/// # Shapes and units
/// - `constraint`: C, `[k, d]` with independent rows; `value`: b, `[k]`
///
/// # Errors
/// [`langevin_core::Error::Undefined`] if the rows of C depend on each other.
pub fn affine_projection(x: &Tensor, constraint: &Tensor, value: &Tensor) -> Result<Tensor> {
    let rows = constraint.to_vec2::<f64>()?;
    let (k, d) = constraint.dims2()?;
    let c = nalgebra::DMatrix::from_fn(k, d, |i, j| rows[i][j]);
    let gram = (&c * c.transpose()).cholesky();
    let Some(gram) = gram else {
        let what = "projection on constraints that depend on each other";
        return Err(langevin_core::Error::Undefined { factor: "Euclidean", what });
    };
    let pseudo_inverse = gram.solve(&c);
    let pseudo: Vec<f64> = (0..k * d).map(|i| pseudo_inverse[(i / d, i % d)]).collect();
    let pseudo = Tensor::from_vec(pseudo, (k, d), x.device())?;
    // Sums along rows of products, not matrix products: these round by the size of the batch.
    let along = x.unsqueeze(1)?.broadcast_mul(constraint)?.sum(2)?;
    let excess = along.broadcast_sub(value)?;
    let back = excess.unsqueeze(1)?.broadcast_mul(&pseudo.t()?.contiguous()?)?.sum(2)?;
    Ok((x - back)?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::{DType, Device};
    use langevin_core::factor::{Euclidean, Space};
    use langevin_core::rng::ids;
    use langevin_core::{Process, Purpose, Seed, Silent, TimeGrid, sample};
    use langevin_testing::contract;

    use super::*;
    use crate::guidance::{Repeated, Replaced};
    use crate::sampler::{
        AdaptiveConfig, DdimConfig, DdpmConfig, DpmSolverConfig, DpmSolverSdeConfig, EulerConfig,
        EulerMaruyamaConfig, HeunConfig, PredictorCorrectorConfig, SamplerConfig, UnipcConfig,
    };
    use crate::schedule::{CosineConfig, LinearConfig, VarianceExplodingConfig};
    use crate::{GaussianMixture, PathConfig};

    fn tensor(rows: &[[f64; 3]]) -> Tensor {
        Tensor::from_vec(rows.concat(), (rows.len(), 3), &Device::Cpu).unwrap()
    }

    /// Largest miss of `C x = b`.
    fn off(x: &State, constraint: &Tensor, value: &Tensor) -> f64 {
        let held = x.part(0).matmul(&constraint.t().unwrap().contiguous().unwrap()).unwrap();
        let off = held.broadcast_sub(value).unwrap().abs().unwrap().max_all().unwrap();
        off.to_scalar::<f64>().unwrap()
    }

    fn samplers() -> Vec<SamplerConfig> {
        vec![
            SamplerConfig::Ddpm(DdpmConfig {}),
            SamplerConfig::Ddim(DdimConfig { eta: 0.5 }),
            SamplerConfig::Euler(EulerConfig {}),
            SamplerConfig::TauLeaping(EulerConfig {}),
            SamplerConfig::Heun(HeunConfig::default()),
            SamplerConfig::DpmSolver(DpmSolverConfig { order: 3 }),
            SamplerConfig::DpmSolverSde(DpmSolverSdeConfig::default()),
            SamplerConfig::Unipc(UnipcConfig { order: 3 }),
            SamplerConfig::EulerMaruyama(EulerMaruyamaConfig::default()),
            SamplerConfig::PredictorCorrector(PredictorCorrectorConfig::default()),
            SamplerConfig::Adaptive(AdaptiveConfig::default()),
        ]
    }

    /// All kinds on three schedules, alone and around known values: to rounding, where without `Held` some
    /// miss by the noise or the curvature of their last step.
    #[test]
    fn held_samples_satisfy_a_linear_constraint_to_rounding() {
        // The last equation says what Replaced knows.
        let constraint = tensor(&[[1.0, 1.0, 1.0], [1.0, -2.0, 0.0], [0.0, 0.0, 1.0]]);
        let value = Tensor::new(&[2.0, 0.5, 0.7], &Device::Cpu).unwrap();
        let law = GaussianMixture::gaussian(vec![0.0; 3], vec![1.0; 3]).unwrap();
        let mut misses: f64 = 0.0;
        for config in [
            PathConfig::Linear(LinearConfig::default()),
            PathConfig::Cosine(CosineConfig {}),
            PathConfig::VarianceExploding(VarianceExplodingConfig::default()),
        ] {
            let path = config.build().unwrap();
            let process = Process::new(&Space::of("x", Euclidean::new(&[3])), path.clone());
            let project = |x: &State| x.map(|x| affine_projection(x, &constraint, &value));
            let denoiser = Projected::new(law.denoiser(path.clone()), project);
            let rng = Rng::new(Seed(1), Purpose::Sampling, ids(0, 20), 0);
            let x_1 = process.reference(DType::F64, &Device::Cpu, &mut rng.clone()).unwrap();
            // Later than t = 1, where the straight path has no finite diffusion.
            let grid = TimeGrid::linear(path.start().min(0.99), 0.0, 8).unwrap();
            let draw = |sampler: &dyn Sampler| {
                let x_1 = x_1.clone();
                sample(&process, &denoiser, sampler, &grid, x_1, &rng, &mut Silent).unwrap()
            };
            for config in samplers() {
                let sampler = config.build().unwrap();
                misses = misses.max(off(&draw(&sampler), &constraint, &value));
                let x = draw(&Held::new(sampler.clone(), project));
                assert!(off(&x, &constraint, &value) < 1e-12, "{config:?}");
                let known = State::single(tensor(&[[0.0, 0.0, 0.7]]));
                let mask = State::single(tensor(&[[0.0, 0.0, 1.0]]));
                let replaced = Repeated::new(Replaced::new(sampler, known, mask), 2);
                let x = draw(&Held::new(replaced, project));
                assert!(off(&x, &constraint, &value) < 1e-12, "known, {config:?}");
            }
        }
        assert!(misses > 1e-3, "the estimate's constraint alone was enough: {misses}");
        let twice = tensor(&[[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]);
        let value = Tensor::new(&[2.0, 0.5], &Device::Cpu).unwrap();
        assert!(affine_projection(&tensor(&[[0.0; 3]]), &twice, &value).is_err());
    }

    #[test]
    fn projected_denoisers_and_held_samplers_keep_their_contracts() {
        let (constraint, value) =
            (tensor(&[[1.0, 0.3, 0.7]]), Tensor::new(&[0.4], &Device::Cpu).unwrap());
        let path = Arc::new(CosineConfig {}.build().unwrap());
        let process = Process::new(&Space::of("x", Euclidean::new(&[3])), path.clone());
        let law = GaussianMixture::gaussian(vec![0.3; 3], vec![1.0, 0.5, 2.0]).unwrap();
        let project = |x: &State| x.map(|x| affine_projection(x, &constraint, &value));
        let denoiser = Projected::new(law.denoiser(path.clone()), project);
        let x = tensor(&[[0.2, -0.4, 0.1], [1.0, 0.3, -0.7], [-2.0, 1.0, 0.0]]);
        contract::denoiser(&denoiser, &State::single(x), &Times::new(vec![0.1, 0.5, 0.9]));
        let held = Held::new(HeunConfig::default().build().unwrap(), project);
        let grid = TimeGrid::linear(0.99, 0.0, 6).unwrap();
        contract::sampler(&held, &process, &denoiser, &grid);
    }
}
