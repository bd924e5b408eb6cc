//! Gaussian mixtures: a law whose density, samples and denoiser are all known exactly.

use std::f64::consts::TAU;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use langevin_core::config::require;
use langevin_core::tensor::log_sum_exp;
use langevin_core::{ConfigError, Denoiser, Estimate, Path, Result, Rng, State, Times};

/// `p(x) = Σ_k w_k N(x; m_k, diag(s_k²))` on `R^d`.
///
/// Seen through a linear-Gaussian path it stays a mixture, so that E[x_0 | x_t] is a closed form:
/// the oracle for samplers, likelihood and guidance.
#[derive(Debug, Clone)]
pub struct GaussianMixture {
    weights: Vec<f64>,
    /// `[k, d]`
    means: Vec<Vec<f64>>,
    /// `[k, d]`
    sds: Vec<Vec<f64>>,
}

impl GaussianMixture {
    /// A mixture with weights that need not add to 1.
    ///
    /// # Errors
    /// [`ConfigError`] if lengths differ, or a weight or standard deviation is not positive.
    pub fn new(
        weights: Vec<f64>,
        means: Vec<Vec<f64>>,
        sds: Vec<Vec<f64>>,
    ) -> Result<Self, ConfigError> {
        let k = weights.len();
        let d = means.first().map_or(0, Vec::len);
        require("weights", k, |k| k > 0 && means.len() == k && sds.len() == k, "one per component")?;
        let shapes = means.iter().chain(&sds).all(|row| row.len() == d);
        require("means", d, |d| d > 0 && shapes, "means and sds of one dimension")?;
        for &weight in &weights {
            crate::schedule::positive("weights", weight)?;
        }
        for &sd in sds.iter().flatten() {
            crate::schedule::positive("sds", sd)?;
        }
        let total: f64 = weights.iter().sum();
        Ok(Self { weights: weights.iter().map(|w| w / total).collect(), means, sds })
    }

    /// N(mean, diag(sd²)).
    ///
    /// # Errors
    /// As [`GaussianMixture::new`].
    pub fn gaussian(mean: Vec<f64>, sd: Vec<f64>) -> Result<Self, ConfigError> {
        Self::new(vec![1.0], vec![mean], vec![sd])
    }

    /// Number of coordinates.
    pub fn dimension(&self) -> usize {
        self.means[0].len()
    }

    /// ln p of each row of `x` `[B, d]`, in nats: `[B]`.
    ///
    /// # Errors
    /// [`langevin_core::Error::Tensor`] only.
    pub fn log_density(&self, x: &Tensor) -> Result<Tensor> {
        let one = Times::all(x.dim(0)?, 0.0);
        Ok(log_sum_exp(&self.components(x, &one, |_| (1.0, 0.0))?)?.squeeze(1)?)
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
            let reached = |w: &f64| {
                below += w;
                below > u
            };
            let k = self.weights.iter().position(reached).unwrap_or(self.weights.len() - 1);
            values.extend((0..d).map(|i| self.means[k][i] + self.sds[k][i] * stream.normal()));
        }
        let n = values.len() / d;
        Ok(Tensor::from_vec(values, (n, d), &Device::Cpu)?)
    }

    /// ln(w_k N(x; α m_k, α² s_k² + σ²)) of each component, `[B, K]`; (α, σ) by the sample's time.
    fn components(
        &self,
        x: &Tensor,
        t: &Times,
        levels: impl Fn(f64) -> (f64, f64),
    ) -> Result<Tensor> {
        let of_component = |k: usize| -> Result<Tensor> {
            let (mean, variance) = self.marginal(k, x, t, &levels)?;
            let square = ((x - mean)?.sqr()? / &variance)?;
            let exponent = (square + variance.log()?)?.sum_keepdim(1)?;
            let constant = self.weights[k].ln() - 0.5 * self.dimension() as f64 * TAU.ln();
            Ok(((exponent * -0.5)? + constant)?)
        };
        let all = (0..self.weights.len()).map(of_component).collect::<Result<Vec<_>>>()?;
        Ok(Tensor::cat(&all, 1)?)
    }

    /// Mean and variance of component `k` at the samples' noise levels, `[B, d]` each.
    fn marginal(
        &self,
        k: usize,
        x: &Tensor,
        t: &Times,
        levels: impl Fn(f64) -> (f64, f64),
    ) -> Result<(Tensor, Tensor)> {
        let row = |values: &[f64]| -> Result<Tensor> {
            Ok(Tensor::new(values, x.device())?.unsqueeze(0)?.to_dtype(x.dtype())?)
        };
        let mean = t.column(x, |t| levels(t).0)?.broadcast_mul(&row(&self.means[k])?)?;
        let square: Vec<f64> = self.sds[k].iter().map(|s| s * s).collect();
        let own = t.column(x, |t| levels(t).0.powi(2))?.broadcast_mul(&row(&square)?)?;
        Ok((mean, own.broadcast_add(&t.column(x, |t| levels(t).1.powi(2))?)?))
    }

    /// The exact denoiser along `path`, whose reference must be N(0, I).
    pub fn denoiser(&self, path: Arc<dyn Path>) -> MixtureDenoiser {
        MixtureDenoiser { mixture: self.clone(), path }
    }
}

/// `E[x_0 | x_t]` of a mixture: responsibilities times the components' posterior means.
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
        let log_joint = self.mixture.components(x, t, levels)?;
        let shares = log_joint.broadcast_sub(&log_sum_exp(&log_joint)?)?.exp()?;
        let mut sum: Option<Tensor> = None;
        for k in 0..self.mixture.weights.len() {
            let (mean, variance) = self.mixture.marginal(k, x, t, levels)?;
            // m + α s² (x − α m)/(α² s² + σ²)
            let square: Vec<f64> = self.mixture.sds[k].iter().map(|s| s * s).collect();
            let square = Tensor::new(square, x.device())?.unsqueeze(0)?.to_dtype(x.dtype())?;
            let gain = t.column(x, |t| levels(t).0)?.broadcast_mul(&square)?.div(&variance)?;
            let own = Tensor::new(self.mixture.means[k].as_slice(), x.device())?.unsqueeze(0)?;
            let posterior = (x - mean)?.mul(&gain)?.broadcast_add(&own.to_dtype(x.dtype())?)?;
            let term = posterior.broadcast_mul(&shares.narrow(1, k, 1)?)?;
            sum = Some(sum.map_or(Ok(term.clone()), |sum| sum + &term)?);
        }
        Ok(State::single(sum.expect("a mixture has a component")))
    }
}

#[cfg(test)]
mod tests {
    use langevin_core::rng::ids;
    use langevin_core::{Purpose, Seed, vjp};

    use super::*;
    use crate::schedule::VariancePreservingConfig;

    fn mixture() -> GaussianMixture {
        let means = vec![vec![-1.0, 0.5], vec![2.0, -1.0], vec![0.0, 2.0]];
        let sds = vec![vec![0.3, 0.6], vec![0.5, 0.2], vec![1.0, 0.4]];
        GaussianMixture::new(vec![1.0, 2.0, 1.0], means, sds).unwrap()
    }

    /// Tweedie: α x̂_0 = x_t + σ² ∇ ln p_t, with ∇ ln p_t by automatic differentiation.
    #[test]
    fn the_denoiser_is_tweedies_formula_of_its_own_marginal() {
        let path = Arc::new(VariancePreservingConfig::default().build().unwrap());
        let mut rng = Rng::new(Seed(3), Purpose::Data, ids(0, 50), 0);
        let x = State::single((rng.normal(&[2], candle_core::DType::F64, &Device::Cpu).unwrap() * 2.0).unwrap());
        let t = Times::new((0..50).map(|i| 0.02 + 0.019 * f64::from(i)).collect());
        let levels = |t: f64| {
            let c = path.coefficients(t);
            (c.alpha, c.beta)
        };
        let density = |x: &State| {
            let joint = mixture().components(x.part(0), &t, levels)?;
            Ok(State::single(log_sum_exp(&joint)?))
        };
        let one = State::single(Tensor::ones((50, 1), candle_core::DType::F64, &Device::Cpu).unwrap());
        let (_, score) = vjp(&x, &[one], density).unwrap();
        let estimate = mixture().denoiser(path.clone()).denoise(&x, &t).unwrap();
        let sigma2 = t.column(x.part(0), |t| levels(t).1.powi(2)).unwrap();
        let alpha = t.column(x.part(0), |t| levels(t).0).unwrap();
        let left = estimate.part(0).broadcast_mul(&alpha).unwrap();
        let right = (x.part(0) + score[0].part(0).broadcast_mul(&sigma2).unwrap()).unwrap();
        let gap = (left - right).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
        assert!(gap < 1e-10, "{gap}");
    }

    /// Five standard errors at n = 100 000; the variance of the first coordinate is
    /// Σ w (s² + m²) − mean² = 1.9925, its mean 0.75.
    #[test]
    fn samples_have_the_moments_of_the_law() {
        let n = 100_000;
        let mut rng = Rng::new(Seed(5), Purpose::Data, ids(0, n), 0);
        let x = mixture().draw(&mut rng).unwrap().narrow(1, 0, 1).unwrap();
        let mean = x.mean_all().unwrap().to_scalar::<f64>().unwrap();
        let square = x.sqr().unwrap().mean_all().unwrap().to_scalar::<f64>().unwrap();
        let variance = 0.25 * (0.09 + 1.0) + 0.5 * (0.25 + 4.0) + 0.25 * 1.0 - 0.5625;
        assert!((mean - 0.75).abs() < 5.0 * (variance / n as f64).sqrt());
        assert!((square - mean * mean - variance).abs() < 5.0 * variance * (2.0 / n as f64).sqrt());
    }
}
