//! Distances that are means over pairs: energy distance and maximum mean discrepancy.

use crate::cost::{CostRows, Ground, PointRows};
use crate::error::{TransportError, count_points};
use crate::simd::{Level, dispatched};
use crate::vector_exp::exp_nonpositive;
use rayon::prelude::*;

/// Energy distance 2 E‖X − Y‖ − E‖X − X'‖ − E‖Y − Y'‖ over all pairs, equal points included.
///
/// This is the distance between the two empirical measures: never negative beyond rounding, zero
/// only between equal measures. O(n²) time, O(n) memory.
///
/// # Shapes and units
/// - `x`: `[n, dim]`, `y`: `[m, dim]`, row-major; returns their unit
///
/// # Errors
/// [`TransportError::Empty`], [`TransportError::ShapeMismatch`], [`TransportError::NonFinite`].
///
/// # Source
/// Székely & Rizzo (2013), J. Stat. Plan. Inference 143, 1249–1272.
pub fn energy_distance(x: &[f64], y: &[f64], dim: usize) -> Result<f64, TransportError> {
    let (n, m) = (count_points("x", x, dim)? as f64, count_points("y", y, dim)? as f64);
    let distance = |level: Level, squares: &[f64], _: &[f64]| sum_roots(level, squares);
    let cross = sum_pairs(x, y, dim, false, &[], distance) / (n * m);
    let within_x = 2.0 * sum_pairs(x, x, dim, true, &[], distance) / (n * n);
    let within_y = 2.0 * sum_pairs(y, y, dim, true, &[], distance) / (m * m);
    Ok(2.0 * cross - within_x - within_y)
}

/// Unbiased squared maximum mean discrepancy with the kernel Σ_b exp(−‖x − y‖² / (2 σ_b²)).
///
/// Pairs of a point with itself are left out, so the expectation is zero for equal laws and single
/// values may be negative. O(n²) time, O(n) memory.
///
/// # Shapes and units
/// - `x`: `[n, dim]`, `y`: `[m, dim]`, row-major, at least two points each
/// - `bandwidths`: the σ_b, in the unit of the points
///
/// # Errors
/// [`TransportError::Empty`], [`TransportError::ShapeMismatch`], [`TransportError::NonFinite`],
/// [`TransportError::OutOfRange`] for a bandwidth that is not positive or a single point.
///
/// # Source
/// Gretton et al. (2012), J. Mach. Learn. Res. 13, 723–773, eq. 3.
pub fn mmd_unbiased(
    x: &[f64],
    y: &[f64],
    dim: usize,
    bandwidths: &[f64],
) -> Result<f64, TransportError> {
    let (n, m) = (count_points("x", x, dim)? as f64, count_points("y", y, dim)? as f64);
    if bandwidths.is_empty() {
        return Err(TransportError::Empty { what: "bandwidths" });
    }
    if let Some(&value) = bandwidths.iter().find(|s| !(s.is_finite() && **s > 0.0)) {
        return Err(TransportError::OutOfRange { what: "bandwidth", value, range: "positive" });
    }
    if n.min(m) < 2.0 {
        let range = "at least 2";
        return Err(TransportError::OutOfRange {
            what: "number of points",
            value: n.min(m),
            range,
        });
    }
    let rates: Vec<f64> = bandwidths.iter().map(|s| -0.5 / (s * s)).collect();
    let cross = sum_pairs(x, y, dim, false, &rates, sum_kernels) / (n * m);
    let within_x = 2.0 * sum_pairs(x, x, dim, true, &rates, sum_kernels) / (n * (n - 1.0));
    let within_y = 2.0 * sum_pairs(y, y, dim, true, &rates, sum_kernels) / (m * (m - 1.0));
    Ok(within_x + within_y - 2.0 * cross)
}

/// Sum over pairs of a function of the squared distance; over i < j only if `upper`. Rows are
/// summed in parallel and added in order.
fn sum_pairs(
    x: &[f64],
    y: &[f64],
    dim: usize,
    upper: bool,
    parameters: &[f64],
    sum: impl Fn(Level, &[f64], &[f64]) -> f64 + Sync,
) -> f64 {
    let rows = PointRows::new(x.to_vec(), y.to_vec(), dim, Ground::SquaredEuclidean);
    let (level, zero) = (Level::detect(), vec![0.0; rows.columns()]);
    let one = |buffer: &mut Vec<f64>, i: usize| {
        let start = if upper { i + 1 } else { 0 };
        buffer.resize(rows.columns() - start, 0.0);
        rows.reduced_part(level, i, start, &zero, buffer);
        sum(level, buffer, parameters)
    };
    let sums: Vec<f64> = (0..rows.rows()).into_par_iter().map_init(Vec::new, one).collect();
    sums.iter().sum()
}

const LANES: usize = 8;

#[inline(always)]
fn lane_sum(values: &[f64], f: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for l in 0..LANES {
            lanes[l] += f(chunk[l]);
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|v| f(*v)).sum::<f64>()
}

dispatched! {
    fn sum_roots(squares: &[f64]) -> f64 = sum_roots_body
}

#[inline(always)]
fn sum_roots_body(squares: &[f64]) -> f64 {
    lane_sum(squares, f64::sqrt)
}

dispatched! {
    fn sum_kernels(squares: &[f64], rates: &[f64]) -> f64 = sum_kernels_body
}

#[inline(always)]
fn sum_kernels_body(squares: &[f64], rates: &[f64]) -> f64 {
    rates.iter().map(|rate| lane_sum(squares, |d| exp_nonpositive(rate * d))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hash_points;

    fn distance(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
    }

    #[test]
    fn both_equal_the_double_loops() {
        let (n, m, dim) = (37, 52, 3);
        let (x, y) = (hash_points(1, n, dim), hash_points(2, m, dim));
        let mean = |p: &[f64], q: &[f64], f: &dyn Fn(f64) -> f64| {
            let pairs = p.chunks(dim).flat_map(|a| q.chunks(dim).map(move |b| f(distance(a, b))));
            pairs.sum::<f64>() / ((p.len() / dim) * (q.len() / dim)) as f64
        };
        let d = |d: f64| d;
        let expected = 2.0 * mean(&x, &y, &d) - mean(&x, &x, &d) - mean(&y, &y, &d);
        assert!((energy_distance(&x, &y, dim).unwrap() - expected).abs() < 1e-14);

        let k = |d: f64| (-0.5 * d * d / 0.04).exp() + (-0.5 * d * d).exp();
        // Without the diagonal, where each kernel is one.
        let within = |p: &[f64]| {
            let n = (p.len() / dim) as f64;
            (mean(p, p, &k) * n - 2.0) / (n - 1.0)
        };
        let expected = within(&x) + within(&y) - 2.0 * mean(&x, &y, &k);
        assert!((mmd_unbiased(&x, &y, dim, &[0.2, 1.0]).unwrap() - expected).abs() < 1e-14);
    }

    /// In one dimension the energy distance is 2 ∫ (F − G)² (Székely & Rizzo 2013, theorem 2).
    #[test]
    fn on_the_line_it_is_twice_the_cramer_distance() {
        let (x, y) = (hash_points(1, 20, 1), hash_points(2, 30, 1));
        let mut all = [x.clone(), y.clone()].concat();
        all.sort_by(f64::total_cmp);
        let below =
            |p: &[f64], t: f64| p.iter().filter(|c| **c <= t).count() as f64 / p.len() as f64;
        let integral: f64 = all
            .windows(2)
            .map(|w| (w[1] - w[0]) * (below(&x, w[0]) - below(&y, w[0])).powi(2))
            .sum();
        assert!((energy_distance(&x, &y, 1).unwrap() - 2.0 * integral).abs() < 1e-14);
    }
}
