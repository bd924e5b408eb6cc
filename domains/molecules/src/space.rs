//! Molecules as states: centred positions and species.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use langevin_core::factor::{Centred, Space};
use langevin_core::{Condition, Domain, Error, Result, State};
use serde::{Deserialize, Serialize};

use crate::composition::Composition;
use crate::element::Element;
use crate::property::{self, Property};
use crate::record::Molecule;
use crate::species::SpeciesForm;

/// Name of the factor of positions.
pub const POSITIONS: &str = "positions";
/// Name of the factor of species.
pub const SPECIES: &str = "species";

/// Place of the positions among the factors.
pub const POSITIONS_FACTOR: usize = 0;
/// Place of the species among the factors.
pub const SPECIES_FACTOR: usize = 1;

/// What a set of molecules is made of: measured, never written by hand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Molecules {
    /// Elements, by atomic number; a species is a place in this list. With charges, an element stands once for
    /// each of its charges, the smallest first.
    pub elements: Vec<Element>,
    /// Formal charges in e of the species, where they are part of a state: as many as elements, else none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub charges: Vec<i8>,
    /// Å per unit of a state's positions: the root mean square of their centred coordinates, unless given.
    pub scale: f64,
    /// Molecules of each number of atoms.
    pub sizes: BTreeMap<usize, u64>,
    /// Their compositions, where species may be given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compositions: Vec<Composition>,
    /// What the network is told of molecules beside their atoms, in the order of its features.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property>,
    /// How a state says which element an atom is.
    #[serde(default, skip_serializing_if = "SpeciesForm::is_usual")]
    pub form: SpeciesForm,
}

impl Molecules {
    /// Elements, scale and sizes of `molecules`; nothing if there are none.
    pub fn measured(molecules: &[Molecule]) -> Option<Self> {
        let (mut square, mut count) = (0.0, 0usize);
        let (mut elements, mut sizes) = (Vec::new(), BTreeMap::new());
        for molecule in molecules {
            elements.extend(molecule.species().iter().copied());
            elements.sort_unstable();
            elements.dedup();
            *sizes.entry(molecule.len()).or_default() += 1;
            for position in centred(molecule.positions()) {
                square += position.iter().map(|x| x * x).sum::<f64>();
            }
            count += 3 * molecule.len();
        }
        // A set of single atoms has no extent to standardise.
        let scale = if square > 0.0 { (square / count as f64).sqrt() } else { 1.0 };
        let (properties, form) = (Vec::new(), SpeciesForm::default());
        let (charges, compositions) = (Vec::new(), Vec::new());
        (!molecules.is_empty()).then_some(Self {
            elements,
            charges,
            scale,
            sizes,
            compositions,
            properties,
            form,
        })
    }

    /// The same, and species are elements with formal charges; nothing if a molecule does not know its own.
    #[must_use]
    pub fn with_charges(mut self, molecules: &[Molecule]) -> Option<Self> {
        let mut kinds = Vec::new();
        for molecule in molecules {
            kinds.extend(
                molecule.species().iter().copied().zip(molecule.charges()?.iter().copied()),
            );
            kinds.sort_unstable_by_key(|&(element, charge)| {
                (element, charge.unsigned_abs(), charge)
            });
            kinds.dedup();
        }
        (self.elements, self.charges) = kinds.into_iter().unzip();
        Some(self)
    }

    /// Elements that it makes, each once.
    pub fn distinct_elements(&self) -> Vec<Element> {
        let mut elements = self.elements.clone();
        elements.dedup();
        elements
    }

    /// A state with one sample of `atoms` atoms, all of it zero: it tells sizes.
    ///
    /// # Errors
    /// [`Error::Tensor`] only.
    pub fn blank(&self, atoms: usize) -> Result<State> {
        let positions = Tensor::zeros((1, atoms, 3), DType::F64, &Device::Cpu)?;
        let species = self.form.encode(vec![0; atoms], &self.elements, 1)?;
        Ok(State::new(vec![positions, species.zeros_like()?]))
    }

    /// What the network is told of `molecules`: their labels, hidden where they have none.
    ///
    /// # Errors
    /// [`Error::Tensor`] only.
    pub fn condition_of(&self, molecules: &[Molecule], dtype: DType) -> Result<Condition> {
        property::condition_of(&self.properties, molecules.iter().map(Molecule::labels), dtype)
    }

    /// The species of the atoms of `molecule`.
    ///
    /// # Errors
    /// [`Error::Shape`] naming an element, or a charge of it, that is not among those known.
    pub fn species_of(&self, molecule: &Molecule) -> Result<Vec<u32>> {
        let charges = molecule.charges();
        let charge = |i: usize| charges.map(|charges| charges[i]);
        let atoms = molecule.species().iter().enumerate();
        atoms.map(|(i, &element)| self.species(element, charge(i))).collect()
    }

    /// Place of `element` in the list of elements, with this charge where charges are told apart.
    fn species(&self, element: Element, charge: Option<i8>) -> Result<u32> {
        let fits = |i: usize| self.charges.get(i).is_none_or(|&own| charge == Some(own));
        let place = (0..self.elements.len()).find(|&i| self.elements[i] == element && fits(i));
        place.map(|place| place as u32).ok_or_else(|| {
            let charged = match charge.filter(|_| !self.charges.is_empty()) {
                Some(charge) => format!(" of charge {charge:+}"),
                None => String::new(),
            };
            Error::Shape {
                what: format!("element {element}{charged} among {:?}", self.elements),
                found: vec![usize::from(element.number())],
                expected: vec![self.elements.len()],
            }
        })
    }
}

/// Positions with their mean at the origin.
pub fn centred(positions: &[[f64; 3]]) -> impl Iterator<Item = [f64; 3]> + '_ {
    let n = positions.len() as f64;
    let mean: [f64; 3] = std::array::from_fn(|k| positions.iter().map(|p| p[k]).sum::<f64>() / n);
    positions.iter().map(move |p| std::array::from_fn(|k| p[k] - mean[k]))
}

impl Domain for Molecules {
    type Record = Molecule;

    /// The space of molecules of two atoms; [`langevin_core::Process::shaped_like`] makes it that of others.
    fn space(&self) -> Space {
        let positions = Space::of(POSITIONS, Centred::new(2, 3));
        self.form.added_to(positions, SPECIES, self.elements.len())
    }

    fn encode(&self, records: &[Molecule]) -> Result<State> {
        let n = records.first().map_or(0, Molecule::len);
        if let Some(other) = records.iter().find(|molecule| molecule.len() != n) {
            let (found, expected) = (vec![other.len()], vec![n]);
            return Err(Error::Shape { what: "atoms of a batch".into(), found, expected });
        }
        let positions = records.iter().flat_map(|molecule| centred(molecule.positions()));
        let positions: Vec<f64> = positions.flatten().map(|x| x / self.scale).collect();
        let species = records.iter().map(|molecule| self.species_of(molecule));
        let species = species.collect::<Result<Vec<_>>>()?.concat();
        let (batch, device) = (records.len(), &Device::Cpu);
        Ok(State::new(vec![
            Tensor::from_vec(positions, (batch, n, 3), device)?,
            self.form.encode(species, &self.elements, batch)?,
        ]))
    }

    /// Atoms with the elements, and charges, that the species stand for; positions in Å.
    ///
    /// # Errors
    /// [`Error::Tensor`], or [`Error::Shape`] if atoms coincide: a state that is no molecule.
    fn decode(&self, state: &State) -> Result<Vec<Molecule>> {
        let positions = state.part(0).to_dtype(DType::F64)?.to_vec3::<f64>()?;
        let species = self.form.decode(state.part(1))?;
        let one = |(positions, species): (&Vec<Vec<f64>>, &Vec<u32>)| {
            let scaled = |p: &Vec<f64>| std::array::from_fn(|k| p[k] * self.scale);
            let elements = species.iter().map(|&class| self.elements[class as usize]).collect();
            let charges = self.charges.iter();
            let charge = |&class: &u32| charges.clone().nth(class as usize).copied();
            let charges: Option<Vec<i8>> = species.iter().map(charge).collect();
            let atoms = Molecule::new(elements, positions.iter().map(scaled).collect());
            let charged = atoms.and_then(|atoms| match charges {
                Some(charges) => atoms.with_charges(charges),
                None => Ok(atoms),
            });
            charged.map_err(|error| {
                let what = format!("a molecule: {error}");
                Error::Shape { what, found: vec![species.len()], expected: vec![species.len()] }
            })
        };
        positions.iter().zip(&species).map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn molecules() -> Vec<Molecule> {
        let carbon_dioxide = vec![[1.0, 0.0, 0.0], [2.16, 0.0, 0.0], [3.32, 0.0, 0.0]];
        let water = vec![[0.0, 0.0, 0.0], [0.76, 0.59, 0.0], [-0.76, 0.59, 0.0]];
        vec![
            Molecule::new(vec![Element::O, Element::C, Element::O], carbon_dioxide).unwrap(),
            Molecule::new(vec![Element::O, Element::H, Element::H], water).unwrap(),
        ]
    }

    #[test]
    fn statistics_are_those_of_the_set() {
        let domain = Molecules::measured(&molecules()).unwrap();
        assert_eq!(domain.elements, [Element::H, Element::C, Element::O]);
        assert_eq!(domain.sizes, [(3, 2)].into());
        let water: f64 = 2.0 * 0.76f64.powi(2) + 0.59f64.powi(2) * (4.0 + 1.0 + 1.0) / 9.0;
        let expected = ((2.0 * 1.16f64.powi(2) + water) / 18.0).sqrt();
        assert!((domain.scale - expected).abs() < 1e-12);
        assert!(Molecules::measured(&[]).is_none());
    }

    #[test]
    fn decoding_undoes_encoding_up_to_the_centre() {
        let mut domain = Molecules::measured(&molecules()).unwrap();
        for form in [SpeciesForm::Classes, SpeciesForm::Features] {
            domain.form = form;
            let state = domain.encode(&molecules()).unwrap();
            let mean = state.part(0).mean(1).unwrap().abs().unwrap().max_all().unwrap();
            assert!(mean.to_scalar::<f64>().unwrap() < 1e-12);
            let back = domain.decode(&state).unwrap();
            for (back, molecule) in back.iter().zip(molecules()) {
                assert_eq!(back.species(), molecule.species());
                for (a, b) in back.positions().iter().zip(centred(molecule.positions())) {
                    assert!((0..3).all(|k| (a[k] - b[k]).abs() < 1e-12));
                }
            }
            let blank = domain.blank(3).unwrap();
            assert_eq!(blank.part(1).dims()[1..], state.part(1).dims()[1..]);
            let process_shape = domain.space().factors().nth(1).unwrap().1.shape().len();
            assert_eq!(process_shape, state.part(1).rank() - 1);
        }
    }

    #[test]
    fn charges_make_species_of_their_own() {
        let ammonium = [[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
        let molecule = |charges: Vec<i8>| {
            let species = vec![Element::N, Element::H, Element::H];
            Molecule::new(species, ammonium.to_vec()).unwrap().with_charges(charges).unwrap()
        };
        let all = [molecule(vec![1, 0, 0]), molecule(vec![0, 0, 0]), molecule(vec![-1, 0, 0])];
        let domain = Molecules::measured(&all).unwrap();
        assert!(domain.clone().with_charges(&molecules()).is_none());
        let domain = domain.with_charges(&all).unwrap();
        let kinds: Vec<_> = domain.elements.iter().zip(&domain.charges).collect();
        let (h, n) = (&Element::H, &Element::N);
        assert_eq!(kinds, [(h, &0), (n, &0), (n, &-1), (n, &1)]);
        assert_eq!(domain.distinct_elements(), [Element::H, Element::N]);
        let back = domain.decode(&domain.encode(&all).unwrap()).unwrap();
        for (back, molecule) in back.iter().zip(&all) {
            assert_eq!(back.charges(), molecule.charges());
            assert_eq!(back.species(), molecule.species());
        }
        let error = domain.encode(&[molecule(vec![2, 0, 0])]).unwrap_err().to_string();
        assert!(error.contains("element N of charge +2"), "{error}");
    }

    #[test]
    fn other_sizes_and_elements_are_refused() {
        let domain = Molecules::measured(&molecules()).unwrap();
        let hydrogen = Molecule::new(vec![Element::H; 2], vec![[0.0; 3], [0.74, 0.0, 0.0]]);
        let mixed = [molecules()[0].clone(), hydrogen.unwrap()];
        assert!(domain.encode(&mixed).is_err());
        let sulfur = Molecule::new(vec![Element::S], vec![[0.0; 3]]).unwrap();
        let error = domain.encode(&[sulfur]).unwrap_err().to_string();
        assert!(error.contains("element S among [H, C, O]"), "{error}");
    }
}
