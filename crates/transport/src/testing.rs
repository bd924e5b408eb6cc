//! Shared by the tests of this crate: deterministic inputs and certificates of optimality.

use crate::assignment::Assignment;
use crate::cost::CostView;
use crate::network_simplex::Transport;

/// A uniform number in [0, 1) that depends on both arguments only (splitmix64).
pub(crate) fn hash_uniform(seed: u64, index: u64) -> f64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(index);
    for _ in 0..2 {
        z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
    }
    (z >> 11) as f64 / (1u64 << 53) as f64
}

/// `[n, dim]` points, uniform on the unit cube.
pub(crate) fn hash_points(seed: u64, n: usize, dim: usize) -> Vec<f64> {
    (0..n * dim).map(|k| hash_uniform(seed, k as u64)).collect()
}

/// Positive weights that sum to one.
pub(crate) fn hash_weights(seed: u64, n: usize) -> Vec<f64> {
    let raw: Vec<f64> = (0..n).map(|k| 0.1 + hash_uniform(seed, k as u64)).collect();
    let sum: f64 = raw.iter().sum();
    raw.iter().map(|w| w / sum).collect()
}

/// All permutations of `0..n`.
pub(crate) fn permutations(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(n - 1);
    let insert = |p: &Vec<usize>, at: usize| {
        let mut p = p.clone();
        p.insert(at, n - 1);
        p
    };
    shorter.iter().flat_map(|p| (0..n).map(move |at| insert(p, at))).collect()
}

/// A valid matching, feasible duals, and no slack on the matching: together they prove optimality.
pub(crate) fn assert_optimal_assignment(found: &Assignment, cost: CostView<'_>, tolerance: f64) {
    let (u, v) = (&found.row_potentials, &found.column_potentials);
    let mut used = vec![false; cost.columns()];
    for (i, &j) in found.column_of_row.iter().enumerate() {
        assert!(!std::mem::replace(&mut used[j], true), "column {j} is used twice");
        assert!((cost.row(i)[j] - u[i] - v[j]).abs() <= tolerance);
    }
    for i in 0..cost.rows() {
        for j in 0..cost.columns() {
            let slack = cost.row(i)[j] - u[i] - v[j];
            assert!(slack >= -tolerance, "row {i}, column {j}: slack {slack:.3e}");
        }
    }
    if cost.rows() < cost.columns() {
        for j in 0..cost.columns() {
            assert!(if used[j] { v[j] <= 0.0 } else { v[j] == 0.0 });
        }
    }
}

/// Right marginals, feasible duals, and no slack where mass moves: together they prove optimality.
pub(crate) fn assert_optimal_transport(
    found: &Transport,
    a: &[f64],
    b: &[f64],
    cost: CostView<'_>,
    tolerance: f64,
) {
    let (u, v) = (&found.row_potentials, &found.column_potentials);
    let (mut row_sums, mut column_sums) = (vec![0.0; a.len()], vec![0.0; b.len()]);
    for &(i, j, mass) in &found.plan {
        assert!(mass > 0.0);
        row_sums[i] += mass;
        column_sums[j] += mass;
        assert!((cost.row(i)[j] - u[i] - v[j]).abs() <= tolerance);
    }
    for (sums, masses) in [(&row_sums, a), (&column_sums, b)] {
        for (sum, mass) in sums.iter().zip(masses) {
            assert!((sum - mass).abs() <= 1e-14, "marginal {sum} for mass {mass}");
        }
    }
    for i in 0..cost.rows() {
        for j in 0..cost.columns() {
            let slack = cost.row(i)[j] - u[i] - v[j];
            assert!(slack >= -tolerance, "row {i}, column {j}: slack {slack:.3e}");
        }
    }
}
