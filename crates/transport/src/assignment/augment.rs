//! Shortest augmenting paths: Dijkstra's algorithm on reduced costs, one free row at a time.

use super::scan::relax;
use super::{Assigner, FREE};
use crate::cost::CostView;

impl Assigner {
    /// Gives every free row a column.
    pub(super) fn augment_all(&mut self, cost: CostView<'_>) {
        let free_rows = std::mem::take(&mut self.free_rows);
        for &row in &free_rows {
            self.augment(cost, row);
        }
        self.free_rows = free_rows;
    }

    fn augment(&mut self, cost: CostView<'_>, source: usize) {
        self.distance.fill(f64::INFINITY);
        self.open_v.copy_from_slice(&self.v);
        self.settled.clear();
        let (mut row, mut base) = (source, 0.0);
        let (shortest, mut column) = loop {
            let (length, column) = relax(
                self.level,
                cost.row(row),
                &self.open_v,
                base,
                row as u64,
                &mut self.distance,
                &mut self.parent,
            );
            row = self.row_of_column[column];
            if row == FREE {
                break (length, column);
            }
            self.settled.push((column, length));
            self.distance[column] = f64::INFINITY;
            self.open_v[column] = f64::NEG_INFINITY;
            // Distance of `row` less its implied potential, so that the scan adds one number.
            base = length - (cost.row(row)[column] - self.v[column]);
        };
        for &(j, length) in &self.settled {
            self.v[j] += length - shortest;
        }
        loop {
            let row = self.parent[column] as usize;
            self.row_of_column[column] = row;
            column = std::mem::replace(&mut self.column_of_row[row], column);
            if row == source {
                break;
            }
        }
    }
}
