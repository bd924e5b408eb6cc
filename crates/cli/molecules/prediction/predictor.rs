//! A trained model of properties, asked about molecules.

use std::collections::BTreeMap;

use anyhow::Result;
use candle_core::DType;
use langevin_core::{Denoiser, Domain, Times};
use langevin_molecules::record::Molecule;
use rayon::prelude::*;

use super::experiment::PredictorExperiment;
use crate::trained::Trained;

/// Molecules computed together; no result depends on it.
const BATCH: usize = 64;

/// A model of properties.
pub type Predictor = Trained<PredictorExperiment>;

/// The mean of each property of each of `molecules`, on the current pool: the estimate where the state is still all
/// noise, of the middle of the noise.
///
/// # Errors
/// An element that the model does not know.
pub fn means(predictor: &Predictor, molecules: &[Molecule]) -> Result<Vec<Vec<f64>>> {
    let mut by_size: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, molecule) in molecules.iter().enumerate() {
        by_size.entry(molecule.len()).or_default().push(place);
    }
    let chunks: Vec<&[usize]> =
        by_size.values().rev().flat_map(|places| places.chunks(BATCH)).collect();
    let one = |places: &&[usize]| -> Result<Vec<Vec<f64>>> {
        let own: Vec<Molecule> = places.iter().map(|&place| molecules[place].clone()).collect();
        let Predictor { domain, process, .. } = predictor;
        let middle = domain.middle(own.len())?;
        let start = process.start();
        let x = process.departure(&middle, start)?;
        let denoiser = predictor.denoiser_of(domain.condition_of(&own, DType::F32)?);
        Ok(domain.decode(&denoiser.denoise(&x, &Times::all(own.len(), start))?)?)
    };
    let found: Vec<_> = chunks.par_iter().with_max_len(1).map(one).collect::<Result<_>>()?;
    let mut values = vec![Vec::new(); molecules.len()];
    for (&place, own) in chunks.iter().copied().flatten().zip(found.into_iter().flatten()) {
        values[place] = own;
    }
    Ok(values)
}
