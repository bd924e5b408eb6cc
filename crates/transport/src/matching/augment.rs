//! Shortest augmenting paths: Dijkstra's algorithm on reduced costs, one free row at a time.
//!
//! A settled row relaxes its candidate list and leaves a reminder in the heap at the distance where
//! columns outside the list could begin to matter. Most searches end before any reminder is due.

use super::candidates::Arc;
use super::{FREE, Search};
use crate::cost::CostRows;
use std::cmp::Ordering;

/// A labelled column, or a row whose list ends here (`code = columns + row`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Entry {
    distance: f64,
    code: u32,
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    /// Reversed, so that the standard max-heap gives the nearest first and the lowest code on ties.
    fn cmp(&self, other: &Self) -> Ordering {
        other.distance.total_cmp(&self.distance).then(other.code.cmp(&self.code))
    }
}

impl Search {
    /// Gives every free row a column.
    pub(super) fn augment_all(&mut self, cost: &impl CostRows) {
        let free_rows = std::mem::take(&mut self.free_rows);
        for &row in &free_rows {
            self.augment(cost, row);
        }
    }

    fn augment(&mut self, cost: &impl CostRows, source: usize) {
        self.heap.clear();
        self.nearest_free = (f64::INFINITY, FREE);
        let columns = cost.columns();
        let (mut row, mut base) = (source, 0.0);
        'settle: loop {
            self.base[row] = base;
            self.refreshed[row] = false;
            self.relax_list(row, columns);
            loop {
                // The heap runs dry only below a free column: a list's end is always in it.
                let next = self.heap.pop().filter(|e| e.distance < self.nearest_free.0);
                let Some(Entry { distance, code }) = next else { break 'settle };
                let code = code as usize;
                if code >= columns {
                    self.list_ended(cost, code - columns);
                } else if distance <= self.distance[code] {
                    self.settled.push((code as u32, distance));
                    self.distance[code] = f64::NEG_INFINITY;
                    row = self.row_of_column[code];
                    base = distance - (self.matched_cost[row] - self.v[code]);
                    break;
                }
            }
        }
        let (shortest, column) = self.nearest_free;
        for (j, length) in self.settled.drain(..) {
            self.v[j as usize] += length - shortest;
        }
        for j in self.touched.drain(..) {
            self.distance[j as usize] = f64::INFINITY;
        }
        self.flip(cost, source, column);
    }

    fn relax_list(&mut self, row: usize, columns: usize) {
        let base = self.base[row];
        for k in 0..self.candidates.list(row).len() {
            let Arc { cost, column } = self.candidates.list(row)[k];
            let j = column as usize;
            self.label(row, j, (cost - self.v[j]) + base);
        }
        let distance = self.candidates.bound(row) + base;
        if distance < self.nearest_free.0 {
            self.heap.push(Entry { distance, code: (columns + row) as u32 });
        }
    }

    /// A longer list may do; if the list was already made for these potentials, take all columns.
    fn list_ended(&mut self, cost: &impl CostRows, row: usize) {
        if !std::mem::replace(&mut self.refreshed[row], true) {
            self.candidates.build(cost, self.level, row, &self.v);
            self.relax_list(row, cost.columns());
            return;
        }
        let base = self.base[row];
        self.candidates.full_row(cost, self.level, row, &self.v);
        for j in 0..cost.columns() {
            self.label(row, j, self.candidates.last_full_row()[j] + base);
        }
    }

    #[inline]
    fn label(&mut self, row: usize, j: usize, distance: f64) {
        // A settled column's distance is −∞ here. A label beyond a free column is of no use.
        if distance < self.distance[j] && distance < self.nearest_free.0 {
            if self.distance[j] == f64::INFINITY {
                self.touched.push(j as u32);
            }
            self.distance[j] = distance;
            self.parent[j] = row as u32;
            if self.row_of_column[j] == FREE {
                self.nearest_free = (distance, j);
            } else {
                self.heap.push(Entry { distance, code: j as u32 });
            }
        }
    }

    /// Exchanges matched and unmatched arcs along the path that ends in `column`.
    fn flip(&mut self, cost: &impl CostRows, source: usize, mut column: usize) {
        loop {
            let row = self.parent[column] as usize;
            let next = self.column_of_row[row];
            self.assign(row, Arc { cost: cost.cost(row, column), column: column as u32 });
            if row == source {
                break;
            }
            column = next;
        }
    }
}
