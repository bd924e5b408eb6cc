//! Which atom goes with which: only those of one element can be paired.

use std::ops::Range;

use langevin_transport::{Assigner, CostView, TransportError};

use crate::element::Element;
use crate::geometry::{Vec3, dot};

/// The blocks of equal elements in a sorted list, and a solver for each.
pub(super) struct Pairing {
    blocks: Vec<Range<usize>>,
    block_of: Vec<usize>,
    /// The block of the anchor.
    anchors: usize,
    solver: Assigner,
    cost: Vec<f64>,
}

impl Pairing {
    /// For atoms of `species`, sorted; the first of the element `anchor` is the anchor.
    pub(super) fn new(species: &[Element], anchor: Element) -> Self {
        let (mut blocks, mut block_of, mut start) = (Vec::new(), Vec::new(), 0);
        for block in species.chunk_by(|a, b| a == b) {
            block_of.extend(std::iter::repeat_n(blocks.len(), block.len()));
            blocks.push(start..start + block.len());
            start += block.len();
        }
        let first = species.iter().position(|&e| e == anchor).expect("one of the species");
        let anchors = block_of[first];
        Self { blocks, block_of, anchors, solver: Assigner::new(), cost: Vec::new() }
    }

    /// The atom that is laid over others.
    pub(super) fn anchor(&self) -> usize {
        self.anchors().start
    }

    /// The places of the anchor.
    pub(super) fn anchors(&self) -> Range<usize> {
        self.blocks[self.anchors].clone()
    }

    /// Atoms that atom `i` can be paired with.
    pub(super) fn partners(&self, i: usize) -> Range<usize> {
        self.blocks[self.block_of[i]].clone()
    }

    /// For each atom its partner and the vector to it, of the pairing with the least sum of squares; nothing if
    /// some atom has no partner in reach.
    pub(super) fn solve(
        &mut self,
        vector: impl Fn(usize, usize) -> Option<Vec3>,
    ) -> Result<Option<Vec<(usize, Vec3)>>, TransportError> {
        let mut paired = Vec::with_capacity(self.block_of.len());
        for block in &self.blocks {
            let size = block.len();
            if size == 1 {
                let Some(vector) = vector(block.start, block.start) else { return Ok(None) };
                paired.push((block.start, vector));
                continue;
            }
            let pairs = block.clone().flat_map(|i| block.clone().map(move |j| (i, j)));
            let vectors: Vec<Option<Vec3>> = pairs.map(|(i, j)| vector(i, j)).collect();
            let squares = || vectors.iter().map(|v| v.map(|v| dot(&v, &v)));
            // More than any pairing within reach costs, so that it is taken only where there is no such.
            let beyond = 1.0 + size as f64 * squares().flatten().fold(0.0, f64::max);
            self.cost.clear();
            self.cost.extend(squares().map(|square| square.unwrap_or(beyond)));
            let columns = match each_nearest(&self.cost, size) {
                Some(columns) => columns,
                None => self.solver.solve(CostView::new(&self.cost, size, size)?)?.column_of_row,
            };
            for (i, &j) in columns.iter().enumerate() {
                let Some(vector) = vectors[i * size + j] else { return Ok(None) };
                paired.push((block.start + j, vector));
            }
        }
        Ok(Some(paired))
    }
}

/// The column of least cost in each row, if it is alone in that and no two rows want the same: then there is
/// no other assignment as good.
fn each_nearest(cost: &[f64], size: usize) -> Option<Vec<usize>> {
    // Costs, in Å², that differ by less may be equal: then the solver decides.
    const EQUAL: f64 = 1e-9;
    let mut taken = vec![false; size];
    let mut columns = Vec::with_capacity(size);
    for row in cost.chunks_exact(size) {
        let (mut least, mut second, mut column) = (f64::INFINITY, f64::INFINITY, 0);
        for (j, &cost) in row.iter().enumerate() {
            if cost < least {
                (least, second, column) = (cost, least, j);
            } else {
                second = second.min(cost);
            }
        }
        if second - least <= EQUAL || std::mem::replace(&mut taken[column], true) {
            return None;
        }
        columns.push(column);
    }
    Some(columns)
}
