//! Scores added up over the steps of time.

use anyhow::Result;
use langevin_core::{Purpose, Rng, SampleId, Seed};
use langevin_uq::Estimator;
use langevin_uq::brier::brier_of_ensemble;
use langevin_uq::crps::{crps, crps_above};
use langevin_uq::fss::{FractionsSums, Padding, fractions_of_members};
use langevin_uq::histogram::LogHistogram;
use langevin_uq::rank::{RankHistogram, ranks};
use langevin_uq::spectrum::{Taper, log_spectral_distance, radial_spectrum};
use langevin_uq::spread::{SpreadSkill, ensemble_mean, spread_skill};
use langevin_uq::weighted_mean;
use ndarray::{Array1, ArrayView1, Axis};

use super::cases::Case;

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
    by_threshold: Vec<ByThreshold>,
    own: LogHistogram,
    observed: LogHistogram,
    /// Sums of spectra of each member, and of what was observed.
    spectra: Option<(Vec<Array1<f64>>, Array1<f64>)>,
    /// Steps with missing cells, which have no spectrum.
    gaps: usize,
}

#[derive(Clone, Default)]
struct ByThreshold {
    crps: f64,
    brier: f64,
    fractions: Vec<FractionsSums>,
    own: f64,
    observed: f64,
}

/// Names with values.
pub type Numbers = Vec<(String, f64)>;

impl Sums {
    /// Of ensembles of `members`.
    ///
    /// # Errors
    /// None that `wanted` can cause.
    pub fn new(wanted: Wanted, members: usize) -> Result<Self> {
        let by_threshold = vec![ByThreshold::default(); wanted.thresholds.len()];
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
            spectra: None,
            gaps: 0,
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
        let windows = (case.ensemble.mapv(f64::from), case.observed.mapv(f64::from));
        for (sums, &threshold) in self.by_threshold.iter_mut().zip(&self.wanted.thresholds) {
            sums.crps += mean(crps_above(cells.view(), observed.view(), threshold, fair)?)?;
            sums.brier += mean(brier_of_ensemble(cells.view(), observed.view(), threshold, fair)?)?;
            let (ensemble, truth) = (windows.0.view(), windows.1.view());
            let window = self.wanted.window;
            let new = fractions_of_members(ensemble, truth, threshold, window, Padding::Zero)?;
            sums.fractions.resize(new.len(), FractionsSums::default());
            sums.fractions.iter_mut().zip(new).for_each(|(sum, one)| *sum = *sum + one);
            let above = |x: f64| if x.is_nan() { x } else { f64::from(u8::from(x > threshold)) };
            let share = cells.mapv(|x| above(f64::from(x))).mean_axis(Axis(0));
            sums.own += mean(share.expect("there are members"))?;
            sums.observed += mean(observed.mapv(|x| above(f64::from(x))))?;
        }
        self.own.extend(cells.iter().copied());
        self.observed.extend(observed.iter().copied());
        self.add_spectra(case)?;
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

    fn add_spectra(&mut self, case: &Case) -> Result<()> {
        if !case.has_spectra() {
            self.gaps += usize::from(!case.whole());
            return Ok(());
        }
        let of = |field: ndarray::ArrayView2<f32>| {
            radial_spectrum(field.mapv(f64::from).view(), Taper::None)
        };
        let own = case.ensemble.outer_iter().map(of).collect::<Result<Vec<_>, _>>()?;
        let observed = of(case.observed.view())?;
        match &mut self.spectra {
            Some((sums, sum)) => {
                sums.iter_mut().zip(&own).for_each(|(sum, one)| *sum += one);
                *sum += &observed;
            }
            none => *none = Some((own, observed)),
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
        if self.members > 1 {
            let spread = SpreadSkill::pooled(&self.spread)?;
            push("spread", spread.spread());
            push("spread/skill", spread.ratio());
        }
        if let Some(ranks) = &self.ranks {
            push("rank histogram: delta", ranks.delta());
            push("rank histogram: reliability index", ranks.reliability_index());
        }
        for (sums, threshold) in self.by_threshold.iter().zip(&self.wanted.thresholds) {
            let window = self.wanted.window;
            push(&format!("CRPS above {threshold}"), sums.crps / n);
            push(&format!("Brier score above {threshold}"), sums.brier / n);
            push(&format!("part above {threshold}"), sums.own / n);
            push(&format!("part above {threshold}, observed"), sums.observed / n);
            let scores = sums.fractions.iter().map(FractionsSums::score);
            let mean = scores.sum::<f64>() / sums.fractions.len() as f64;
            push(&format!("FSS above {threshold}, {window} cells, of members"), mean);
        }
        let parts = QUANTILES.map(|percent| percent / 100.0);
        for (percent, ratio) in QUANTILES.iter().zip(self.own.ratios(&self.observed, &parts)?) {
            push(&format!("ratio of the {percent} % quantiles"), ratio);
        }
        if let Some((own, observed)) = &self.spectra {
            let observed = observed.to_vec();
            let distances = own.iter().map(|own| log_spectral_distance(&own.to_vec(), &observed));
            let distances = distances.collect::<Result<Vec<_>, _>>()?;
            let mean = distances.iter().sum::<f64>() / distances.len() as f64;
            push("log-spectral distance in dB, of members", mean);
        }
        push("members", self.members as f64);
        push("steps", n);
        Ok(all)
    }

    /// The rank histogram, where there is one.
    pub fn ranks(&self) -> Option<&RankHistogram> {
        self.ranks.as_ref()
    }

    /// Sums of the spectra of each member, and of what was observed, if a step had any.
    pub fn spectra(&self) -> Option<(&[Array1<f64>], &Array1<f64>)> {
        self.spectra.as_ref().map(|(own, observed)| (&own[..], observed))
    }

    /// Quantiles of all members together, and of what was observed.
    ///
    /// # Errors
    /// If there is no value, or a part is outside 0 to 1.
    pub fn quantiles(&self, part: f64) -> Result<[f64; 2]> {
        Ok([self.own.quantile(part)?, self.observed.quantile(part)?])
    }

    /// Steps that have spectra, if there are any.
    pub fn with_spectra(&self) -> usize {
        self.cases - self.gaps
    }

    /// Steps that have no spectrum.
    pub fn gaps(&self) -> usize {
        self.gaps
    }
}
