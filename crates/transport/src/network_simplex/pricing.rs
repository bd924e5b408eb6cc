//! The first tree, and the search for arcs that improve it.

use super::tree::Tree;
use crate::assignment::two_smallest;
use crate::cost::CostRows;
use crate::error::TransportError;
use crate::simd::Level;

/// The rows and columns of a cost matrix that hold mass.
pub(super) struct Part<'a, C> {
    pub(super) cost: &'a C,
    pub(super) rows: &'a [usize],
    pub(super) columns: &'a [usize],
}

impl<C: CostRows> Part<'_, C> {
    fn arc_cost(&self, i: usize, j: usize) -> f64 {
        self.cost.cost(self.rows[i], self.columns[j])
    }

    /// Costs of one row on the columns with mass, less `v`.
    fn reduced(&self, level: Level, i: usize, v: &[f64], out: &mut [f64]) {
        if self.columns.len() == self.cost.columns() {
            self.cost.reduced_row(level, self.rows[i], v, out);
        } else {
            for (j, out) in out.iter_mut().enumerate() {
                *out = self.arc_cost(i, j) - v[j];
            }
        }
    }
}

pub(super) struct Simplex {
    pub(super) tree: Tree,
    level: Level,
    reduced: Vec<f64>,
    zero: Vec<f64>,
    largest_cost: f64,
}

impl Simplex {
    /// Each source in turn fills the cheapest targets that are still open. One node closes with
    /// every arc, never two: the masses are perturbed; so the arcs form a spanning tree.
    pub(super) fn new<C: CostRows>(
        part: &Part<'_, C>,
        mut supply: Vec<i64>,
        mut demand: Vec<i64>,
    ) -> Self {
        let (n, m, level) = (supply.len(), demand.len(), Level::detect());
        let zero = vec![0.0; m];
        let mut reduced = vec![0.0; m];
        // A closed target is hidden by a potential of −∞.
        let mut open = vec![0.0; m];
        let mut arcs = Vec::with_capacity(n + m - 1);
        let mut largest_cost = 0.0f64;
        for i in 0..n {
            part.reduced(level, i, &zero, &mut reduced);
            largest_cost = reduced.iter().fold(largest_cost, |m, c| m.max(c.abs()));
            while supply[i] > 0 {
                let j = two_smallest(level, &reduced, &open).argument;
                let amount = supply[i].min(demand[j]);
                arcs.push((i as u32, j as u32, amount));
                supply[i] -= amount;
                demand[j] -= amount;
                if demand[j] == 0 {
                    open[j] = f64::NEG_INFINITY;
                }
            }
        }
        let tree = Tree::new(n, m, &arcs, |i, j| part.arc_cost(i, j));
        Self { tree, level, reduced, zero, largest_cost }
    }

    /// Pivots until no arc of any row has a negative reduced cost.
    pub(super) fn run<C: CostRows>(&mut self, part: &Part<'_, C>) -> Result<(), TransportError> {
        let (n, m) = (part.rows.len(), part.columns.len());
        // Reduced costs below this are rounding of the potentials, each a sum of costs.
        let tolerance = 4.0 * f64::EPSILON * self.largest_cost.max(f64::MIN_POSITIVE);
        // Measured: about (n + m) log(n + m) pivots; this is far beyond.
        let limit = 100_000 + 400 * (n + m);
        let (mut row, mut rows_without_pivot, mut pivots, mut fresh) = (0, 0, 0, true);
        while rows_without_pivot < n {
            part.reduced(self.level, row, &self.tree.potential[n..], &mut self.reduced);
            let best = two_smallest(self.level, &self.reduced, &self.zero);
            let reduced = best.first - self.tree.potential[row];
            if reduced < -tolerance {
                if pivots == limit {
                    let residual = -reduced;
                    return Err(TransportError::NotConverged {
                        iterations: pivots,
                        residual,
                        tolerance,
                    });
                }
                self.tree.pivot(row as u32, (n + best.argument) as u32, reduced);
                (rows_without_pivot, fresh) = (0, false);
                pivots += 1;
            } else {
                rows_without_pivot += 1;
            }
            row = (row + 1) % n;
            if rows_without_pivot == n && !fresh {
                // The verdict must come from potentials that carry no rounding from the pivots.
                self.tree.recompute_potentials(|i, j| part.arc_cost(i, j));
                (rows_without_pivot, fresh) = (0, true);
            }
        }
        Ok(())
    }
}
