//! Exact linear assignment on dense costs: auctions for the start, shortest augmenting paths to
//! finish.

mod auction;
mod augment;
mod scan;

use crate::cost::CostView;
use crate::error::TransportError;
use crate::simd::Level;

pub(crate) use scan::two_smallest;

const FREE: usize = usize::MAX;

/// Up to so many rows searches are short, and auctions cost more than they save: without them the command that matches
/// pairs of crystals takes a third less time.
const WITHOUT_AUCTIONS: usize = 32;

/// An optimal assignment of every row to its own column, with the duals that prove it.
///
/// `row_potentials[i] + column_potentials[j] ≤ cost[i][j]` with equality on the matching, up to
/// rounding of the largest cost. With fewer rows than columns, a column without a row has
/// potential zero and every other column at most zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// The column of each row.
    pub column_of_row: Vec<usize>,
    /// Sum of the matched costs, added in row order.
    pub cost: f64,
    /// Dual variable of each row.
    pub row_potentials: Vec<f64>,
    /// Dual variable of each column.
    pub column_potentials: Vec<f64>,
}

/// Solver of dense assignment problems that keeps its memory between calls.
///
/// Of problems that are not small, auctions at falling ε bring the duals near their optimum; augmenting row reduction and shortest
/// augmenting paths make them exact. Ties go to the lowest column. One thread; the same bits on
/// every instruction set.
///
/// # Source
/// Jonker & Volgenant (1987), Computing 38, 325–340; Bertsekas (1988), Annals of Operations
/// Research 14, 105–123.
#[derive(Debug)]
pub struct Assigner {
    level: Level,
    column_of_row: Vec<usize>,
    row_of_column: Vec<usize>,
    /// Column potentials `v`; a row's is implied by its matched cost. They only fall.
    v: Vec<f64>,
    free_rows: Vec<usize>,
    // One search for an augmenting path:
    /// `v`, with −∞ on the columns that the search has settled.
    open_v: Vec<f64>,
    distance: Vec<f64>,
    parent: Vec<u64>,
    settled: Vec<(usize, f64)>,
}

impl Default for Assigner {
    fn default() -> Self {
        Self::new()
    }
}

impl Assigner {
    /// An empty workspace; it grows to the largest problem it has seen.
    pub fn new() -> Self {
        Self {
            level: Level::detect(),
            column_of_row: Vec::new(),
            row_of_column: Vec::new(),
            v: Vec::new(),
            free_rows: Vec::new(),
            open_v: Vec::new(),
            distance: Vec::new(),
            parent: Vec::new(),
            settled: Vec::new(),
        }
    }

    /// The assignment of least total cost.
    ///
    /// # Errors
    /// [`TransportError::MoreRowsThanColumns`]: transpose the problem and match columns instead.
    pub fn solve(&mut self, cost: CostView<'_>) -> Result<Assignment, TransportError> {
        let (rows, columns) = (cost.rows(), cost.columns());
        if rows > columns {
            return Err(TransportError::MoreRowsThanColumns { rows, columns });
        }
        self.reset(rows, columns);
        if rows == columns {
            self.column_reduction(cost);
            if rows > WITHOUT_AUCTIONS {
                self.auctions(cost);
            }
            self.column_of_row.fill(FREE);
            self.row_of_column.fill(FREE);
        }
        // Two passes, as in the original; a third no longer shortens the searches.
        for _ in 0..2 {
            self.augmenting_row_reduction(cost);
        }
        self.augment_all(cost);
        Ok(self.read_out(cost))
    }

    /// No row matched, all potentials zero.
    fn reset(&mut self, rows: usize, columns: usize) {
        fn fill<T: Clone>(values: &mut Vec<T>, len: usize, value: T) {
            values.clear();
            values.resize(len, value);
        }
        fill(&mut self.column_of_row, rows, FREE);
        fill(&mut self.row_of_column, columns, FREE);
        fill(&mut self.v, columns, 0.0);
        fill(&mut self.open_v, columns, 0.0);
        fill(&mut self.distance, columns, f64::INFINITY);
        fill(&mut self.parent, columns, 0);
        self.settled.clear();
        self.free_rows.clear();
        self.free_rows.extend(0..rows);
    }

    fn read_out(&self, cost: CostView<'_>) -> Assignment {
        let matched = self.column_of_row.iter().enumerate();
        Assignment {
            column_of_row: self.column_of_row.clone(),
            cost: matched.clone().map(|(i, &j)| cost.row(i)[j]).sum(),
            row_potentials: matched.map(|(i, &j)| cost.row(i)[j] - self.v[j]).collect(),
            column_potentials: self.v.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::CostMatrix;
    use crate::testing::{assert_optimal_assignment, hash_points, permutations};
    use proptest::prelude::*;

    fn brute_force(cost: &CostMatrix) -> f64 {
        let total = |p: &Vec<usize>| (0..cost.rows()).map(|i| cost.row(i)[p[i]]).sum::<f64>();
        permutations(cost.columns()).iter().map(total).fold(f64::INFINITY, f64::min)
    }

    proptest! {
        /// Whole-number costs from a short range tie often; both kinds are compared with all
        /// permutations. A rectangular problem takes the first `rows` entries of each permutation.
        #[test]
        fn equals_brute_force(
            n in 1usize..=7,
            missing in 0usize..3,
            values in prop::collection::vec(-5.0..5.0f64, 49),
            whole in any::<bool>(),
        ) {
            let rows = n.saturating_sub(missing).max(1);
            let round = |x: &f64| if whole { x.round() } else { *x };
            let cost: Vec<f64> = values[..rows * n].iter().map(round).collect();
            let cost = CostMatrix::new(cost, rows, n).unwrap();
            let found = Assigner::new().solve(cost.view()).unwrap();
            prop_assert!((found.cost - brute_force(&cost)).abs() < 1e-12);
            assert_optimal_assignment(&found, cost.view(), 1e-12);
        }
    }

    /// The certificate of optimality on the kinds of costs that break solvers: uniform, clustered,
    /// tied, constant, product form (every permutation of equal rows optimal), and with a spread of
    /// scales that ends the auctions early.
    #[test]
    fn duals_certify_hard_costs() {
        let mut solver = Assigner::new();
        for n in [1, 2, 3, 64, 65, 150] {
            let (x, y) = (hash_points(1, n, 2), hash_points(2, n, 2));
            let random = CostMatrix::squared_euclidean(&x, &y, 2).unwrap();
            let far = |p: &[f64]| -> Vec<f64> {
                p.iter().enumerate().map(|(k, c)| c * 1e-3 + ((k / 2) % 5) as f64 * 1e3).collect()
            };
            let clustered = CostMatrix::squared_euclidean(&far(&x), &y, 2).unwrap();
            let map = |f: &dyn Fn(usize, f64) -> f64| {
                let values = random.as_slice().iter().enumerate();
                CostMatrix::new(values.map(|(k, &c)| f(k, c)).collect(), n, n).unwrap()
            };
            let cases = [
                clustered,
                map(&|_, c| (4.0 * c).round()),
                map(&|_, _| 3.0),
                map(&|k, _| ((k / n) * (k % n)) as f64),
                map(&|k, c| if k % 7 == 0 { 1e9 * c } else { c }),
                map(&|_, c| c + 1e6),
                random,
            ];
            for cost in cases {
                let largest = cost.as_slice().iter().fold(0.0f64, |m, c| m.max(c.abs()));
                let found = solver.solve(cost.view()).unwrap();
                assert_optimal_assignment(&found, cost.view(), 1e-13 * largest.max(1.0));
            }
        }
    }

    #[test]
    fn fewer_rows_than_columns_leave_zero_potentials() {
        let cost = CostMatrix::squared_euclidean(&hash_points(3, 40, 3), &hash_points(4, 90, 3), 3)
            .unwrap();
        let found = Assigner::new().solve(cost.view()).unwrap();
        assert_optimal_assignment(&found, cost.view(), 1e-13);
    }

    #[test]
    fn a_used_workspace_gives_the_same_bits() {
        let cost = |n: usize, seed| {
            let (x, y) = (hash_points(seed, n, 2), hash_points(seed + 1, n, 2));
            CostMatrix::squared_euclidean(&x, &y, 2).unwrap()
        };
        let mut used = Assigner::new();
        used.solve(cost(100, 5).view()).unwrap();
        let small = cost(30, 7);
        assert_eq!(used.solve(small.view()), Assigner::new().solve(small.view()));
    }

    #[test]
    fn too_many_rows_are_refused() {
        let cost = CostMatrix::new(vec![0.0; 6], 3, 2).unwrap();
        let error = Assigner::new().solve(cost.view()).unwrap_err();
        assert_eq!(error, TransportError::MoreRowsThanColumns { rows: 3, columns: 2 });
    }
}
