//! Properties of molecules as states: what is made for a molecule, not of atoms.

use candle_core::{DType, Device, Tensor};
use langevin_core::factor::{Euclidean, Space};
use langevin_core::{Batch, BySize, Condition, Domain, Error, Result, Rng, Source, State};
use serde::{Deserialize, Serialize};

use crate::record::Molecule;
use crate::source::fingerprint;
use crate::space::Molecules;

/// Name of the only factor.
pub const PROPERTIES: &str = "properties";

/// The properties of molecules, which are generated for the molecule that has them: one estimate from pure noise is their
/// mean, and samples are as wide as what the molecule leaves open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Predicted {
    /// The molecules; their properties are what is made.
    pub molecules: Molecules,
}

impl Predicted {
    /// What is made for `molecules` of one size: they are the context.
    ///
    /// # Errors
    /// [`Error::Shape`] naming an element that is not among those known.
    pub fn condition_of(&self, molecules: &[Molecule], dtype: DType) -> Result<Condition> {
        Ok(Condition::none().under(self.molecules.encode(molecules)?.to_dtype(dtype)?))
    }

    /// The middle of the reference, `count` times: the most probable noise.
    ///
    /// # Errors
    /// [`Error::Tensor`] only.
    pub fn middle(&self, count: usize) -> Result<State> {
        let shape = (count, self.molecules.properties.len());
        Ok(State::single(Tensor::zeros(shape, DType::F64, &Device::Cpu)?))
    }

    /// Values of all properties in the order of a state's; nothing if `molecule` lacks a label.
    pub fn values_of(&self, molecule: &Molecule) -> Option<Vec<f64>> {
        let own = |name: &String| molecule.labels().get(name).copied();
        self.molecules.properties.iter().map(|property| own(&property.name)).collect()
    }
}

impl Domain for Predicted {
    /// A value of each property, in its unit.
    type Record = Vec<f64>;

    fn space(&self) -> Space {
        Space::of(PROPERTIES, Euclidean::new(&[self.molecules.properties.len()]))
    }

    fn encode(&self, records: &[Vec<f64>]) -> Result<State> {
        let properties = &self.molecules.properties;
        let shape = (records.len(), properties.len());
        if let Some(other) = records.iter().find(|values| values.len() != shape.1) {
            let (found, expected) = (vec![other.len()], vec![shape.1]);
            return Err(Error::Shape { what: "values of properties".into(), found, expected });
        }
        let told = records.iter().flat_map(|values| {
            values.iter().zip(properties).map(|(&value, property)| property.standardised(value))
        });
        Ok(State::single(Tensor::from_vec(told.collect::<Vec<_>>(), shape, &Device::Cpu)?))
    }

    fn decode(&self, state: &State) -> Result<Vec<Vec<f64>>> {
        let rows = state.part(0).to_dtype(DType::F64)?.to_vec2::<f64>()?;
        let one = |row: Vec<f64>| {
            let values = row.into_iter().zip(&self.molecules.properties);
            values.map(|(told, property)| property.value_of(told)).collect()
        };
        Ok(rows.into_iter().map(one).collect())
    }
}

/// Training batches: properties under their molecules, each batch of molecules of one size.
#[derive(Debug)]
pub struct LabelledSource {
    domain: Predicted,
    molecules: BySize<Molecule>,
    dtype: DType,
}

impl LabelledSource {
    /// Batches of `molecules`, each of which has a label for each property of `domain`.
    ///
    /// # Panics
    /// If there are none, or one lacks a label.
    pub fn new(domain: Predicted, molecules: Vec<Molecule>, dtype: DType) -> Self {
        let labelled = |own: &Molecule| domain.values_of(own).is_some();
        assert!(molecules.iter().all(labelled), "a molecule lacks a label");
        Self { domain, molecules: BySize::new(molecules, Molecule::len), dtype }
    }
}

impl Source for LabelledSource {
    fn batch(&self, _: u64, rng: &mut Rng) -> Result<Batch> {
        let molecules: Vec<Molecule> = self.molecules.draw(rng).into_iter().cloned().collect();
        let values: Option<Vec<_>> =
            molecules.iter().map(|own| self.domain.values_of(own)).collect();
        let x_0 = self.domain.encode(&values.expect("every molecule has all labels"))?;
        let condition = self.domain.condition_of(&molecules, self.dtype)?;
        Ok(Batch { x_0: x_0.to_dtype(self.dtype)?, x_1: None, condition })
    }

    fn fingerprint(&self) -> String {
        let properties = &self.domain.molecules.properties;
        fingerprint("labelled molecules", &self.molecules, properties)
    }
}

#[cfg(test)]
mod tests {
    use langevin_core::rng::ids;
    use langevin_core::{Purpose, Seed};

    use super::*;
    use crate::element::Element;
    use crate::property::{Property, PropertyConfig};

    fn water(angle: f64) -> Molecule {
        let positions = vec![[0.0; 3], [0.96, 0.0, 0.0], [0.96 * angle.cos(), 0.96, 0.0]];
        Molecule::new(vec![Element::O, Element::H, Element::H], positions).unwrap()
    }

    /// Waters with a gap of 1 to 4, the last without a dipole.
    fn labelled() -> (Vec<Molecule>, Predicted) {
        let one = |i: u32| {
            let own = water(1.0 + 0.1 * f64::from(i)).with_label("gap", f64::from(i));
            if i < 4 { own.with_label("dipole", 2.0 - 0.1 * f64::from(i)) } else { own }
        };
        let all: Vec<Molecule> = (1..=4).map(one).collect();
        let mut molecules = Molecules::measured(&all).unwrap();
        for label in ["dipole", "gap"] {
            let config = PropertyConfig { label: label.into(), unit: None };
            let own = Property::measured(&config, all.iter().map(Molecule::labels));
            molecules.properties.push(own.unwrap());
        }
        (all, Predicted { molecules })
    }

    #[test]
    fn decoding_undoes_encoding() {
        let (_, domain) = labelled();
        let values = vec![vec![1.9, 1.0], vec![1.7, 3.5]];
        let state = domain.encode(&values).unwrap();
        assert_eq!(state.part(0).dims(), [2, 2]);
        let back = domain.decode(&state).unwrap();
        for (back, values) in back.iter().flatten().zip(values.iter().flatten()) {
            assert!((back - values).abs() < 1e-12);
        }
        assert!(domain.encode(&[vec![1.0]]).is_err());
    }

    #[test]
    fn values_stand_under_their_molecule() {
        let (all, domain) = labelled();
        assert_eq!(domain.values_of(&all[3]), None);
        let source = LabelledSource::new(domain.clone(), all[..3].to_vec(), DType::F64);
        let mut seen = [false; 3];
        for step in 0..8 {
            let mut rng = Rng::new(Seed(1), Purpose::Data, ids(0, 4), step);
            let batch = source.batch(0, &mut rng).unwrap();
            let values = domain.decode(&batch.x_0).unwrap();
            let context = domain.molecules.decode(batch.condition.context().unwrap()).unwrap();
            for (values, molecule) in values.iter().zip(&context) {
                let place = values[1].round() as usize - 1;
                assert!((all[place].labels()["dipole"] - values[0]).abs() < 1e-12);
                let length = |m: &Molecule| {
                    let (a, b) = (m.positions()[1], m.positions()[2]);
                    (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>()
                };
                assert!((length(molecule) - length(&all[place])).abs() < 1e-9);
                seen[place] = true;
            }
        }
        assert_eq!(seen, [true; 3]);
    }
}
