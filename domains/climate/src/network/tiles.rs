//! Large fields in tiles, each with as much around it as reaches into it: the same bits as the whole at once.

use std::ops::Range;

use candle_core::Tensor;
use langevin_core::Result;
use rayon::prelude::*;

use super::maps::Part;

/// Coarse cells along an edge of a tile.
const EDGE: usize = 48;

/// A field made tile by tile; `make` gives the fine field under a part, whose borders are right from `reach` coarse cells
/// inwards, or at the borders of the whole. Side by side on the CPU, in turn on another device, which is one.
///
/// # Errors
/// The first error of `make`.
pub(super) fn made(
    whole: &[Part; 2],
    reach: usize,
    on_cpu: bool,
    make: impl Fn([&Part; 2]) -> Result<Tensor> + Sync,
) -> Result<Tensor> {
    if whole.iter().all(|axis| axis.coarse.len() <= EDGE + 2 * reach) {
        return make([&whole[0], &whole[1]]);
    }
    let [rows, columns] = whole.each_ref().map(|axis| cuts(axis, reach));
    let strip = |row: &Tile| -> Result<Tensor> {
        let one = |column: &Tile| -> Result<Tensor> {
            let tile = make([&row.part, &column.part])?;
            let tile = tile.narrow(2, row.kept.start, row.kept.len())?;
            Ok(tile.narrow(3, column.kept.start, column.kept.len())?.contiguous()?)
        };
        let tiles = if on_cpu {
            columns.par_iter().with_max_len(1).map(one).collect::<Result<Vec<_>>>()?
        } else {
            columns.iter().map(one).collect::<Result<Vec<_>>>()?
        };
        Ok(Tensor::cat(&tiles, 3)?)
    };
    let strips = rows.iter().map(strip).collect::<Result<Vec<_>>>()?;
    Ok(Tensor::cat(&strips, 2)?)
}

/// A part of an axis with what is around it.
struct Tile {
    part: Part,
    /// Fine cells that are kept, counted from the first of the part.
    kept: Range<usize>,
}

/// An axis cut into tiles: every fine cell is kept by one of them.
fn cuts(axis: &Part, reach: usize) -> Vec<Tile> {
    let (coarse, fine) = (axis.coarse.end, axis.fine.end);
    let border = |cell: usize| {
        if cell >= coarse { fine } else { (cell as f64 * axis.factor).round() as usize }
    };
    let tile = |first: usize| {
        let end = (first + EDGE).min(coarse);
        let part = axis.under(first.saturating_sub(reach)..(end + reach).min(coarse));
        let kept = border(first) - part.fine.start..border(end) - part.fine.start;
        Tile { part, kept }
    };
    (0..coarse).step_by(EDGE).map(tile).collect()
}
