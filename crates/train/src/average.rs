//! Moving averages of the weights: which decay belongs to which update.

use langevin_core::{ConfigError, config::require};
use serde::{Deserialize, Serialize};

/// One entry of `[[train.averages]]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum AverageConfig {
    /// Exponential average of constant decay.
    Constant {
        /// From 0 to below 1; 0.999 remembers about a thousand updates.
        decay: f64,
        /// Whether early updates use `(1 + n)/(10 + n)` while that is smaller, so that the initial
        /// weights are soon forgotten.
        #[serde(default = "yes")]
        warm_up: bool,
    },
    /// Power-function profile of Karras et al. (2024): its width is a fixed part of the run so far.
    Power {
        /// Width σ_rel, the standard deviation of the profile over the length of the run; above 0 and
        /// below √(1/12) = 0.2887 (a uniform average). Usual: 0.05 to 0.15.
        sigma_rel: f64,
    },
}

fn yes() -> bool {
    true
}

impl AverageConfig {
    /// The average.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn build(&self) -> Result<Average, ConfigError> {
        match *self {
            Self::Constant { decay, warm_up } => {
                require("decay", decay, |d| (0.0..1.0).contains(&d), "from 0 to below 1")?;
                Ok(Average::Constant { decay, warm_up })
            }
            Self::Power { sigma_rel } => {
                let allowed = "above 0 and below 0.2886 (a uniform average)";
                require("sigma_rel", sigma_rel, |s| s > 0.0 && s < 0.2886, allowed)?;
                Ok(Average::Power { gamma: power_exponent(sigma_rel) })
            }
        }
    }
}

/// A checked average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Average {
    /// Constant decay.
    Constant {
        /// The decay.
        decay: f64,
        /// Whether it rises towards `decay` first.
        warm_up: bool,
    },
    /// Power-function profile `p(τ) ∝ τ^γ`.
    Power {
        /// The exponent γ.
        gamma: f64,
    },
}

impl Average {
    /// β in `average ← β average + (1 − β) weights` after update `n`, counted from 1.
    ///
    /// For a power profile β = (1 − 1/n)^(γ+1) (Karras et al. 2024). The first update then
    /// sets the average to the weights.
    pub fn decay(&self, n: u64) -> f64 {
        match *self {
            Self::Constant { decay, warm_up: false } => decay,
            Self::Constant { decay, warm_up: true } => {
                decay.min((1.0 + n as f64) / (10.0 + n as f64))
            }
            Self::Power { gamma } => (1.0 - 1.0 / n as f64).powf(gamma + 1.0),
        }
    }
}

/// The exponent γ of the power profile whose relative width is `sigma_rel`.
///
/// σ² = (γ+1)/((γ+2)²(γ+3)), written as γ³ + 7γ² + (16 − σ⁻²)γ + (12 − σ⁻²) = 0; the root above −1 is
/// the profile. Source: Karras et al. (2024), section 3.
pub fn power_exponent(sigma_rel: f64) -> f64 {
    let inverse = sigma_rel.powi(-2);
    let cubic = |g: f64| ((g + 7.0) * g + 16.0 - inverse) * g + 12.0 - inverse;
    // At −1 the cubic is 2 > 0, and 0 lies below the root for every width under the uniform one
    // (12 < σ⁻²); σ² < 1/γ² bounds the root from above.
    let (mut low, mut high) = (0.0, 1.0 / sigma_rel + 1.0);
    // 200 halvings end at neighbouring floats.
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if cubic(middle) < 0.0 { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// γ = 6.94 and 16.97 belong to σ_rel = 0.10 and 0.05: Karras et al. (2024), section 3.1.
    #[test]
    fn exponents_are_the_published_ones_and_solve_the_cubic() {
        assert!((power_exponent(0.10) - 6.94).abs() < 0.005);
        assert!((power_exponent(0.05) - 16.97).abs() < 0.005);
        for sigma in [0.01, 0.05, 0.1, 0.2, 0.28] {
            let g = power_exponent(sigma);
            let variance = (g + 1.0) / ((g + 2.0).powi(2) * (g + 3.0));
            assert!((variance.sqrt() / sigma - 1.0).abs() < 1e-12, "σ_rel = {sigma}");
        }
    }

    /// Unrolling the recursion gives weight `Π_{k>j} β_k (1 − β_j)` to update j; for a power profile the
    /// product telescopes to `(j/n)^{γ+1} − ((j−1)/n)^{γ+1}`, the integral of the profile over one step.
    #[test]
    fn power_average_follows_its_closed_form() {
        let gamma = power_exponent(0.1);
        let (average, n) = (Average::Power { gamma }, 50u64);
        let theta = |j: u64| (j as f64).sin();
        let recursive = (1..=n).fold(7.0, |a, j| {
            let beta = average.decay(j);
            beta * a + (1.0 - beta) * theta(j)
        });
        let cumulative = |j: u64| (j as f64 / n as f64).powf(gamma + 1.0);
        let closed: f64 = (1..=n).map(|j| (cumulative(j) - cumulative(j - 1)) * theta(j)).sum();
        assert!((recursive - closed).abs() < 1e-14, "{recursive} and {closed}");
    }

    #[test]
    fn constant_average_warms_up_to_its_decay() {
        let average = AverageConfig::Constant { decay: 0.9, warm_up: true }.build().unwrap();
        assert_eq!(average.decay(1), 2.0 / 11.0);
        assert_eq!(average.decay(1000), 0.9);
        assert!(AverageConfig::Constant { decay: 1.0, warm_up: true }.build().is_err());
        assert!(AverageConfig::Power { sigma_rel: 0.3 }.build().is_err());
    }
}
