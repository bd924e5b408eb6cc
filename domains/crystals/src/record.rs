//! A crystal as a crystallographer means one: no tensors.

use std::collections::BTreeMap;

use crate::element::Element;
use crate::formula::Formula;
use crate::geometry::{Vec3, wrapped};
use crate::lattice::{Lattice, LatticeError};

/// Atoms in a cell that repeats without end.
///
/// There is an atom, and one fractional coordinate per atom, finite and in [0, 1).
#[derive(Debug, Clone, PartialEq)]
pub struct Crystal {
    pub(crate) lattice: Lattice,
    pub(crate) species: Vec<Element>,
    pub(crate) frac_coords: Vec<Vec3>,
    pub(crate) labels: BTreeMap<String, f64>,
    pub(crate) notes: BTreeMap<String, String>,
}

/// Why something is no crystal. Atoms are counted from 1.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CrystalError {
    /// There must be an atom.
    #[error("found no atoms")]
    Empty,
    /// One coordinate per atom.
    #[error("found {found} coordinates for {atoms} atoms")]
    Count {
        /// How many there are.
        found: usize,
        /// How many atoms there are.
        atoms: usize,
    },
    /// Coordinates must be finite.
    #[error("atom {atom} is at {frac:?}")]
    NotFinite {
        /// Its number.
        atom: usize,
        /// Where it is said to be.
        frac: Vec3,
    },
    /// No cell.
    #[error(transparent)]
    Lattice(#[from] LatticeError),
}

impl Crystal {
    /// Atoms at fractional coordinates, which are wrapped into the cell.
    ///
    /// # Errors
    /// [`CrystalError::Empty`], [`CrystalError::Count`], [`CrystalError::NotFinite`].
    pub fn new(
        lattice: Lattice,
        species: Vec<Element>,
        frac_coords: Vec<Vec3>,
    ) -> Result<Self, CrystalError> {
        let atoms = species.len();
        if atoms == 0 {
            return Err(CrystalError::Empty);
        }
        if frac_coords.len() != atoms {
            return Err(CrystalError::Count { found: frac_coords.len(), atoms });
        }
        let bad = |frac: &Vec3| !frac.iter().all(|x| x.is_finite());
        if let Some(at) = frac_coords.iter().position(bad) {
            return Err(CrystalError::NotFinite { atom: at + 1, frac: frac_coords[at] });
        }
        let frac_coords = frac_coords.iter().map(|frac| frac.map(wrapped)).collect();
        let (labels, notes) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { lattice, species, frac_coords, labels, notes })
    }

    /// With the number `value` under `name`.
    #[must_use]
    pub fn with_label(mut self, name: impl Into<String>, value: f64) -> Self {
        self.labels.insert(name.into(), value);
        self
    }

    /// With the words `text` under `name`.
    #[must_use]
    pub fn with_note(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.notes.insert(name.into(), text.into());
        self
    }

    /// Number of atoms in the cell; never 0.
    #[allow(clippy::len_without_is_empty, reason = "a crystal has an atom")]
    pub fn len(&self) -> usize {
        self.species.len()
    }

    /// The cell.
    pub fn lattice(&self) -> &Lattice {
        &self.lattice
    }

    /// Elements.
    pub fn species(&self) -> &[Element] {
        &self.species
    }

    /// Fractional coordinates, in [0, 1).
    pub fn frac_coords(&self) -> &[Vec3] {
        &self.frac_coords
    }

    /// Numbers by name.
    pub fn labels(&self) -> &BTreeMap<String, f64> {
        &self.labels
    }

    /// Words by name.
    pub fn notes(&self) -> &BTreeMap<String, String> {
        &self.notes
    }

    /// What is in the cell.
    pub fn formula(&self) -> Formula {
        let mut counts = BTreeMap::new();
        for &element in &self.species {
            *counts.entry(element).or_default() += 1;
        }
        Formula::from(counts)
    }

    /// The crystal without its atoms of `elements`; nothing if it has no others.
    pub fn without(&self, elements: &[Element]) -> Option<Self> {
        let left: Vec<usize> =
            (0..self.len()).filter(|&i| !elements.contains(&self.species[i])).collect();
        let species = left.iter().map(|&i| self.species[i]).collect();
        let frac_coords = left.iter().map(|&i| self.frac_coords[i]).collect();
        (!left.is_empty()).then(|| Self { species, frac_coords, ..self.clone() })
    }

    /// The same atoms and points of space in another cell of the same lattice.
    #[must_use]
    pub fn in_cell(&self, lattice: Lattice) -> Self {
        let moved = |frac: &Vec3| lattice.fractional(&self.lattice.cartesian(frac)).map(wrapped);
        let frac_coords = self.frac_coords.iter().map(moved).collect();
        Self { lattice, frac_coords, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atoms_are_wrapped_and_counted() {
        let lattice = Lattice::from_parameters([4.0; 3], [90.0; 3]).unwrap();
        let new = |species: &[Element], frac: &[Vec3]| {
            Crystal::new(lattice, species.to_vec(), frac.to_vec())
        };
        let crystal = new(&[Element::C, Element::O], &[[-0.25, 1.0, 0.5], [0.0; 3]]).unwrap();
        assert_eq!(crystal.frac_coords()[0], [0.75, 0.0, 0.5]);
        assert_eq!(crystal.formula().to_string(), "CO");
        assert_eq!(new(&[], &[]), Err(CrystalError::Empty));
        assert_eq!(
            new(&[Element::C], &[]).unwrap_err().to_string(),
            "found 0 coordinates for 1 atoms"
        );
        let error = new(&[Element::C], &[[0.0, f64::NAN, 0.0]]).unwrap_err();
        assert_eq!(error.to_string(), "atom 1 is at [0.0, NaN, 0.0]");
    }
}
