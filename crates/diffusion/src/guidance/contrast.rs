//! Classifier-free guidance and autoguidance: away from a weaker answer.

use std::ops::RangeInclusive;

use langevin_core::config::require;
use langevin_core::{ConfigError, Denoiser, Estimate, Process, Result, State, Times};
use serde::{Deserialize, Serialize};

/// `[guidance]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContrastConfig {
    /// w: 0 gives the weaker answer, 1 the stronger, more exaggerates their difference.
    pub weight: f64,
    /// Lowest λ = ln(α/σ) at which w applies; elsewhere it is 1.
    #[serde(default = "lowest")]
    pub log_snr_min: f64,
    /// Highest λ at which w applies.
    #[serde(default = "highest")]
    pub log_snr_max: f64,
}

fn lowest() -> f64 {
    f64::NEG_INFINITY
}

fn highest() -> f64 {
    f64::INFINITY
}

impl ContrastConfig {
    /// The rule, checked.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn build(&self) -> Result<Contrast, ConfigError> {
        require("weight", self.weight, |w| w >= 0.0 && w.is_finite(), "0 or more")?;
        let above = |max: f64| max > self.log_snr_min;
        require("log_snr_max", self.log_snr_max, above, "above log_snr_min")?;
        Ok(Contrast { weight: self.weight, levels: self.log_snr_min..=self.log_snr_max })
    }
}

/// How far to go away from a weaker answer, and at which noise levels.
#[derive(Debug, Clone, PartialEq)]
pub struct Contrast {
    weight: f64,
    /// Values of λ.
    levels: RangeInclusive<f64>,
}

impl Contrast {
    /// `stronger` guided away from `weaker`.
    pub fn guide<S: Denoiser, W: Denoiser>(
        &self,
        process: Process,
        stronger: S,
        weaker: W,
    ) -> Contrasted<S, W> {
        Contrasted { process, stronger, weaker, rule: self.clone() }
    }
}

/// `x̂ = x̂_weak + w (x̂_strong − x̂_weak)` within an interval of noise levels, `x̂_strong` outside.
///
/// With the conditional and the unconditional answer of one network this is classifier-free guidance
/// (Ho & Salimans 2022); with a smaller or less trained network as the weaker one, autoguidance
/// (Karras et al. 2024a), which needs no condition. The interval is that of Kynkäänniemi et al. (2024).
/// On categories the blend is one of log-probabilities.
pub struct Contrasted<S, W> {
    process: Process,
    stronger: S,
    weaker: W,
    rule: Contrast,
}

impl<S: Denoiser, W: Denoiser> Denoiser for Contrasted<S, W> {
    fn denoise(&self, x_t: &State, t: &Times) -> Result<Estimate> {
        let rows: Vec<usize> = (0..t.len()).collect();
        self.denoise_rows(x_t, t, &rows)
    }

    fn denoise_rows(&self, x_t: &State, t: &Times, which: &[usize]) -> Result<Estimate> {
        let strong = self.stronger.denoise_rows(x_t, t, which)?;
        let path = self.process.path();
        let Contrast { weight: w, ref levels } = self.rule;
        let applies: Vec<bool> =
            t.values().iter().map(|&t| levels.contains(&path.log_snr(t))).collect();
        if w == 1.0 || !applies.contains(&true) {
            return Ok(strong);
        }
        let weak = self.weaker.denoise_rows(x_t, t, which)?;
        let mixed = self.process.map([x_t, &strong, &weak], |c, [x, strong, weak]| {
            c.factor.blend(x, &[(w, x, strong), (1.0 - w, x, weak)])
        })?;
        if applies.iter().all(|&a| a) {
            return Ok(mixed);
        }
        // Samples at different times: each takes the row that holds at its own.
        let rows: Vec<State> = applies
            .iter()
            .enumerate()
            .map(|(i, &a)| if a { mixed.narrow(i, 1) } else { strong.narrow(i, 1) })
            .collect::<Result<_>>()?;
        State::concat(&rows)
    }

    fn recalling<'a>(&'a self, previous: &Estimate) -> Option<Box<dyn Denoiser + 'a>> {
        let stronger = self.stronger.recalling(previous);
        let weaker = self.weaker.recalling(previous);
        if stronger.is_none() && weaker.is_none() {
            return None;
        }
        Some(Box::new(Contrasted {
            process: self.process.clone(),
            stronger: stronger.unwrap_or_else(|| Box::new(&self.stronger)),
            weaker: weaker.unwrap_or_else(|| Box::new(&self.weaker)),
            rule: self.rule.clone(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::{Device, Tensor};
    use langevin_core::factor::{Euclidean, Space};

    use super::*;
    use crate::GaussianMixture;
    use crate::schedule::CosineConfig;

    #[test]
    fn weights_zero_and_one_are_the_two_answers_and_the_interval_is_kept() {
        let path = Arc::new(CosineConfig {}.build().unwrap());
        let process = Process::new(&Space::of("x", Euclidean::new(&[1])), path.clone());
        let of = |mean: f64| {
            GaussianMixture::gaussian(vec![mean], vec![0.5]).unwrap().denoiser(path.clone())
        };
        let x = State::single(Tensor::new(&[[0.3], [-1.0]], &Device::Cpu).unwrap());
        let t = Times::new(vec![0.2, 0.8]);
        let ask = |denoiser: &dyn Denoiser| {
            let estimate = denoiser.denoise(&x, &t).unwrap();
            estimate.part(0).flatten_all().unwrap().to_vec1::<f64>().unwrap()
        };
        let guided = |config: ContrastConfig| {
            ask(&config.build().unwrap().guide(process.clone(), of(1.0), of(-1.0)))
        };
        let everywhere = |weight| ContrastConfig {
            weight,
            log_snr_min: f64::NEG_INFINITY,
            log_snr_max: f64::INFINITY,
        };
        let (strong, weak) = (ask(&of(1.0)), ask(&of(-1.0)));
        assert_eq!(guided(everywhere(1.0)), strong);
        let zero = guided(everywhere(0.0));
        assert!(zero.iter().zip(&weak).all(|(a, b)| (a - b).abs() < 1e-12));
        // t = 0.2 has λ = 1.12, t = 0.8 has −1.12: only the first is in [0, ∞).
        let half = guided(ContrastConfig { weight: 3.0, log_snr_min: 0.0, ..everywhere(3.0) });
        assert!((half[0] - (3.0 * strong[0] - 2.0 * weak[0])).abs() < 1e-12);
        assert_eq!(half[1], strong[1]);
        assert!(everywhere(-1.0).build().is_err());
        let rule = ContrastConfig { weight: 3.0, log_snr_min: 0.0, ..everywhere(3.0) };
        let guided = rule.build().unwrap().guide(process.clone(), of(1.0), of(-1.0));
        langevin_testing::contract::denoiser(&guided, &x, &t);
    }
}
