//! Return levels: how high the greatest cell comes once in many blocks of steps.

use anyhow::Result;
use langevin_uq::Interval;
use langevin_uq::extremes::{Fit, Gev};

use super::exceedances::Shown;
use super::{LEVEL, RESAMPLES};
use crate::refused;

/// Blocks from which a law of maxima is fitted at least.
const FEWEST: usize = 10;

/// Maxima of blocks of steps.
#[derive(Debug, Clone)]
pub struct Returns {
    periods: Vec<f64>,
    /// Steps of a block.
    block: usize,
    seed: u64,
    steps: usize,
    /// Of each member, those of the blocks.
    own: Vec<Vec<f64>>,
    observed: Vec<f64>,
}

impl Returns {
    /// Levels of `periods`, in blocks of `block` steps, of ensembles of `members` over `steps`.
    ///
    /// # Errors
    /// A period that is not above 1, or too few blocks.
    pub fn plan(
        (periods, block): (&[f64], usize),
        (steps, members): (usize, usize),
        seed: u64,
    ) -> Result<Self> {
        if let Some(found) = periods.iter().find(|period| !(**period > 1.0 && period.is_finite())) {
            return refused(format!("--return-periods: found {found}, allowed: numbers above 1"));
        }
        let blocks = steps.checked_div(block).unwrap_or(0);
        if blocks < FEWEST {
            return refused(format!(
                "--return-periods: found {blocks} blocks of {block} of the {steps} steps, allowed: {FEWEST} or more \
                 (--maxima-of)"
            ));
        }
        let (periods, own) = (periods.to_vec(), vec![Vec::new(); members]);
        Ok(Self { periods, block, seed, steps: 0, own, observed: Vec::new() })
    }

    /// Adds a step.
    pub fn add(&mut self, shown: &Shown) {
        let rows = shown.cells.outer_iter().chain([shown.observed]);
        for (maxima, row) in self.own.iter_mut().chain([&mut self.observed]).zip(rows) {
            if self.steps.is_multiple_of(self.block) {
                maxima.push(f64::NEG_INFINITY);
            }
            // `max` leaves missing values out.
            let last = maxima.last_mut().expect("one was begun");
            *last = row.iter().fold(*last, |greatest, &x| greatest.max(f64::from(x)));
        }
        self.steps += 1;
    }

    /// Names and values: levels with intervals, of all members together and of what was observed.
    ///
    /// The interval of members is as wide as if one of them had been fitted: those of a step are no independent record.
    ///
    /// # Errors
    /// If maxima do not vary, or a block has no value.
    pub fn numbers(&self) -> Result<Vec<(String, f64)>> {
        let blocks = self.steps / self.block;
        let own: Vec<f64> = self.own.iter().flat_map(|maxima| &maxima[..blocks]).copied().collect();
        let mut all = Vec::new();
        for period in &self.periods {
            for (whose, maxima) in [("", &own[..]), (", observed", &self.observed[..blocks])] {
                let law = Gev::fit(maxima, Fit::LMoments)?;
                let Interval { estimate, lower, upper } = law.return_level_interval(
                    *period,
                    blocks,
                    Fit::LMoments,
                    RESAMPLES,
                    LEVEL,
                    self.seed,
                )?;
                let name = format!("return level of {period} blocks{whose}");
                all.push((format!("{name}, lower end of 95 %"), lower));
                all.push((format!("{name}, upper end of 95 %"), upper));
                all.insert(all.len() - 2, (name, estimate));
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, array};

    use super::*;

    /// Maxima of pairs of steps are those put there; the odd step at the end has no block.
    #[test]
    fn levels_are_those_of_the_maxima_of_blocks() {
        let maxima: Vec<f64> = (0..12).map(|i| f64::from((i * 7) % 12)).collect();
        let mut returns = Returns::plan((&[5.0], 2), (25, 2), 3).unwrap();
        let weights = array![1.0, 1.0];
        for step in 0..25 {
            let of_block = maxima.get(step / 2).copied().unwrap_or(99.0) as f32;
            let row: Array1<f32> = array![-1.0, if step % 2 == 0 { of_block } else { f32::NAN }];
            let cells = Array2::from_shape_fn((2, 2), |(_, cell)| row[cell]);
            let fields = (ndarray::Array3::zeros((2, 1, 2)), Array2::zeros((1, 2)));
            returns.add(&Shown {
                cells: cells.view(),
                observed: row.view(),
                weights: weights.view(),
                fields: (fields.0.view(), fields.1.view()),
            });
        }
        let numbers = returns.numbers().unwrap();
        let of = |name: &str| numbers.iter().find(|(own, _)| own == name).unwrap().1;
        let law = Gev::fit(&maxima, Fit::LMoments).unwrap().return_level(5.0).unwrap();
        assert!((of("return level of 5 blocks, observed") - law).abs() < 1e-12);
        // Both members have these maxima: L-moments of a record twice over are a little smaller, being unbiased.
        assert!((of("return level of 5 blocks") - law).abs() < 0.2);
        assert!(of("return level of 5 blocks, observed, lower end of 95 %") < law);
        assert!(of("return level of 5 blocks, observed, upper end of 95 %") > law);
        assert!(Returns::plan((&[5.0], 3), (25, 2), 3).is_err());
        assert!(Returns::plan((&[1.0], 1), (25, 2), 3).is_err());
    }
}
