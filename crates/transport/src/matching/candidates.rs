//! Each row's cheapest columns, with a bound on all the others.
//!
//! Column potentials only fall while an assignment is being solved, so reduced costs only rise: the
//! smallest reduced cost that a row's list left out stays a lower bound on every column outside
//! the list. A search that has not reached that bound may look at the list alone and is still
//! exact.

use super::scan::{at_most, group_minima};
use crate::cost::CostRows;
use crate::simd::Level;

/// Entries per row. Fewer means more full scans, more means longer bids; 16 to 64 measured
/// within a quarter of each other at n = 10 000.
const WANTED: usize = 16;
/// Room for the ties and group-mates that come along with the wanted ones.
const CAPACITY: usize = 32;

/// A column and its cost in some row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Arc {
    pub(super) cost: f64,
    pub(super) column: u32,
}

/// The lists of all rows, and scratch space to build them.
#[derive(Debug)]
pub(super) struct Candidates {
    arcs: Vec<Arc>,
    lengths: Vec<u32>,
    /// Every column outside the list of row `i` costs at least `bounds[i]`, reduced.
    bounds: Vec<f64>,
    reduced: Vec<f64>,
    minima: Vec<f64>,
    found: Vec<(f64, u32)>,
}

impl Candidates {
    /// No lists yet; an empty list's bound is −∞.
    pub(super) fn new(rows: usize, columns: usize) -> Self {
        Self {
            arcs: vec![Arc { cost: 0.0, column: 0 }; rows * CAPACITY],
            lengths: vec![0; rows],
            bounds: vec![f64::NEG_INFINITY; rows],
            reduced: vec![0.0; columns],
            minima: Vec::new(),
            found: Vec::new(),
        }
    }

    #[inline]
    pub(super) fn list(&self, row: usize) -> &[Arc] {
        &self.arcs[row * CAPACITY..row * CAPACITY + self.lengths[row] as usize]
    }

    #[inline]
    pub(super) fn bound(&self, row: usize) -> f64 {
        self.bounds[row]
    }

    /// All reduced costs of a row.
    pub(super) fn full_row(
        &mut self,
        cost: &impl CostRows,
        level: Level,
        row: usize,
        v: &[f64],
    ) -> &[f64] {
        cost.reduced_row(level, row, v, &mut self.reduced);
        &self.reduced
    }

    /// What the last [`Self::full_row`] returned.
    #[inline]
    pub(super) fn last_full_row(&self) -> &[f64] {
        &self.reduced
    }

    /// Rebuilds one row's list for the present potentials.
    pub(super) fn build(&mut self, cost: &impl CostRows, level: Level, row: usize, v: &[f64]) {
        cost.reduced_row(level, row, v, &mut self.reduced);
        let limit = self.selection_limit(level);
        self.found.clear();
        at_most(level, &self.reduced, limit, &mut self.found);
        let mut bound = limit.next_up();
        if self.found.len() > CAPACITY {
            // Ordered by (cost, column), so that the choice among ties is the same everywhere.
            let by_cost = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
            let (_, excluded, _) = self.found.select_nth_unstable_by(CAPACITY, by_cost);
            bound = excluded.0;
            self.found.truncate(CAPACITY);
        } else if self.found.len() == self.reduced.len() {
            bound = f64::INFINITY;
        }
        let list = &mut self.arcs[row * CAPACITY..][..self.found.len()];
        for (arc, &(_, column)) in list.iter_mut().zip(&self.found) {
            *arc = Arc { cost: cost.cost(row, column as usize), column };
        }
        self.lengths[row] = self.found.len() as u32;
        self.bounds[row] = bound;
    }

    /// A value that at least `WANTED` reduced costs do not exceed, and few more: the `WANTED`-th
    /// smallest of the minima of disjoint groups of columns.
    fn selection_limit(&mut self, level: Level) -> f64 {
        let n = self.reduced.len();
        let groups = if n < 4 * WANTED { n } else { (n / 4).min(16 * WANTED) };
        self.minima.clear();
        self.minima.resize(groups, f64::INFINITY);
        group_minima(level, &self.reduced, &mut self.minima);
        let k = WANTED.min(groups) - 1;
        *self.minima.select_nth_unstable_by(k, f64::total_cmp).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::CostMatrix;

    #[test]
    fn the_bound_separates_the_list_from_the_rest() {
        for (n, modulus) in [(5, 97), (40, 3), (100, 97), (1000, 1), (1000, 997)] {
            let costs: Vec<f64> = (0..n).map(|j| ((j * 7919) % modulus) as f64).collect();
            let v: Vec<f64> = (0..n).map(|j| -((j % 3) as f64)).collect();
            let cost = CostMatrix::new(costs.clone(), 1, n).unwrap();
            let mut lists = Candidates::new(1, n);
            lists.build(&cost.view(), Level::detect(), 0, &v);
            let listed: Vec<usize> = lists.list(0).iter().map(|a| a.column as usize).collect();
            assert!(listed.len() >= WANTED.min(n) && listed.len() <= CAPACITY);
            for j in 0..n {
                let reduced = costs[j] - v[j];
                if listed.contains(&j) {
                    assert!(reduced <= lists.bound(0));
                } else {
                    assert!(reduced >= lists.bound(0));
                }
            }
        }
    }
}
