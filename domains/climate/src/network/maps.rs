//! The linear maps between the cells of a coarse grid, of lattices that halve them, and of a fine grid of any factor.

use std::ops::Range;

use candle_core::{Result, Tensor};
use langevin_kernels::{SparseRows, along};

use crate::cells::{averaging, covered, independent};

/// A part of an axis: coarse cells, and the fine ones that are made under them.
///
/// Places are counted in coarse cells from the first edge of the whole axis, so that a part has the numbers of the whole.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    /// Of all coarse cells.
    pub(super) coarse: Range<usize>,
    /// Of all fine cells.
    pub(super) fine: Range<usize>,
    /// Fine cells of a coarse one, for the whole axis.
    pub(super) factor: f64,
}

impl Part {
    /// A whole axis.
    pub(super) fn whole(coarse: usize, fine: usize) -> Self {
        Self { coarse: 0..coarse, fine: 0..fine, factor: fine as f64 / coarse as f64 }
    }

    /// The part under coarse cells `coarse`: every fine cell that reaches into one of them.
    pub(super) fn under(&self, coarse: Range<usize>) -> Self {
        let first = (coarse.start as f64 * self.factor + 1e-9).floor() as usize;
        let end = (coarse.end as f64 * self.factor - 1e-9).ceil() as usize;
        Self { fine: first..end.min(self.fine.end), coarse, ..self.clone() }
    }

    /// The fine cells of the part that reach into an interval, with what it covers of each.
    fn shares(&self, interval: [f64; 2]) -> Vec<(usize, f64)> {
        let row = covered(interval.map(|at| at * self.factor), self.fine.clone());
        row.into_iter().map(|(j, share)| (j - self.fine.start, share)).collect()
    }

    /// Between the centres of cells that are `1/per` of a coarse one, at `at`; beyond the outermost as there.
    fn between(&self, at: f64, per: usize) -> Vec<(usize, f64)> {
        let place = at * per as f64 - 0.5;
        let (first, last) = (self.coarse.start * per, self.coarse.end * per - 1);
        let low = place.floor();
        let part = place - low;
        let cell = |i: f64| (i.max(first as f64) as usize).min(last) - first;
        let (a, b) = (cell(low), cell(low + 1.0));
        if a == b || part == 0.0 { vec![(a, 1.0)] } else { vec![(a, 1.0 - part), (b, part)] }
    }
}

/// The maps of a part of an axis. Lattice `l` has `2^l` cells in a coarse one.
#[derive(Debug, Clone)]
pub(super) struct AxisMaps {
    /// Sums of independent numbers of fine cells over the cells of each lattice, of the same variance.
    pool: Vec<SparseRows>,
    /// From the centres of each lattice to those of fine cells.
    lift: Vec<SparseRows>,
    /// From the centres of each lattice to those of the next.
    double: Vec<SparseRows>,
    /// Means over the coarse cells.
    mean: SparseRows,
    /// To each fine cell, the coarse one's value; the mean of those it lies in.
    spread: SparseRows,
    /// Of each fine cell: its place in the coarse cell, and in that of the finest lattice, both from −1 to 1.
    pub(super) places: Vec<[f64; 2]>,
}

impl AxisMaps {
    /// The maps of `part` for `lattices` of them.
    ///
    /// # Errors
    /// None that a part can cause.
    pub(super) fn new(part: &Part, lattices: usize) -> Result<Self> {
        let fine = part.fine.len();
        let centre = |j: usize| (j as f64 + 0.5) / part.factor;
        let cells = |per: usize| part.coarse.start * per..part.coarse.end * per;
        let interval = |i: usize, per: usize| [i as f64 / per as f64, (i + 1) as f64 / per as f64];
        let (mut pool, mut lift, mut double) = (Vec::new(), Vec::new(), Vec::new());
        for lattice in 0..lattices {
            let per = 1 << lattice;
            let sums = cells(per).map(|i| independent(part.shares(interval(i, per))));
            pool.push(SparseRows::new(&sums.collect::<Vec<_>>(), fine)?);
            let rows: Vec<_> = part.fine.clone().map(|j| part.between(centre(j), per)).collect();
            lift.push(SparseRows::new(&rows, part.coarse.len() * per)?);
            let finer = cells(2 * per).map(|i| (i as f64 + 0.5) / (2 * per) as f64);
            let rows: Vec<_> = finer.map(|at| part.between(at, per)).collect();
            double.push(SparseRows::new(&rows, part.coarse.len() * per)?);
        }
        let means: Vec<_> = cells(1).map(|i| averaging(part.shares(interval(i, 1)))).collect();
        let mut spread = vec![Vec::new(); fine];
        for (i, row) in cells(1).map(|i| part.shares(interval(i, 1))).enumerate() {
            row.into_iter().for_each(|(j, share)| spread[j].push((i, share)));
        }
        let spread: Vec<_> = spread.into_iter().map(averaging).collect();
        let finest = (1usize << (lattices - 1)) as f64;
        let place = |j: usize| [1.0, finest].map(|per| 2.0 * (centre(j) * per).fract() - 1.0);
        Ok(Self {
            pool,
            lift,
            double,
            mean: SparseRows::new(&means, fine)?,
            spread: SparseRows::new(&spread, part.coarse.len())?,
            places: part.fine.clone().map(place).collect(),
        })
    }
}

/// The maps of a part of a field.
#[derive(Debug, Clone)]
pub(super) struct Maps {
    pub(super) y: AxisMaps,
    pub(super) x: AxisMaps,
}

impl Maps {
    /// A map along both axes: rows last, so that the larger product runs along whole rows.
    fn both(&self, x: &Tensor, matrix: impl Fn(&AxisMaps) -> &SparseRows) -> Result<Tensor> {
        along(&along(x, 3, matrix(&self.x))?, 2, matrix(&self.y))
    }

    /// Fine noise as that of lattice `l`.
    pub(super) fn pool(&self, fine: &Tensor, lattice: usize) -> Result<Tensor> {
        // Rows first: the columns' product is then the smaller one.
        along(&along(fine, 2, &self.y.pool[lattice])?, 3, &self.x.pool[lattice])
    }

    /// From lattice `l` to the fine cells.
    pub(super) fn lift(&self, x: &Tensor, lattice: usize) -> Result<Tensor> {
        self.both(x, |maps| &maps.lift[lattice])
    }

    /// From lattice `l` to the next.
    pub(super) fn double(&self, x: &Tensor, lattice: usize) -> Result<Tensor> {
        self.both(x, |maps| &maps.double[lattice])
    }

    /// Means over coarse cells.
    pub(super) fn means(&self, fine: &Tensor) -> Result<Tensor> {
        along(&along(fine, 2, &self.y.mean)?, 3, &self.x.mean)
    }

    /// Values of coarse cells in the fine ones.
    pub(super) fn spread(&self, coarse: &Tensor) -> Result<Tensor> {
        self.both(coarse, |maps| &maps.spread)
    }
}

/// A coarse field between its centres, at those of fine cells like `fine`'s: bilinear; beyond the outermost as there.
///
/// # Errors
/// If one does not lie over the other.
pub(crate) fn between(coarse: &Tensor, fine: &Tensor) -> Result<Tensor> {
    let (_, _, rows, columns) = coarse.dims4()?;
    let (_, _, height, width) = fine.dims4()?;
    let y = AxisMaps::new(&Part::whole(rows, height), 1)?;
    Maps { y, x: AxisMaps::new(&Part::whole(columns, width), 1)? }.lift(coarse, 0)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    fn maps(factor: f64) -> (Maps, usize) {
        let (coarse, fine) = (4, (4.0 * factor).round() as usize);
        let axis = AxisMaps::new(&Part::whole(coarse, fine), 4).unwrap();
        (Maps { y: axis.clone(), x: axis }, fine)
    }

    fn values(x: &Tensor) -> Vec<f64> {
        x.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn means_of_spread_values_are_the_values_and_constants_stay() {
        let coarse =
            Tensor::arange(0.0, 16.0, &Device::Cpu).unwrap().reshape((1, 1, 4, 4)).unwrap();
        for factor in [2.0, 3.0, 5.5, 16.0] {
            let (maps, fine) = maps(factor);
            let one = Tensor::ones((1, 1, 4, 4), DType::F64, &Device::Cpu).unwrap();
            for lattice in 0..4 {
                let per = 1 << lattice;
                let one = Tensor::ones((1, 1, 4 * per, 4 * per), DType::F64, &Device::Cpu).unwrap();
                let lifted = maps.lift(&one, lattice).unwrap();
                assert_eq!(lifted.dims(), [1, 1, fine, fine]);
                assert!(values(&lifted).iter().all(|x| (x - 1.0).abs() < 1e-12), "{factor}");
            }
            assert!(values(&maps.double(&one, 0).unwrap()).iter().all(|x| (x - 1.0).abs() < 1e-12));
            if factor.fract() == 0.0 {
                let back = maps.means(&maps.spread(&coarse).unwrap()).unwrap();
                let same =
                    values(&back).iter().zip(values(&coarse)).all(|(a, b)| (a - b).abs() < 1e-12);
                assert!(same, "{factor}");
            }
        }
    }

    /// Sums over cells of independent numbers of variance 1 have variance 1: squares of weights add to 1.
    #[test]
    fn noise_keeps_its_variance_on_every_lattice() {
        for factor in [2.0, 5.5, 8.0] {
            let part = Part::whole(4, (4.0 * factor) as usize);
            for i in 0..4 {
                let row = independent(part.shares([f64::from(i), f64::from(i + 1)]));
                let squares: f64 = row.iter().map(|(_, w)| w * w).sum();
                assert!((squares - 1.0).abs() < 1e-12);
            }
        }
    }

    /// Inside, the maps of a part are those of the whole.
    #[test]
    fn parts_have_the_numbers_of_the_whole() {
        let whole = Part::whole(12, 66);
        let part = whole.under(3..9);
        assert_eq!((part.fine.clone(), part.factor), (16..50, 5.5));
        let (all, own) = (AxisMaps::new(&whole, 3).unwrap(), AxisMaps::new(&part, 3).unwrap());
        let field = |n: usize, from: usize| {
            let values: Vec<f64> = (from..from + n).map(|i| (i as f64 * 0.7).sin()).collect();
            Tensor::from_vec(values, n, &Device::Cpu).unwrap()
        };
        let lifted = along(&field(24, 0), 0, &all.lift[1]).unwrap();
        let inside = along(&field(12, 6), 0, &own.lift[1]).unwrap();
        // A cell of the lattice from the part's ends is as the whole.
        assert_eq!(values(&lifted)[24..42], values(&inside)[8..26]);
    }
}
