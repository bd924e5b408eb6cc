//! What is known of the fine climate beforehand: its mean and its distribution.

use ndarray::{Array2, ArrayView2};

use crate::grid::Grid;
use crate::regrid::Regridder;
use crate::weights::Rule;

/// Values kept of each frame, at most, for the distributions.
const KEPT: usize = 20_000;
/// Quantiles of a distribution that are kept.
const LEVELS: usize = 2_000;

/// Gathers the mean of frames, cell by cell, over those that are known.
#[derive(Debug)]
pub struct Mean {
    sums: Array2<f64>,
    counts: Array2<u32>,
}

impl Mean {
    /// Of frames of a shape.
    pub fn new(shape: (usize, usize)) -> Self {
        Self { sums: Array2::zeros(shape), counts: Array2::zeros(shape) }
    }

    /// Takes a frame.
    pub fn add(&mut self, frame: &Array2<f32>) {
        for ((sum, count), &x) in self.sums.iter_mut().zip(&mut self.counts).zip(frame) {
            if !x.is_nan() {
                *sum += f64::from(x);
                *count += 1;
            }
        }
    }

    /// The mean; missing where a cell always was.
    pub fn finish(self) -> Array2<f32> {
        let mean = |(sum, &count): (&f64, &u32)| (sum / f64::from(count)) as f32;
        let means = self.sums.iter().zip(&self.counts).map(mean).collect();
        Array2::from_shape_vec(self.sums.dim(), means).expect("as many as cells")
    }
}

/// Gathers a reference frame by frame.
#[derive(Debug)]
pub struct Gathering {
    to_fine: Regridder,
    to_coarse: Regridder,
    between: Regridder,
    mean: Mean,
    /// Values of fine fields, and of coarse ones between their centres.
    values: [Vec<f32>; 2],
}

/// The mean of fine fields, and the distributions of fine and of interpolated coarse values.
#[derive(Debug, Clone)]
pub struct Reference {
    /// Mean over time; missing where a cell always was.
    pub climatology: Array2<f32>,
    fine: Vec<f32>,
    between: Vec<f32>,
}

impl Gathering {
    /// Frames on the grid `own`, for a coarse grid and the fine one under it.
    pub fn new(own: &Grid, coarse: &Grid, fine: &Grid) -> Self {
        Self {
            to_fine: Regridder::new(own, fine, Rule::Conservative, 0.5),
            to_coarse: Regridder::new(own, coarse, Rule::Conservative, 0.5),
            between: Regridder::new(coarse, fine, Rule::Bilinear, 1.0),
            mean: Mean::new(fine.shape()),
            values: [Vec::new(), Vec::new()],
        }
    }

    /// Takes a frame.
    pub fn add(&mut self, frame: ArrayView2<f32>) {
        let fine = self.to_fine.apply(frame);
        let between = self.between.apply(self.to_coarse.apply(frame).view());
        self.mean.add(&fine);
        let stride = fine.len().div_ceil(KEPT);
        let known =
            fine.iter().zip(&between).step_by(stride).filter(|(a, b)| !a.is_nan() && !b.is_nan());
        for (&a, &b) in known {
            self.values[0].push(a);
            self.values[1].push(b);
        }
    }

    /// The reference; nothing if no cell was ever known.
    pub fn finish(self) -> Option<Reference> {
        let climatology = self.mean.finish();
        let [fine, between] = self.values.map(quantiles);
        (!fine.is_empty()).then_some(Reference { climatology, fine, between })
    }
}

/// Quantiles at evenly spaced levels, the least and the greatest among them.
fn quantiles(mut values: Vec<f32>) -> Vec<f32> {
    values.sort_by(f32::total_cmp);
    let levels = LEVELS.min(values.len());
    let at = |k: usize| values[k * (values.len() - 1) / (levels - 1).max(1)];
    (0..levels).map(at).collect()
}

impl Reference {
    /// The fine value at the place in its distribution that an interpolated value has in its own; beyond the ends, as far
    /// from the end.
    ///
    /// # Source
    /// Panofsky & Brier (1968), "Some applications of statistics to meteorology".
    pub fn mapped(&self, between: f32) -> f32 {
        let (from, to) = (&self.between, &self.fine);
        let last = from.len() - 1;
        if between.is_nan() || between <= from[0] {
            return to[0] + (between - from[0]);
        }
        if between >= from[last] {
            return to[last] + (between - from[last]);
        }
        // The middle of those levels that have this value: of zeros there are many.
        let (below, upto) =
            (from.partition_point(|&x| x < between), from.partition_point(|&x| x <= between));
        if upto > below {
            return to[(below + upto - 1) / 2];
        }
        let (a, b) = (from[below - 1], from[below]);
        let part = (between - a) / (b - a);
        to[below - 1] + part * (to[below] - to[below - 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::{Axis, Measure};

    #[test]
    fn means_and_distributions_are_those_of_the_frames() {
        let axis = |n: usize| {
            Axis::new((0..n).map(|i| i as f64).collect(), Measure::Length, None).unwrap()
        };
        let fine = Grid { y: axis(8), x: axis(8) };
        let coarse = fine.coarsened(2).unwrap();
        let mut gathering = Gathering::new(&fine, &coarse, &fine);
        for t in 0..50u32 {
            let frame = Array2::from_shape_fn((8, 8), |(i, j)| {
                if (i, j) == (0, 0) {
                    f32::NAN
                } else {
                    ((i * 8 + j) as f32 + t as f32).sin() + i as f32
                }
            });
            gathering.add(frame.view());
        }
        let reference = gathering.finish().unwrap();
        assert!(reference.climatology[(0, 0)].is_nan());
        assert!((reference.climatology[(5, 3)] - 5.0).abs() < 0.1);
        // Mapping the interpolated values themselves gives the fine distribution.
        let mapped: Vec<f32> = reference.between.iter().map(|&x| reference.mapped(x)).collect();
        // Beyond the outermost centres interpolated values stand several times: each maps to the middle of theirs.
        let off = mapped.iter().zip(&reference.fine).map(|(a, b)| (a - b).abs()).sum::<f32>();
        assert!(off / (mapped.len() as f32) < 0.02, "{off}");
        let (most, last) = (*reference.fine.last().unwrap(), *reference.between.last().unwrap());
        assert_eq!(reference.mapped(last + 1.0), most + 1.0);
    }
}
