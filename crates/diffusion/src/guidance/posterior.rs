//! Guidance by measurements: samples of the posterior given y = A(x_0) + noise.

use std::sync::Arc;

use candle_core::{DType, Tensor};
use langevin_core::config::require;
use langevin_core::tensor::sum_per_sample;
use langevin_core::time::column;
use langevin_core::{
    Coefficients, ConfigError, Denoiser, Estimate, Process, Result, State, Times, vjp,
};
use serde::{Deserialize, Serialize};

/// What is measured of the clean end, in differentiable tensor operations.
pub trait Measurement: Send + Sync {
    /// A(x_0), samples first.
    ///
    /// # Errors
    /// Those of the operator.
    fn apply(&self, x_0: &State) -> Result<State>;
}

/// `[guidance]` by measurements.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum PosteriorConfig {
    /// Chung et al. (2023), DPS: −ζ ∇‖y − A(x̂_0)‖, the norm not squared.
    Dps {
        /// ζ, about 0.3 to 1; above 0.
        scale: f64,
    },
    /// Song et al. (2023), ΠGDM, with the scalar covariance r² of a Gaussian prior:
    /// ∇ ln N(y; A(x̂_0), (σ_y² + r²) I), r² = v σ²/(α² v + σ²).
    Pigdm {
        /// Standard deviation σ_y of the measurement's noise; 0 or more.
        noise: f64,
        /// Variance v of the data per coordinate, about 1 for standardised data; above 0.
        prior_variance: f64,
    },
}

impl PosteriorConfig {
    /// The rule, checked.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn build(&self) -> Result<Tilt, ConfigError> {
        match *self {
            Self::Dps { scale } => {
                crate::schedule::positive("scale", scale)?;
            }
            Self::Pigdm { noise, prior_variance } => {
                require("noise", noise, |n| n >= 0.0 && n.is_finite(), "0 or more")?;
                crate::schedule::positive("prior_variance", prior_variance)?;
            }
        }
        Ok(Tilt(*self))
    }
}

/// α² v/σ² below which a network's Jacobian is not asked for the covariance.
const LITTLE_SIGNAL: f64 = 0.01;

/// How a measurement tilts the estimates of a denoiser.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tilt(PosteriorConfig);

impl Tilt {
    /// `denoiser` guided by the measurement `observed` of `operator`: one row per sample, or one for all.
    pub fn guide<D: Denoiser, A: Measurement>(
        &self,
        process: Process,
        denoiser: D,
        operator: A,
        observed: State,
    ) -> Posterior<D, A> {
        Posterior { process, denoiser, operator: Arc::new(operator), observed, tilt: *self }
    }

    /// Weights of two pullbacks of y − A(x̂_0), of squared norm `square`: through x_t ↦ A(x̂_0(x_t)), and
    /// through A alone. One of them is 0.
    ///
    /// Cov[x_0 | x_t] = (σ²/α) ∂x̂_0/∂x_t. Where α is nearly 0 that is a large number times a Jacobian that
    /// is nearly 0 and, for a network, mostly error; there the covariance is that of the prior, v I.
    fn weights(self, level: Coefficients, square: f64) -> (f64, f64) {
        let (alpha, variance) = (level.alpha, level.beta.powi(2));
        // DPS knows no v; standardised data have 1.
        let v = match self.0 {
            PosteriorConfig::Dps { .. } => 1.0,
            PosteriorConfig::Pigdm { prior_variance, .. } => prior_variance,
        };
        let r_squared = v * variance / (alpha * alpha * v + variance);
        let certainty = match self.0 {
            // At y = A(x̂_0) the norm has no slope; the pullback is 0 there too.
            PosteriorConfig::Dps { scale } => scale / square.sqrt().max(1e-30),
            PosteriorConfig::Pigdm { noise, .. } => 1.0 / (noise * noise + r_squared),
        };
        if alpha * alpha * v < LITTLE_SIGNAL * variance {
            (0.0, r_squared * certainty)
        } else {
            (variance / alpha * certainty, 0.0)
        }
    }
}

/// `x̂ = x̂_0 + (σ²/α) ∇_{x_t} ln p(y | x_t)`: Tweedie's formula for the posterior's score.
///
/// ΠGDM is exact where the data are N(m, v I) and A has orthonormal rows; DPS is biased towards y even
/// there, since it leaves out the spread of x_0 given x_t. Only flat factors with noise as reference have
/// the score that this needs.
pub struct Posterior<D, A> {
    process: Process,
    denoiser: D,
    operator: Arc<A>,
    observed: State,
    tilt: Tilt,
}

impl<D: Denoiser, A: Measurement> Posterior<D, A> {
    /// y − A(x̂_0), per part of the measurement, for samples `rows`.
    fn residual(&self, estimate: &Estimate, rows: &[usize]) -> Result<State> {
        let measured = self.operator.apply(estimate)?;
        let own;
        let observed = if self.observed.samples()? == 1 {
            &self.observed
        } else {
            own = self.observed.select(rows)?;
            &own
        };
        let parts = measured.parts().iter().zip(observed.parts());
        let parts = parts.map(|(a, y)| Ok(y.broadcast_sub(a)?)).collect::<Result<Vec<_>>>()?;
        Ok(State::new(parts))
    }
}

impl<D: Denoiser, A: Measurement> Denoiser for Posterior<D, A> {
    fn denoise(&self, x_t: &State, t: &Times) -> Result<Estimate> {
        let rows: Vec<usize> = (0..t.len()).collect();
        self.denoise_rows(x_t, t, &rows)
    }

    fn denoise_rows(&self, x_t: &State, t: &Times, rows: &[usize]) -> Result<Estimate> {
        self.process.require_score("guidance by measurements")?;
        let estimate = self.denoiser.denoise_rows(&x_t.detach(), t, rows)?;
        let residual = self.residual(&estimate, rows)?.detach();
        // Cotangents make the pullback of A(x̂_0) the gradient of ln p(y | x_t), up to a factor per sample.
        let pull = |x: &State, f: &dyn Fn(&State) -> Result<State>| -> Result<State> {
            Ok(vjp(x, std::slice::from_ref(&residual), f)?.1.swap_remove(0))
        };
        let through =
            pull(x_t, &|x| self.operator.apply(&self.denoiser.denoise_rows(x, t, rows)?))?;
        let direct = pull(&estimate, &|x| self.operator.apply(x))?;
        let squares = squared_norms(&residual, t.len())?;
        self.process.map([&estimate, &through, &direct], |c, [estimate, through, direct]| {
            let weights: Vec<(f64, f64)> = (t.values().iter().zip(&squares))
                .map(|(&t, &square)| self.tilt.weights(c.path.coefficients(t), square))
                .collect();
            let (through_by, direct_by): (Vec<f64>, Vec<f64>) = weights.into_iter().unzip();
            let scaled = |gradient: &Tensor, by: &[f64]| -> Result<Tensor> {
                Ok(gradient.broadcast_mul(&column(by, gradient)?)?)
            };
            Ok(((estimate + scaled(through, &through_by)?)? + scaled(direct, &direct_by)?)?)
        })
    }

    fn recalling<'a>(&'a self, previous: &Estimate) -> Option<Box<dyn Denoiser + 'a>> {
        let denoiser = self.denoiser.recalling(previous)?;
        Some(Box::new(Posterior {
            process: self.process.clone(),
            denoiser,
            operator: self.operator.clone(),
            observed: self.observed.clone(),
            tilt: self.tilt,
        }))
    }
}

/// ‖·‖² of each sample over all parts.
fn squared_norms(x: &State, samples: usize) -> Result<Vec<f64>> {
    let mut squares = vec![0.0; samples];
    for part in x.parts() {
        let own = sum_per_sample(&part.sqr()?)?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
        squares.iter_mut().zip(own).for_each(|(sum, v)| *sum += v);
    }
    Ok(squares)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::Device;
    use langevin_core::factor::{Euclidean, Space};

    use super::*;
    use crate::GaussianMixture;
    use crate::schedule::VariancePreservingConfig;

    struct First;
    impl Measurement for First {
        fn apply(&self, x_0: &State) -> Result<State> {
            x_0.map(|x| Ok(x.narrow(1, 0, 1)?))
        }
    }

    /// For N(m, v I) and y = x_0[0] + σ_y ε the posterior is Gaussian, and its denoiser is known.
    #[test]
    fn pigdm_is_exact_for_a_gaussian() {
        let (m, v, noise, y) = (0.5, 0.49, 0.3, 1.1);
        let path = Arc::new(VariancePreservingConfig::default().build().unwrap());
        let process = Process::new(&Space::of("x", Euclidean::new(&[2])), path.clone());
        let prior = GaussianMixture::gaussian(vec![m; 2], vec![0.7; 2]).unwrap();
        let observed = State::single(Tensor::new(&[[y]], &Device::Cpu).unwrap());
        let config = PosteriorConfig::Pigdm { noise, prior_variance: v };
        let guided =
            config.build().unwrap().guide(process, prior.denoiser(path.clone()), First, observed);
        let gain = v / (v + noise * noise);
        let means = vec![m + gain * (y - m), m];
        let sds = vec![(v * (1.0 - gain)).sqrt(), 0.7];
        let exact = GaussianMixture::gaussian(means, sds).unwrap().denoiser(path);
        let x = State::single(
            Tensor::new(&[[0.2, -0.4], [1.0, 0.3], [-2.0, 1.0]], &Device::Cpu).unwrap(),
        );
        // The last is pure noise, where α is nearly 0.
        let t = Times::new(vec![0.1, 0.4, 1.0]);
        let values = |d: &dyn Denoiser| {
            let estimate = d.denoise(&x, &t).unwrap();
            estimate.part(0).flatten_all().unwrap().to_vec1::<f64>().unwrap()
        };
        for (got, want) in values(&guided).iter().zip(values(&exact)) {
            assert!((got - want).abs() < 1e-9, "{got} {want}");
        }
    }

    /// Finished samples leave an adaptive solver's batch; each of the others keeps its own measurement.
    #[test]
    fn each_sample_keeps_its_measurement_in_a_smaller_batch() {
        let path = Arc::new(VariancePreservingConfig::default().build().unwrap());
        let process = Process::new(&Space::of("x", Euclidean::new(&[2])), path.clone());
        let prior = GaussianMixture::gaussian(vec![0.0; 2], vec![1.0; 2]).unwrap().denoiser(path);
        let observed = State::single(Tensor::new(&[[2.0], [-1.0], [0.5]], &Device::Cpu).unwrap());
        let config = PosteriorConfig::Pigdm { noise: 0.2, prior_variance: 1.0 };
        let guided = config.build().unwrap().guide(process, prior, First, observed);
        let x = State::single(
            Tensor::new(&[[0.2, -0.4], [1.0, 0.3], [-2.0, 1.0]], &Device::Cpu).unwrap(),
        );
        let all = guided.denoise(&x, &Times::all(3, 0.4)).unwrap();
        let rows = [2, 0];
        let some = x.select(&rows).unwrap();
        let some = guided.denoise_rows(&some, &Times::all(2, 0.4), &rows).unwrap();
        let values = |state: &State| state.part(0).to_vec2::<f64>().unwrap();
        assert_eq!(values(&some), values(&all.select(&rows).unwrap()));
        langevin_testing::contract::denoiser(&guided, &x, &Times::new(vec![0.1, 0.4, 0.99]));
    }

    #[test]
    fn dps_moves_the_estimate_towards_the_measurement() {
        let path = Arc::new(VariancePreservingConfig::default().build().unwrap());
        let process = Process::new(&Space::of("x", Euclidean::new(&[2])), path.clone());
        let prior = GaussianMixture::gaussian(vec![0.0; 2], vec![1.0; 2]).unwrap().denoiser(path);
        let observed = State::single(Tensor::new(&[[2.0]], &Device::Cpu).unwrap());
        let config = PosteriorConfig::Dps { scale: 0.5 };
        let guided = config.build().unwrap().guide(process, prior.clone(), First, observed);
        let x = State::single(Tensor::new(&[[0.0, 0.7]], &Device::Cpu).unwrap());
        let at = |d: &dyn Denoiser| {
            let estimate = d.denoise(&x, &Times::all(1, 0.5)).unwrap();
            estimate.part(0).to_vec2::<f64>().unwrap().remove(0)
        };
        let (free, led) = (at(&prior), at(&guided));
        assert!(led[0] > free[0] && led[0] < 2.0);
        assert!((led[1] - free[1]).abs() < 1e-12, "the other coordinate is not measured");
    }
}
