//! Mixtures of von Mises–Fisher distributions on the unit sphere.

use std::f64::consts::TAU;

use langevin_core::ConfigError;
use langevin_core::config::require;
use langevin_kernels::rng::Stream;
use serde::{Deserialize, Serialize};

use super::law::Law;
use super::mixture::{component, log_sum_exp, normalised};
use super::{not_negative, positive};
use crate::record::unit_vector;
use crate::space::Geometry;

/// A von Mises–Fisher distribution of a mixture.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SphereComponent {
    /// Above 0; weights need not add to 1.
    pub weight: f64,
    /// Latitude of the mean direction, in [−90, 90].
    pub latitude_degrees: f64,
    /// Longitude of the mean direction, in [−180, 360].
    pub longitude_degrees: f64,
    /// κ, 0 (uniform) or more; a spot's radius is about κ^−½ radians.
    pub concentration: f64,
}

/// Von Mises–Fisher distributions: `kind = "sphere_mixture"`. Label k is the k-th component.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SphereMixtureConfig {
    /// At least one.
    pub components: Vec<SphereComponent>,
}

impl SphereMixtureConfig {
    /// The law.
    ///
    /// # Errors
    /// [`ConfigError`] at the first component that cannot be.
    pub fn build(&self) -> Result<SphereMixture, ConfigError> {
        require("components", self.components.len(), |n| n > 0, "at least one")?;
        let check = |(k, c): (usize, &SphereComponent)| {
            c.build().map_err(|error| error.within(&format!("components[{k}]")))
        };
        let spots = self.components.iter().enumerate().map(check).collect::<Result<_, _>>()?;
        let weights: Vec<f64> = self.components.iter().map(|c| c.weight).collect();
        let (cumulative, log_weights) = normalised(&weights);
        Ok(SphereMixture { cumulative, log_weights, spots })
    }
}

impl SphereComponent {
    fn build(&self) -> Result<Spot, ConfigError> {
        positive("weight", self.weight)?;
        let kappa = not_negative("concentration", self.concentration)?;
        let within = |key, value, range: std::ops::RangeInclusive<f64>, allowed| {
            require(key, value, |v| range.contains(&v), allowed)
        };
        let latitude =
            within("latitude_degrees", self.latitude_degrees, -90.0..=90.0, "-90 to 90")?;
        let longitude =
            within("longitude_degrees", self.longitude_degrees, -180.0..=360.0, "-180 to 360")?;
        let mean = unit_vector(latitude, longitude);
        // East and north at the mean: an orthonormal frame at the poles as well.
        let [cos, sin, _] = unit_vector(0.0, longitude);
        let east = [-sin, cos, 0.0];
        let north = cross(mean, east);
        // ∫ e^{κ(cos γ − 1)} dA = 2π (1 − e^{−2κ})/κ, which tends to 4π.
        let area = if kappa == 0.0 { 2.0 * TAU } else { TAU * -(-2.0 * kappa).exp_m1() / kappa };
        Ok(Spot { mean, east, north, kappa, log_area: area.ln() })
    }
}

/// One component in the form in which it is drawn.
#[derive(Debug, Clone)]
struct Spot {
    mean: [f64; 3],
    east: [f64; 3],
    north: [f64; 3],
    kappa: f64,
    log_area: f64,
}

/// `p(x) = Σ_k w_k κ_k e^{κ_k (μ_k·x − 1)} / (2π (1 − e^{−2κ_k}))` per unit area.
#[derive(Debug, Clone)]
pub struct SphereMixture {
    cumulative: Vec<f64>,
    log_weights: Vec<f64>,
    spots: Vec<Spot>,
}

impl Law for SphereMixture {
    fn dimension(&self) -> usize {
        3
    }

    fn geometry(&self) -> Geometry {
        Geometry::Sphere
    }

    fn draw(&self, stream: &mut Stream, point: &mut [f64]) -> i64 {
        let k = component(&self.cumulative, stream);
        let Spot { mean, east, north, kappa, .. } = self.spots[k];
        // Inverse of the distribution function of h = 1 − cos γ (Ulrich 1984); ln_1p and exp_m1
        // keep its digits where h is small, that is for large κ.
        let u = stream.uniform();
        let h = if kappa == 0.0 { 2.0 * u } else { -(u * (-2.0 * kappa).exp_m1()).ln_1p() / kappa };
        let h = h.clamp(0.0, 2.0);
        let radius = (h * (2.0 - h)).sqrt();
        let (sin, cos) = (TAU * stream.uniform()).sin_cos();
        for i in 0..3 {
            point[i] = (1.0 - h) * mean[i] + radius * (cos * east[i] + sin * north[i]);
        }
        k as i64
    }

    fn log_density(&self, point: &[f64]) -> Option<f64> {
        let log_component = |k: usize| {
            let spot = &self.spots[k];
            // 1 − μ·x = |x − μ|²/2 for unit vectors, without cancellation near the mean.
            let square: f64 = point.iter().zip(spot.mean).map(|(x, m)| (x - m).powi(2)).sum();
            self.log_weights[k] - 0.5 * spot.kappa * square - spot.log_area
        };
        Some(log_sum_exp((0..self.spots.len()).map(log_component)))
    }
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::testing::draws;

    fn spot(weight: f64, latitude: f64, longitude: f64, concentration: f64) -> SphereComponent {
        SphereComponent {
            weight,
            latitude_degrees: latitude,
            longitude_degrees: longitude,
            concentration,
        }
    }

    fn law(components: Vec<SphereComponent>) -> SphereMixture {
        SphereMixtureConfig { components }.build().unwrap()
    }

    /// The mean of cos γ is coth κ − 1/κ and its variance 1 − A² − 2A/κ; along the two tangents the
    /// mean is 0 and the variance A/κ. Tolerance: 5 standard errors at n = 40 000.
    #[test]
    fn a_spot_has_the_moments_of_von_mises_and_fisher() {
        let n = 40_000;
        for (latitude, longitude, kappa) in
            [(20.0, 30.0, 0.5), (-50.0, 200.0, 10.0), (90.0, 0.0, 3.0)]
        {
            let law = law(vec![spot(1.0, latitude, longitude, kappa)]);
            let (points, _) = draws(&law, n);
            let a = 1.0 / f64::tanh(kappa) - 1.0 / kappa;
            let Spot { mean, east, north, .. } = law.spots[0];
            let variance = 1.0 - a * a - 2.0 * a / kappa;
            for (axis, expected, variance) in
                [(mean, a, variance), (east, 0.0, a / kappa), (north, 0.0, a / kappa)]
            {
                let along = |p: &[f64]| p.iter().zip(axis).map(|(x, e)| x * e).sum::<f64>();
                let found = points.chunks(3).map(along).sum::<f64>() / n as f64;
                let square =
                    points.chunks(3).map(|p| (along(p) - expected).powi(2)).sum::<f64>() / n as f64;
                let tolerance = 5.0 * (variance / n as f64).sqrt();
                assert!((found - expected).abs() < tolerance, "{kappa}: {found} {expected}");
                // cos γ is bounded; the square's own variance is below 2 of its mean square here,
                // as for a normal, or below 8 for the skewed cos γ: 5 √(8/n) = 7 %.
                assert!((square / variance - 1.0).abs() < 0.07, "{kappa}: {square} {variance}");
            }
        }
    }

    /// Two components 3 : 1 and the uniform law mixed in: their means add.
    #[test]
    fn components_are_drawn_by_weight() {
        let law = law(vec![
            spot(3.0, 0.0, 0.0, 50.0),
            spot(1.0, 0.0, 90.0, 50.0),
            spot(4.0, 0.0, 0.0, 0.0),
        ]);
        let n = 40_000;
        let (points, labels) = draws(&law, n);
        let a = 1.0 / f64::tanh(50.0) - 0.02;
        let mean = |axis: usize| points.chunks(3).map(|p| p[axis]).sum::<f64>() / n as f64;
        // Coordinates lie in [−1, 1]: the standard error is below 1/√n, 5 of them 0.025.
        assert!((mean(0) - 0.375 * a).abs() < 0.025 && (mean(1) - 0.125 * a).abs() < 0.025);
        assert!(mean(2).abs() < 0.025);
        let share = labels.iter().filter(|&&k| k == 0).count() as f64 / n as f64;
        assert!((share - 0.375).abs() < 5.0 * (0.375 * 0.625 / n as f64).sqrt(), "{share}");
    }

    #[test]
    fn every_point_has_length_one() {
        let law = law(vec![
            spot(1.0, 89.99, 10.0, 1e8),
            spot(1.0, 10.0, -120.0, 0.0),
            spot(1.0, -45.0, 0.0, 2.0),
        ]);
        for p in draws(&law, 3000).0.chunks(3) {
            let length = p.iter().map(|x| x * x).sum::<f64>().sqrt();
            assert!((length - 1.0).abs() < 1e-15 * 8.0, "{length}");
        }
    }

    /// Simpson's rule in z (area is dz dφ) and equal steps of φ, which are exact for a function with
    /// few harmonics. Simpson's error h⁴/180 · κ⁴ is below 1e-7 at κ = 50, h = 1e-3.
    #[test]
    fn the_density_integrates_to_one() {
        let law = law(vec![
            spot(2.0, 40.0, 10.0, 50.0),
            spot(1.0, -80.0, 100.0, 1e-9),
            spot(1.0, 90.0, 0.0, 0.0),
        ]);
        let (steps, turns) = (2000, 200);
        let mut integral = 0.0;
        for i in 0..=steps {
            let z = -1.0 + 2.0 * i as f64 / steps as f64;
            let weight = if i == 0 || i == steps { 1.0 } else { [2.0, 4.0][i % 2] };
            let r = (1.0 - z * z).max(0.0).sqrt();
            for j in 0..turns {
                let (sin, cos) = (TAU * j as f64 / turns as f64).sin_cos();
                integral += weight * law.log_density(&[r * cos, r * sin, z]).unwrap().exp();
            }
        }
        integral *= 2.0 / steps as f64 / 3.0 * TAU / turns as f64;
        assert!((integral - 1.0).abs() < 1e-7, "{integral}");
    }

    #[test]
    fn the_uniform_law_is_the_limit_of_small_concentrations() {
        let uniform = -(2.0 * TAU).ln();
        for kappa in [0.0, 1e-12, 1e-8] {
            let found =
                law(vec![spot(1.0, 0.0, 0.0, kappa)]).log_density(&[0.0, 0.0, 1.0]).unwrap();
            assert!((found - uniform).abs() < 1e-7, "{kappa}: {found}");
        }
    }

    #[test]
    fn a_latitude_beyond_the_pole_is_refused() {
        let components = vec![spot(1.0, 90.5, 0.0, 1.0)];
        assert_eq!(
            SphereMixtureConfig { components }.build().unwrap_err().to_string(),
            "components[0].latitude_degrees: found 90.5, allowed: -90 to 90"
        );
    }
}
