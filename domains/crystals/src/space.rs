//! Crystals as states: fractional coordinates, the shape of the cell, species.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use langevin_core::factor::{Base, Categorical, Euclidean, Space, Torus, TorusLaw};
use langevin_core::{Domain, Error, Result, State};
use serde::{Deserialize, Serialize};

use crate::element::Element;
use crate::geometry::Vec3;
use crate::lattice::{Lattice, LogCoordinates};
use crate::makeup::Makeup;
use crate::property::Property;
use crate::record::Crystal;

/// Name of the factor of fractional coordinates.
pub const COORDS: &str = "coords";
/// Name of the factor of the cell.
pub const LATTICE: &str = "lattice";
/// Name of the factor of species.
pub const SPECIES: &str = "species";

/// Place of the fractional coordinates among the factors.
pub const COORDS_FACTOR: usize = 0;
/// Place of the cell among the factors.
pub const LATTICE_FACTOR: usize = 1;
/// Place of the species among the factors.
pub const SPECIES_FACTOR: usize = 2;

/// The least standard deviation of a coordinate of cells by which states are standardised: in a set of cubes
/// there is no shear at all, and noise must still have a size.
const LEAST_DEVIATION: f64 = 0.05;

/// What a set of crystals is made of: measured, never written by hand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Crystals {
    /// Elements, by atomic number; a species is a place in this list.
    pub elements: Vec<Element>,
    /// The law of cells, in the chart.
    pub cells: CellLaw,
    /// Crystals of each number of atoms.
    pub sizes: BTreeMap<usize, u64>,
    /// What cells are made of; a model of an earlier version does not tell.
    #[serde(default, skip_serializing_if = "Makeup::is_empty")]
    pub makeup: Makeup,
    /// How fractional coordinates go to their reference.
    #[serde(default)]
    pub motion: Motion,
    /// What the network is told of crystals beside their atoms, in the order of its features.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property>,
}

/// `[data] motion`: how fractional coordinates go to the uniform law.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Motion {
    /// Along the shortest way to a uniform point: flow matching.
    #[default]
    Geodesic,
    /// Blurred by a wrapped normal: diffusion.
    WrappedNormal,
}

impl Motion {
    fn law(self) -> TorusLaw {
        match self {
            Self::Geodesic => TorusLaw::Geodesic,
            Self::WrappedNormal => TorusLaw::WrappedNormal,
        }
    }
}

/// Mean and standard deviation of [`LogCoordinates`], of whose last one a third of the logarithm of the number of
/// atoms is taken: volumes per atom are alike where volumes are not. States are standardised by it, so that it
/// is the law of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CellLaw {
    /// Means.
    pub mean: LogCoordinates,
    /// Standard deviations.
    pub deviation: LogCoordinates,
}

impl CellLaw {
    /// The law of cells with these numbers of atoms; there must be one.
    fn measured(crystals: &[Crystal]) -> Self {
        let of = |crystal: &Crystal| per_atom(crystal.lattice().log_coordinates(), crystal.len());
        let all: Vec<LogCoordinates> = crystals.iter().map(of).collect();
        let n = all.len() as f64;
        let mean = std::array::from_fn(|i| all.iter().map(|k| k[i]).sum::<f64>() / n);
        let variance = |i: usize| all.iter().map(|k| (k[i] - mean[i]).powi(2)).sum::<f64>() / n;
        let deviation = std::array::from_fn(|i| variance(i).sqrt().max(LEAST_DEVIATION));
        Self { mean, deviation }
    }

    /// The standardised cell of `atoms` atoms with these coordinates in the chart.
    pub fn standardised(&self, coordinates: LogCoordinates, atoms: usize) -> LogCoordinates {
        let k = per_atom(coordinates, atoms);
        std::array::from_fn(|i| (k[i] - self.mean[i]) / self.deviation[i])
    }

    /// The coordinates in the chart of a standardised cell of `atoms` atoms.
    pub fn coordinates(&self, standardised: LogCoordinates, atoms: usize) -> LogCoordinates {
        let mut k: LogCoordinates =
            std::array::from_fn(|i| self.mean[i] + self.deviation[i] * standardised[i]);
        k[5] += edge(atoms);
        k
    }
}

/// ln of the edge of a cube for `atoms` atoms of unit volume.
fn edge(atoms: usize) -> f64 {
    (atoms as f64).ln() / 3.0
}

fn per_atom(mut k: LogCoordinates, atoms: usize) -> LogCoordinates {
    k[5] -= edge(atoms);
    k
}

impl Crystals {
    /// Elements, cells, sizes and makeup of `crystals`; nothing if there are none.
    pub fn measured(crystals: &[Crystal]) -> Option<Self> {
        let (mut elements, mut sizes) = (Vec::new(), BTreeMap::new());
        for crystal in crystals {
            elements.extend(crystal.species().iter().copied());
            elements.sort_unstable();
            elements.dedup();
            *sizes.entry(crystal.len()).or_default() += 1;
        }
        let cells = (!crystals.is_empty()).then(|| CellLaw::measured(crystals))?;
        let makeup = Makeup::measured(crystals);
        let (motion, properties) = (Motion::default(), Vec::new());
        Some(Self { elements, cells, sizes, makeup, motion, properties })
    }

    /// A state with one sample of `atoms` atoms, all of it zero: it tells sizes.
    ///
    /// # Errors
    /// [`Error::Tensor`] only.
    pub fn blank(&self, atoms: usize) -> Result<State> {
        let zeros = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &Device::Cpu);
        Ok(State::new(vec![
            zeros(&[1, atoms, 3], DType::F64)?,
            zeros(&[1, 6], DType::F64)?,
            zeros(&[1, atoms], DType::U32)?,
        ]))
    }

    /// The place of each of `elements` in the list.
    ///
    /// # Errors
    /// [`Error::Shape`] naming an element that is not among those known.
    pub fn species_of(&self, elements: &[Element]) -> Result<Vec<u32>> {
        let place = |element: &Element| {
            let place = self.elements.iter().position(|known| known == element);
            place.map(|place| place as u32).ok_or_else(|| Error::Shape {
                what: format!("element {element} among {:?}", self.elements),
                found: vec![usize::from(element.number())],
                expected: vec![self.elements.len()],
            })
        };
        elements.iter().map(place).collect()
    }
}

impl Crystal {
    /// The same crystal in the cell in which states are made of it: Niggli's, right-handed.
    #[must_use]
    pub fn in_standard_cell(&self) -> Self {
        self.in_cell(self.lattice().niggli().right_handed())
    }
}

impl Domain for Crystals {
    type Record = Crystal;

    /// The space of crystals of two atoms; [`langevin_core::Process::shaped_like`] makes it that of others.
    fn space(&self) -> Space {
        Space::of(COORDS, Torus::new(&[2, 3], self.motion.law(), true))
            .and(LATTICE, Euclidean::new(&[6]))
            .and(SPECIES, Categorical::new(2, self.elements.len(), Base::Mask))
    }

    /// Cells as they are: bring crystals to [`Crystal::in_standard_cell`] first where cells are to be comparable.
    fn encode(&self, records: &[Crystal]) -> Result<State> {
        let n = records.first().map_or(0, Crystal::len);
        if let Some(other) = records.iter().find(|crystal| crystal.len() != n) {
            let (found, expected) = (vec![other.len()], vec![n]);
            return Err(Error::Shape { what: "atoms of a batch".into(), found, expected });
        }
        let coords = records.iter().flat_map(|crystal| crystal.frac_coords()).flatten().copied();
        let cell = |crystal: &Crystal| {
            self.cells.standardised(crystal.lattice().log_coordinates(), crystal.len())
        };
        let cells = records.iter().flat_map(cell);
        let species = records.iter().map(|crystal| self.species_of(crystal.species()));
        let species = species.collect::<Result<Vec<_>>>()?.concat();
        let (batch, device) = (records.len(), &Device::Cpu);
        Ok(State::new(vec![
            Tensor::from_vec(coords.collect::<Vec<f64>>(), (batch, n, 3), device)?,
            Tensor::from_vec(cells.collect::<Vec<f64>>(), (batch, 6), device)?,
            Tensor::from_vec(species, (batch, n), device)?,
        ]))
    }

    /// # Errors
    /// [`Error::Tensor`], or [`Error::Shape`] if a state is no crystal: a cell without volume, a mask left.
    fn decode(&self, state: &State) -> Result<Vec<Crystal>> {
        let coords = state.part(COORDS_FACTOR).to_dtype(DType::F64)?.to_vec3::<f64>()?;
        let cells = state.part(LATTICE_FACTOR).to_dtype(DType::F64)?.to_vec2::<f64>()?;
        let species = state.part(SPECIES_FACTOR).to_vec2::<u32>()?;
        let one = |i: usize| {
            let (coords, cell, species) = (&coords[i], &cells[i], &species[i]);
            let none = |why: String| Error::Shape {
                what: format!("a crystal: {why}"),
                found: vec![species.len()],
                expected: vec![species.len()],
            };
            let element = |&class: &u32| self.elements.get(class as usize).copied();
            let elements = species.iter().map(element).collect::<Option<Vec<_>>>();
            let elements = elements.ok_or_else(|| none("an atom is of no element".into()))?;
            let k = self.cells.coordinates(std::array::from_fn(|i| cell[i]), species.len());
            let lattice = Lattice::from_log_coordinates(k).map_err(|e| none(e.to_string()))?;
            let frac = |x: &Vec<f64>| -> Vec3 { std::array::from_fn(|i| x[i]) };
            let frac = coords.iter().map(frac).collect();
            Crystal::new(lattice, elements, frac).map_err(|error| none(error.to_string()))
        };
        (0..coords.len()).map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::Matcher;

    fn crystals() -> Vec<Crystal> {
        let cell = |a: f64| Lattice::from_parameters([a, 4.5, 6.0], [80.0, 95.0, 110.0]).unwrap();
        let frac = vec![[0.1, 0.2, 0.3], [0.6, 0.7, 0.9]];
        let new = |a, species: [Element; 2]| {
            Crystal::new(cell(a), species.to_vec(), frac.clone()).unwrap().in_standard_cell()
        };
        vec![new(3.5, [Element::SI, Element::O]), new(4.0, [Element::C, Element::O])]
    }

    #[test]
    fn decoding_undoes_encoding_up_to_rotation() {
        let domain = Crystals::measured(&crystals()).unwrap();
        assert_eq!(domain.elements, [Element::C, Element::O, Element::SI]);
        assert_eq!(domain.sizes, [(2, 2)].into());
        let state = domain.encode(&crystals()).unwrap();
        let shapes: Vec<_> = state.parts().iter().map(|part| part.dims().to_vec()).collect();
        assert_eq!(shapes, [vec![2, 2, 3], vec![2, 6], vec![2, 2]]);
        for (back, crystal) in domain.decode(&state).unwrap().iter().zip(crystals()) {
            assert_eq!(back.species(), crystal.species());
            let distance = Matcher::default().distance(back, &crystal).unwrap();
            assert!(distance.max < 1e-7, "{distance:?}");
            assert!((back.lattice().volume() - crystal.lattice().volume()).abs() < 1e-9);
        }
    }

    /// A rotated and inverted setting of a crystal is the same state.
    #[test]
    fn states_do_not_know_how_a_crystal_is_turned() {
        let crystal = &crystals()[0];
        let domain = Crystals::measured(&crystals()).unwrap();
        let turned = nalgebra::Rotation3::from_euler_angles(0.3, -1.1, 2.0);
        let rows = crystal.lattice().vectors().map(|v| {
            let v = turned * nalgebra::Vector3::from(v);
            [v[0], v[1], v[2]]
        });
        let lattice = Lattice::new(rows).unwrap();
        let species = crystal.species().to_vec();
        let other = Crystal::new(lattice, species, crystal.frac_coords().to_vec()).unwrap();
        let parts = |crystal: &Crystal| {
            let state = domain.encode(std::slice::from_ref(crystal)).unwrap();
            state.part(1).to_vec2::<f64>().unwrap().concat()
        };
        let (a, b) = (parts(crystal), parts(&other));
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-9), "{a:?} {b:?}");
    }

    #[test]
    fn masks_and_strangers_are_no_crystals() {
        let domain = Crystals::measured(&crystals()).unwrap();
        let blank = domain.blank(2).unwrap();
        assert_eq!(domain.decode(&blank).unwrap()[0].species(), [Element::C; 2]);
        let masks = Tensor::new(&[[0u32, 3]], &Device::Cpu).unwrap();
        let error = domain.decode(&blank.with_part(2, &masks)).unwrap_err().to_string();
        assert!(error.contains("an atom is of no element"), "{error}");
        let error = domain.species_of(&[Element::H]).unwrap_err().to_string();
        assert!(error.contains("element H among [C, O, Si]"), "{error}");
    }
}
