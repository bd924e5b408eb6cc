//! White noise that belongs to places, not to cells of a grid: the same seed gives the same weather on any grid.

use candle_core::{DType, Device};
use langevin_core::{Purpose, Result, Rng, SampleId, Seed};
use ndarray::Array2;

use crate::cells::{covered, independent};

/// Points of the noise in a coarse cell, along each edge.
const LATTICE: usize = 16;

/// White noise over coarse cells, drawn on 16 by 16 points of each: a fine cell has the sum over what it covers, of variance 1.
///
/// Where fine cells are whole points of the lattice (factors 1, 2, 4, 8, 16) the numbers are independent; where they share points, neighbours
/// are correlated by what they share.
#[derive(Debug, Clone, Copy)]
pub struct WhiteNoise {
    /// Of the run.
    pub seed: Seed,
    /// A member of the ensemble, from 0.
    pub member: u32,
    /// A step of time, from 0.
    pub time: u32,
}

impl WhiteNoise {
    /// The noise of a fine grid of shape `fine` under a coarse one of shape `coarse`.
    ///
    /// # Errors
    /// [`langevin_core::Error::Tensor`] only.
    pub fn on(&self, coarse: (usize, usize), fine: (usize, usize)) -> Result<Array2<f32>> {
        let (rows, columns) = (sums(coarse.0, fine.0), sums(coarse.1, fine.1));
        let mut out = Array2::<f32>::zeros(fine);
        let mut next = 0;
        // Sums along columns of the lattice's rows that fine rows may still need.
        let mut strips: std::collections::VecDeque<(usize, Vec<f32>)> = Default::default();
        for (row, mut to) in rows.iter().zip(out.rows_mut()) {
            let (first, last) = (row[0].0, row[row.len() - 1].0);
            while next <= last {
                for (k, line) in
                    self.lines(next / LATTICE, coarse.1)?.chunks(coarse.1 * LATTICE).enumerate()
                {
                    let sum = |column: &Vec<(usize, f64)>| {
                        column.iter().map(|&(j, w)| w * line[j]).sum::<f64>() as f32
                    };
                    strips.push_back((next + k, columns.iter().map(sum).collect()));
                }
                next += LATTICE;
            }
            while strips.front().is_some_and(|(line, _)| *line < first) {
                strips.pop_front();
            }
            for &(line, weight) in row {
                let strip = &strips[line - strips[0].0].1;
                to.iter_mut().zip(strip).for_each(|(to, x)| *to += weight as f32 * x);
            }
        }
        Ok(out)
    }

    /// The lattice's lines in a row of coarse cells, one after the other.
    fn lines(&self, row: usize, columns: usize) -> Result<Vec<f64>> {
        let id = SampleId(u64::from(self.member) << 32 | row as u64);
        let mut rng = Rng::new(self.seed, Purpose::Reference, vec![id], self.time);
        let drawn = rng.normal(&[LATTICE, columns * LATTICE], DType::F64, &Device::Cpu)?;
        Ok(drawn.flatten_all()?.to_vec1::<f64>()?)
    }
}

/// For each of `fine` cells the points of the lattice over `coarse` cells that it covers, with weights whose squares add to 1.
fn sums(coarse: usize, fine: usize) -> Vec<Vec<(usize, f64)>> {
    let all = coarse * LATTICE;
    let points = all as f64 / fine as f64;
    let of = |i: usize| independent(covered([i as f64 * points, (i + 1) as f64 * points], 0..all));
    (0..fine).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(member: u32) -> WhiteNoise {
        WhiteNoise { seed: Seed(3), member, time: 0 }
    }

    /// Sums over blocks of a finer grid are the coarser grid's numbers.
    #[test]
    fn the_same_noise_on_two_grids() {
        let (fine, coarse) =
            (noise(1).on((3, 4), (48, 64)).unwrap(), noise(1).on((3, 4), (12, 16)).unwrap());
        for ((i, j), &x) in coarse.indexed_iter() {
            let block = (0..16).map(|k| fine[(4 * i + k / 4, 4 * j + k % 4)]).sum::<f32>();
            assert!((block / 4.0 - x).abs() < 1e-5);
        }
        assert_ne!(coarse, noise(2).on((3, 4), (12, 16)).unwrap());
        // A larger grid begins with the same rows.
        let more = noise(1).on((5, 4), (20, 16)).unwrap();
        assert_eq!(more.slice(ndarray::s![..12, ..]), coarse);
    }

    /// 64 · 5.5² · 64 numbers: the standard error of their variance is √(2/n), and neighbours share little; 6 of them.
    #[test]
    fn its_variance_is_one_at_any_factor() {
        for factor in [1.5, 5.5, 8.0] {
            let edge = (64.0 * factor) as usize;
            let field = noise(0).on((64, 64), (edge, edge)).unwrap();
            let n = field.len() as f64;
            let variance = field.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / n;
            assert!((variance - 1.0).abs() < 6.0 * (2.0 / n).sqrt() * 1.2, "{factor}: {variance}");
        }
    }
}
