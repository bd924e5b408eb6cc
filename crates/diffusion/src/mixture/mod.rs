//! Gaussian mixtures: a law whose density, samples and denoiser are all known exactly.

mod component;

use std::f64::consts::TAU;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use langevin_core::config::require;
use langevin_core::tensor::log_sum_exp;
use langevin_core::{Aim, ConfigError, Denoiser, Estimate, Path, Result, Rng, State, Times};
use nalgebra::{DMatrix, SymmetricEigen};

use self::component::{Component, Levels};
use crate::schedule::positive;

/// `p(x) = Σ_k w_k N(x; m_k, Σ_k)` on `R^d`.
///
/// Seen through a linear-Gaussian path it stays a mixture, so that E[x_0 | x_t] is a closed form:
/// the oracle for samplers, likelihood and guidance.
#[derive(Debug, Clone)]
pub struct GaussianMixture(Vec<Component>);

impl GaussianMixture {
    /// Components with independent coordinates; the weights need not add to 1.
    ///
    /// # Errors
    /// [`ConfigError`] if lengths differ, or a weight or standard deviation is not positive.
    pub fn new(
        weights: Vec<f64>,
        means: Vec<Vec<f64>>,
        sds: Vec<Vec<f64>>,
    ) -> Result<Self, ConfigError> {
        let (k, d) = sizes(&weights, &means)?;
        let fits = |_: usize| sds.len() == k && sds.iter().all(|row| row.len() == d);
        require("sds", sds.len(), fits, "one row of the means' dimension per component")?;
        for &sd in sds.iter().flatten() {
            positive("sds", sd)?;
        }
        let parts = weights.into_iter().zip(means).zip(sds);
        let component = |((weight, mean), sds)| Component { weight, mean, sds, axes: None };
        Ok(Self::normalised(parts.map(component).collect()))
    }

    /// Components with `covariances`, `[d, d]` row-major each; the weights need not add to 1.
    ///
    /// # Errors
    /// [`ConfigError`] if lengths differ, a weight is not positive, or a covariance is not symmetric
    /// and positive definite.
    pub fn with_covariances(
        weights: Vec<f64>,
        means: Vec<Vec<f64>>,
        covariances: &[Vec<f64>],
    ) -> Result<Self, ConfigError> {
        let (k, d) = sizes(&weights, &means)?;
        let fits =
            |_: usize| covariances.len() == k && covariances.iter().all(|c| c.len() == d * d);
        require("covariances", covariances.len(), fits, "one square matrix per component")?;
        let mut components = Vec::with_capacity(k);
        for ((weight, mean), covariance) in weights.into_iter().zip(means).zip(covariances) {
            let matrix = DMatrix::from_row_slice(d, d, covariance);
            let skew = (&matrix - matrix.transpose()).amax();
            require("covariances", skew, |s| s <= 1e-9 * matrix.amax(), "a symmetric matrix")?;
            let eigen = SymmetricEigen::new(matrix);
            for &variance in eigen.eigenvalues.iter() {
                positive("covariances", variance)?;
            }
            let sds = eigen.eigenvalues.iter().map(|v| v.sqrt()).collect();
            // nalgebra stores columns: the slice of the transpose is the matrix row by row.
            let axes = Some(eigen.eigenvectors.transpose().as_slice().to_vec());
            components.push(Component { weight, mean, sds, axes });
        }
        Ok(Self::normalised(components))
    }

    /// N(mean, diag(sd²)).
    ///
    /// # Errors
    /// As [`GaussianMixture::new`].
    pub fn gaussian(mean: Vec<f64>, sd: Vec<f64>) -> Result<Self, ConfigError> {
        Self::new(vec![1.0], vec![mean], vec![sd])
    }

    fn normalised(mut components: Vec<Component>) -> Self {
        let total: f64 = components.iter().map(|c| c.weight).sum();
        components.iter_mut().for_each(|c| c.weight /= total);
        Self(components)
    }

    /// Number of coordinates.
    pub fn dimension(&self) -> usize {
        self.0[0].mean.len()
    }

    /// Mean of the whole mixture.
    pub fn mean(&self) -> Vec<f64> {
        let coordinate = |i: usize| self.0.iter().map(|c| c.weight * c.mean[i]).sum();
        (0..self.dimension()).map(coordinate).collect()
    }

    /// Covariance of the whole mixture, `[d, d]` row-major.
    pub fn covariance(&self) -> Vec<f64> {
        let (d, mean) = (self.dimension(), self.mean());
        let entry = |cell: usize| {
            let (i, j) = (cell / d, cell % d);
            let of = |c: &Component| {
                c.weight * (c.covariance(i, j) + (c.mean[i] - mean[i]) * (c.mean[j] - mean[j]))
            };
            self.0.iter().map(of).sum()
        };
        (0..d * d).map(entry).collect()
    }

    /// ln p of each row of `x` `[B, d]`, in nats: `[B]`.
    ///
    /// # Errors
    /// [`langevin_core::Error::Tensor`] only.
    pub fn log_density(&self, x: &Tensor) -> Result<Tensor> {
        let one = Times::all(x.dim(0)?, 0.0);
        Ok(log_sum_exp(&self.log_joint(x, &one, &|_| (1.0, 0.0))?)?.squeeze(1)?)
    }

    /// A sample for each id of `rng`, `[B, d]` in f64.
    ///
    /// # Errors
    /// [`langevin_core::Error::Tensor`] only.
    pub fn draw(&self, rng: &mut Rng) -> Result<Tensor> {
        let d = self.dimension();
        let mut values = Vec::with_capacity(rng.samples() * d);
        for mut stream in rng.streams() {
            let u = stream.uniform();
            let mut below = 0.0;
            let reached = |c: &Component| {
                below += c.weight;
                below > u
            };
            let component = &self.0[self.0.iter().position(reached).unwrap_or(self.0.len() - 1)];
            let along: Vec<f64> = component.sds.iter().map(|sd| sd * stream.normal()).collect();
            values.extend((0..d).map(|i| component.mean[i] + component.rotated(&along, i)));
        }
        let n = values.len() / d;
        Ok(Tensor::from_vec(values, (n, d), &Device::Cpu)?)
    }

    /// ln(w_k N(x; α m_k, α² Σ_k + σ²)) of each component, `[B, K]`; (α, σ) by the sample's time.
    fn log_joint(&self, x: &Tensor, t: &Times, levels: &Levels<'_>) -> Result<Tensor> {
        let of_component = |component: &Component| -> Result<Tensor> {
            let (offset, variance) = component.seen(x, t, levels)?;
            let square = (offset.sqr()? / &variance)?;
            let exponent = (square + variance.log()?)?.sum_keepdim(1)?;
            let constant = component.weight.ln() - 0.5 * self.dimension() as f64 * TAU.ln();
            Ok(((exponent * -0.5)? + constant)?)
        };
        Ok(Tensor::cat(&self.0.iter().map(of_component).collect::<Result<Vec<_>>>()?, 1)?)
    }

    /// The exact denoiser along `path`, whose reference must be N(0, I).
    pub fn denoiser(&self, path: Arc<dyn Path>) -> MixtureDenoiser {
        MixtureDenoiser { mixture: self.clone(), path }
    }
}

/// Numbers of components and of coordinates, checked.
fn sizes(weights: &[f64], means: &[Vec<f64>]) -> Result<(usize, usize), ConfigError> {
    let (k, d) = (weights.len(), means.first().map_or(0, Vec::len));
    require("weights", k, |k| k > 0 && means.len() == k, "one per component")?;
    require("means", d, |d| d > 0 && means.iter().all(|m| m.len() == d), "rows of one dimension")?;
    for &weight in weights {
        positive("weights", weight)?;
    }
    Ok((k, d))
}

/// `E[x_0 | x_t]` of a mixture: responsibilities times the components' posterior means. On a path with noise
/// of its own, the mean of the end that the path aims at.
#[derive(Debug, Clone)]
pub struct MixtureDenoiser {
    mixture: GaussianMixture,
    path: Arc<dyn Path>,
}

impl Denoiser for MixtureDenoiser {
    fn denoise(&self, x_t: &State, t: &Times) -> Result<Estimate> {
        let x = x_t.part(0);
        let levels = |t: f64| {
            let c = self.path.coefficients(t);
            (c.alpha, c.beta.hypot(c.gamma))
        };
        let log_joint = self.mixture.log_joint(x, t, &levels)?;
        let shares = log_joint.broadcast_sub(&log_sum_exp(&log_joint)?)?.exp()?;
        let mut sum = x.zeros_like()?;
        for (k, component) in self.mixture.0.iter().enumerate() {
            let posterior = component.posterior_mean(x, t, &levels)?;
            sum = (sum + posterior.broadcast_mul(&shares.narrow(1, k, 1)?)?)?;
        }
        if self.path.has_own_noise() && self.path.aim() == Aim::Flow {
            // E[ε | x_t] = γ/(β² + γ²) (x_t − α x̂_0), times what the end holds of ε.
            let of_noise = |t: f64| {
                let (c, r) = (self.path.coefficients(t), self.path.rates(t));
                let blur =
                    (r.beta * c.gamma - c.beta * r.gamma) / (c.alpha * r.beta - r.alpha * c.beta);
                blur * c.gamma / levels(t).1.powi(2)
            };
            let alpha = t.column(x, |t| levels(t).0)?;
            let noise = (x - sum.broadcast_mul(&alpha)?)?;
            sum = (sum + noise.broadcast_mul(&t.column(x, of_noise)?)?)?;
        }
        Ok(State::single(sum))
    }
}

#[cfg(test)]
mod tests {
    use langevin_core::rng::ids;
    use langevin_core::{Purpose, Seed, vjp};
    use langevin_testing::assert_within;

    use super::*;
    use crate::schedule::VariancePreservingConfig;

    fn means() -> Vec<Vec<f64>> {
        vec![vec![-1.0, 0.5], vec![2.0, -1.0], vec![0.0, 2.0]]
    }

    /// Components that lean left, right and not at all.
    fn mixture() -> GaussianMixture {
        let covariances =
            [vec![0.09, -0.1, -0.1, 0.36], vec![0.25, 0.06, 0.06, 0.04], vec![1.0, 0.0, 0.0, 0.16]];
        GaussianMixture::with_covariances(vec![1.0, 2.0, 1.0], means(), &covariances).unwrap()
    }

    /// Tweedie: α x̂_0 = x_t + σ² ∇ ln p_t, with ∇ ln p_t by automatic differentiation.
    #[test]
    fn the_denoiser_is_tweedies_formula_of_its_own_marginal() {
        let path = Arc::new(VariancePreservingConfig::default().build().unwrap());
        let mut rng = Rng::new(Seed(3), Purpose::Data, ids(0, 50), 0);
        let x = State::single(
            (rng.normal(&[2], candle_core::DType::F64, &Device::Cpu).unwrap() * 2.0).unwrap(),
        );
        let t = Times::new((0..50).map(|i| 0.02 + 0.019 * f64::from(i)).collect());
        let levels = |t: f64| {
            let c = path.coefficients(t);
            (c.alpha, c.beta)
        };
        let density = |x: &State| {
            let joint = mixture().log_joint(x.part(0), &t, &levels)?;
            Ok(State::single(log_sum_exp(&joint)?))
        };
        let one =
            State::single(Tensor::ones((50, 1), candle_core::DType::F64, &Device::Cpu).unwrap());
        let (_, score) = vjp(&x, &[one], density).unwrap();
        let estimate = mixture().denoiser(path.clone()).denoise(&x, &t).unwrap();
        let sigma2 = t.column(x.part(0), |t| levels(t).1.powi(2)).unwrap();
        let alpha = t.column(x.part(0), |t| levels(t).0).unwrap();
        let left = estimate.part(0).broadcast_mul(&alpha).unwrap();
        let right = (x.part(0) + score[0].part(0).broadcast_mul(&sigma2).unwrap()).unwrap();
        let gap =
            (left - right).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
        assert!(gap < 1e-10, "{gap}");
    }

    /// Mean within 5 standard errors, covariance within 5 of √((v_ii v_jj + v_ij²)/n), the error of a
    /// Gaussian's, which exceeds that of these light-tailed mixtures.
    #[test]
    fn samples_have_the_moments_of_the_law() {
        let n = 100_000;
        let mut rng = Rng::new(Seed(5), Purpose::Data, ids(0, n), 0);
        let x = mixture().draw(&mut rng).unwrap().to_vec2::<f64>().unwrap();
        let (mean, v) = (mixture().mean(), mixture().covariance());
        let average = |f: &dyn Fn(&[f64]) -> f64| x.iter().map(|x| f(x)).sum::<f64>() / n as f64;
        for i in 0..2 {
            let error = (v[3 * i] / n as f64).sqrt();
            assert_within("mean", average(&|x| x[i]), mean[i], 5.0 * error);
            for j in 0..2 {
                let error = ((v[3 * i] * v[3 * j] + v[2 * i + j].powi(2)) / n as f64).sqrt();
                let got = average(&|x| (x[i] - mean[i]) * (x[j] - mean[j]));
                assert_within("covariance", got, v[2 * i + j], 5.0 * error);
            }
        }
    }

    #[test]
    fn diagonal_covariances_are_standard_deviations() {
        let sds = vec![vec![0.3, 0.6], vec![0.5, 0.2], vec![1.0, 0.4]];
        let squares: Vec<Vec<f64>> =
            sds.iter().map(|s| vec![s[0] * s[0], 0.0, 0.0, s[1] * s[1]]).collect();
        let weights = vec![1.0, 2.0, 1.0];
        let x = Tensor::new(&[[0.3, -0.2], [1.5, 2.0]], &Device::Cpu).unwrap();
        let diagonal = GaussianMixture::new(weights.clone(), means(), sds).unwrap();
        let full = GaussianMixture::with_covariances(weights, means(), &squares).unwrap();
        let ln = |m: &GaussianMixture| m.log_density(&x).unwrap().to_vec1::<f64>().unwrap();
        for (a, b) in ln(&diagonal).iter().zip(ln(&full)) {
            assert_within("ln p", *a, b, 1e-12);
        }
        let skew = vec![vec![1.0, 0.5, 0.4, 1.0]];
        assert!(GaussianMixture::with_covariances(vec![1.0], vec![vec![0.0; 2]], &skew).is_err());
    }
}
