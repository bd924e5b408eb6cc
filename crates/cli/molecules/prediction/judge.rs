//! Which of several samples has the properties that were asked for.

use std::path::Path;

use anyhow::Result;
use langevin_molecules::property::Property;
use langevin_molecules::record::Molecule;

use super::predictor::{Predictor, means, with_prediction};
use crate::molecules::sample::Trained;
use crate::molecules::shipped;
use crate::properties::{Values, place_of};
use crate::refused;

/// A model of properties that looks at the samples of another model.
pub struct Judge {
    predictor: Predictor,
    /// sha256 of its file.
    pub hash: String,
    /// Places of the properties that are asked for: among those of the other model, and of this one.
    places: Vec<(usize, usize)>,
}

impl Judge {
    /// The model in `path`, to judge samples of `trained` by its properties in the places `asked`.
    ///
    /// # Errors
    /// If it is none, does not know one of these or an element that `trained` makes, or has another unit.
    pub fn read(path: &Path, trained: &Trained, asked: &[usize]) -> Result<Self> {
        let (predictor, hash) = shipped::read_predictor(path, &trained.device)?;
        let own = &predictor.domain.molecules;
        let stranger =
            trained.domain.elements.iter().find(|element| !own.elements.contains(element));
        if let Some(stranger) = stranger {
            return refused(format!(
                "--judge {}: it does not know {stranger}, which the model makes",
                path.display()
            ));
        }
        let mut places = Vec::new();
        for &theirs in asked {
            let property = &trained.domain.properties[theirs];
            let place = place_of("--judge", &property.name, &own.properties)?;
            let judged = &own.properties[place];
            if judged.unit != property.unit {
                let unit = |own: &Property| own.unit.clone().unwrap_or("no unit".into());
                let (found, needed) = (unit(judged), unit(property));
                let (path, name) = (path.display(), &property.name);
                return refused(format!(
                    "--judge {path}: it has {name} in {found}, needed: {needed}, as the model"
                ));
            }
            places.push((theirs, place));
        }
        Ok(Self { predictor, hash, places })
    }

    /// Of each `candidates` molecules in turn the one whose predicted properties are nearest to what is asked of their place,
    /// the sum of absolute differences in mean absolute deviations of the data; with the predictions as labels. Nothing where
    /// none is a molecule.
    ///
    /// # Errors
    /// Those of the model.
    pub fn best(
        &self,
        mut molecules: Vec<Option<Molecule>>,
        candidates: usize,
        asked: impl Fn(usize) -> Values,
    ) -> Result<Vec<Option<Molecule>>> {
        let there: Vec<Molecule> = molecules.iter().flatten().cloned().collect();
        let mut found = means(&self.predictor, &there, &|_| {})?.into_iter();
        let mut judged = |(place, molecule): (usize, &mut Option<Molecule>)| {
            let own = molecule.take()?;
            let predicted = found.next().expect("a prediction for each molecule");
            let (far, own) = self.judged(own, &predicted, &asked(place));
            *molecule = Some(own);
            Some(far)
        };
        let far: Vec<Option<f64>> = molecules.iter_mut().enumerate().map(&mut judged).collect();
        let best = nearest(&far, candidates).into_iter();
        Ok(best.map(|place| place.and_then(|place| molecules[place].take())).collect())
    }

    /// How far `predicted` is from what is `asked`, and `molecule` labelled with it.
    fn judged(&self, molecule: Molecule, predicted: &[f64], asked: &Values) -> (f64, Molecule) {
        let properties = &self.predictor.domain.molecules.properties;
        let (mut far, mut molecule) = (0.0, molecule);
        for &(theirs, own) in &self.places {
            let Some(value) = asked[theirs] else { continue };
            far += (predicted[own] - value).abs() / properties[own].deviation;
            molecule = with_prediction(molecule, &properties[own], predicted[own]);
        }
        (far, molecule)
    }
}

/// The place of the smallest number of each `candidates` in turn, the first of equal ones; nothing where there is none.
fn nearest(far: &[Option<f64>], candidates: usize) -> Vec<Option<usize>> {
    let group = |(group, far): (usize, &[Option<f64>])| {
        let there = far.iter().enumerate().filter_map(|(i, far)| far.map(|far| (i, far)));
        let best = there.min_by(|(_, a), (_, b)| a.total_cmp(b));
        best.map(|(i, _)| group * candidates + i)
    };
    far.chunks(candidates).enumerate().map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_of_each_group_is_found_and_holes_are_passed_over() {
        let far = [Some(0.3), None, Some(0.1), None, None, None, None, Some(0.2), Some(0.2)];
        assert_eq!(nearest(&far, 3), [Some(2), None, Some(7)]);
        assert_eq!(nearest(&far[..2], 1), [Some(0), None]);
    }
}
