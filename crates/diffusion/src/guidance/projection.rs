//! Hard constraints: the estimate projected on the set of allowed ends.

use candle_core::Tensor;
use langevin_core::{Denoiser, Estimate, Result, State, Times};

/// A denoiser whose estimates satisfy a constraint.
///
/// The last jump of a sampler goes to the estimate itself (σ_0 = 0), so the sample satisfies the
/// constraint as exactly as `project` does. `project` takes and gives estimates.
pub struct Projected<D, P> {
    denoiser: D,
    project: P,
}

impl<D: Denoiser, P: Fn(&Estimate) -> Result<Estimate> + Send + Sync> Projected<D, P> {
    /// `denoiser` with `project` after it.
    pub fn new(denoiser: D, project: P) -> Self {
        Self { denoiser, project }
    }
}

impl<D: Denoiser, P: Fn(&Estimate) -> Result<Estimate> + Send + Sync> Denoiser for Projected<D, P> {
    fn denoise(&self, x_t: &State, t: &Times) -> Result<Estimate> {
        (self.project)(&self.denoiser.denoise(x_t, t)?)
    }

    fn denoise_rows(&self, x_t: &State, t: &Times, rows: &[usize]) -> Result<Estimate> {
        (self.project)(&self.denoiser.denoise_rows(x_t, t, rows)?)
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
    let excess = x.matmul(&constraint.t()?.contiguous()?)?.broadcast_sub(value)?;
    Ok((x - excess.matmul(&pseudo)?)?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::{DType, Device};
    use langevin_core::factor::{Euclidean, Space};
    use langevin_core::rng::ids;
    use langevin_core::{Process, Purpose, Rng, Seed, Silent, TimeGrid, sample};

    use super::*;
    use crate::GaussianMixture;
    use crate::sampler::DdpmConfig;
    use crate::schedule::LinearConfig;

    #[test]
    fn samples_satisfy_a_linear_constraint_to_rounding() {
        let constraint = Tensor::new(&[[1.0, 1.0, 1.0], [1.0, -2.0, 0.0]], &Device::Cpu).unwrap();
        let value = Tensor::new(&[2.0, 0.5], &Device::Cpu).unwrap();
        let path = Arc::new(LinearConfig::default().build().unwrap());
        let process = Process::new(&Space::of("x", Euclidean::new(&[3])), path.clone());
        let law = GaussianMixture::gaussian(vec![0.0; 3], vec![1.0; 3]).unwrap();
        let denoiser = Projected::new(law.denoiser(path), |x: &Estimate| {
            x.map(|x| affine_projection(x, &constraint, &value))
        });
        let rng = Rng::new(Seed(1), Purpose::Sampling, ids(0, 50), 0);
        let x_1 = process.reference(DType::F64, &Device::Cpu, &mut rng.clone()).unwrap();
        let grid = TimeGrid::linear(1.0, 0.0, 20).unwrap();
        let sampler = DdpmConfig {}.build().unwrap();
        let x = sample(&process, &denoiser, &sampler, &grid, x_1, &rng, &mut Silent).unwrap();
        let held = x.part(0).matmul(&constraint.t().unwrap().contiguous().unwrap()).unwrap();
        let off = held.broadcast_sub(&value).unwrap().abs().unwrap().max_all().unwrap();
        assert!(off.to_scalar::<f64>().unwrap() < 1e-12);
        let twice = Tensor::new(&[[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]], &Device::Cpu).unwrap();
        assert!(affine_projection(x.part(0), &twice, &value).is_err());
    }
}
