//! Scores of whole fields, added up over the steps of time: whether cells vary together as they should.

use anyhow::Result;
use langevin_uq::Estimator;
use langevin_uq::energy::energy_score;
use langevin_uq::spectrum::{Taper, log_spectral_distance, radial_spectrum};
use langevin_uq::variogram::variogram_score_lags;
use ndarray::{Array1, ArrayView2};

use super::cases::Case;
use super::exceedances::Shown;

/// Distances in cells at which differences are compared.
const LAGS: [usize; 3] = [1, 2, 4];

/// Order of the variogram: 1/2 is robust where a few cells differ much (Scheuerer & Hamill 2015).
const ORDER: f64 = 0.5;

/// Sums over cases.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    energy: f64,
    variogram: f64,
    /// Steps in which every cell has a value.
    whole: usize,
    /// Steps with missing cells.
    gaps: usize,
    /// Sums of spectra of each member, and of what was observed.
    spectra: Option<(Vec<Array1<f64>>, Array1<f64>)>,
    /// Steps that have spectra.
    with_spectra: usize,
}

impl Patterns {
    /// Adds a step; one with missing cells is counted only.
    ///
    /// # Errors
    /// If members and what was observed do not fit.
    pub fn add(&mut self, case: &Case, shown: &Shown, estimator: Estimator) -> Result<()> {
        if !case.whole() {
            self.gaps += 1;
            return Ok(());
        }
        self.whole += 1;
        // Norms over means, so that the score has the size of a cell's error.
        let weights = &shown.weights / shown.weights.len() as f64;
        self.energy += energy_score(shown.cells, shown.observed, Some(weights.view()), estimator)?;
        let (rows, columns) = case.observed.dim();
        let lags: Vec<usize> = LAGS.into_iter().filter(|&lag| lag < rows.min(columns)).collect();
        if !lags.is_empty() {
            let (own, observed) = shown.fields;
            self.variogram += variogram_score_lags(own, observed, ORDER, &lags, estimator)?;
        }
        self.add_spectra(case, shown)
    }

    fn add_spectra(&mut self, case: &Case, shown: &Shown) -> Result<()> {
        if !case.has_spectra() {
            return Ok(());
        }
        let of = |field: ArrayView2<f64>| radial_spectrum(field, Taper::None);
        let own = shown.fields.0.outer_iter().map(of).collect::<Result<Vec<_>, _>>()?;
        let observed = of(shown.fields.1)?;
        match &mut self.spectra {
            Some((sums, sum)) => {
                sums.iter_mut().zip(&own).for_each(|(sum, one)| *sum += one);
                *sum += &observed;
            }
            none => *none = Some((own, observed)),
        }
        self.with_spectra += 1;
        Ok(())
    }

    /// Names and values.
    ///
    /// # Errors
    /// None that a step can cause.
    pub fn numbers(&self) -> Result<Vec<(String, f64)>> {
        let mut all = Vec::new();
        if self.whole > 0 {
            let n = self.whole as f64;
            all.push(("energy score".to_owned(), self.energy / n));
            all.push(("variogram score".to_owned(), self.variogram / n));
        }
        if let Some((own, observed)) = &self.spectra {
            let observed = observed.to_vec();
            let distances = own.iter().map(|own| log_spectral_distance(&own.to_vec(), &observed));
            let distances = distances.collect::<Result<Vec<_>, _>>()?;
            let mean = distances.iter().sum::<f64>() / distances.len() as f64;
            all.push(("log-spectral distance in dB, of members".to_owned(), mean));
        }
        Ok(all)
    }

    /// Sums of the spectra of each member, and of what was observed, if a step had any.
    pub fn spectra(&self) -> Option<(&[Array1<f64>], &Array1<f64>)> {
        self.spectra.as_ref().map(|(own, observed)| (&own[..], observed))
    }

    /// Steps that have spectra.
    pub fn with_spectra(&self) -> usize {
        self.with_spectra
    }

    /// Steps with missing cells.
    pub fn gaps(&self) -> usize {
        self.gaps
    }
}
