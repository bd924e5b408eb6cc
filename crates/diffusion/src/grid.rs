//! Where a sampler stops on its way: grids of times, made through the path.

use langevin_core::config::require;
use langevin_core::{ConfigError, Path, Result, TimeGrid};
use serde::{Deserialize, Serialize};

/// `[grid]`: the spacing of a sampler's steps. The last step always ends at t = 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum GridConfig {
    /// Equal steps of time.
    Uniform {
        /// Steps; at least 1.
        steps: usize,
    },
    /// Karras et al. (2022), eq. 5: equal steps of σ^(1/ρ).
    Karras {
        /// Steps; at least 1.
        steps: usize,
        /// First noise level σ/α; above `sigma_min`, and at most the path's.
        sigma_max: f64,
        /// Last noise level before zero; above 0.
        sigma_min: f64,
        /// Exponent ρ; the paper uses 7.
        rho: f64,
    },
    /// Equal steps of λ = ln(α/σ), from the path's start to `log_snr_max`, then to 0.
    LogSnr {
        /// Steps; at least 1.
        steps: usize,
        /// λ before the last step; 5 leaves noise of 0.7 % of the signal.
        log_snr_max: f64,
    },
    /// Steps whose lengths shrink geometrically towards the data.
    Geometric {
        /// Steps; at least 1.
        steps: usize,
        /// Last time before 0; in (0, 1).
        t_min: f64,
    },
}

impl GridConfig {
    /// The grid for `path`.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn build(&self, path: &dyn Path) -> Result<TimeGrid, ConfigError> {
        let steps = require("steps", self.steps(), |n| n >= 1, "at least 1")?;
        let start = path.start();
        let spaced = |before_zero: Vec<f64>| {
            let mut times = before_zero;
            times.push(0.0);
            TimeGrid::new(times)
                .map_err(|error| ConfigError::new("steps", steps, format!("fewer: {error}")))
        };
        // `steps` steps have `steps` stations before 0.
        let along = |i: usize| i as f64 / (steps - 1).max(1) as f64;
        match *self {
            Self::Uniform { .. } => {
                spaced((0..steps).map(|i| start * (1.0 - i as f64 / steps as f64)).collect())
            }
            Self::Karras { sigma_max, sigma_min, rho, .. } => {
                super::schedule::positive("sigma_min", sigma_min)?;
                super::schedule::positive("rho", rho)?;
                let top = (-path.log_snr(start)).exp();
                // A relative slack of 1e-9: σ_max of path and grid are the same number, recomputed.
                let fits = |s: f64| s > sigma_min && s <= top * (1.0 + 1e-9);
                require(
                    "sigma_max",
                    sigma_max,
                    fits,
                    &format!("above sigma_min, at most {top:.4}"),
                )?;
                let (high, low) = (sigma_max.powf(1.0 / rho), sigma_min.powf(1.0 / rho));
                // The exponent comes last: interpolating σ itself wastes steps.
                let sigma = |i| (high + along(i) * (low - high)).powf(rho);
                spaced((0..steps).map(|i| path.time_of_log_snr(-f64::ln(sigma(i)))).collect())
            }
            Self::LogSnr { log_snr_max, .. } => {
                let first = path.log_snr(start);
                if !first.is_finite() {
                    let path = format!("another grid: the path starts at λ = {first}");
                    return Err(ConfigError::new("kind", "log_snr", path));
                }
                require("log_snr_max", log_snr_max, |l| l > first, &format!("above {first:.3}"))?;
                let at = |i| {
                    if i == 0 {
                        start
                    } else {
                        path.time_of_log_snr(first + along(i) * (log_snr_max - first))
                    }
                };
                spaced((0..steps).map(at).collect())
            }
            Self::Geometric { t_min, .. } => {
                require(
                    "t_min",
                    t_min,
                    |t| t > 0.0 && t < start,
                    "between 0 and the path's start",
                )?;
                spaced((0..steps).map(|i| start * (t_min / start).powf(along(i))).collect())
            }
        }
    }

    /// Number of steps.
    pub fn steps(&self) -> usize {
        match *self {
            Self::Uniform { steps }
            | Self::Karras { steps, .. }
            | Self::LogSnr { steps, .. }
            | Self::Geometric { steps, .. } => steps,
        }
    }

    /// The same spacing with another number of steps.
    #[must_use]
    pub fn with_steps(mut self, count: usize) -> Self {
        match &mut self {
            Self::Uniform { steps }
            | Self::Karras { steps, .. }
            | Self::LogSnr { steps, .. }
            | Self::Geometric { steps, .. } => *steps = count,
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{CosineConfig, EdmConfig, LinearConfig};

    #[test]
    fn karras_grid_is_the_published_one() {
        // Table 1 of Karras et al. (2022) with N = 18: t_0 = 80, t_17 = 0.002, then 0.
        let path = EdmConfig::default().build().unwrap();
        let config = GridConfig::Karras { steps: 18, sigma_max: 80.0, sigma_min: 0.002, rho: 7.0 };
        let grid = config.build(&path).unwrap();
        let sigma: Vec<f64> = grid.times().iter().map(|t| 80.0 * t).collect();
        assert_eq!(sigma.len(), 19);
        let by_formula = |i: f64| {
            let (a, b) = (80f64.powf(1.0 / 7.0), 0.002f64.powf(1.0 / 7.0));
            (a + i / 17.0 * (b - a)).powi(7)
        };
        for (i, s) in sigma[..18].iter().enumerate() {
            assert!((s / by_formula(i as f64) - 1.0).abs() < 1e-9);
        }
        assert_eq!(sigma[18], 0.0);
    }

    #[test]
    fn log_snr_grid_has_equal_steps_and_refuses_paths_without_a_start() {
        let config = GridConfig::LogSnr { steps: 5, log_snr_max: 4.0 };
        let path = CosineConfig {}.build().unwrap();
        let grid = config.build(&path).unwrap();
        let lambda: Vec<f64> = grid.times()[..5].iter().map(|&t| path.log_snr(t)).collect();
        for pair in lambda.windows(2) {
            assert!((pair[1] - pair[0] - 2.5).abs() < 1e-6, "{lambda:?}");
        }
        let linear = LinearConfig::default().build().unwrap();
        assert!(config.build(&linear).is_err());
        assert!(GridConfig::Uniform { steps: 0 }.build(&linear).is_err());
        let text = r#"{"kind": "uniform", "steps": 4, "rho": 7}"#;
        let error = serde_json::from_str::<GridConfig>(text).unwrap_err().to_string();
        assert!(error.contains("unknown field"), "{error}");
    }
}
