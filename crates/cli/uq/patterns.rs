//! Scores of whole fields, added up over the steps of time: whether cells vary together as they should.

use anyhow::Result;
use langevin_uq::Estimator;
use langevin_uq::energy::energy_score;
use langevin_uq::spectrum::{Taper, log_spectral_distance, radial_spectrum};
use langevin_uq::variogram::variogram_score_lags;
use langevin_uq::zonal::zonal_spectrum;
use ndarray::{Array1, ArrayView2, Axis};

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
    /// Nothing where a side is of one cell.
    variogram: Option<f64>,
    /// Steps in which every cell has a value.
    whole: usize,
    /// Steps with missing cells.
    gaps: usize,
    /// Sums of spectra of each member, and of what was observed.
    spectra: Option<Spectra>,
    /// Steps that have spectra.
    with_spectra: usize,
    /// Latitudes of rows that go all around the globe.
    circles: Option<Vec<f64>>,
    /// Sums of zonal spectra, as of radial ones.
    zonal: Option<Spectra>,
}

/// Of each member, and of what was observed.
type Spectra = (Vec<Array1<f64>>, Array1<f64>);

impl Patterns {
    /// Of fields whose rows go around the globe at these latitudes, if they do.
    pub fn around(circles: Option<Vec<f64>>) -> Self {
        Self { circles, ..Self::default() }
    }

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
            let score = variogram_score_lags(own, observed, ORDER, &lags, estimator)?;
            *self.variogram.get_or_insert(0.0) += score;
        }
        self.add_spectra(case, shown)
    }

    fn add_spectra(&mut self, case: &Case, shown: &Shown) -> Result<()> {
        if !case.has_spectra() {
            return Ok(());
        }
        let radial = |field: ArrayView2<f64>| Ok(radial_spectrum(field, Taper::None)?);
        add(&mut self.spectra, shown, radial)?;
        if let Some(circles) = &self.circles {
            // Powers of circles add up as their lengths do.
            let zonal =
                |field: ArrayView2<f64>| Ok(zonal_spectrum(field, circles)?.sum_axis(Axis(0)));
            add(&mut self.zonal, shown, zonal)?;
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
        let n = self.whole as f64;
        if self.whole > 0 {
            all.push(("energy score".to_owned(), self.energy / n));
        }
        all.extend(self.variogram.map(|sum| ("variogram score".to_owned(), sum / n)));
        for (name, spectra) in [
            ("log-spectral distance in dB, of members", &self.spectra),
            ("log-spectral distance along latitudes in dB, of members", &self.zonal),
        ] {
            if let Some(spectra) = spectra {
                all.push((name.to_owned(), distance(spectra)?));
            }
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

/// Adds the spectra of members and of what was observed.
fn add(
    sums: &mut Option<Spectra>,
    shown: &Shown,
    spectrum: impl Fn(ArrayView2<f64>) -> Result<Array1<f64>>,
) -> Result<()> {
    let own = shown.fields.0.outer_iter().map(&spectrum).collect::<Result<Vec<_>>>()?;
    let observed = spectrum(shown.fields.1)?;
    match sums {
        Some((sums, sum)) => {
            sums.iter_mut().zip(&own).for_each(|(sum, one)| *sum += one);
            *sum += &observed;
        }
        none => *none = Some((own, observed)),
    }
    Ok(())
}

/// Mean over members of the distances of their spectra from the observed one.
fn distance((own, observed): &Spectra) -> Result<f64> {
    let observed = observed.to_vec();
    let of = |own: &Array1<f64>| log_spectral_distance(&own.to_vec(), &observed);
    let all = own.iter().map(of).collect::<Result<Vec<_>, _>>()?;
    Ok(all.iter().sum::<f64>() / all.len() as f64)
}
