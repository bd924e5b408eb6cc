//! Which of several samples has the properties that were asked for.

use std::path::Path;

use anyhow::Result;
use langevin_molecules::property::Property;
use langevin_molecules::record::Molecule;

use super::predictor::{Predictor, means};
use crate::molecules::sample::Trained;
use crate::molecules::shipped;
use crate::properties::{Values, place_of};
use crate::refused;

/// A model of properties that looks at the samples of another model.
pub struct Judge {
    predictor: Predictor,
    /// sha256 of its file.
    pub hash: String,
    /// For each property of the other model, its place among those of this one.
    places: Vec<Option<usize>>,
}

impl Judge {
    /// The model in `path`, to judge samples of `trained` by the properties `asked`.
    ///
    /// # Errors
    /// If it is none, does not know one of these or an element that `trained` makes, or has another unit.
    pub fn read(path: &Path, trained: &Trained, asked: &[&str]) -> Result<Self> {
        let (predictor, hash) = shipped::read_predictor(path)?;
        let own = &predictor.domain.molecules;
        let stranger =
            trained.domain.elements.iter().find(|element| !own.elements.contains(element));
        if let Some(stranger) = stranger {
            return refused(format!(
                "--judge {}: it does not know {stranger}, which the model makes",
                path.display()
            ));
        }
        for property in trained.domain.properties.iter().filter(|own| asked.contains(&&*own.name)) {
            let judged = &own.properties[place_of("--judge", &property.name, &own.properties)?];
            if judged.unit != property.unit {
                let unit = |own: &Property| own.unit.clone().unwrap_or("no unit".into());
                let (found, needed) = (unit(judged), unit(property));
                let (path, name) = (path.display(), &property.name);
                return refused(format!(
                    "--judge {path}: it has {name} in {found}, needed: {needed}, as the model"
                ));
            }
        }
        let place = |name: &str| own.properties.iter().position(|own| own.name == name);
        let properties = trained.domain.properties.iter();
        let places = properties.map(|property| place(&property.name)).collect();
        Ok(Self { predictor, hash, places })
    }

    /// Of each `count` molecules in turn the one whose predicted properties are nearest to what is asked of their place, the
    /// sum of absolute differences in mean absolute deviations of the data; with the predictions as labels
    /// `NAME_predicted`. Nothing where none is a molecule.
    ///
    /// # Errors
    /// Those of the model.
    pub fn best(
        &self,
        molecules: Vec<Option<Molecule>>,
        count: usize,
        asked: impl Fn(usize) -> Values,
    ) -> Result<Vec<Option<Molecule>>> {
        let there: Vec<Molecule> = molecules.iter().flatten().cloned().collect();
        let mut found = means(&self.predictor, &there)?.into_iter();
        let properties = &self.predictor.domain.molecules.properties;
        let mut best: Vec<Option<(f64, Molecule)>> = vec![None; molecules.len() / count];
        for (place, molecule) in molecules.into_iter().enumerate() {
            let Some(mut molecule) = molecule else { continue };
            let predicted = found.next().expect("a prediction for each molecule");
            let mut far = 0.0;
            for (value, own) in asked(place).iter().zip(&self.places) {
                let (Some(value), Some(own)) = (value, own) else { continue };
                let property = &properties[*own];
                far += (predicted[*own] - value).abs() / property.deviation;
                let name = format!("{}_predicted", property.name);
                molecule = molecule.with_label(name, predicted[*own]);
            }
            let best = &mut best[place / count];
            if best.as_ref().is_none_or(|(least, _)| far < *least) {
                *best = Some((far, molecule));
            }
        }
        Ok(best.into_iter().map(|best| best.map(|(_, molecule)| molecule)).collect())
    }
}
