//! A trained model of properties, asked about molecules.

use anyhow::Result;
use candle_core::DType;
use langevin_core::{Denoiser, Domain, Times};
use langevin_molecules::property::Property;
use langevin_molecules::record::Molecule;
use rayon::prelude::*;

use super::experiment::PredictorExperiment;
use crate::molecules::chunks_by_size;
use crate::trained::Trained;

/// Molecules computed together; no result depends on it.
const BATCH: usize = 64;

/// A model of properties.
pub type Predictor = Trained<PredictorExperiment>;

/// The mean of each property of each of `molecules`, on the current pool: the estimate where the state is still all
/// noise, of the middle of the noise. `finished` is told of molecules as they are done.
///
/// # Errors
/// An element that the model does not know.
pub fn means(
    predictor: &Predictor,
    molecules: &[Molecule],
    finished: &(dyn Fn(usize) + Sync),
) -> Result<Vec<Vec<f64>>> {
    let chunks = chunks_by_size(molecules, 0..molecules.len(), BATCH);
    let one = |places: &Vec<usize>| -> Result<Vec<Vec<f64>>> {
        let own: Vec<Molecule> = places.iter().map(|&place| molecules[place].clone()).collect();
        let Predictor { domain, process, .. } = predictor;
        let middle = domain.middle(own.len())?;
        let start = process.start();
        let x = process.departure(&middle, start)?;
        let denoiser = predictor.denoiser_of(domain.condition_of(&own, DType::F32)?);
        let values = domain.decode(&denoiser.denoise(&x, &Times::all(own.len(), start))?)?;
        finished(own.len());
        Ok(values)
    };
    let found: Vec<_> = chunks.par_iter().with_max_len(1).map(one).collect::<Result<_>>()?;
    let mut values = vec![Vec::new(); molecules.len()];
    for (&place, own) in chunks.iter().flatten().zip(found.into_iter().flatten()) {
        values[place] = own;
    }
    Ok(values)
}

/// `molecule` with what was predicted of a property as its label.
pub fn with_prediction(molecule: Molecule, property: &Property, value: f64) -> Molecule {
    molecule.with_label(format!("{}_predicted", property.name), value)
}
