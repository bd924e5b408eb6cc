//! At which times a network is trained.

use langevin_core::config::require;
use langevin_core::{ConfigError, Path, Rng};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

/// `[objective.times]`: the law of training times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TimeLawConfig {
    /// Uniform between the path's floor and start.
    Uniform {
        /// As in [`TimeLawConfig::LogNormal`].
        #[serde(default)]
        stratified: bool,
    },
    /// ln(σ/α) normal, as Karras et al. (2022): mean −1.2 and sd 1.2 there.
    LogNormal {
        /// Mean of ln(σ/α).
        mean: f64,
        /// Standard deviation of ln(σ/α); above 0.
        sd: f64,
        /// The quantiles of a batch are one uniform number shifted by i/B (Kingma et al. 2021): the
        /// same law for each sample, and less variance of the batch's loss.
        #[serde(default)]
        stratified: bool,
    },
    /// logit(t) normal, as Esser et al. (2024).
    LogitNormal {
        /// Mean of ln(t/(1 − t)).
        mean: f64,
        /// Its standard deviation; above 0.
        sd: f64,
        /// As in [`TimeLawConfig::LogNormal`].
        #[serde(default)]
        stratified: bool,
    },
    /// 1 − t with density ∝ (1 − t)^(exponent − 1), Beta(exponent, 1): above 1, more times near the data.
    Power {
        /// The exponent; above 0. Irwin et al. (2024) take 2.
        exponent: f64,
        /// As in [`TimeLawConfig::LogNormal`].
        #[serde(default)]
        stratified: bool,
    },
    /// λ = ln(α/σ) uniform.
    LogSnr {
        /// Lowest λ (most noise).
        min: f64,
        /// Highest λ; above `min`.
        max: f64,
        /// As in [`TimeLawConfig::LogNormal`].
        #[serde(default)]
        stratified: bool,
    },
    /// Uniform on the points 0, 1/T, …, 1 of a discrete schedule; where a path has no state at 0, its floor
    /// stands for that point.
    Grid {
        /// T; at least 1. EDM (Hoogeboom et al. 2022) takes 1000.
        steps: usize,
        /// As in [`TimeLawConfig::LogNormal`].
        #[serde(default)]
        stratified: bool,
    },
}

impl Default for TimeLawConfig {
    fn default() -> Self {
        Self::Uniform { stratified: false }
    }
}

impl TimeLawConfig {
    /// The law.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn build(&self) -> Result<TimeLaw, ConfigError> {
        let finite = |key: &str, v: f64| require(key, v, f64::is_finite, "a finite number");
        match *self {
            Self::Uniform { .. } => {}
            Self::LogNormal { mean, sd, .. } | Self::LogitNormal { mean, sd, .. } => {
                finite("mean", mean)?;
                crate::schedule::positive("sd", sd)?;
            }
            Self::Power { exponent, .. } => {
                crate::schedule::positive("exponent", exponent)?;
            }
            Self::LogSnr { min, max, .. } => {
                finite("min", min)?;
                require("max", max, |m| m > min && m.is_finite(), "a number above min")?;
            }
            Self::Grid { steps, .. } => {
                require("steps", steps, |n| n >= 1, "at least 1")?;
            }
        }
        Ok(TimeLaw(*self))
    }
}

/// A checked law of training times.
#[derive(Debug, Clone, Copy)]
pub struct TimeLaw(TimeLawConfig);

impl TimeLaw {
    /// One time for each sample of `rng`, within the path's floor and start.
    pub fn draw(&self, path: &dyn Path, rng: &mut Rng) -> Vec<f64> {
        let mut u = rng.uniforms();
        if self.is_stratified() {
            let (first, n) = (u[0], u.len() as f64);
            u = (0..u.len()).map(|i| (first + i as f64 / n).fract()).collect();
        }
        u.into_iter().map(|u| self.quantile(path, u).clamp(path.floor(), path.start())).collect()
    }

    fn is_stratified(&self) -> bool {
        match self.0 {
            TimeLawConfig::Uniform { stratified }
            | TimeLawConfig::LogNormal { stratified, .. }
            | TimeLawConfig::LogitNormal { stratified, .. }
            | TimeLawConfig::Power { stratified, .. }
            | TimeLawConfig::LogSnr { stratified, .. }
            | TimeLawConfig::Grid { stratified, .. } => stratified,
        }
    }

    /// The time below which the part `u` of all times lies (above which, for laws stated in λ).
    fn quantile(&self, path: &dyn Path, u: f64) -> f64 {
        match self.0 {
            TimeLawConfig::Uniform { .. } => path.floor() + (path.start() - path.floor()) * u,
            TimeLawConfig::LogNormal { mean, sd, .. } => {
                path.time_of_log_snr(-normal(mean, sd).inverse_cdf(u))
            }
            TimeLawConfig::LogitNormal { mean, sd, .. } => {
                1.0 / (1.0 + (-normal(mean, sd).inverse_cdf(u)).exp())
            }
            TimeLawConfig::Power { exponent, .. } => 1.0 - (1.0 - u).powf(1.0 / exponent),
            TimeLawConfig::LogSnr { min, max, .. } => path.time_of_log_snr(min + (max - min) * u),
            TimeLawConfig::Grid { steps, .. } => (u * (steps + 1) as f64).floor() / steps as f64,
        }
    }

    /// The probability that a time is below `t`, for laws stated in λ or logits.
    pub fn distribution(&self, path: &dyn Path, t: f64) -> f64 {
        match self.0 {
            TimeLawConfig::Uniform { .. } => {
                let (low, high) = (path.floor(), path.start());
                ((t - low) / (high - low)).clamp(0.0, 1.0)
            }
            TimeLawConfig::LogNormal { mean, sd, .. } => normal(mean, sd).cdf(-path.log_snr(t)),
            TimeLawConfig::LogitNormal { mean, sd, .. } => {
                normal(mean, sd).cdf((t / (1.0 - t)).ln())
            }
            TimeLawConfig::Power { exponent, .. } => 1.0 - (1.0 - t).powf(exponent),
            TimeLawConfig::LogSnr { min, max, .. } => {
                ((max - path.log_snr(t)) / (max - min)).clamp(0.0, 1.0)
            }
            TimeLawConfig::Grid { steps, .. } => {
                // Points below t.
                (t * steps as f64).ceil().clamp(0.0, (steps + 1) as f64) / (steps + 1) as f64
            }
        }
    }
}

fn normal(mean: f64, sd: f64) -> Normal {
    Normal::new(mean, sd).expect("build checked sd > 0")
}

#[cfg(test)]
mod tests {
    use langevin_core::rng::ids;
    use langevin_core::{Purpose, Seed};

    use super::*;
    use crate::schedule::{EdmConfig, LinearConfig, PolynomialConfig};

    /// Kolmogorov–Smirnov distance below 1.95/√n: a fault-free law exceeds it once in a thousand seeds.
    /// Stratified times stay within one stratum of their law, 1/n.
    #[test]
    fn times_follow_their_distribution() {
        let n = 20_000;
        let linear = LinearConfig::default().build().unwrap();
        let edm = EdmConfig::default().build().unwrap();
        let cases = |stratified| -> [(TimeLawConfig, &dyn Path); 5] {
            [
                (TimeLawConfig::Uniform { stratified }, &linear),
                (TimeLawConfig::LogNormal { mean: -1.2, sd: 1.2, stratified }, &edm),
                (TimeLawConfig::LogitNormal { mean: 0.3, sd: 1.0, stratified }, &linear),
                (TimeLawConfig::Power { exponent: 2.0, stratified }, &linear),
                (TimeLawConfig::LogSnr { min: -3.0, max: 4.0, stratified }, &linear),
            ]
        };
        let both =
            [false, true].into_iter().flat_map(|s| cases(s).map(|(law, path)| (s, law, path)));
        for (stratified, config, path) in both {
            let law = config.build().unwrap();
            let mut rng = Rng::new(Seed(11), Purpose::Training, ids(0, n), 0);
            let mut times = law.draw(path, &mut rng);
            times.sort_by(f64::total_cmp);
            let gap = |(i, &t): (usize, &f64)| {
                (law.distribution(path, t) - (i as f64 + 0.5) / n as f64).abs()
            };
            let distance = times.iter().enumerate().map(gap).fold(0.0, f64::max);
            let allowed = if stratified { 1.0 / n as f64 } else { 1.95 / (n as f64).sqrt() };
            assert!(distance < allowed, "{config:?}: {distance}");
        }
    }

    /// Each of T + 1 points is drawn as often as any other: 5 standard deviations of a count.
    #[test]
    fn points_of_a_grid_are_drawn_alike_and_exactly() {
        let (n, steps) = (22_000, 10);
        let path = PolynomialConfig::default().build().unwrap();
        let law = TimeLawConfig::Grid { steps, stratified: false }.build().unwrap();
        let mut rng = Rng::new(Seed(12), Purpose::Training, ids(0, n), 0);
        let times = law.draw(&path, &mut rng);
        for k in 0..=steps {
            let count = times.iter().filter(|&&t| t == k as f64 / steps as f64).count();
            assert!(count.abs_diff(2000) < 5 * 43, "{k}: {count}");
        }
        assert_eq!(
            [0.0, 0.05, 0.1, 1.0].map(|t| (11.0 * law.distribution(&path, t)).round()),
            [0.0, 1.0, 1.0, 10.0]
        );
    }
}
