//! Exact answers to compare samplers with.
//!
//! On a Gaussian the exact denoiser is linear, so a sampler is a linear map of its start and of every
//! normal number that it draws. [`response`] reads that map off, without statistics; [`Moments`] is
//! the recursion that the sampler's paper implies.

use candle_core::{DType, Device, Tensor};
use langevin_core::rng::ids;
use langevin_core::{
    Denoiser, Process, Purpose, Result, Rng, Sampler, Seed, Silent, State, TimeGrid, carry,
};
use nalgebra::{DMatrix, DVector};

use crate::fitted_order;

/// `x = slope x_t + offset + Σ_k noise_k z_k` with independent standard normals `z_k`.
#[derive(Debug, Clone)]
pub struct Response {
    /// Weight of the state at the first time.
    pub slope: f64,
    /// Constant.
    pub offset: f64,
    /// Weights of the normals drawn, step by step.
    pub noise: Vec<f64>,
    /// Largest gap between the map and the sampler: rounding, where the sampler is linear.
    pub residual: f64,
}

impl Response {
    /// Mean after the last step, from that at the first time.
    pub fn mean(&self, mean: f64) -> f64 {
        self.slope * mean + self.offset
    }

    /// Variance after the last step, from that at the first time.
    pub fn variance(&self, variance: f64) -> f64 {
        self.slope.powi(2) * variance + self.noise.iter().map(|c| c * c).sum::<f64>()
    }
}

/// The linear map of a `sampler` that draws at most `draws` normals per step, on `process` of one
/// Euclidean coordinate.
///
/// The normals are drawn again from the stream that the sampler sees, and the map is the solution of
/// a linear system in a few more samples than it has unknowns.
///
/// # Errors
/// Those of the sampler.
///
/// # Panics
/// If the system has no solution, which distinct samples exclude.
pub fn response(
    process: &Process,
    denoiser: &dyn Denoiser,
    sampler: &dyn Sampler,
    grid: &TimeGrid,
    draws: usize,
) -> Result<Response> {
    let steps = grid.times().len() - 1;
    let unknowns = 2 + steps * draws;
    let n = unknowns + 24;
    let normal = |rng: &mut Rng| rng.normal(&[1], DType::F64, &Device::Cpu);
    let column = |x: &Tensor| -> Result<DVector<f64>> {
        Ok(DVector::from_vec(x.flatten_all()?.to_vec1::<f64>()?))
    };
    let x_t = normal(&mut Rng::new(Seed(29), Purpose::Reference, ids(0, n), 0))?;
    let rng = Rng::new(Seed(29), Purpose::Sampling, ids(0, n), 0);
    let mut columns = vec![column(&x_t)?, DVector::from_element(n, 1.0)];
    for step in 0..steps {
        let mut rng = rng.at_step(step as u32);
        for _ in 0..draws {
            columns.push(column(&normal(&mut rng)?)?);
        }
    }
    let x = carry(process, denoiser, sampler, grid, State::single(x_t), &rng, &mut Silent)?;
    let (x, matrix) = (column(x.part(0))?, DMatrix::from_columns(&columns));
    let map = matrix.clone().svd(true, true).solve(&x, 1e-12).expect("both bases were asked for");
    let residual = (matrix * &map - x).amax();
    let noise = map.iter().skip(2).copied().collect();
    Ok(Response { slope: map[0], offset: map[1], noise, residual })
}

/// Mean and covariance of `N` quantities that a linear recursion carries along.
#[derive(Debug, Clone, Copy)]
pub struct Moments<const N: usize> {
    /// Means.
    pub mean: [f64; N],
    /// Covariances.
    pub covariance: [[f64; N]; N],
}

impl<const N: usize> Moments<N> {
    /// Known quantities `mean`, the first of which has `variance`.
    pub fn of_first(mean: [f64; N], variance: f64) -> Self {
        let mut covariance = [[0.0; N]; N];
        covariance[0][0] = variance;
        Self { mean, covariance }
    }

    /// The moments of `matrix q + offset + noise z`, with one fresh standard normal z.
    #[must_use]
    pub fn step(&self, matrix: [[f64; N]; N], offset: [f64; N], noise: [f64; N]) -> Self {
        let mut next = Self { mean: offset, covariance: [[0.0; N]; N] };
        for i in 0..N {
            next.mean[i] += (0..N).map(|k| matrix[i][k] * self.mean[k]).sum::<f64>();
            for j in 0..N {
                next.covariance[i][j] = noise[i] * noise[j];
                for k in 0..N {
                    for l in 0..N {
                        next.covariance[i][j] +=
                            matrix[i][k] * self.covariance[k][l] * matrix[j][l];
                    }
                }
            }
        }
        next
    }
}

/// Errors under refinement.
#[derive(Debug, Clone)]
pub struct Convergence {
    /// Numbers of steps.
    pub steps: Vec<usize>,
    /// Error at each.
    pub errors: Vec<f64>,
    /// Slope of ln(error) against ln(1/steps).
    pub order: f64,
}

/// `error(n)` for each number of steps, and the order at which it falls.
///
/// # Errors
/// Those of `error`.
pub fn convergence(
    steps: &[usize],
    mut error: impl FnMut(usize) -> Result<f64>,
) -> Result<Convergence> {
    let errors = steps.iter().map(|&n| error(n)).collect::<Result<Vec<_>>>()?;
    let lengths: Vec<f64> = steps.iter().map(|&n| 1.0 / n as f64).collect();
    Ok(Convergence { steps: steps.to_vec(), order: fitted_order(&lengths, &errors), errors })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assert_within;

    /// (x, y) ← (x + y + z, y): after two steps the variance of x is v + 2, its mean m + 2 y.
    #[test]
    fn moments_add_up() {
        let start = Moments::of_first([1.0, 3.0], 0.25);
        let step = |m: Moments<2>| m.step([[1.0, 1.0], [0.0, 1.0]], [0.0; 2], [1.0, 0.0]);
        let end = step(step(start));
        assert_within("mean", end.mean[0], 7.0, 1e-14);
        assert_within("variance", end.covariance[0][0], 2.25, 1e-14);
    }
}
