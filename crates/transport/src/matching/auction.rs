//! First duals and a partial matching that satisfies complementary slackness with them.

use super::candidates::Arc;
use super::{FREE, Search};
use crate::cost::CostRows;

impl Search {
    /// Brings the potentials near their optimum by auctions at falling ε, then matches what it can
    /// by augmenting row reduction. Any potentials are a correct start, so every limit here is a
    /// matter of time only.
    ///
    /// # Source
    /// Bertsekas (1988), Annals of Operations Research 14, 105–123.
    pub(super) fn auctions(&mut self, cost: &impl CostRows, first: f64, last: f64) {
        let n = cost.rows();
        let mut eps = first;
        let mut bids_left = 400 * n;
        loop {
            // Too small an ε for the present potentials is a price war: rows bid for the same
            // columns (error / ε) times. It is cheaper to come back from a larger ε.
            let budget = bids_left.min(24 * n);
            let bids = self.auction(cost, eps, budget);
            bids_left -= bids;
            self.clear_matching();
            if bids == budget && bids_left > 0 {
                eps *= 25.0;
                continue;
            }
            if eps <= last || bids_left == 0 {
                for _ in 0..2 {
                    self.augmenting_row_reduction(cost);
                }
                // Where costs differ between regions by orders of magnitude, `last` is still too
                // large for the smallest; where they tie, no ε helps.
                if self.free_rows.len() <= n / 40 || eps <= 1e-6 * last || bids_left == 0 {
                    break;
                }
                self.clear_matching();
            }
            eps /= 5.0;
        }
    }

    fn clear_matching(&mut self) {
        self.column_of_row.fill(FREE);
        self.row_of_column.fill(FREE);
        self.free_rows.clear();
        self.free_rows.extend(0..self.column_of_row.len());
    }

    /// One auction from an empty matching: each free row takes its cheapest column and lowers that
    /// column's potential until the second cheapest is better by ε. Returns the number of bids,
    /// `budget` if it was given up.
    fn auction(&mut self, cost: &impl CostRows, eps: f64, budget: usize) -> usize {
        let mut bids = 0;
        for first in 0..cost.rows() {
            let mut row = first;
            while row != FREE {
                if bids == budget {
                    return budget;
                }
                bids += 1;
                let (best, arc, second) = self.two_cheapest(cost, row);
                let j = arc.column as usize;
                if second.is_finite() {
                    self.v[j] -= (second - best) + eps;
                }
                let displaced = self.row_of_column[j];
                self.assign(row, arc);
                row = displaced;
            }
        }
        bids
    }

    /// Each free row takes its cheapest column and lowers that column's potential until its second
    /// cheapest is as good; the row it displaces goes next while the duals keep moving.
    fn augmenting_row_reduction(&mut self, cost: &impl CostRows) {
        let queue = std::mem::take(&mut self.free_rows);
        // Longer chains of displacements cost more than the searches they save, and potentials that
        // fall by less than their rounding could displace each other for ever.
        let (mut displacements, limit) = (0, cost.rows() + 64);
        for first in queue {
            let mut row = first;
            loop {
                let (best, mut arc, second) = self.two_cheapest(cost, row);
                let j = arc.column as usize;
                let lowered = self.v[j] - (second - best);
                let moved = lowered < self.v[j] && second.is_finite();
                if moved {
                    self.v[j] = lowered;
                } else if self.row_of_column[j] != FREE {
                    // A tie: another column of the same cost may still be free.
                    let tied_and_free = |a: &&Arc| {
                        let k = a.column as usize;
                        self.row_of_column[k] == FREE && a.cost - self.v[k] == best
                    };
                    if let Some(other) = self.candidates.list(row).iter().find(tied_and_free) {
                        arc = *other;
                    }
                }
                let displaced = self.row_of_column[arc.column as usize];
                self.assign(row, arc);
                if displaced == FREE {
                    break;
                }
                self.column_of_row[displaced] = FREE;
                displacements += 1;
                if !moved || displacements > limit {
                    self.free_rows.push(displaced);
                    break;
                }
                row = displaced;
            }
        }
    }

    /// The smallest reduced cost of a row, its arc, and the second smallest.
    fn two_cheapest(&mut self, cost: &impl CostRows, row: usize) -> (f64, Arc, f64) {
        let found = self.two_in_list(row);
        if found.2 <= self.candidates.bound(row) {
            return found;
        }
        self.candidates.build(cost, self.level, row, &self.v);
        self.two_in_list(row)
    }

    fn two_in_list(&self, row: usize) -> (f64, Arc, f64) {
        let (mut best, mut second) = (f64::INFINITY, f64::INFINITY);
        let mut arc = Arc { cost: 0.0, column: 0 };
        for a in self.candidates.list(row) {
            let r = a.cost - self.v[a.column as usize];
            if r < best {
                (second, best, arc) = (best, r, *a);
            } else if r < second {
                second = r;
            }
        }
        (best, arc, second)
    }
}
