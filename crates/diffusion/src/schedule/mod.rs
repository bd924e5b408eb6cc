//! Schedules: the paths of diffusion and flow matching.

mod brownian;
mod cosine;
mod edm;
mod linear;
mod polynomial;
mod trigonometric;
mod variance_exploding;
mod variance_preserving;

use std::sync::Arc;

use langevin_core::{ConfigError, Path};
use serde::{Deserialize, Serialize};

pub use brownian::{Brownian, BrownianConfig, BrownianWalk};
pub use cosine::{Cosine, CosineConfig};
pub use edm::{Edm, EdmConfig};
pub use linear::{Linear, LinearConfig};
pub use polynomial::{Polynomial, PolynomialConfig};
pub use trigonometric::{Trigonometric, TrigonometricConfig};
pub use variance_exploding::{VarianceExploding, VarianceExplodingConfig};
pub use variance_preserving::{VariancePreserving, VariancePreservingConfig};

/// `[path]`: the law of x_t between data and reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PathConfig {
    /// α = 1 − t, β = t.
    Linear(LinearConfig),
    /// α = cos(πt/2), β = sin(πt/2) between any two ends.
    Trigonometric(TrigonometricConfig),
    /// The trigonometric law as a diffusion.
    Cosine(CosineConfig),
    /// α² + σ² = 1 with a linear rate.
    VariancePreserving(VariancePreservingConfig),
    /// α = 1 with σ growing geometrically.
    VarianceExploding(VarianceExplodingConfig),
    /// α = 1, σ = σ_max t.
    Edm(EdmConfig),
    /// α ≈ 1 − t^p with α² + σ² = 1, as in EDM of molecules.
    Polynomial(PolynomialConfig),
    /// A Brownian bridge.
    Brownian(BrownianConfig),
}

impl PathConfig {
    /// The path.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn build(&self) -> Result<Arc<dyn Path>, ConfigError> {
        Ok(match self {
            Self::Linear(config) => Arc::new(config.build()?),
            Self::Trigonometric(config) => Arc::new(config.build()?),
            Self::Cosine(config) => Arc::new(config.build()?),
            Self::VariancePreserving(config) => Arc::new(config.build()?),
            Self::VarianceExploding(config) => Arc::new(config.build()?),
            Self::Edm(config) => Arc::new(config.build()?),
            Self::Polynomial(config) => Arc::new(config.build()?),
            Self::Brownian(config) => Arc::new(config.build()?),
        })
    }
}

/// `value` if it is a positive finite number.
pub(crate) fn positive(key: &str, value: f64) -> Result<f64, ConfigError> {
    langevin_core::config::require(key, value, |v| v > 0.0 && v.is_finite(), "a positive number")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Arc<dyn Path>> {
        [
            PathConfig::Linear(LinearConfig { sigma: 0.0 }),
            PathConfig::Linear(LinearConfig { sigma: 0.1 }),
            PathConfig::Trigonometric(TrigonometricConfig {}),
            PathConfig::Cosine(CosineConfig {}),
            PathConfig::VariancePreserving(VariancePreservingConfig::default()),
            PathConfig::VarianceExploding(VarianceExplodingConfig::default()),
            PathConfig::Edm(EdmConfig::default()),
            PathConfig::Polynomial(PolynomialConfig::default()),
            PathConfig::Brownian(BrownianConfig { sigma: 1.0, walk: BrownianWalk::Bridge }),
            PathConfig::Brownian(BrownianConfig { sigma: 0.4, walk: BrownianWalk::Flow }),
        ]
        .map(|config| config.build().unwrap())
        .into()
    }

    #[test]
    fn every_path_keeps_the_contract() {
        for path in all() {
            langevin_testing::contract::path(path.as_ref());
        }
    }

    #[test]
    fn impossible_and_unknown_keys_are_refused() {
        let error = PathConfig::Edm(EdmConfig { sigma_max: -1.0 }).build().map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "sigma_max: found -1, allowed: a positive number");
        let text = r#"{"kind": "edm", "sigma_max": 80.0, "sigma_mix": 1.0}"#;
        let error = serde_json::from_str::<PathConfig>(text).unwrap_err().to_string();
        assert!(error.contains("unknown field `sigma_mix`"), "{error}");
    }
}
