//! What the figures of a report need beside the scores, gathered step by step.

use anyhow::Result;
use langevin_report::svg::ReliabilityBin;
use langevin_uq::brier::exceedance;
use langevin_uq::calibration::reliability;
use langevin_uq::spectrum::{Taper, radial_spectrum};
use langevin_uq::spread::{SpreadSkill, binned_spread_skill, ensemble_mean};
use langevin_uq::weighted_mean;
use ndarray::{Array1, Array2, ArrayView1};

use super::cases::Case;
use super::maps::Maps;

/// Bins of spread of one step, so fine that those of all steps can be sorted again.
const FINE: usize = 100;

/// Classes of spread over all steps, each as wide as the others on a logarithmic axis.
const COARSE: usize = 15;

/// Spreads below this part of the largest are one class: they are almost certain cells.
const LEAST: f64 = 1e-3;

/// Classes of probability, at most: as many as members and one, where they are fewer.
const CLASSES: usize = 21;

/// Sums over steps, and the maps of one.
pub struct Gallery {
    /// The step whose maps are wanted, from 0; without it that with the largest observed mean.
    step: Option<usize>,
    thresholds: Vec<f64>,
    steps: usize,
    largest: f64,
    maps: Option<Maps>,
    /// Sum of the spectra of ensemble means.
    spectrum: Option<Array1<f64>>,
    /// By threshold, then by class of probability.
    classes: Vec<Vec<Class>>,
    spread: Vec<SpreadSkill>,
}

/// Cells of about the same probability.
#[derive(Debug, Clone, Copy, Default)]
struct Class {
    probabilities: f64,
    happened: u64,
    count: u64,
}

impl Gallery {
    /// Nothing gathered yet; the maps will be those of `step`, counted from 0.
    pub fn new(step: Option<usize>, thresholds: &[f64]) -> Self {
        Self {
            step,
            thresholds: thresholds.to_vec(),
            steps: 0,
            largest: f64::NEG_INFINITY,
            maps: None,
            spectrum: None,
            classes: vec![Vec::new(); thresholds.len()],
            spread: Vec::new(),
        }
    }

    /// Adds a case, whose cells have these weights.
    ///
    /// # Errors
    /// If its cells have no scores.
    pub fn add(&mut self, case: &Case, weights: ArrayView1<f64>) -> Result<()> {
        let (cells, observed) = (case.cells(), case.observed_cells());
        let mean = weighted_mean(observed.mapv(f64::from).view(), Some(weights))?;
        if self.step.map_or(mean > self.largest, |step| step == self.steps) {
            (self.largest, self.maps) = (mean, Some(Maps::of(self.steps, case)?));
        }
        if cells.nrows() > 1 {
            self.add_spectrum(case, &cells)?;
            self.add_classes(&cells, &observed)?;
            let bins = binned_spread_skill(cells.view(), observed.view(), Some(weights), FINE)?;
            self.spread.extend(bins.iter().filter(|bin| bin.weight > 0.0));
        }
        self.steps += 1;
        Ok(())
    }

    fn add_spectrum(&mut self, case: &Case, cells: &Array2<f32>) -> Result<()> {
        if !case.has_spectra() {
            return Ok(());
        }
        let mean = ensemble_mean(cells.view())?.into_shape_with_order(case.observed.dim())?;
        let spectrum = radial_spectrum(mean.view(), Taper::None)?;
        match &mut self.spectrum {
            Some(sum) => *sum += &spectrum,
            none => *none = Some(spectrum),
        }
        Ok(())
    }

    fn add_classes(&mut self, cells: &Array2<f32>, observed: &Array1<f32>) -> Result<()> {
        let count = (cells.nrows() + 1).min(CLASSES);
        for (classes, &threshold) in self.classes.iter_mut().zip(&self.thresholds) {
            classes.resize(count, Class::default());
            let shares = exceedance(cells.view(), threshold)?;
            let known = shares.iter().zip(observed).filter(|(p, y)| !p.is_nan() && !y.is_nan());
            let (shares, events): (Vec<f64>, Vec<bool>) =
                known.map(|(&p, &y)| (p, f64::from(y) > threshold)).unzip();
            if shares.is_empty() {
                continue;
            }
            for bin in reliability(&shares, &events, count)? {
                // A mean of equal shares may be a hair below them, where the next class ends.
                let place = (bin.predicted * count as f64 + 1e-9) as usize;
                let class = &mut classes[place.min(count - 1)];
                class.probabilities += bin.predicted * bin.count as f64;
                class.happened += (bin.observed * bin.count as f64).round() as u64;
                class.count += bin.count as u64;
            }
        }
        Ok(())
    }

    /// The maps of a step, if one was found.
    pub fn maps(&self) -> Option<&Maps> {
        self.maps.as_ref()
    }

    /// Sum of the spectra of ensemble means, if a step had one.
    pub fn spectrum(&self) -> Option<&Array1<f64>> {
        self.spectrum.as_ref()
    }

    /// Thresholds with their reliability, where cells have probabilities.
    pub fn reliability(&self) -> Vec<(f64, Vec<ReliabilityBin>)> {
        let bin = |class: &Class| {
            let count = class.count as f64;
            let (forecast, observed) = (class.probabilities / count, class.happened as f64 / count);
            ReliabilityBin { forecast, observed, count: class.count }
        };
        let bins = |classes: &Vec<Class>| -> Vec<ReliabilityBin> {
            classes.iter().filter(|class| class.count > 0).map(bin).collect()
        };
        let all = self.thresholds.iter().copied().zip(self.classes.iter().map(bins));
        all.filter(|(_, bins)| !bins.is_empty()).collect()
    }

    /// Spread and error of cells that are alike in spread, over all steps; nothing if no members differ.
    ///
    /// # Errors
    /// None that steps of one ensemble can cause.
    pub fn spread(&self) -> Result<Vec<SpreadSkill>> {
        let spreads = || self.spread.iter().map(SpreadSkill::spread).filter(|x| x.is_finite());
        let largest = spreads().fold(0.0, f64::max);
        let least = spreads().filter(|&x| x > LEAST * largest).fold(largest, f64::min);
        if largest == 0.0 {
            return Ok(Vec::new());
        }
        let mut classes = vec![Vec::new(); COARSE + 1];
        for bin in &self.spread {
            // Without a span between them all are in one class: NaN counts as 0.
            let place = (bin.spread() / least).ln() / (largest / least).ln() * COARSE as f64;
            let class = if bin.spread() < least { 0 } else { 1 + place as usize };
            classes[class.min(COARSE)].push(*bin);
        }
        let filled = classes.iter().filter(|class| !class.is_empty());
        Ok(filled.map(|class| SpreadSkill::pooled(class)).collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, array};

    use super::*;

    /// Two members on cells of which one has both above 1, one has one, one has none, and one is missing.
    fn case(observed: [f32; 4]) -> Case {
        let members = vec![2.0, 2.0, 0.0, f32::NAN, 4.0, 0.0, 0.0, 1.0];
        Case {
            ensemble: Array3::from_shape_vec((2, 2, 2), members).unwrap(),
            observed: Array2::from_shape_vec((2, 2), observed.to_vec()).unwrap(),
            climatology: None,
        }
    }

    #[test]
    fn steps_add_up_and_the_largest_is_drawn() {
        let weights = array![1.0, 1.0, 1.0, 1.0];
        let mut gallery = Gallery::new(None, &[1.0]);
        for observed in [[0.0; 4], [3.0, 3.0, 0.0, 0.0], [2.0, 0.0, 0.0, f32::NAN]] {
            gallery.add(&case(observed), weights.view()).unwrap();
        }
        assert_eq!(gallery.maps().unwrap().step(), 1);
        let found = gallery.reliability();
        let bins: Vec<_> = found[0].1.iter().map(|b| (b.forecast, b.observed, b.count)).collect();
        assert_eq!(bins, [(0.0, 0.0, 3), (0.5, 1.0 / 3.0, 3), (1.0, 2.0 / 3.0, 3)]);
        // Variances are 2, 2 and 0: those of the first two cells are alike.
        let spread = gallery.spread().unwrap();
        assert_eq!(spread.iter().map(|bin| bin.variance).collect::<Vec<_>>(), [0.0, 2.0]);
        assert_eq!(spread.iter().map(|bin| bin.weight).collect::<Vec<_>>(), [3.0, 6.0]);
        assert!(gallery.spectrum().is_none());
        let mut gallery = Gallery::new(Some(0), &[]);
        (0..2).for_each(|_| gallery.add(&case([1.0; 4]), weights.view()).unwrap());
        assert_eq!(gallery.maps().unwrap().step(), 0);
        assert!(gallery.reliability().is_empty());
    }
}
