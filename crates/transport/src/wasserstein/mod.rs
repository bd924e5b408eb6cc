//! Distances between sets of points: exact Wasserstein, on the line, on the circle, sliced, and
//! the kernel distances that need no transport.

mod circle;
mod discrepancy;
mod line;
mod sliced;

use crate::assignment::Assignment;
use crate::cost::{Ground, PointRows};
use crate::error::{TransportError, check_length, count_points};
use crate::matching::match_points;
use crate::network_simplex::{Transport, solve};

pub use circle::wasserstein_circle;
pub use discrepancy::{energy_distance, mmd_unbiased};
pub use line::wasserstein_line;
pub use sliced::sliced_wasserstein;

/// W₁ between two clouds of equally weighted points.
///
/// # Shapes and units
/// - `x`: `[n, dim]`, `y`: `[m, dim]`, row-major, any common unit; returns that unit
///
/// # Errors
/// As [`wasserstein_power`].
pub fn wasserstein_1(x: &[f64], y: &[f64], dim: usize) -> Result<f64, TransportError> {
    wasserstein_power(x, y, dim, Ground::Euclidean)
}

/// W₂ between two clouds of equally weighted points.
///
/// # Shapes and units
/// - `x`: `[n, dim]`, `y`: `[m, dim]`, row-major, any common unit; returns that unit
///
/// # Errors
/// As [`wasserstein_power`].
pub fn wasserstein_2(x: &[f64], y: &[f64], dim: usize) -> Result<f64, TransportError> {
    Ok(wasserstein_power(x, y, dim, Ground::SquaredEuclidean)?.sqrt())
}

/// W_p^p between two clouds of equally weighted points: the least mean cost of a plan.
///
/// Exact at any size, in memory proportional to n + m: a matching if n = m, else the network
/// simplex method with costs computed from the points.
///
/// # Errors
/// [`TransportError::Empty`], [`TransportError::ShapeMismatch`] if a slice does not hold whole
/// points, [`TransportError::NonFinite`] for a bad coordinate or a cost that overflows.
pub fn wasserstein_power(
    x: &[f64],
    y: &[f64],
    dim: usize,
    ground: Ground,
) -> Result<f64, TransportError> {
    let (n, m) = (count_points("x", x, dim)?, count_points("y", y, dim)?);
    let (x_merged, a) = merge_equal_points(x, dim);
    let (y_merged, b) = merge_equal_points(y, dim);
    // Equal points make ties, the worst case of a matching; merged, they make a smaller problem.
    if n == m && 2 * a.len().min(b.len()) > n {
        return Ok(match_clouds(x, y, dim, ground)?.cost / n as f64);
    }
    Ok(transport_clouds(&x_merged, &a, &y_merged, &b, dim, ground)?.cost)
}

/// The distinct points, in lexicographic order, and the share of all points that equal each.
fn merge_equal_points(points: &[f64], dim: usize) -> (Vec<f64>, Vec<f64>) {
    let mut sorted: Vec<&[f64]> = points.chunks_exact(dim).collect();
    let by_coordinate = |a: &&[f64], b: &&[f64]| {
        let first = a.iter().zip(*b).map(|(a, b)| a.total_cmp(b)).find(|o| o.is_ne());
        first.unwrap_or(std::cmp::Ordering::Equal)
    };
    sorted.sort_unstable_by(by_coordinate);
    let groups = sorted.chunk_by(|a, b| a == b);
    let share = |group: &[&[f64]]| group.len() as f64 / sorted.len() as f64;
    let merged: Vec<(&[f64], f64)> = groups.map(|group| (group[0], share(group))).collect();
    (merged.iter().flat_map(|(p, _)| *p).copied().collect(), merged.iter().map(|m| m.1).collect())
}

/// The optimal matching of `n` points to `n` points, with the duals that certify it.
///
/// # Errors
/// [`TransportError::ShapeMismatch`] if the clouds differ in size, and as [`wasserstein_power`].
pub fn match_clouds(
    x: &[f64],
    y: &[f64],
    dim: usize,
    ground: Ground,
) -> Result<Assignment, TransportError> {
    let n = count_points("x", x, dim)?;
    check_length("y", n * dim, y.len())?;
    Ok(match_points(&checked_rows(x, y, dim, ground)?))
}

/// The optimal plan between two clouds of weighted points, in memory proportional to n + m.
///
/// # Shapes and units
/// - `x`: `[n, dim]` with masses `a`: `[n]`; `y`: `[m, dim]` with masses `b`: `[m]`, equal sums
///
/// # Errors
/// As [`wasserstein_power`] and [`crate::network_simplex()`].
pub fn transport_clouds(
    x: &[f64],
    a: &[f64],
    y: &[f64],
    b: &[f64],
    dim: usize,
    ground: Ground,
) -> Result<Transport, TransportError> {
    solve(a, b, &checked_rows(x, y, dim, ground)?)
}

fn checked_rows(
    x: &[f64],
    y: &[f64],
    dim: usize,
    ground: Ground,
) -> Result<PointRows, TransportError> {
    count_points("x", x, dim)?;
    count_points("y", y, dim)?;
    ground.check()?;
    let rows = PointRows::new(x.to_vec(), y.to_vec(), dim, ground);
    rows.check_overflow()?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hash_points;

    #[test]
    fn a_translation_costs_its_length() {
        let n = 1100; // beyond the dense size
        let x = hash_points(1, n, 3);
        let y: Vec<f64> = x.iter().enumerate().map(|(k, c)| c + [3.0, 0.0, 4.0][k % 3]).collect();
        assert!((wasserstein_2(&x, &y, 3).unwrap() - 5.0).abs() < 1e-12);
        assert!((wasserstein_1(&x, &y, 3).unwrap() - 5.0).abs() < 1e-12);
    }

    /// Repeating every point of y leaves its measure, hence the distance, the same.
    #[test]
    fn unequal_sizes_agree_with_repeated_points() {
        let (x, y) = (hash_points(1, 60, 2), hash_points(2, 20, 2));
        let repeated: Vec<f64> = [y.clone(), y.clone(), y.clone()].concat();
        for ground in [Ground::Euclidean, Ground::SquaredEuclidean, Ground::Power(3.0)] {
            let unequal = wasserstein_power(&x, &y, 2, ground).unwrap();
            let equal = wasserstein_power(&x, &repeated, 2, ground).unwrap();
            assert!((unequal - equal).abs() < 1e-13);
        }
    }

    /// 1100 points on a lattice of 49: the merged problem against the full matching.
    #[test]
    fn merging_equal_points_does_not_change_the_distance() {
        let n = 1100;
        let lattice = |seed| -> Vec<f64> {
            hash_points(seed, 2 * n, 1).iter().map(|c| (6.0 * c).round()).collect()
        };
        let (x, y) = (lattice(1), lattice(2));
        assert_eq!(merge_equal_points(&x, 2).1.len(), 49);
        let merged = wasserstein_power(&x, &y, 2, Ground::SquaredEuclidean).unwrap();
        let matched = match_clouds(&x, &y, 2, Ground::SquaredEuclidean).unwrap();
        assert!((merged - matched.cost / n as f64).abs() < 1e-12);
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        let (x, y) = (hash_points(1, 1300, 2), hash_points(2, 1300, 2));
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| match_clouds(&x, &y, 2, Ground::SquaredEuclidean).unwrap())
        };
        assert_eq!(on(1), on(3));
    }

    #[test]
    fn bad_input_is_refused_with_its_values() {
        let error = wasserstein_2(&[0.0, f64::NAN], &[0.0, 0.0], 2).unwrap_err();
        assert!(matches!(error, TransportError::NonFinite { what: "x", index: 1, .. }));
        let error = wasserstein_power(&[0.0], &[1.0], 1, Ground::Power(0.5)).unwrap_err();
        assert!(matches!(error, TransportError::OutOfRange { value: 0.5, .. }));
        let error = wasserstein_2(&[1e200], &[-1e200], 1).unwrap_err();
        assert!(matches!(error, TransportError::NonFinite { what: "largest cost", .. }));
    }
}
