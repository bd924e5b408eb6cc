//! Curves in the plane with normal noise: an S, a spiral, circles.

use std::f64::consts::{PI, TAU};

use langevin_core::ConfigError;
use langevin_core::config::require;
use langevin_kernels::rng::Stream;
use serde::{Deserialize, Serialize};

use super::law::Law;
use super::{not_negative, positive};

/// (sin t, sign(t)(cos t − 1)) for t uniform on (−3π/2, 3π/2), with noise, scaled: `kind = "s_curve"`.
///
/// # Source
/// First and third coordinate of scikit-learn's `make_s_curve`; the published 2-D tables use noise
/// 0.05 and scale 1.5.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SCurve {
    /// Standard deviation of the noise before scaling, 0 or more.
    pub noise: f64,
    /// Factor of both coordinates, above 0.
    pub scale: f64,
}

impl SCurve {
    /// The law.
    ///
    /// # Errors
    /// [`ConfigError`] at `noise` or `scale`.
    pub fn build(&self) -> Result<NoisyCurve, ConfigError> {
        NoisyCurve::of(Curve::S, self.noise, self.scale)
    }
}

/// t (cos t, sin t) for t uniform on (3π/2, 9π/2), with noise, scaled: `kind = "swiss_roll"`.
///
/// # Source
/// First and third coordinate of scikit-learn's `make_swiss_roll`; Grathwohl et al. (2019), FFJORD,
/// use noise 1 and scale 0.2.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SwissRoll {
    /// Standard deviation of the noise before scaling, 0 or more.
    pub noise: f64,
    /// Factor of both coordinates, above 0.
    pub scale: f64,
}

impl SwissRoll {
    /// The law.
    ///
    /// # Errors
    /// [`ConfigError`] at `noise` or `scale`.
    pub fn build(&self) -> Result<NoisyCurve, ConfigError> {
        NoisyCurve::of(Curve::Roll, self.noise, self.scale)
    }
}

/// Circles around the origin, equally likely whatever their length: `kind = "rings"`.
///
/// Label k is the k-th radius. Grathwohl et al. (2019), FFJORD, use radii 3, 2.25, 1.5, 0.75 and
/// noise 0.08.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rings {
    /// At least one; each above 0.
    pub radii: Vec<f64>,
    /// Standard deviation of the noise, 0 or more.
    pub noise: f64,
}

impl Rings {
    /// The law.
    ///
    /// # Errors
    /// [`ConfigError`] at `radii` or `noise`.
    pub fn build(&self) -> Result<NoisyCurve, ConfigError> {
        require("radii", self.radii.len(), |n| n > 0, "at least one")?;
        self.radii.iter().try_for_each(|&r| positive("radii", r).map(|_| ()))?;
        NoisyCurve::of(Curve::Rings(self.radii.clone()), self.noise, 1.0)
    }
}

#[derive(Debug, Clone)]
enum Curve {
    S,
    Roll,
    Rings(Vec<f64>),
}

/// A point of a curve, plus normal noise, scaled.
#[derive(Debug, Clone)]
pub struct NoisyCurve {
    curve: Curve,
    noise: f64,
    scale: f64,
}

impl NoisyCurve {
    fn of(curve: Curve, noise: f64, scale: f64) -> Result<Self, ConfigError> {
        Ok(Self { curve, noise: not_negative("noise", noise)?, scale: positive("scale", scale)? })
    }
}

impl Law for NoisyCurve {
    fn dimension(&self) -> usize {
        2
    }

    fn draw(&self, stream: &mut Stream, point: &mut [f64]) -> i64 {
        let (at, label) = match &self.curve {
            Curve::S => {
                let t = 3.0 * PI * (stream.uniform() - 0.5);
                ([t.sin(), t.signum() * (t.cos() - 1.0)], 0)
            }
            Curve::Roll => {
                let t = 1.5 * PI * (1.0 + 2.0 * stream.uniform());
                ([t * t.cos(), t * t.sin()], 0)
            }
            Curve::Rings(radii) => {
                let ring = stream.below(radii.len() as u64) as usize;
                let (sin, cos) = (TAU * stream.uniform()).sin_cos();
                ([radii[ring] * cos, radii[ring] * sin], ring as i64)
            }
        };
        stream.fill_normal(point);
        for axis in 0..2 {
            point[axis] = self.scale * (at[axis] + self.noise * point[axis]);
        }
        label
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::Toy;
    use crate::toy::testing::{assert_moments, draws};

    /// x is odd in t and so is z; E x² = ½, E z² = 3/2 − 2 E cos t, E cos t = −2/(3π), and
    /// E xz = (2/(3π)) ∫_0^{3π/2} (sin t cos t − sin t) dt = −1/(3π).
    #[test]
    fn the_s_has_the_moments_of_its_curve() {
        let law = Toy::paper_s_curve().build().unwrap();
        let noise = 0.0025;
        let [x, y, xy] = [0.5 + noise, 1.5 + 4.0 / (3.0 * PI) + noise, -1.0 / (3.0 * PI)];
        assert_moments(&*law, [0.0, 0.0], [2.25 * x, 2.25 * y, 2.25 * xy]);
    }

    /// E t cos t = 2, E t sin t = 2/(3π), E t² = 39π²/4, E t² cos 2t = −½, E t² sin 2t = 3π.
    #[test]
    fn the_roll_has_the_moments_of_its_spiral() {
        let law = SwissRoll { noise: 1.0, scale: 0.2 }.build().unwrap();
        let mean = [2.0, 2.0 / (3.0 * PI)];
        let half = 39.0 * PI * PI / 8.0;
        let x = half - 0.25 + 1.0 - mean[0] * mean[0];
        let y = half + 0.25 + 1.0 - mean[1] * mean[1];
        let xy = 1.5 * PI - mean[0] * mean[1];
        assert_moments(&law, mean.map(|m| 0.2 * m), [0.04 * x, 0.04 * y, 0.04 * xy]);
    }

    /// Variance per axis: half the mean squared radius, and the noise.
    #[test]
    fn rings_have_the_moments_of_circles_and_keep_their_radius() {
        let radii = vec![3.0, 2.25, 1.5, 0.75];
        let law = Rings { radii: radii.clone(), noise: 0.08 }.build().unwrap();
        let variance = radii.iter().map(|r| r * r).sum::<f64>() / 8.0 + 0.0064;
        assert_moments(&law, [0.0, 0.0], [variance, variance, 0.0]);

        let (points, labels) =
            draws(&Rings { radii: radii.clone(), noise: 0.0 }.build().unwrap(), 100);
        for (p, k) in points.chunks(2).zip(labels) {
            assert!((p[0].hypot(p[1]) - radii[k as usize]).abs() < 1e-14);
        }
    }

    #[test]
    fn a_ring_without_a_radius_is_refused() {
        let message = |radii| Rings { radii, noise: 0.0 }.build().unwrap_err().to_string();
        assert_eq!(message(vec![]), "radii: found 0, allowed: at least one");
        assert_eq!(message(vec![1.0, -1.0]), "radii: found -1, allowed: a finite number above 0");
    }
}
