//! Generated data whose law is written down: two-dimensional shapes, mixtures, and the sphere.
//!
//! [`Toy`] is what is written in a config, [`Law`] what is built from it. Each sample has a stream
//! of random numbers of its own, so it does not depend on the batch in which it is drawn.

mod checkerboard;
mod curves;
mod law;
mod mixture;
mod moons;
mod pinwheel;
mod sphere;

#[cfg(test)]
mod testing;

pub use checkerboard::Checkerboard;
pub use curves::{Rings, SCurve, SwissRoll};
pub use law::{Law, sample};
pub use mixture::{Component, EightGaussians, Mixture, MixtureConfig, StandardNormal};
pub use moons::{JitteredMoons, Moons, StandardisedMoons};
pub use pinwheel::Pinwheel;
pub use sphere::{SphereComponent, SphereMixture, SphereMixtureConfig};

use langevin_core::ConfigError;
use serde::{Deserialize, Serialize};

/// A law of points by its kind: `kind = "eight_gaussians"`, and the parameters beside it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Toy {
    /// Independent standard normals.
    StandardNormal(StandardNormal),
    /// Eight equal Gaussians on a circle.
    EightGaussians(EightGaussians),
    /// Gaussians with weights, means and standard deviations as given.
    Mixture(MixtureConfig),
    /// Two half circles with normal noise, scaled and shifted.
    Moons(Moons),
    /// Two half circles with normal noise, standardised, then scaled.
    MoonsStandardised(StandardisedMoons),
    /// Two half circles, each point moved along the diagonal by a uniform amount.
    MoonsJittered(JitteredMoons),
    /// An S seen from the side.
    SCurve(SCurve),
    /// A spiral.
    SwissRoll(SwissRoll),
    /// Concentric circles.
    Rings(Rings),
    /// The black fields of a board.
    Checkerboard(Checkerboard),
    /// Twisted Gaussian blades around the origin.
    Pinwheel(Pinwheel),
    /// Von Mises–Fisher distributions on the unit sphere.
    SphereMixture(SphereMixtureConfig),
}

impl Toy {
    /// The law that the parameters describe.
    ///
    /// # Errors
    /// [`ConfigError`] with the key whose value cannot be.
    pub fn build(&self) -> Result<Box<dyn Law>, ConfigError> {
        Ok(match self {
            Self::StandardNormal(config) => Box::new(config.build()?),
            Self::EightGaussians(config) => Box::new(config.build()?),
            Self::Mixture(config) => Box::new(config.build()?),
            Self::Moons(config) => Box::new(config.build()?),
            Self::MoonsStandardised(config) => Box::new(config.build()?),
            Self::MoonsJittered(config) => Box::new(config.build()?),
            Self::SCurve(config) => Box::new(config.build()?),
            Self::SwissRoll(config) => Box::new(config.build()?),
            Self::Rings(config) => Box::new(config.build()?),
            Self::Checkerboard(config) => Box::new(config.build()?),
            Self::Pinwheel(config) => Box::new(config.build()?),
            Self::SphereMixture(config) => Box::new(config.build()?),
        })
    }

    /// Nothing if the parameters can be.
    ///
    /// # Errors
    /// Those of [`Toy::build`].
    pub fn check(&self) -> Result<(), ConfigError> {
        self.build().map(|_| ())
    }

    /// N(0, I) in `dimension` coordinates.
    pub fn standard_normal(dimension: usize) -> Self {
        Self::StandardNormal(StandardNormal { dimension })
    }

    /// Eight Gaussians of standard deviation `std` on a circle of `radius`.
    ///
    /// Published protocols: (5, 1) from torchdyn, as the target of a normal source; (12, 1.5) as the
    /// target of standardised moons; (5, 0.1^¼ ≈ 0.5623) in torchcfm's tutorial, whose generator
    /// takes √0.1 as a *variance*.
    pub fn eight_gaussians(radius: f64, std: f64) -> Self {
        Self::EightGaussians(EightGaussians { radius, std })
    }

    /// Eight Gaussians of torchcfm's tutorial: radius 5, variance √0.1.
    pub fn tutorial_eight_gaussians() -> Self {
        Self::eight_gaussians(5.0, 0.1f64.sqrt().sqrt())
    }

    /// Moons of torchcfm's tutorial: jitter uniform on [0, 0.2), then x ↦ 3x − 1 on both axes.
    pub fn tutorial_moons() -> Self {
        Self::MoonsJittered(JitteredMoons { jitter: 0.2, scale: 3.0, shift: -1.0 })
    }

    /// Moons of the published 2-D tables as a target: noise 0.05, doubled, first coordinate − 1.
    pub fn paper_moons() -> Self {
        Self::Moons(Moons::published(0.05))
    }

    /// Moons of the published 2-D tables as a source: noise 0.1, standardised, times 7.
    pub fn paper_source_moons() -> Self {
        Self::MoonsStandardised(StandardisedMoons { noise: 0.1, scale: 7.0, even: false })
    }

    /// The S curve of the published 2-D tables: noise 0.05, times 1.5.
    pub fn paper_s_curve() -> Self {
        Self::SCurve(SCurve { noise: 0.05, scale: 1.5 })
    }
}

/// A finite `value` above 0.
fn positive(key: &str, value: f64) -> Result<f64, ConfigError> {
    let holds = |v: f64| v > 0.0 && v.is_finite();
    langevin_core::config::require(key, value, holds, "a finite number above 0")
}

/// A finite `value` that is 0 or more.
fn not_negative(key: &str, value: f64) -> Result<f64, ConfigError> {
    let holds = |v: f64| v >= 0.0 && v.is_finite();
    langevin_core::config::require(key, value, holds, "a finite number, 0 or more")
}

/// A finite `value`.
fn finite(key: &str, value: f64) -> Result<f64, ConfigError> {
    langevin_core::config::require(key, value, f64::is_finite, "a finite number")
}
