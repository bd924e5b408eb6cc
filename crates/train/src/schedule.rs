//! The learning rate as a function of the step.

use langevin_core::{ConfigError, config::require};
use serde::{Deserialize, Serialize};

/// `[train.learning_rate]`: the learning rate of update number `n = 1, 2, …`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum LearningRateConfig {
    /// `rate`, after a linear rise over `warm_up` updates.
    Constant {
        /// Above 0.
        rate: f64,
        /// Updates of the rise; 0 for none.
        #[serde(default)]
        warm_up: u64,
    },
    /// A linear rise over `warm_up` updates, then half a cosine down to `last` at the end of the run.
    Cosine {
        /// Highest rate, above 0.
        rate: f64,
        /// Updates of the rise; fewer than the steps of the run.
        #[serde(default)]
        warm_up: u64,
        /// Rate of the last update, from 0 to `rate`.
        #[serde(default)]
        last: f64,
    },
    /// `rate · min(n / warm_up, 1) / √max(n / decay_from, 1)`; Karras et al. (2024).
    InverseSquareRoot {
        /// Highest rate, above 0.
        rate: f64,
        /// Updates of the rise; 0 for none.
        #[serde(default)]
        warm_up: u64,
        /// Update from which the rate falls; at least 1.
        decay_from: u64,
    },
}

impl LearningRateConfig {
    /// The schedule of a run of `steps` updates.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn build(&self, steps: u64) -> Result<LearningRate, ConfigError> {
        let positive =
            |rate| require("rate", rate, |r: f64| r > 0.0 && r.is_finite(), "a positive number");
        match *self {
            Self::Constant { rate, .. } => {
                positive(rate)?;
            }
            Self::Cosine { rate, warm_up, last } => {
                positive(rate)?;
                require("warm_up", warm_up, |w| w < steps, "fewer than the steps of the run")?;
                require("last", last, |l| (0.0..=rate).contains(&l), "from 0 to rate")?;
            }
            Self::InverseSquareRoot { rate, decay_from, .. } => {
                positive(rate)?;
                require("decay_from", decay_from, |n| n >= 1, "at least 1")?;
            }
        }
        Ok(LearningRate { config: *self, steps })
    }
}

/// A checked schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearningRate {
    config: LearningRateConfig,
    steps: u64,
}

impl LearningRate {
    /// The rate of update `n`, counted from 1.
    pub fn at(&self, n: u64) -> f64 {
        let rise = |warm_up: u64| if n < warm_up { n as f64 / warm_up as f64 } else { 1.0 };
        match self.config {
            LearningRateConfig::Constant { rate, warm_up } => rate * rise(warm_up),
            LearningRateConfig::Cosine { rate, warm_up, .. } if n < warm_up => rate * rise(warm_up),
            LearningRateConfig::Cosine { rate, warm_up, last } => {
                let gone = (n - warm_up) as f64 / (self.steps - warm_up) as f64;
                last + 0.5 * (rate - last) * (1.0 + (std::f64::consts::PI * gone.min(1.0)).cos())
            }
            LearningRateConfig::InverseSquareRoot { rate, warm_up, decay_from } => {
                rate * rise(warm_up) / (n as f64 / decay_from as f64).max(1.0).sqrt()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The schedule has these rates at these updates.
    fn passes(schedule: LearningRate, stations: &[(u64, f64)]) {
        for &(n, expected) in stations {
            let found = schedule.at(n);
            assert!((found - expected).abs() < 1e-15, "{found} at {n}, expected {expected}");
        }
    }

    #[test]
    fn schedules_pass_through_their_stations() {
        let constant = LearningRateConfig::Constant { rate: 0.1, warm_up: 4 }.build(100).unwrap();
        passes(constant, &[(1, 0.025), (3, 0.075), (4, 0.1), (100, 0.1)]);
        let cosine =
            LearningRateConfig::Cosine { rate: 0.1, warm_up: 10, last: 0.02 }.build(110).unwrap();
        passes(cosine, &[(5, 0.05), (10, 0.1), (60, 0.06), (110, 0.02)]);
        let root = LearningRateConfig::InverseSquareRoot { rate: 0.1, warm_up: 2, decay_from: 25 };
        let root = root.build(1).unwrap();
        passes(root, &[(1, 0.05), (2, 0.1), (25, 0.1), (100, 0.05), (2500, 0.01)]);
    }

    #[test]
    fn impossible_values_are_named() {
        let key = |config: LearningRateConfig| config.build(10).unwrap_err().key;
        assert_eq!(key(LearningRateConfig::Constant { rate: 0.0, warm_up: 0 }), "rate");
        assert_eq!(
            key(LearningRateConfig::Cosine { rate: 1.0, warm_up: 10, last: 0.0 }),
            "warm_up"
        );
        assert_eq!(key(LearningRateConfig::Cosine { rate: 1.0, warm_up: 1, last: 2.0 }), "last");
        assert_eq!(
            key(LearningRateConfig::InverseSquareRoot { rate: 1.0, warm_up: 0, decay_from: 0 }),
            "decay_from"
        );
    }
}
