//! What the tests of every law need: draws, moments, integrals.

use langevin_core::rng::ids;
use langevin_core::{Purpose, Rng, Seed};

use super::law::{Law, sample};

/// `n` points (`[n, d]`) and labels.
pub(super) fn draws(law: &dyn Law, n: usize) -> (Vec<f64>, Vec<i64>) {
    let mut rng = Rng::new(Seed(2026), Purpose::Data, ids(0, n), 0);
    let cloud = sample(law, &mut rng).unwrap();
    (cloud.points().to_vec(), cloud.labels().unwrap().to_vec())
}

/// Mean and covariance (xx, yy, xy) of 200 000 draws against the exact ones.
///
/// Tolerance: 5 standard errors, that of a second moment from the spread of the products
/// themselves; one seed in a million would fail each, and the seed is fixed. At n = 200 000 that is
/// about 1.1 % of a standard deviation in the mean, and 1.6 % of a normal's variance.
#[track_caller]
pub(super) fn assert_moments(law: &dyn Law, mean: [f64; 2], covariance: [f64; 3]) {
    let n = 200_000;
    let (points, _) = draws(law, n);
    let check = |name: &str, values: &dyn Fn(f64, f64) -> f64, expected: f64| {
        let of = |f: &dyn Fn(f64) -> f64| {
            points.chunks(2).map(|p| f(values(p[0] - mean[0], p[1] - mean[1]))).sum::<f64>()
                / n as f64
        };
        let found = of(&|v| v);
        let tolerance = 5.0 * (of(&|v| (v - found).powi(2)) / n as f64).sqrt();
        assert!(
            (found - expected).abs() <= tolerance,
            "{name}: {found} is not {expected} ± {tolerance}"
        );
    };
    check("mean of x", &|x, _| x, 0.0);
    check("mean of y", &|_, y| y, 0.0);
    check("variance of x", &|x, _| x * x, covariance[0]);
    check("variance of y", &|_, y| y * y, covariance[1]);
    check("covariance", &|x, y| x * y, covariance[2]);
}

/// Trapezoidal rule of a planar density over the square of `half_width` with steps `h`.
pub(super) fn integral(law: &dyn Law, half_width: f64, h: f64) -> f64 {
    let steps = (half_width / h).round() as i32;
    let at = |i: i32| f64::from(i) * h;
    let density = |i, j| law.log_density(&[at(i), at(j)]).unwrap().exp() * h * h;
    (-steps..=steps).map(|i| (-steps..=steps).map(|j| density(i, j)).sum::<f64>()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::{Checkerboard, Component, MixtureConfig};
    use crate::toy::{Pinwheel, Rings, SphereComponent, SphereMixtureConfig, SwissRoll, Toy};

    /// Every kind, with parameters of its own.
    fn all() -> Vec<Toy> {
        let component = Component { weight: 1.0, mean: vec![1.0, 2.0, 3.0], std: 0.5 };
        let spot = SphereComponent {
            weight: 1.0,
            latitude_degrees: 10.0,
            longitude_degrees: 20.0,
            concentration: 5.0,
        };
        vec![
            Toy::standard_normal(5),
            Toy::eight_gaussians(5.0, 1.0),
            Toy::Mixture(MixtureConfig { components: vec![component] }),
            Toy::paper_moons(),
            Toy::paper_source_moons(),
            Toy::tutorial_moons(),
            Toy::paper_s_curve(),
            Toy::SwissRoll(SwissRoll { noise: 1.0, scale: 0.2 }),
            Toy::Rings(Rings { radii: vec![3.0, 1.5], noise: 0.08 }),
            Toy::Checkerboard(Checkerboard { cells: 4, side: 2.0 }),
            Toy::Pinwheel(Pinwheel {
                blades: 5,
                radial_std: 0.3,
                tangential_std: 0.1,
                twist: 0.25,
                scale: 2.0,
            }),
            Toy::SphereMixture(SphereMixtureConfig { components: vec![spot] }),
        ]
    }

    #[test]
    fn a_sample_is_the_same_in_any_batch() {
        for toy in all() {
            let law = toy.build().unwrap();
            let of = |first, count| {
                let mut rng = Rng::new(Seed(3), Purpose::Data, ids(first, count), 7);
                sample(&*law, &mut rng).unwrap()
            };
            let (all, some) = (of(0, 20), of(13, 4));
            assert_eq!(all.select(&[13, 14, 15, 16]), some, "{toy:?}");
            assert_eq!((all.dimension(), all.geometry()), (law.dimension(), law.geometry()));
        }
    }

    #[test]
    fn successive_draws_of_one_rng_differ() {
        for toy in all() {
            let law = toy.build().unwrap();
            let mut rng = Rng::new(Seed(3), Purpose::Data, ids(0, 4), 7);
            let first = sample(&*law, &mut rng).unwrap();
            assert_ne!(first.points(), sample(&*law, &mut rng).unwrap().points(), "{toy:?}");
        }
    }
}
