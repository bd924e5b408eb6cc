//! Gaussian blades around the origin, twisted more the farther out they reach.

use std::f64::consts::TAU;

use langevin_core::ConfigError;
use langevin_core::config::require;
use langevin_kernels::rng::Stream;
use serde::{Deserialize, Serialize};

use super::law::Law;
use super::{finite, not_negative, positive};

/// Blades (1 + radial_std·g, tangential_std·g′), blade k turned by −(2πk/blades + twist·e^r) with r its
/// first coordinate, scaled: `kind = "pinwheel"`. Label: the blade.
///
/// # Source
/// Johnson et al. (2016), Composing graphical models with neural networks. Grathwohl et al. (2019),
/// FFJORD, use 5 blades, 0.3, 0.1, twist 0.25, scale 2.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Pinwheel {
    /// At least 1.
    pub blades: usize,
    /// Spread along a blade before scaling, 0 or more.
    pub radial_std: f64,
    /// Spread across a blade before scaling, 0 or more.
    pub tangential_std: f64,
    /// Turn per e^r, in radians.
    pub twist: f64,
    /// Factor of both coordinates, above 0.
    pub scale: f64,
}

impl Pinwheel {
    /// The law.
    ///
    /// # Errors
    /// [`ConfigError`] at the key that cannot be.
    pub fn build(&self) -> Result<Blades, ConfigError> {
        require("blades", self.blades, |n| n > 0, "at least 1")?;
        not_negative("radial_std", self.radial_std)?;
        not_negative("tangential_std", self.tangential_std)?;
        finite("twist", self.twist)?;
        positive("scale", self.scale)?;
        Ok(Blades(self.clone()))
    }
}

/// The law of a [`Pinwheel`].
#[derive(Debug, Clone)]
pub struct Blades(Pinwheel);

impl Law for Blades {
    fn dimension(&self) -> usize {
        2
    }

    fn draw(&self, stream: &mut Stream, point: &mut [f64]) -> i64 {
        let Pinwheel { blades, radial_std, tangential_std, twist, scale } = self.0;
        let blade = stream.below(blades as u64);
        stream.fill_normal(point);
        let (along, across) = (1.0 + radial_std * point[0], tangential_std * point[1]);
        let angle = TAU * blade as f64 / blades as f64 + twist * along.exp();
        let (sin, cos) = angle.sin_cos();
        point[0] = scale * (along * cos + across * sin);
        point[1] = scale * (across * cos - along * sin);
        blade as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::testing::{assert_moments, draws};

    const FIVE: Pinwheel =
        Pinwheel { blades: 5, radial_std: 0.3, tangential_std: 0.1, twist: 0.25, scale: 2.0 };

    /// Turning does not change lengths, and five equal turns leave no direction: mean 0, and the
    /// variance of each axis is half of E r² = 4 (1 + 0.09 + 0.01).
    #[test]
    fn a_pinwheel_has_the_moments_of_its_symmetry() {
        assert_moments(&FIVE.build().unwrap(), [0.0, 0.0], [2.2, 2.2, 0.0]);
    }

    /// Without spread a blade is one point, (2, 0) turned by −(2πk/5 + e/4).
    #[test]
    fn blades_turn_clockwise() {
        let thin = Pinwheel { radial_std: 0.0, tangential_std: 0.0, ..FIVE };
        let (points, labels) = draws(&thin.build().unwrap(), 50);
        for (p, blade) in points.chunks(2).zip(labels) {
            let angle = -(TAU * blade as f64 / 5.0 + 0.25 * 1f64.exp());
            assert!((p[0] - 2.0 * angle.cos()).abs() < 1e-14);
            assert!((p[1] - 2.0 * angle.sin()).abs() < 1e-14);
        }
    }
}
