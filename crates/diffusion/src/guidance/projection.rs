//! Hard constraints: the estimate projected on the set of allowed ends.

use candle_core::Tensor;
use langevin_core::sampler::Arrival;
use langevin_core::{Denoiser, Estimate, Result, Rng, Sampler, Stage, State, Times};

/// A denoiser whose estimates satisfy a constraint. `project` takes and gives estimates.
struct Projected<'a, P> {
    denoiser: &'a dyn Denoiser,
    project: &'a P,
}

impl<P: Fn(&Estimate) -> Result<Estimate> + Send + Sync> Denoiser for Projected<'_, P> {
    fn denoise(&self, x_t: &State, t: &Times) -> Result<Estimate> {
        (self.project)(&self.denoiser.denoise(x_t, t)?)
    }

    fn denoise_rows(&self, x_t: &State, t: &Times, rows: &[usize]) -> Result<Estimate> {
        (self.project)(&self.denoiser.denoise_rows(x_t, t, rows)?)
    }
}

/// A sampler that holds a constraint: it steps from estimates projected on it, and what arrives at t = 0 is
/// projected once more.
///
/// The whole way leads there, so the last projection is small. It is needed all the same: only where the last
/// step lands on the estimate itself (a jump to σ_0 = 0, or Euler's step on a straight path) would the
/// samples satisfy the constraint without it. Put it outermost, around [`super::Replaced`] too: the constraint
/// then holds, and known values as well if the projections keep them, as they do where each is an equation of
/// its own. A network that is shown its estimate of the step before (self-conditioning) sees its own, before
/// the projection, as it did in training.
pub struct Held<S, E, P> {
    sampler: S,
    of_estimate: E,
    of_state: P,
}

impl<S, E, P> Held<S, E, P>
where
    S: Sampler,
    E: Fn(&Estimate) -> Result<Estimate> + Send + Sync,
    P: Fn(&State) -> Result<State> + Send + Sync,
{
    /// `sampler` with `of_estimate`, from estimates to estimates, at every step and `of_state`, from states
    /// to states, after the last one.
    pub fn new(sampler: S, of_estimate: E, of_state: P) -> Self {
        Self { sampler, of_estimate, of_state }
    }
}

impl<S: Sampler, E, P> std::fmt::Debug for Held<S, E, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("sampler", &self.sampler).finish_non_exhaustive()
    }
}

impl<S, E, P> Sampler for Held<S, E, P>
where
    S: Sampler,
    E: Fn(&Estimate) -> Result<Estimate> + Send + Sync,
    P: Fn(&State) -> Result<State> + Send + Sync,
{
    fn step(&self, stage: &Stage, x: State, rng: &mut Rng) -> Result<Arrival> {
        let projected = Projected { denoiser: stage.denoiser, project: &self.of_estimate };
        let mut arrival = self.sampler.step(&Stage { denoiser: &projected, ..*stage }, x, rng)?;
        if stage.s == 0.0 {
            arrival.x = (self.of_state)(&arrival.x)?;
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
            SamplerConfig::Euler(EulerConfig::default()),
            SamplerConfig::TauLeaping(EulerConfig::default()),
            SamplerConfig::Heun(HeunConfig::default()),
            SamplerConfig::DpmSolver(DpmSolverConfig { order: 3 }),
            SamplerConfig::DpmSolverSde(DpmSolverSdeConfig::default()),
            SamplerConfig::Unipc(UnipcConfig { order: 3 }),
            SamplerConfig::EulerMaruyama(EulerMaruyamaConfig::default()),
            SamplerConfig::PredictorCorrector(PredictorCorrectorConfig::default()),
            SamplerConfig::Adaptive(AdaptiveConfig::default()),
        ]
    }

    /// All kinds on three schedules, alone and around known values: to rounding, where without the last projection
    /// some miss by the noise or the curvature of their last step.
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
            let denoiser = law.denoiser(path.clone());
            let rng = Rng::new(Seed(1), Purpose::Sampling, ids(0, 20), 0);
            let x_1 = process.reference(DType::F64, &Device::Cpu, &mut rng.clone()).unwrap();
            // Later than t = 1, where the straight path has no finite diffusion.
            let grid = TimeGrid::linear(path.start().min(0.99), 0.0, 8).unwrap();
            let draw = |sampler: &dyn Sampler| {
                let x_1 = x_1.clone();
                sample(&process, &denoiser, sampler, &grid, x_1, &rng, &mut Silent).unwrap()
            };
            let as_it_is = |x: &State| Ok(x.clone());
            for config in samplers() {
                let sampler = config.build().unwrap();
                let x = draw(&Held::new(sampler.clone(), project, as_it_is));
                misses = misses.max(off(&x, &constraint, &value));
                let x = draw(&Held::new(sampler.clone(), project, project));
                assert!(off(&x, &constraint, &value) < 1e-12, "{config:?}");
                let known = State::single(tensor(&[[0.0, 0.0, 0.7]]));
                let mask = State::single(tensor(&[[0.0, 0.0, 1.0]]));
                let replaced = Repeated::new(Replaced::new(sampler, known, mask), 2);
                let x = draw(&Held::new(replaced, project, project));
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
        let law = law.denoiser(path.clone());
        let denoiser = Projected { denoiser: &law, project: &project };
        let x = tensor(&[[0.2, -0.4, 0.1], [1.0, 0.3, -0.7], [-2.0, 1.0, 0.0]]);
        contract::denoiser(&denoiser, &State::single(x), &Times::new(vec![0.1, 0.5, 0.9]));
        let sampler = Held::new(HeunConfig::default().build().unwrap(), project, project);
        let grid = TimeGrid::linear(0.99, 0.0, 6).unwrap();
        contract::sampler(&sampler, &process, &law, &grid);
    }
}
