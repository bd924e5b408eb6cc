//! First duals and a partial matching that satisfies complementary slackness with them.

use super::candidates::Arc;
use super::{FREE, Search};
use crate::cost::CostRows;

impl Search {
    /// Brings the potentials near their optimum by auctions at falling ε: each free row takes its
    /// cheapest column and lowers that column's potential until the second cheapest is better by ε.
    /// The matching is empty afterwards; the potentials are a start, and any start is correct.
    ///
    /// # Source
    /// Bertsekas (1988), Annals of Operations Research 14, 105–123.
    pub(super) fn auctions(&mut self, cost: &impl CostRows, first: f64, last: f64) {
        let mut eps = first;
        loop {
            let finished = self.auction(cost, eps);
            self.column_of_row.fill(FREE);
            self.row_of_column.fill(FREE);
            if !finished || eps <= last.max(f64::MIN_POSITIVE) {
                break;
            }
            eps /= 5.0;
        }
    }

    /// One auction from an empty matching; false if it was given up.
    fn auction(&mut self, cost: &impl CostRows, eps: f64) -> bool {
        // A price war between distant clusters takes (distance / ε) bids; searches end it sooner.
        let mut bids_left = 64 * cost.rows();
        for first in 0..cost.rows() {
            let mut row = first;
            while row != FREE {
                if bids_left == 0 {
                    return false;
                }
                bids_left -= 1;
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
        true
    }

    /// Each free row takes its cheapest column and lowers that column's potential until its second
    /// cheapest is as good; the row it displaces goes next while the duals keep moving.
    pub(super) fn augmenting_row_reduction(&mut self, cost: &impl CostRows) {
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
