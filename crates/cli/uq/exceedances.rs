//! Scores of what is above one threshold, added up over the steps of time.

use anyhow::Result;
use langevin_uq::Estimator;
use langevin_uq::brier::brier_of_ensemble;
use langevin_uq::crps::crps_above;
use langevin_uq::decomposition::{Decomposition, murphy};
use langevin_uq::fss::{FractionsSums, Padding, fractions_of_members};
use langevin_uq::weighted_mean;
use ndarray::{Array1, ArrayView1, ArrayView2, ArrayView3};

/// What one step shows, cell by cell and as fields.
pub struct Shown<'a> {
    /// `[members, cells]`.
    pub cells: ArrayView2<'a, f32>,
    /// `[cells]`.
    pub observed: ArrayView1<'a, f32>,
    /// `[cells]`, with mean 1.
    pub weights: ArrayView1<'a, f64>,
    /// `[members, rows, columns]` and `[rows, columns]`.
    pub fields: (ArrayView3<'a, f64>, ArrayView2<'a, f64>),
}

/// Sums over cases for one threshold.
#[derive(Debug, Clone)]
pub struct Exceedances {
    threshold: f64,
    window: usize,
    members: usize,
    crps: f64,
    brier: f64,
    fractions: Vec<FractionsSums>,
    own: Wet,
    observed: Wet,
    /// For each number of members above: the weight of cells that were not observed above, and of those that were.
    levels: Vec<[f64; 2]>,
}

/// Mean part of the area above, and mean amount there over the whole area.
#[derive(Debug, Clone, Copy, Default)]
struct Wet {
    part: f64,
    amount: f64,
}

impl Exceedances {
    /// Of `threshold`, in windows of `window` cells, by ensembles of `members`.
    pub fn new(threshold: f64, window: usize, members: usize) -> Self {
        Self {
            threshold,
            window,
            members,
            crps: 0.0,
            brier: 0.0,
            fractions: Vec::new(),
            own: Wet::default(),
            observed: Wet::default(),
            levels: vec![[0.0; 2]; members + 1],
        }
    }

    /// Adds a step.
    ///
    /// # Errors
    /// If no cell of it has a value on both sides.
    pub fn add(&mut self, shown: &Shown, estimator: Estimator) -> Result<()> {
        let &Shown { cells, observed, weights, fields } = shown;
        let threshold = self.threshold;
        let mean = |values: Array1<f64>| weighted_mean(values.view(), Some(weights));
        self.crps += mean(crps_above(cells, observed, threshold, estimator)?)?;
        self.brier += mean(brier_of_ensemble(cells, observed, threshold, estimator)?)?;
        let new = fractions_of_members(fields.0, fields.1, threshold, self.window, Padding::Zero)?;
        self.fractions.resize(new.len(), FractionsSums::default());
        self.fractions.iter_mut().zip(new).for_each(|(sum, one)| *sum = *sum + one);
        // A missing value is neither above nor below.
        let part = |x: f32| if x.is_nan() { f64::NAN } else { f64::from(u8::from(self.above(x))) };
        let amount = |x: f32| if self.above(x) { f64::from(x) } else { 0.0 * f64::from(x) };
        let of_members = |f: &dyn Fn(f32) -> f64| -> Array1<f64> {
            let mean = |column: ArrayView1<f32>| column.iter().map(|&x| f(x)).sum::<f64>();
            cells.columns().into_iter().map(mean).collect::<Array1<f64>>() / self.members as f64
        };
        let own = Wet { part: mean(of_members(&part))?, amount: mean(of_members(&amount))? };
        let seen = Wet { part: mean(observed.mapv(part))?, amount: mean(observed.mapv(amount))? };
        self.own.add(own);
        self.observed.add(seen);
        self.add_levels(shown);
        Ok(())
    }

    fn above(&self, x: f32) -> bool {
        f64::from(x) > self.threshold
    }

    fn add_levels(&mut self, shown: &Shown) {
        let cells = shown.cells.columns().into_iter().zip(shown.observed).zip(shown.weights);
        for ((members, &seen), weight) in cells {
            if seen.is_nan() || members.iter().any(|x| x.is_nan()) {
                continue;
            }
            let above = members.iter().filter(|&&x| self.above(x)).count();
            let happened = usize::from(self.above(seen));
            self.levels[above][happened] += weight;
        }
    }

    /// The Brier score of the share of members above, in parts: each share is a class of its own.
    fn decomposition(&self) -> Result<Decomposition> {
        let share = |level: usize| level as f64 / self.members as f64;
        let all = || self.levels.iter().enumerate();
        let shares: Array1<f64> = all().flat_map(|(level, _)| [share(level); 2]).collect();
        let events: Array1<f64> = all().flat_map(|_| [0.0, 1.0]).collect();
        let weights: Array1<f64> = all().flat_map(|(_, weights)| *weights).collect();
        let bins = self.members + 1;
        Ok(murphy(shares.view(), events.view(), Some(weights.view()), bins)?)
    }

    /// Names and values after `cases` steps.
    ///
    /// # Errors
    /// If there was none.
    pub fn numbers(&self, cases: usize) -> Result<Vec<(String, f64)>> {
        let Self { threshold, window, .. } = self;
        let n = cases as f64;
        let scores = self.fractions.iter().map(FractionsSums::score);
        let fractions = scores.sum::<f64>() / self.fractions.len() as f64;
        let parts = self.decomposition()?;
        Ok(vec![
            (format!("CRPS above {threshold}"), self.crps / n),
            (format!("Brier score above {threshold}"), self.brier / n),
            (format!("Brier reliability above {threshold}"), parts.reliability),
            (format!("Brier resolution above {threshold}"), parts.resolution),
            (format!("Brier uncertainty above {threshold}"), parts.uncertainty),
            (format!("part above {threshold}"), self.own.part / n),
            (format!("part above {threshold}, observed"), self.observed.part / n),
            (format!("intensity above {threshold}"), self.own.amount / self.own.part),
            (
                format!("intensity above {threshold}, observed"),
                self.observed.amount / self.observed.part,
            ),
            (format!("FSS above {threshold}, {window} cells, of members"), fractions),
        ])
    }
}

impl Wet {
    fn add(&mut self, other: Self) {
        self.part += other.part;
        self.amount += other.amount;
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    /// Two members on four cells, by hand: shares 1, 1/2, 0, and a cell that is missing.
    #[test]
    fn parts_and_intensities_are_those_of_the_cells() {
        let cells = array![[3.0f32, 2.0, 0.0, 1.0], [5.0, 0.0, 0.0, f32::NAN]];
        let observed = array![4.0f32, 0.0, 0.0, 9.0];
        let weights = array![1.0, 1.0, 1.0, 1.0];
        let fields = (cells.mapv(f64::from), observed.mapv(f64::from));
        let fields = (
            fields.0.into_shape_with_order((2, 2, 2)).unwrap(),
            fields.1.into_shape_with_order((2, 2)).unwrap(),
        );
        let shown = Shown {
            cells: cells.view(),
            observed: observed.view(),
            weights: weights.view(),
            fields: (fields.0.view(), fields.1.view()),
        };
        let mut sums = Exceedances::new(1.0, 1, 2);
        sums.add(&shown, Estimator::Standard).unwrap();
        let numbers = sums.numbers(1).unwrap();
        let of = |name: &str| numbers.iter().find(|(own, _)| own == name).unwrap().1;
        // Shares 1, 1/2, 0 and events 1, 0, 0: (1/2)²/3 = reliability; resolution is all the uncertainty.
        for (name, want) in [
            ("Brier reliability above 1", 0.25 / 3.0),
            ("Brier resolution above 1", 2.0 / 9.0),
            ("Brier uncertainty above 1", 2.0 / 9.0),
            ("Brier score above 1", 0.25 / 3.0),
            ("part above 1", 0.5),
            ("part above 1, observed", 0.5),
            ("intensity above 1", 10.0 / 3.0),
            ("intensity above 1, observed", 6.5),
        ] {
            assert!((of(name) - want).abs() < 1e-12, "{name}: {} {want}", of(name));
        }
    }
}
