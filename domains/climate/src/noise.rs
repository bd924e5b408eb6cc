//! White noise that belongs to places, not to cells of a grid: the same seed gives the same weather on any grid.

use std::collections::BTreeMap;

use candle_core::{DType, Device};
use langevin_core::{Purpose, Result, Rng, SampleId, Seed};
use ndarray::Array2;

use crate::cells::{covered, independent};

/// Points of the noise in a coarse cell, along each edge.
const LATTICE: usize = 16;

/// White noise over coarse cells, drawn on 16 by 16 points of each: a fine cell has the sum over what it covers, of variance 1.
///
/// Where fine cells are whole points of the lattice (factors 1, 2, 4, 8, 16) the numbers are independent. Where neighbours share points,
/// what that correlates is taken out of both: with `C = 1 + E` the sums' covariance along an axis, they become `C^{−1/2}` times
/// themselves, by the series of the root to the fourth power of `E`; to 0.02 at factors up to 12, to 0.15 beyond. A network that was trained on white noise would else see
/// too much of it on all coarser lattices.
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

/// For each of `fine` cells the points of the lattice over `coarse` cells that it has, with weights whose squares add to 1.
fn sums(coarse: usize, fine: usize) -> Vec<Vec<(usize, f64)>> {
    let all = coarse * LATTICE;
    let points = all as f64 / fine as f64;
    let of = |i: usize| independent(covered([i as f64 * points, (i + 1) as f64 * points], 0..all));
    let rows: Vec<_> = (0..fine).map(of).collect();
    // Cells are a point wide or more: only neighbours share one.
    let shared: Vec<f64> = rows.windows(2).map(|pair| product(&pair[0], &pair[1])).collect();
    if shared.iter().all(|&e| e.abs() < 1e-9) { rows } else { whitened(rows, &shared) }
}

/// `C^{−1/2}` times the rows, `C` having `shared` beside a diagonal of 1.
fn whitened(rows: Vec<Vec<(usize, f64)>>, shared: &[f64]) -> Vec<Vec<(usize, f64)>> {
    const ORDER: u32 = 4;
    let (mut sum, mut power, mut coefficient) = (rows.clone(), rows, 1.0);
    for k in 1..=ORDER {
        let before = |i: usize| i.checked_sub(1).map(|j| (shared[j], &power[j]));
        let behind = |i: usize| shared.get(i).map(|&e| (e, &power[i + 1]));
        let next = (0..power.len()).map(|i| combined(before(i).into_iter().chain(behind(i))));
        power = next.collect();
        coefficient *= -f64::from(2 * k - 1) / f64::from(2 * k);
        for (sum, term) in sum.iter_mut().zip(&power) {
            *sum = combined([(1.0, &*sum), (coefficient, term)].into_iter());
        }
    }
    sum.into_iter().map(independent).collect()
}

/// `Σ weight · row` of rows whose columns ascend.
fn combined<'a>(terms: impl Iterator<Item = (f64, &'a Vec<(usize, f64)>)>) -> Vec<(usize, f64)> {
    let mut sum = BTreeMap::new();
    for (weight, row) in terms {
        row.iter().for_each(|&(j, x)| *sum.entry(j).or_insert(0.0) += weight * x);
    }
    sum.into_iter().collect()
}

/// `Σ_j a_j b_j`.
fn product(a: &[(usize, f64)], b: &[(usize, f64)]) -> f64 {
    let other = |j: usize| b.iter().find(|&&(k, _)| k == j).map_or(0.0, |&(_, x)| x);
    a.iter().map(|&(j, x)| x * other(j)).sum()
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

    /// Products of weights are covariances. Between 12 and 16 cells are hardly wider than points, and something stays.
    #[test]
    fn it_is_white_at_any_factor() {
        let most = |factor: f64| if factor > 12.0 { 0.15 } else { 0.02 };
        for factor in [2.5, 3.0, 5.5, 7.0, 9.0, 12.0, 13.0, 15.5] {
            let rows = sums(16, (16.0 * factor) as usize);
            let worst = |lag: usize| {
                let pairs = rows.windows(lag + 1).map(|pair| product(&pair[0], &pair[lag]).abs());
                pairs.fold(0.0, f64::max)
            };
            assert!((worst(0) - 1.0).abs() < 1e-12);
            for lag in 1..4 {
                assert!(worst(lag) < most(factor), "{factor}, {lag} apart: {}", worst(lag));
            }
        }
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
