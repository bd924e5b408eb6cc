//! Bands that hold what they promise: limits of members, corrected by what they missed before.

use anyhow::Result;
use langevin_uq::conformal::{pooled_quantile, quantile_residuals};
use langevin_uq::coverage::{Coverage, coverage};
use langevin_uq::quantiles::quantiles;
use ndarray::{Array1, ArrayView1};

use super::exceedances::Shown;
use crate::refused;

/// Limits of members, and the same moved outwards by what the first half of the steps asks for: conformalised quantile
/// regression, blocks of steps being exchangeable.
#[derive(Debug, Clone)]
pub struct Bands {
    level: f64,
    /// Steps of a block.
    block: usize,
    /// Steps that are learnt from.
    learnt: usize,
    steps: usize,
    /// How far what was observed is outside the limits, in each block that is learnt from.
    outside: Vec<Vec<f64>>,
    /// How far limits are moved, once that is known.
    moved: Option<f64>,
    own: Sum,
    conformal: Sum,
}

/// Sums over steps.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    covered: f64,
    width: f64,
}

impl Sum {
    fn add(&mut self, one: Coverage) {
        self.covered += one.covered;
        self.width += one.width;
    }
}

impl Bands {
    /// Bands that are to cover `level`, learnt on the first half of `steps` in blocks of `block`.
    ///
    /// # Errors
    /// A level outside 0 to 1, one member, or too few blocks for the level.
    pub fn plan(level: f64, block: usize, (steps, members): (usize, usize)) -> Result<Self> {
        if !(level > 0.0 && level < 1.0) {
            return refused(format!("--bands: found {level}, allowed: between 0 and 1"));
        }
        if members < 2 {
            return refused("--bands: found one member, needed: 2 or more");
        }
        let blocks = (steps / 2).checked_div(block).unwrap_or(0);
        // With fewer the level is beyond all that was seen, and no width is enough.
        let fewest = (1.0 / (1.0 - level) - 1.0 - 1e-9).ceil() as usize;
        if blocks < fewest.max(1) {
            return refused(format!(
                "--bands {level}: found {blocks} blocks of {block} steps to learn from in the first half of {steps} steps, \
                 allowed: {fewest} or more (--block)"
            ));
        }
        let (own, conformal) = (Sum::default(), Sum::default());
        let (learnt, outside) = (blocks * block, Vec::new());
        Ok(Self { level, block, learnt, steps: 0, outside, moved: None, own, conformal })
    }

    /// Adds a step: to learn from, or to be told of.
    ///
    /// # Errors
    /// If no cell has a value on both sides.
    pub fn add(&mut self, shown: &Shown) -> Result<()> {
        let observed = shown.observed.mapv(f64::from);
        let (lower, upper) = self.limits(shown)?;
        if self.steps < self.learnt {
            if self.steps.is_multiple_of(self.block) {
                self.outside.push(Vec::new());
            }
            let outside = quantile_residuals(lower.view(), upper.view(), observed.view())?;
            self.outside.last_mut().expect("one was begun").extend(outside);
        } else {
            let moved = self.moved()?;
            let (lower, upper) = (lower.view(), upper.view());
            let (seen, weights) = (observed.view(), Some(shown.weights));
            self.own.add(coverage(lower, upper, seen, weights)?);
            let (lower, upper) = (&lower - moved, &upper + moved);
            self.conformal.add(coverage(lower.view(), upper.view(), seen, weights)?);
        }
        self.steps += 1;
        Ok(())
    }

    /// Central limits of members at each cell; a missing member leaves none.
    fn limits(&self, shown: &Shown) -> Result<(Array1<f64>, Array1<f64>)> {
        let tail = 0.5 * (1.0 - self.level);
        let of_cell = |members: ArrayView1<f32>| -> Result<(f64, f64)> {
            if members.iter().any(|x| x.is_nan()) {
                return Ok((f64::NAN, f64::NAN));
            }
            let limits = quantiles(members, &[tail, 1.0 - tail])?;
            Ok((limits[0], limits[1]))
        };
        let all = shown.cells.columns().into_iter().map(of_cell).collect::<Result<Vec<_>>>()?;
        let (lower, upper): (Vec<f64>, Vec<f64>) = all.into_iter().unzip();
        Ok((lower.into(), upper.into()))
    }

    fn moved(&mut self) -> Result<f64> {
        if let Some(moved) = self.moved {
            return Ok(moved);
        }
        let blocks: Vec<Array1<f64>> = self.outside.drain(..).map(Array1::from).collect();
        let views: Vec<ArrayView1<f64>> = blocks.iter().map(|block| block.view()).collect();
        let moved = pooled_quantile(&views, 1.0 - self.level)?;
        self.moved = Some(moved);
        Ok(moved)
    }

    /// Names and values, of the steps that were not learnt from.
    pub fn numbers(&self) -> Vec<(String, f64)> {
        let n = (self.steps - self.learnt) as f64;
        let percent = (1e6 * self.level).round() / 1e4;
        let rows = |what: &str, sum: Sum| {
            let band = format!("{what} {percent} % band");
            [
                (format!("coverage of the {band}"), sum.covered / n),
                (format!("width of the {band}"), sum.width / n),
            ]
        };
        [rows("members'", self.own), rows("conformal", self.conformal)].concat()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array3};

    use super::*;

    /// Members that are far too sure, about what is anywhere from 0 to 1: their band misses nearly all, the corrected one
    /// covers 0.8 · 21/20 of it, since a 21st block might have been worse than all 20. Tolerance: 5 standard errors of a
    /// part of 4,000 cells that was learnt from as many.
    #[test]
    fn bands_cover_what_they_say() {
        let (steps, cells) = (40, 200);
        let mut bands = Bands::plan(0.8, 1, (steps, 3)).unwrap();
        let weights = Array1::ones(cells);
        let mut state = 1u64;
        let mut uniform = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as f32 / (1u64 << 24) as f32
        };
        for _ in 0..steps {
            let observed: Array1<f32> = (0..cells).map(|_| uniform()).collect();
            let members = Array2::from_shape_fn((3, cells), |(m, _)| 0.5 + 0.01 * (m as f32 - 1.0));
            let fields = (Array3::zeros((3, 1, cells)), Array2::zeros((1, cells)));
            bands
                .add(&Shown {
                    cells: members.view(),
                    observed: observed.view(),
                    weights: weights.view(),
                    fields: (fields.0.view(), fields.1.view()),
                })
                .unwrap();
        }
        let numbers = bands.numbers();
        let of = |name: &str| numbers.iter().find(|(own, _)| own == name).unwrap().1;
        assert!(of("coverage of the members' 80 % band") < 0.05);
        assert!((of("coverage of the conformal 80 % band") - 0.84).abs() < 0.041, "{numbers:?}");
        assert!((of("width of the conformal 80 % band") - 0.84).abs() < 0.041, "{numbers:?}");
        for (level, block, size) in [(1.0, 1, (40, 3)), (0.9, 1, (40, 1)), (0.9, 3, (40, 3))] {
            assert!(Bands::plan(level, block, size).is_err(), "{level} {block} {size:?}");
        }
    }
}
