//! First duals and a partial matching in complementary slackness with them.

use super::scan::{TwoSmallest, lower, two_smallest};
use super::{Assigner, FREE};
use crate::cost::CostView;

impl Assigner {
    /// `v[j] = min_i cost(i, j)`: only for square problems, where every column will have a row.
    pub(super) fn column_reduction(&mut self, cost: CostView<'_>) {
        self.v.fill(f64::INFINITY);
        for i in 0..cost.rows() {
            lower(self.level, cost.row(i), &mut self.v);
        }
    }

    /// Brings the potentials near their optimum by auctions at falling ε: each free row takes its
    /// cheapest column and lowers that column's potential until the second cheapest is better by ε.
    ///
    /// Potentials from here are a start, not an answer: whatever they are, the later stages are
    /// exact. Without them, searches in two dimensions visit fifty times as many rows.
    ///
    /// # Source
    /// Bertsekas (1988), Annals of Operations Research 14, 105–123.
    pub(super) fn auctions(&mut self, cost: CostView<'_>) {
        let n = cost.rows();
        let spread = self.spread(cost);
        // From a quarter of the spread, by fifths, to where n bidders of ε each are half a spread:
        // measured at n = 256 and 1024, in 2 and 16 dimensions; a factor of two either way in any
        // of the three costs less than a fifth more time.
        let mut eps = spread / 4.0;
        let last = spread / 2.0 / n as f64;
        while eps > last {
            if !self.auction(cost, eps) {
                break;
            }
            eps /= 5.0;
        }
    }

    /// One auction from an empty matching; false if it was given up.
    fn auction(&mut self, cost: CostView<'_>, eps: f64) -> bool {
        // A price war between distant clusters takes (distance / ε) bids; searches end it sooner.
        let mut bids_left = 24 * cost.rows();
        self.column_of_row.fill(FREE);
        self.row_of_column.fill(FREE);
        for first in 0..cost.rows() {
            let mut row = first;
            while row != FREE {
                if bids_left == 0 {
                    return false;
                }
                bids_left -= 1;
                let found = two_smallest(self.level, cost.row(row), &self.v);
                let j = found.argument;
                if found.second.is_finite() {
                    self.v[j] -= (found.second - found.first) + eps;
                }
                self.column_of_row[row] = j;
                row = std::mem::replace(&mut self.row_of_column[j], row);
            }
        }
        true
    }

    /// Mean over some rows of mean less least reduced cost: what a wrong choice typically costs.
    fn spread(&self, cost: CostView<'_>) -> f64 {
        let n = cost.rows();
        let step = n.div_ceil(32);
        let rows = (0..n).step_by(step);
        let count = rows.len() as f64;
        let one = |i| {
            let reduced = cost.row(i).iter().zip(&self.v).map(|(c, v)| c - v);
            let (sum, least) =
                reduced.fold((0.0, f64::INFINITY), |(s, m), r| (s + r, f64::min(m, r)));
            sum / n as f64 - least
        };
        rows.map(one).sum::<f64>() / count
    }

    /// Each free row takes its cheapest column and lowers that column's potential until its second
    /// cheapest is as good; the row it displaces goes next while the duals keep moving.
    pub(super) fn augmenting_row_reduction(&mut self, cost: CostView<'_>) {
        let queue = std::mem::take(&mut self.free_rows);
        // Longer chains of displacements cost more than the searches they save, and potentials that
        // fall by less than their rounding could displace each other for ever.
        let (mut displacements, limit) = (0, cost.rows() + 64);
        for first in queue {
            let mut row = first;
            loop {
                let found = two_smallest(self.level, cost.row(row), &self.v);
                let TwoSmallest { first: best, argument: mut j, second } = found;
                let lowered = self.v[j] - (second - best);
                let moved = lowered < self.v[j] && second.is_finite();
                if moved {
                    self.v[j] = lowered;
                } else if self.row_of_column[j] != FREE {
                    // A tie: another column of the same cost may still be free.
                    let mut columns = cost.row(row).iter().zip(&self.v).zip(&self.row_of_column);
                    let free = columns.position(|((c, v), owner)| *owner == FREE && c - v == best);
                    j = free.unwrap_or(j);
                }
                self.column_of_row[row] = j;
                let displaced = std::mem::replace(&mut self.row_of_column[j], row);
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
}
