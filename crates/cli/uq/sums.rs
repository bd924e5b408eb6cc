//! Scores added up over the steps of time.

use anyhow::Result;
use langevin_core::{Purpose, Rng, SampleId, Seed};
use langevin_uq::Estimator;
use langevin_uq::correlation::anomaly_correlation;
use langevin_uq::crps::crps;
use langevin_uq::histogram::LogHistogram;
use langevin_uq::rank::{RankHistogram, ranks};
use langevin_uq::spread::{SpreadSkill, ensemble_mean, spread_skill};
use langevin_uq::weighted_mean;
use ndarray::{Array1, ArrayView1};

use super::bands::Bands;
use super::cases::Case;
use super::exceedances::{Exceedances, Shown};
use super::patterns::Patterns;
use super::returns::Returns;

/// Quantiles whose ratios are told, in per cent.
pub const QUANTILES: [f64; 4] = [99.0, 99.9, 99.99, 99.9999];

/// Relative error of quantiles.
const ACCURACY: f64 = 1e-3;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// For exceedances, in the unit of the field.
    pub thresholds: Vec<f64>,
    /// Width of windows in cells, for fractions.
    pub window: usize,
    /// Seed of the ranks of ties.
    pub seed: u64,
}

/// Sums over cases.
pub struct Sums {
    wanted: Wanted,
    members: usize,
    cases: usize,
    /// Of each case: fair CRPS, or the absolute error of one member.
    pub by_case: Vec<f64>,
    standard: f64,
    absolute: f64,
    bias: f64,
    squared: f64,
    spread: Vec<SpreadSkill>,
    ranks: Option<RankHistogram>,
    by_threshold: Vec<Exceedances>,
    own: LogHistogram,
    observed: LogHistogram,
    /// Greatest value of a member, and observed.
    greatest: [f32; 2],
    /// Sum of the anomaly correlations, where there is a climatology.
    anomalies: Option<f64>,
    /// Scores of whole fields.
    pub patterns: Patterns,
    /// Corrected limits of members, where they are asked for.
    pub bands: Option<Bands>,
    /// Maxima of blocks of steps, where they are asked for.
    pub returns: Option<Returns>,
}

/// Names with values.
pub type Numbers = Vec<(String, f64)>;

impl Sums {
    /// Of ensembles of `members`.
    ///
    /// # Errors
    /// None that `wanted` can cause.
    pub fn new(wanted: Wanted, members: usize) -> Result<Self> {
        let of = |&threshold: &f64| Exceedances::new(threshold, wanted.window, members);
        let by_threshold = wanted.thresholds.iter().map(of).collect();
        Ok(Self {
            wanted,
            members,
            cases: 0,
            by_case: Vec::new(),
            standard: 0.0,
            absolute: 0.0,
            bias: 0.0,
            squared: 0.0,
            spread: Vec::new(),
            ranks: None,
            by_threshold,
            own: LogHistogram::new(ACCURACY)?,
            observed: LogHistogram::new(ACCURACY)?,
            greatest: [f32::NEG_INFINITY; 2],
            anomalies: None,
            patterns: Patterns::default(),
            bands: None,
            returns: None,
        })
    }

    /// Adds a case, whose cells have these weights.
    ///
    /// # Errors
    /// If no cell of it has a value on both sides.
    pub fn add(&mut self, case: &Case, weights: ArrayView1<f64>) -> Result<()> {
        let (cells, observed) = (case.cells(), case.observed_cells());
        let mean = |values: Array1<f64>| weighted_mean(values.view(), Some(weights));
        let mid = ensemble_mean(cells.view())?;
        let off = &mid - &observed.mapv(f64::from);
        if let Some(climatology) = &case.climatology {
            let usual: Array1<f64> = climatology.iter().map(|&x| f64::from(x)).collect();
            let seen = observed.mapv(f64::from);
            let own = anomaly_correlation(mid.view(), seen.view(), usual.view(), Some(weights))?;
            *self.anomalies.get_or_insert(0.0) += own;
        }
        self.bias += mean(off.clone())?;
        self.absolute += mean(off.mapv(f64::abs))?;
        self.squared += mean(off.mapv(|x| x * x))?;
        self.standard += mean(crps(cells.view(), observed.view(), Estimator::Standard)?)?;
        let fair = if self.members > 1 { Estimator::Fair } else { Estimator::Standard };
        self.by_case.push(mean(crps(cells.view(), observed.view(), fair)?)?);
        if self.members > 1 {
            self.spread.push(spread_skill(cells.view(), observed.view(), Some(weights))?);
            self.add_ranks(&cells.view(), &observed)?;
        }
        let fields = (case.ensemble.mapv(f64::from), case.observed.mapv(f64::from));
        let shown = Shown {
            cells: cells.view(),
            observed: observed.view(),
            weights,
            fields: (fields.0.view(), fields.1.view()),
        };
        for sums in &mut self.by_threshold {
            sums.add(&shown, fair)?;
        }
        self.patterns.add(case, &shown, fair)?;
        if let Some(bands) = &mut self.bands {
            bands.add(&shown)?;
        }
        if let Some(returns) = &mut self.returns {
            returns.add(&shown);
        }
        // `max` leaves missing values out.
        let greatest = |own: f32, x: &f32| own.max(*x);
        self.greatest[0] = cells.iter().fold(self.greatest[0], greatest);
        self.greatest[1] = observed.iter().fold(self.greatest[1], greatest);
        self.own.extend(cells.iter().copied());
        self.observed.extend(observed.iter().copied());
        self.cases += 1;
        Ok(())
    }

    fn add_ranks(
        &mut self,
        cells: &ndarray::ArrayView2<f32>,
        observed: &Array1<f32>,
    ) -> Result<()> {
        let id = SampleId(self.cases as u64);
        let mut rng = Rng::new(Seed(self.wanted.seed), Purpose::Probe, vec![id], 0);
        let mut stream = rng.streams().pop().expect("one for each id");
        let mut uniform = || stream.uniform();
        let all = ranks(*cells, observed.view(), &mut uniform)?;
        let histogram = RankHistogram::new(&all, self.members)?;
        match &mut self.ranks {
            Some(sum) => sum.merge(&histogram)?,
            none => *none = Some(histogram),
        }
        Ok(())
    }

    /// The scores of all cases.
    ///
    /// # Errors
    /// If there was no case.
    pub fn numbers(&self) -> Result<Numbers> {
        let n = self.cases as f64;
        let mut all: Numbers = Vec::new();
        let mut push = |name: &str, value: f64| all.push((name.to_owned(), value));
        if self.members > 1 {
            push("CRPS, fair", self.by_case.iter().sum::<f64>() / n);
            push("CRPS, standard", self.standard / n);
        }
        push("absolute error of the mean", self.absolute / n);
        push("RMSE of the mean", (self.squared / n).sqrt());
        push("bias", self.bias / n);
        if let Some(sum) = self.anomalies {
            push("anomaly correlation of the mean", sum / n);
        }
        if self.members > 1 {
            let spread = SpreadSkill::pooled(&self.spread)?;
            push("spread", spread.spread());
            push("spread/skill", spread.ratio());
        }
        if let Some(ranks) = &self.ranks {
            push("rank histogram: delta", ranks.delta());
            push("rank histogram: reliability index", ranks.reliability_index());
        }
        for sums in &self.by_threshold {
            all.extend(sums.numbers(self.cases)?);
        }
        let mut push = |name: &str, value: f64| all.push((name.to_owned(), value));
        let parts = QUANTILES.map(|percent| percent / 100.0);
        for (percent, ratio) in QUANTILES.iter().zip(self.own.ratios(&self.observed, &parts)?) {
            push(&format!("ratio of the {percent} % quantiles"), ratio);
        }
        push("maximum", f64::from(self.greatest[0]));
        push("maximum, observed", f64::from(self.greatest[1]));
        all.extend(self.returns.as_ref().map(Returns::numbers).transpose()?.unwrap_or_default());
        all.extend(self.patterns.numbers()?);
        all.extend(self.bands.as_ref().map(Bands::numbers).unwrap_or_default());
        let mut push = |name: &str, value: f64| all.push((name.to_owned(), value));
        push("members", self.members as f64);
        push("steps", n);
        Ok(all)
    }

    /// The rank histogram, where there is one.
    pub fn ranks(&self) -> Option<&RankHistogram> {
        self.ranks.as_ref()
    }

    /// Quantiles of all members together, and of what was observed.
    ///
    /// # Errors
    /// If there is no value, or a part is outside 0 to 1.
    pub fn quantiles(&self, part: f64) -> Result<[f64; 2]> {
        Ok([self.own.quantile(part)?, self.observed.quantile(part)?])
    }
}
