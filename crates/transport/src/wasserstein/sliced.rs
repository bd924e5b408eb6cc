//! Sliced Wasserstein distance: the mean over directions of the distance on the line.

use super::line::wasserstein_line;
use crate::error::{TransportError, count_points};
use rayon::prelude::*;

/// Mean over directions of W_p^p between the projections of two clouds.
///
/// Over uniform unit directions this estimates SW_p^p; the directions come from the caller, so that
/// randomness has one home. They are used as given, not normalised.
///
/// # Shapes and units
/// - `x`: `[n, dim]`, `y`: `[m, dim]`, `directions`: `[k, dim]`, row-major
/// - returns the unit of the points times that of the directions, to the power `p`
///
/// # Errors
/// As [`crate::wasserstein_line`].
pub fn sliced_wasserstein(
    x: &[f64],
    y: &[f64],
    dim: usize,
    directions: &[f64],
    p: f64,
) -> Result<f64, TransportError> {
    count_points("x", x, dim)?;
    count_points("y", y, dim)?;
    let k = count_points("directions", directions, dim)?;
    let project = |points: &[f64], direction: &[f64]| -> Vec<f64> {
        let dot = |point: &[f64]| point.iter().zip(direction).map(|(a, b)| a * b).sum();
        points.chunks_exact(dim).map(dot).collect()
    };
    let one = |d: &[f64]| wasserstein_line(&project(x, d), None, &project(y, d), None, p);
    // Collected before they are added: the order of the sum does not depend on the threads.
    let each: Vec<f64> = directions.par_chunks_exact(dim).map(one).collect::<Result<_, _>>()?;
    Ok(each.iter().sum::<f64>() / k as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hash_points;
    use std::f64::consts::PI;

    /// A translation by δ moves each projection by δ·d: the mean square over k equally spaced
    /// directions of the plane is ‖δ‖²/2 exactly.
    #[test]
    fn a_translation_in_the_plane_costs_half_its_square() {
        let x = hash_points(1, 500, 2);
        let y: Vec<f64> = x.iter().enumerate().map(|(k, c)| c + [0.3, -0.4][k % 2]).collect();
        let angle = |k: usize| PI * k as f64 / 7.0;
        let directions: Vec<f64> = (0..7).flat_map(|k| [angle(k).cos(), angle(k).sin()]).collect();
        let found = sliced_wasserstein(&x, &y, 2, &directions, 2.0).unwrap();
        assert!((found - 0.125).abs() < 1e-14);
        assert_eq!(sliced_wasserstein(&x, &x, 2, &directions, 2.0).unwrap(), 0.0);
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        let (x, y) = (hash_points(1, 300, 3), hash_points(2, 200, 3));
        let directions = hash_points(3, 37, 3);
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| sliced_wasserstein(&x, &y, 3, &directions, 2.0).unwrap())
        };
        assert_eq!(on(1).to_bits(), on(3).to_bits());
    }
}
