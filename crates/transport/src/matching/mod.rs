//! Exact one-to-one matching of two large clouds of points, in memory proportional to their size.
//!
//! A thinned problem is solved first; its potentials extend to all points by a c-transform. Auctions
//! improve them, and shortest augmenting paths make them exact. Every stage works on each row's
//! cheapest columns and returns to the full row, computed from the points, when a lower bound on
//! the columns left out says that it must: so no pair is ever overlooked.

mod auction;
mod augment;
mod candidates;
mod scan;

use crate::assignment::{Assigner, Assignment};
use crate::cost::{CostMatrix, CostRows, PointRows};
use crate::simd::Level;
use augment::Entry;
use candidates::{Arc, Candidates};
use rayon::prelude::*;
use std::collections::BinaryHeap;

const FREE: usize = usize::MAX;
/// Up to this size a stored matrix is faster.
const DENSE: usize = 1024;
/// Each level of the hierarchy is smaller by this factor.
const THINNING: usize = 4;

/// An optimal matching of `n` points to `n` points with its duals.
pub(crate) fn match_points(cost: &PointRows) -> Assignment {
    let (n, level) = (cost.rows(), Level::detect());
    debug_assert_eq!(n, cost.columns());
    if n <= DENSE {
        let zero = vec![0.0; n];
        let dense = CostMatrix::from_rows(n, n, |i, row| cost.reduced_row(level, i, &zero, row));
        return Assigner::new().solve(dense.view()).expect("the matrix is square");
    }
    let coarse_cost = cost.thinned(THINNING);
    let coarse = match_points(&coarse_cost);
    let mut search = Search::new(cost);
    search.v = extend_potentials(cost, &coarse.row_potentials, level);
    // Auctions that start at too small an ε end in price wars; starting at a quarter of the typical
    // cost did not at n = 10 000, in 2 and 16 dimensions. Stopping later than typical / n leaves
    // fewer searches but takes longer than they do.
    let typical = coarse_cost.centred_mean_cost(&coarse.column_of_row);
    search.auctions(cost, typical / 4.0, typical / n as f64);
    search.augment_all(cost);
    search.read_out()
}

/// `v[j] = min_i cost(i, j) − u_i` over the thinned rows.
fn extend_potentials(cost: &PointRows, row_potentials: &[f64], level: Level) -> Vec<f64> {
    let by_column = cost.with_thinned_rows(THINNING).transposed();
    let least = |j| {
        let mut reduced = vec![0.0; row_potentials.len()];
        by_column.reduced_row(level, j, row_potentials, &mut reduced);
        let mut minima = [f64::INFINITY; 8];
        scan::group_minima(level, &reduced, &mut minima);
        minima.into_iter().fold(f64::INFINITY, f64::min)
    };
    (0..by_column.rows()).into_par_iter().map(least).collect()
}

/// The state of one solve: a partial matching and duals in complementary slackness.
#[derive(Debug)]
struct Search {
    level: Level,
    /// Column potentials; a row's is implied by its matched cost. They only fall.
    v: Vec<f64>,
    column_of_row: Vec<usize>,
    row_of_column: Vec<usize>,
    matched_cost: Vec<f64>,
    free_rows: Vec<usize>,
    candidates: Candidates,
    // One search for an augmenting path:
    /// Per column: +∞ unlabelled, −∞ settled.
    distance: Vec<f64>,
    parent: Vec<u32>,
    touched: Vec<u32>,
    settled: Vec<(u32, f64)>,
    heap: BinaryHeap<Entry>,
    nearest_free: (f64, usize),
    /// Per row: its distance less its potential.
    base: Vec<f64>,
    /// Per row: its list was rebuilt in this search.
    refreshed: Vec<bool>,
}

impl Search {
    /// No row matched, all potentials zero.
    fn new(cost: &impl CostRows) -> Self {
        let (rows, columns) = (cost.rows(), cost.columns());
        Self {
            level: Level::detect(),
            v: vec![0.0; columns],
            column_of_row: vec![FREE; rows],
            row_of_column: vec![FREE; columns],
            matched_cost: vec![0.0; rows],
            free_rows: (0..rows).collect(),
            candidates: Candidates::new(rows, columns),
            distance: vec![f64::INFINITY; columns],
            parent: vec![0; columns],
            touched: Vec::new(),
            settled: Vec::new(),
            heap: BinaryHeap::new(),
            nearest_free: (f64::INFINITY, FREE),
            base: vec![0.0; rows],
            refreshed: vec![false; rows],
        }
    }

    fn assign(&mut self, row: usize, arc: Arc) {
        self.column_of_row[row] = arc.column as usize;
        self.row_of_column[arc.column as usize] = row;
        self.matched_cost[row] = arc.cost;
    }

    fn read_out(self) -> Assignment {
        let matched = self.column_of_row.iter().zip(&self.matched_cost);
        Assignment {
            cost: self.matched_cost.iter().sum(),
            row_potentials: matched.map(|(&j, c)| c - self.v[j]).collect(),
            column_of_row: self.column_of_row,
            column_potentials: self.v,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Ground;
    use crate::testing::{assert_optimal_assignment, hash_points};

    /// Random, clustered, tied (lattice) and degenerate (many equal points) clouds against the
    /// dense solver, with the duals checked over all pairs.
    #[test]
    fn equals_the_dense_solver_beyond_its_size() {
        let n = 1500;
        let random = |seed, dim| hash_points(seed, n, dim);
        let clustered = |seed| -> Vec<f64> {
            let spread = |(k, c): (usize, f64)| c + 40.0 * ((k / 2) % 4) as f64;
            random(seed, 2).into_iter().enumerate().map(spread).collect()
        };
        let lattice =
            |seed| -> Vec<f64> { random(seed, 2).iter().map(|c| (6.0 * c).round()).collect() };
        let cases = [
            (random(1, 2), random(2, 2), 2, Ground::SquaredEuclidean),
            (random(3, 5), random(4, 5), 5, Ground::Euclidean),
            (clustered(5), random(6, 2), 2, Ground::SquaredEuclidean),
            (lattice(7), lattice(8), 2, Ground::SquaredEuclidean),
            (random(9, 2), vec![0.5; 2 * n], 2, Ground::SquaredEuclidean),
            (random(1, 2), random(1, 2), 2, Ground::SquaredEuclidean),
        ];
        for (x, y, dim, ground) in cases {
            let rows = PointRows::new(x, y, dim, ground);
            let zero = vec![0.0; n];
            let level = Level::detect();
            let dense =
                CostMatrix::from_rows(n, n, |i, row| rows.reduced_row(level, i, &zero, row));
            let largest = dense.as_slice().iter().fold(1.0, |m: f64, c| m.max(*c));
            let found = match_points(&rows);
            let expected = Assigner::new().solve(dense.view()).unwrap();
            assert_optimal_assignment(&found, dense.view(), 1e-12 * largest);
            assert!((found.cost - expected.cost).abs() <= 1e-11 * expected.cost.max(largest));
        }
    }
}
