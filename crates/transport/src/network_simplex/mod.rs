//! The transportation problem with arbitrary masses, by the network simplex method.

mod pricing;
mod tree;

use crate::cost::{CostRows, CostView};
use crate::error::{TransportError, check_length};
use pricing::{Part, Simplex};
use tree::Tree;

/// An optimal transport plan between weighted points, with the duals that prove it.
///
/// `row_potentials[i] + column_potentials[j] ≤ cost[i][j]`, with equality wherever the plan moves
/// mass, up to rounding of the largest cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Transport {
    /// `(row, column, mass)` by rising row, then column; at most rows + columns − 1 entries, all
    /// masses positive.
    pub plan: Vec<(usize, usize, f64)>,
    /// Sum of mass times cost.
    pub cost: f64,
    /// Dual variable of each row.
    pub row_potentials: Vec<f64>,
    /// Dual variable of each column.
    pub column_potentials: Vec<f64>,
}

/// The plan of least cost from masses `a` to masses `b`.
///
/// A primal simplex method on spanning trees, priced one row at a time. Masses are taken as whole
/// numbers of 2⁻⁶² of the total, perturbed so that no two subsets balance (Orden 1956, Management
/// Science 2, 276–285): no tree is degenerate, hence no cycling and exact flows. Marginals hold to
/// 1e-15 of the total times rows + columns.
///
/// # Shapes and units
/// - `a`: `[rows]`, `b`: `[columns]`, any unit of mass, not negative, sums equal to 1e-9 of them
///
/// # Errors
/// [`TransportError::ShapeMismatch`], [`TransportError::NegativeWeight`],
/// [`TransportError::NonFinite`], [`TransportError::UnequalMass`], or
/// [`TransportError::NotConverged`] after more pivots than any problem of this size should need.
pub fn network_simplex(
    a: &[f64],
    b: &[f64],
    cost: CostView<'_>,
) -> Result<Transport, TransportError> {
    solve(a, b, &cost)
}

pub(crate) fn solve(
    a: &[f64],
    b: &[f64],
    cost: &impl CostRows,
) -> Result<Transport, TransportError> {
    check_length("a", cost.rows(), a.len())?;
    check_length("b", cost.columns(), b.len())?;
    check_masses(a, b)?;
    let (sources, targets) = (support(a), support(b));
    // 2⁶² in all once the perturbation's units are counted, so sums cannot overflow.
    let unit = sources.len() as i64 + 1;
    let total: f64 = a.iter().sum();
    let scale = ((1i64 << 62) / unit / 2) as f64;
    let (supply, mut demand) = (scaled(a, &sources, scale), scaled(b, &targets, scale));
    let excess = demand.iter().sum::<i64>() - supply.iter().sum::<i64>();
    let largest = (0..demand.len()).max_by_key(|&k| demand[k]).expect("b has mass");
    demand[largest] -= excess;
    // The perturbation: one unit more from every source, all of them into one target.
    let supply: Vec<i64> = supply.iter().map(|s| s * unit + 1).collect();
    demand.iter_mut().for_each(|d| *d *= unit);
    demand[largest] += sources.len() as i64;

    let part = Part { cost, rows: &sources, columns: &targets };
    let mut simplex = Simplex::new(&part, supply, demand);
    simplex.run(&part)?;
    Ok(read_out(&part, &simplex.tree, unit, total / (scale * unit as f64)))
}

fn check_masses(a: &[f64], b: &[f64]) -> Result<(), TransportError> {
    for (what, masses) in [("a", a), ("b", b)] {
        for (index, &value) in masses.iter().enumerate() {
            if !value.is_finite() {
                return Err(TransportError::NonFinite { what, index, value });
            }
            if value < 0.0 {
                return Err(TransportError::NegativeWeight { what, index, value });
            }
        }
    }
    let (source_sum, target_sum) = (a.iter().sum::<f64>(), b.iter().sum::<f64>());
    let tolerance = 1e-9 * source_sum.max(target_sum);
    if (source_sum - target_sum).abs() > tolerance || source_sum <= 0.0 {
        return Err(TransportError::UnequalMass { source_sum, target_sum, tolerance });
    }
    Ok(())
}

fn support(masses: &[f64]) -> Vec<usize> {
    (0..masses.len()).filter(|&k| masses[k] > 0.0).collect()
}

/// Positive masses as whole numbers that sum to about `scale`; none is rounded to zero.
fn scaled(masses: &[f64], support: &[usize], scale: f64) -> Vec<i64> {
    let total: f64 = masses.iter().sum();
    support.iter().map(|&k| ((masses[k] / total * scale).round() as i64).max(1)).collect()
}

fn read_out<C: CostRows>(part: &Part<'_, C>, tree: &Tree, unit: i64, mass: f64) -> Transport {
    let (cost, sources) = (part.cost, part.rows.len());
    let arcs = (0..tree.parent.len() as u32).filter_map(|node| {
        let (i, j) = tree.arc(node)?;
        let flow = tree.flow[node as usize];
        // Less than one unit is perturbation only.
        (flow >= unit).then(|| (part.rows[i], part.columns[j], flow as f64 * mass))
    });
    let mut plan: Vec<(usize, usize, f64)> = arcs.collect();
    plan.sort_unstable_by_key(|&(i, j, _)| (i, j));
    // Points without mass take the largest potential that stays feasible.
    let mut v = vec![f64::INFINITY; cost.columns()];
    for (k, &j) in part.columns.iter().enumerate() {
        v[j] = tree.potential[sources + k];
    }
    let mut u = vec![f64::INFINITY; cost.rows()];
    for (k, &i) in part.rows.iter().enumerate() {
        u[i] = tree.potential[k];
    }
    for i in (0..u.len()).filter(|&i| u[i] == f64::INFINITY).collect::<Vec<_>>() {
        let slack = |j: &usize| cost.cost(i, *j) - v[*j];
        u[i] = part.columns.iter().map(slack).fold(f64::INFINITY, f64::min);
    }
    for j in (0..v.len()).filter(|&j| v[j] == f64::INFINITY).collect::<Vec<_>>() {
        v[j] = (0..u.len()).map(|i| cost.cost(i, j) - u[i]).fold(f64::INFINITY, f64::min);
    }
    Transport {
        cost: plan.iter().map(|&(i, j, mass)| mass * cost.cost(i, j)).sum(),
        plan,
        row_potentials: u,
        column_potentials: v,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assignment::Assigner;
    use crate::cost::CostMatrix;
    use crate::testing::{assert_optimal_transport, hash_points, hash_weights};
    use proptest::prelude::*;

    /// Least cost over all basic solutions of a transportation problem: every choice of
    /// `rows + columns − 1` cells that forms a spanning tree is solved by leaf elimination.
    fn brute_force(a: &[f64], b: &[f64], cost: &CostMatrix) -> f64 {
        let (n, m) = (a.len(), b.len());
        let mut best = f64::INFINITY;
        for cells in 0u32..1 << (n * m) {
            if cells.count_ones() as usize != n + m - 1 {
                continue;
            }
            let mut left: Vec<(usize, usize)> =
                (0..n * m).filter(|k| cells >> k & 1 == 1).map(|k| (k / m, k % m)).collect();
            let (mut a, mut b, mut total, mut feasible) = (a.to_vec(), b.to_vec(), 0.0, true);
            while let Some(at) = left.iter().position(|&(i, j)| {
                left.iter().filter(|c| c.0 == i).count() == 1
                    || left.iter().filter(|c| c.1 == j).count() == 1
            }) {
                let (i, j) = left.swap_remove(at);
                let row_leaf = left.iter().all(|c| c.0 != i);
                let mass = if row_leaf { a[i] } else { b[j] };
                feasible &= mass > -1e-12;
                total += mass * cost.row(i)[j];
                a[i] -= mass;
                b[j] -= mass;
            }
            let spent = a.iter().chain(&b).all(|r| r.abs() < 1e-12);
            if left.is_empty() && feasible && spent {
                best = best.min(total);
            }
        }
        best
    }

    proptest! {
        /// Whole-number masses make degenerate problems, whole-number costs tied ones.
        #[test]
        fn equals_all_basic_solutions(
            n in 1usize..=4,
            m in 1usize..=3,
            masses in prop::collection::vec(1u32..5, 7),
            values in prop::collection::vec(-3i32..4, 12),
        ) {
            let share = |w: &[u32]| -> Vec<f64> {
                let sum: u32 = w.iter().sum();
                w.iter().map(|&w| f64::from(w) / f64::from(sum)).collect()
            };
            let (a, b) = (share(&masses[..n]), share(&masses[4..4 + m]));
            let costs: Vec<f64> = values[..n * m].iter().map(|&c| f64::from(c)).collect();
            let cost = CostMatrix::new(costs, n, m).unwrap();
            let found = network_simplex(&a, &b, cost.view()).unwrap();
            prop_assert!((found.cost - brute_force(&a, &b, &cost)).abs() < 1e-12);
            assert_optimal_transport(&found, &a, &b, cost.view(), 1e-12);
        }
    }

    #[test]
    fn duals_certify_weighted_clouds() {
        for (n, m) in [(1, 1), (1, 9), (40, 1), (60, 90), (200, 120)] {
            let (x, y) = (hash_points(1, n, 2), hash_points(2, m, 2));
            let cost = CostMatrix::squared_euclidean(&x, &y, 2).unwrap();
            let (mut a, b) = (hash_weights(3, n), hash_weights(4, m));
            if n > 2 {
                // A source without mass.
                a[0] += std::mem::take(&mut a[1]);
            }
            let found = network_simplex(&a, &b, cost.view()).unwrap();
            assert_optimal_transport(&found, &a, &b, cost.view(), 1e-13);
        }
    }

    #[test]
    fn equals_the_assignment_on_uniform_masses() {
        for round in [false, true] {
            let n = 200;
            let cost =
                CostMatrix::squared_euclidean(&hash_points(5, n, 2), &hash_points(6, n, 2), 2);
            let values = cost.unwrap().as_slice().to_vec();
            let values =
                values.iter().map(|c| if round { (5.0 * c).round() } else { *c }).collect();
            let cost = CostMatrix::new(values, n, n).unwrap();
            let w = vec![1.0 / n as f64; n];
            let found = network_simplex(&w, &w, cost.view()).unwrap();
            let matched = Assigner::new().solve(cost.view()).unwrap();
            assert!((found.cost - matched.cost / n as f64).abs() < 1e-13);
            assert_eq!(found.plan.len(), n);
            assert_optimal_transport(&found, &w, &w, cost.view(), 1e-12);
        }
    }

    #[test]
    fn unequal_and_negative_masses_are_refused_with_their_values() {
        let cost = CostMatrix::new(vec![0.0; 4], 2, 2).unwrap();
        let solve = |a: &[f64], b: &[f64]| network_simplex(a, b, cost.view()).unwrap_err();
        assert_eq!(
            solve(&[0.5, 0.5], &[0.5, 0.75]),
            TransportError::UnequalMass { source_sum: 1.0, target_sum: 1.25, tolerance: 1.25e-9 }
        );
        assert_eq!(
            solve(&[1.5, -0.5], &[0.5, 0.5]),
            TransportError::NegativeWeight { what: "a", index: 1, value: -0.5 }
        );
    }
}
