//! Mixtures of Gaussians: one, eight on a circle, or any.

use std::f64::consts::{FRAC_PI_4, TAU};

use langevin_core::ConfigError;
use langevin_core::config::require;
use langevin_kernels::rng::Stream;
use serde::{Deserialize, Serialize};

use super::law::Law;
use super::{finite, not_negative, positive};

/// N(0, I): `kind = "standard_normal"`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StandardNormal {
    /// Number of coordinates, at least 1.
    pub dimension: usize,
}

impl StandardNormal {
    /// The law.
    ///
    /// # Errors
    /// [`ConfigError`] at `dimension`.
    pub fn build(&self) -> Result<Mixture, ConfigError> {
        let dimension = require("dimension", self.dimension, |d| d > 0, "at least 1")?;
        Ok(Mixture::of(vec![1.0], vec![vec![0.0; dimension]], vec![1.0]))
    }
}

/// Eight Gaussians of equal weight on a circle: `kind = "eight_gaussians"`. Label k is the one at k·45°.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EightGaussians {
    /// Radius of the circle of means, 0 or more.
    pub radius: f64,
    /// Standard deviation along each axis, above 0.
    pub std: f64,
}

impl EightGaussians {
    /// The law.
    ///
    /// # Errors
    /// [`ConfigError`] at `radius` or `std`.
    pub fn build(&self) -> Result<Mixture, ConfigError> {
        let radius = not_negative("radius", self.radius)?;
        let std = positive("std", self.std)?;
        let mean = |k: i32| {
            let (sin, cos) = (f64::from(k) * FRAC_PI_4).sin_cos();
            vec![radius * cos, radius * sin]
        };
        Ok(Mixture::of(vec![1.0; 8], (0..8).map(mean).collect(), vec![std; 8]))
    }
}

/// A Gaussian of a mixture.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Above 0; weights need not add to 1.
    pub weight: f64,
    /// Its mean, one number per coordinate.
    pub mean: Vec<f64>,
    /// Standard deviation along each axis, above 0.
    pub std: f64,
}

/// Gaussians as given: `kind = "mixture"`. Label k is the k-th component.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MixtureConfig {
    /// At least one; means of one length.
    pub components: Vec<Component>,
}

impl MixtureConfig {
    /// The law.
    ///
    /// # Errors
    /// [`ConfigError`] at the first component that cannot be.
    pub fn build(&self) -> Result<Mixture, ConfigError> {
        let d = self.components.first().map_or(0, |first| first.mean.len());
        require("components", self.components.len(), |n| n > 0, "at least one")?;
        for (k, component) in self.components.iter().enumerate() {
            component.check(d).map_err(|error| error.within(&format!("components[{k}]")))?;
        }
        let of = |f: fn(&Component) -> f64| self.components.iter().map(f).collect();
        let means = self.components.iter().map(|c| c.mean.clone()).collect();
        Ok(Mixture::of(of(|c| c.weight), means, of(|c| c.std)))
    }
}

impl Component {
    fn check(&self, dimension: usize) -> Result<(), ConfigError> {
        positive("weight", self.weight)?;
        positive("std", self.std)?;
        let allowed = "as many numbers as the first component's, at least 1";
        require("mean", self.mean.len(), |d| d > 0 && d == dimension, allowed)?;
        self.mean.iter().try_for_each(|&m| finite("mean", m).map(|_| ()))
    }
}

/// `p(x) = Σ_k w_k N(x; m_k, s_k² I)`.
#[derive(Debug, Clone)]
pub struct Mixture {
    /// `w_1 + … + w_k`, the last exactly 1.
    cumulative: Vec<f64>,
    /// ln w_k.
    log_weights: Vec<f64>,
    /// `[k, d]`
    means: Vec<Vec<f64>>,
    stds: Vec<f64>,
}

impl Mixture {
    fn of(weights: Vec<f64>, means: Vec<Vec<f64>>, stds: Vec<f64>) -> Self {
        let (cumulative, log_weights) = normalised(&weights);
        Self { cumulative, log_weights, means, stds }
    }
}

impl Law for Mixture {
    fn dimension(&self) -> usize {
        self.means[0].len()
    }

    fn draw(&self, stream: &mut Stream, point: &mut [f64]) -> i64 {
        let k = component(&self.cumulative, stream);
        stream.fill_normal(point);
        point.iter_mut().zip(&self.means[k]).for_each(|(x, m)| *x = m + self.stds[k] * *x);
        k as i64
    }

    fn log_density(&self, point: &[f64]) -> Option<f64> {
        let d = point.len() as f64;
        let log_component = |k: usize| {
            let s = self.stds[k];
            let square: f64 =
                point.iter().zip(&self.means[k]).map(|(x, m)| ((x - m) / s).powi(2)).sum();
            self.log_weights[k] - 0.5 * (square + d * TAU.ln()) - d * s.ln()
        };
        Some(log_sum_exp((0..self.stds.len()).map(log_component)))
    }
}

/// Cumulated weights up to exactly 1, and the logarithms of the weights, both after normalising.
pub(super) fn normalised(weights: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let total: f64 = weights.iter().sum();
    let mut sum = 0.0;
    let add = |w: &f64| {
        sum += w / total;
        sum
    };
    let mut cumulative: Vec<f64> = weights.iter().map(add).collect();
    // Rounding must not leave a gap in which no component is chosen.
    cumulative.iter_mut().rev().take(1).for_each(|last| *last = 1.0);
    (cumulative, weights.iter().map(|w| (w / total).ln()).collect())
}

/// A component with its weight's probability; uses one uniform number.
pub(super) fn component(cumulative: &[f64], stream: &mut Stream) -> usize {
    let u = stream.uniform();
    cumulative.iter().position(|&c| u < c).expect("a uniform number is below 1")
}

/// ln Σ exp, without overflow.
pub(super) fn log_sum_exp(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    largest + terms.map(|term| (term - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::Toy;
    use crate::toy::testing::{assert_moments, draws, integral};

    fn eight(radius: f64, std: f64) -> Mixture {
        EightGaussians { radius, std }.build().unwrap()
    }

    /// On a ring of eight, mean 0 and variance r²/2 + s² per axis; the axes do not correlate.
    #[test]
    fn eight_gaussians_have_the_moments_of_their_ring() {
        for (radius, std) in [(5.0, 1.0), (12.0, 1.5), (5.0, 0.1f64.powf(0.25))] {
            let variance = radius * radius / 2.0 + std * std;
            assert_moments(&eight(radius, std), [0.0, 0.0], [variance, variance, 0.0]);
        }
    }

    /// torchcfm passes √0.1 as a covariance: the variance around a mode is 0.3162, not 0.1.
    #[test]
    fn the_tutorial_s_modes_are_wider_than_they_look() {
        let Toy::EightGaussians(config) = Toy::tutorial_eight_gaussians() else { unreachable!() };
        assert!((config.std - 0.562_341_325_190_349).abs() < 1e-15);
        assert_eq!(config.radius, 5.0);
    }

    /// Each mode's label is the nearest mean: at radius 5 and std 0.56 the boundary is 3.4 sd away
    /// (2.8e-4 each side), so of 4096 points fewer than 10 are astray; expected 2.8, 5 sd = 8.3.
    #[test]
    fn labels_count_anticlockwise_from_the_x_axis() {
        let (points, labels) = draws(&eight(5.0, 0.1f64.powf(0.25)), 4096);
        let nearest = |p: &[f64]| (p[1].atan2(p[0]) / FRAC_PI_4).round().rem_euclid(8.0) as i64;
        let astray = points.chunks(2).zip(&labels).filter(|(p, k)| nearest(p) != **k).count();
        assert!(astray < 12, "{astray}");
        for k in 0..8 {
            // Binomial, n = 4096, p = 1/8: 512 ± 5·21.2.
            let count = labels.iter().filter(|&&label| label == k).count() as f64;
            assert!((count - 512.0).abs() < 106.0, "mode {k}: {count}");
        }
    }

    #[test]
    fn densities_are_those_written_down_and_integrate_to_one() {
        let normal = StandardNormal { dimension: 3 }.build().unwrap();
        let expected = -1.5 * TAU.ln() - 0.5 * 14.0;
        assert!((normal.log_density(&[1.0, -2.0, 3.0]).unwrap() - expected).abs() < 1e-14);

        let component =
            |weight, mean: [f64; 2], std| Component { weight, mean: mean.to_vec(), std };
        let components = vec![component(3.0, [-1.0, 0.5], 0.4), component(1.0, [2.0, 0.0], 0.7)];
        let mixture = MixtureConfig { components }.build().unwrap();
        // At a mean: its own peak, and the other component's tail by hand.
        let own = 0.75 / (TAU * 0.16);
        let other = 0.25 / (TAU * 0.49) * (-0.5 * (9.0 + 0.25) / 0.49f64).exp();
        let found = mixture.log_density(&[-1.0, 0.5]).unwrap();
        assert!((found - (own + other).ln()).abs() < 1e-14);
        // The trapezoidal rule converges faster than any power for Gaussians: h = std/4 is exact to
        // rounding, and the box cuts off 10 sd.
        assert!((integral(&mixture, 10.0, 0.1) - 1.0).abs() < 1e-12);
        assert!((integral(&eight(5.0, 1.0), 15.0, 0.25) - 1.0).abs() < 1e-12);
    }

    /// Weights 3 : 1: mean Σ w m, variance Σ w (s² + m²) − mean².
    #[test]
    fn a_mixture_has_the_moments_of_its_components() {
        let component =
            |weight, mean: [f64; 2], std| Component { weight, mean: mean.to_vec(), std };
        let components = vec![component(3.0, [-1.0, 0.5], 0.4), component(1.0, [2.0, 0.0], 0.7)];
        let mean = [0.25 * 2.0 - 0.75, 0.75 * 0.5];
        let x = 0.75 * (0.16 + 1.0) + 0.25 * (0.49 + 4.0) - mean[0] * mean[0];
        let y = 0.75 * (0.16 + 0.25) + 0.25 * 0.49 - mean[1] * mean[1];
        let xy = 0.75 * -0.5 - mean[0] * mean[1];
        assert_moments(&MixtureConfig { components }.build().unwrap(), mean, [x, y, xy]);
    }

    #[test]
    fn a_component_that_cannot_be_is_named() {
        let good = Component { weight: 1.0, mean: vec![0.0, 0.0], std: 1.0 };
        let message = |bad: Component| {
            let components = vec![good.clone(), bad];
            MixtureConfig { components }.build().unwrap_err().to_string()
        };
        assert_eq!(
            message(Component { std: 0.0, ..good.clone() }),
            "components[1].std: found 0, allowed: a finite number above 0"
        );
        assert_eq!(
            message(Component { mean: vec![1.0], ..good.clone() }),
            "components[1].mean: found 1, allowed: as many numbers as the first component's, at least 1"
        );
        assert_eq!(
            MixtureConfig { components: vec![] }.build().unwrap_err().to_string(),
            "components: found 0, allowed: at least one"
        );
    }
}
