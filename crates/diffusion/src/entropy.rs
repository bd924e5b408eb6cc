//! Log-densities and entropy from a denoiser's mean square errors, with no flow to follow.

use langevin_core::config::require;
use langevin_core::tensor::sum_per_sample;
use langevin_core::{ConfigError, Denoiser, Process, Purpose, Result, Rng, State};
use serde::{Deserialize, Serialize};

use crate::levels::{Levels, Seen, mean_and_error};

/// `[entropy]`: importance sampling over a = ln snr = 2 ln(α/σ).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EntropyConfig {
    /// Variance v of the Gaussian law with which the data are compared, per coordinate; above 0.
    pub variance: f64,
    /// Centre of the logistic law of a; about −ln of the variance that matters.
    pub location: f64,
    /// Scale of the logistic law; above 1, so that the weight of low noise stays square-integrable.
    pub scale: f64,
    /// Noise levels per sample; at least 1.
    pub levels: usize,
}

impl Default for EntropyConfig {
    /// For standardised data.
    fn default() -> Self {
        Self { variance: 1.0, location: 1.0, scale: 1.5, levels: 32 }
    }
}

impl EntropyConfig {
    /// The estimator.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn build(&self) -> Result<Entropy, ConfigError> {
        crate::schedule::positive("variance", self.variance)?;
        require("location", self.location, f64::is_finite, "a finite number")?;
        require("scale", self.scale, |s| s > 1.0 && s.is_finite(), "above 1")?;
        require("levels", self.levels, |n| n >= 1, "at least 1")?;
        Ok(Entropy(*self))
    }
}

/// `−ln p(x) = −ln N(x; 0, v I) − ½ ∫ E_z [‖x − x̂_G(z_a)‖² − ‖x − x̂(z_a)‖²] e^a da`.
///
/// I-MMSE with a Gaussian to start from: x̂_G is the denoiser of N(0, v I), and z_a is x seen at
/// signal-to-noise ratio e^a. Both errors are taken on the same z_a, so that their noise cancels where
/// the data's law is smooth; the usual form, with the Gaussian's mean error, keeps all of it.
/// A network's error makes the estimate an upper bound only on average.
///
/// # Sources
/// Guo, Shamai & Verdú (2005); Kong, Brekelmans & Ver Steeg (2023), eq. 11.
#[derive(Debug, Clone, Copy)]
pub struct Entropy(EntropyConfig);

/// An estimate of −E ln p, in nats.
#[derive(Debug, Clone)]
pub struct NegativeLogLikelihood {
    /// Mean over samples: the entropy, where they come from the denoiser's own law.
    pub nats: f64,
    /// Standard error over samples, that of the noise levels included.
    pub standard_error: f64,
    /// −ln p of each sample, unbiased for an exact denoiser.
    pub pointwise: Vec<f64>,
}

impl Entropy {
    /// −ln p of the samples `x_0` under the law that `denoiser` knows.
    ///
    /// Flat factors whose reference is N(0, I) only; all factors share the first one's noise level.
    ///
    /// # Errors
    /// [`langevin_core::Error::Undefined`] unless every factor has white Gaussian noise; those of the denoiser.
    pub fn nll(
        &self,
        process: &Process,
        denoiser: &dyn Denoiser,
        x_0: &State,
        rng: &Rng,
    ) -> Result<NegativeLogLikelihood> {
        process.require_score("entropy by I-MMSE")?;
        let EntropyConfig { variance: v, location, scale, levels } = self.0;
        let mut pointwise = gaussian_nll(process, x_0, v)?;
        let levels = Levels { location, scale, count: levels };
        for seen in levels.see(process, x_0, rng.for_purpose(Purpose::Evaluation)) {
            let Seen { x_t, times, weights } = seen?;
            let estimate = denoiser.denoise(&x_t, &times)?;
            for (i, c) in process.components().iter().enumerate() {
                let (x, clean) = (x_t.part(i), x_0.part(i));
                let wiener = times.column(x, |t| {
                    let c = c.path.coefficients(t);
                    c.alpha * v / (c.alpha * c.alpha * v + c.beta * c.beta)
                })?;
                let plain = (clean - x.broadcast_mul(&wiener)?)?;
                let own = (clean - estimate.part(i))?;
                let saved = sum_per_sample(&(plain.sqr()? - own.sqr()?)?)?.to_vec1::<f64>()?;
                for (sample, saved) in saved.into_iter().enumerate() {
                    pointwise[sample] -= 0.5 * saved * weights[sample];
                }
            }
        }
        let (nats, standard_error) = mean_and_error(&pointwise);
        Ok(NegativeLogLikelihood { nats, standard_error, pointwise })
    }
}

/// −ln N(x; 0, v I), with each factor's own degrees of freedom.
fn gaussian_nll(process: &Process, x: &State, v: f64) -> Result<Vec<f64>> {
    let mut total = vec![0.0; x.samples()?];
    for (c, part) in process.components().iter().zip(x.parts()) {
        let scaled = c.factor.reference_log_density(&(part / v.sqrt())?)?.to_vec1::<f64>()?;
        let volume = 0.5 * c.factor.degrees_of_freedom() as f64 * v.ln();
        total.iter_mut().zip(scaled).for_each(|(sum, ln_p)| *sum += volume - ln_p);
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use langevin_core::factor::{Euclidean, Space, Sphere};
    use langevin_core::rng::ids;
    use langevin_core::{Path, Seed};

    use super::*;
    use crate::GaussianMixture;
    use crate::schedule::CosineConfig;

    fn line() -> (Process, Arc<dyn Path>) {
        let path: Arc<dyn Path> = Arc::new(CosineConfig {}.build().unwrap());
        (Process::new(&Space::of("x", Euclidean::new(&[2])), path.clone()), path)
    }

    /// Both errors are the same where the law is the Gaussian of comparison: nothing is left to sample.
    #[test]
    fn a_gaussian_is_its_own_answer() {
        let (process, path) = line();
        let law = GaussianMixture::gaussian(vec![0.0; 2], vec![0.7; 2]).unwrap();
        let rng = Rng::new(Seed(5), Purpose::Data, ids(0, 20), 0);
        let x = law.draw(&mut rng.clone()).unwrap();
        let exact = law.log_density(&x).unwrap().to_vec1::<f64>().unwrap();
        let entropy = EntropyConfig { variance: 0.49, levels: 1, ..EntropyConfig::default() };
        let entropy = entropy.build().unwrap();
        let got = entropy.nll(&process, &law.denoiser(path), &State::single(x), &rng).unwrap();
        for (nll, ln_p) in got.pointwise.iter().zip(exact) {
            // Weights reach e^a/density ~ 1e3 at the drawn levels, on differences of rounding.
            assert!((nll + ln_p).abs() < 1e-9, "{nll} {ln_p}");
        }
    }

    /// The gap to −ln p of the same samples has mean 0: five of its own standard errors are allowed, and
    /// these must stay below 0.02 nats. The Gaussian of the same covariance has 0.85 nats more, and a
    /// factor of 1.1 on the integral, 0.1 nats: both would be noticed.
    #[test]
    fn the_entropy_of_a_mixture_is_unbiased() {
        let (process, path) = line();
        let means = vec![vec![-1.0, 0.5], vec![1.2, -0.7], vec![0.1, 1.5]];
        let sds = vec![vec![0.3, 0.5], vec![0.4, 0.3], vec![0.6, 0.25]];
        let law = GaussianMixture::new(vec![1.0, 2.0, 1.0], means, sds).unwrap();
        let n = 4000;
        let rng = Rng::new(Seed(6), Purpose::Data, ids(0, n), 0);
        let x = law.draw(&mut rng.clone()).unwrap();
        let exact = law.log_density(&x).unwrap().to_vec1::<f64>().unwrap();
        let entropy = EntropyConfig::default().build().unwrap();
        let got = entropy.nll(&process, &law.denoiser(path), &State::single(x), &rng).unwrap();
        let gaps: Vec<f64> = got.pointwise.iter().zip(&exact).map(|(nll, p)| nll + p).collect();
        let mean = gaps.iter().sum::<f64>() / n as f64;
        let spread = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
        let error = (spread / n as f64).sqrt();
        println!("gap {mean:.5} ± {error:.5} nats of {:.4}", got.nats);
        assert!(error < 0.02 && mean.abs() < 5.0 * error, "{mean} ± {error}");
        assert!(EntropyConfig { scale: 1.0, ..EntropyConfig::default() }.build().is_err());
    }

    #[test]
    fn curved_factors_are_refused() {
        let (_, path) = line();
        let process = Process::new(&Space::of("x", Sphere), path.clone());
        let rng = Rng::new(Seed(6), Purpose::Data, ids(0, 2), 0);
        let x =
            process.reference(candle_core::DType::F64, &candle_core::Device::Cpu, &mut rng.clone());
        let law = GaussianMixture::gaussian(vec![0.0; 3], vec![1.0; 3]).unwrap();
        let entropy = EntropyConfig::default().build().unwrap();
        let error = entropy.nll(&process, &law.denoiser(path), &x.unwrap(), &rng).unwrap_err();
        assert!(matches!(error, langevin_core::Error::Undefined { factor: "Sphere", .. }));
    }
}
