//! A molecule as a chemist knows it: no tensors.

use std::collections::BTreeMap;

use crate::element::Element;

/// Two atoms closer than this, in Å, are taken for a mistake: the shortest bond, H–H, has 0.74.
pub const TOO_CLOSE: f64 = 0.01;

/// Order of a bond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Order {
    /// Single.
    Single,
    /// Double.
    Double,
    /// Triple.
    Triple,
    /// Aromatic, as files may say; no Kekulé form chosen.
    Aromatic,
}

/// A bond between two atoms, the smaller number first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bond {
    /// Numbers of the two atoms.
    pub atoms: [usize; 2],
    /// Its order.
    pub order: Order,
}

/// Atoms in space.
///
/// All lists have one entry per atom; positions are finite and no two atoms coincide.
#[derive(Debug, Clone, PartialEq)]
pub struct Molecule {
    species: Vec<Element>,
    positions: Vec<[f64; 3]>,
    /// Bonds, where they are known.
    bonds: Option<Vec<Bond>>,
    /// Formal charges in units of e, where they are known.
    charges: Option<Vec<i8>>,
    /// Numbers that belong to it, by name; a file's own units.
    labels: BTreeMap<String, f64>,
    /// Words that belong to it, by name: identifiers, sources.
    notes: BTreeMap<String, String>,
}

/// Why something is no molecule. Atoms are counted from 1.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MoleculeError {
    /// There must be an atom.
    #[error("found no atoms")]
    Empty,
    /// One entry per atom.
    #[error("found {found} {what} for {atoms} atoms")]
    Count {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many atoms there are.
        atoms: usize,
    },
    /// Positions must be finite.
    #[error("atom {atom} is at {position:?}")]
    NotFinite {
        /// Its number.
        atom: usize,
        /// Its position.
        position: [f64; 3],
    },
    /// Two atoms in one place.
    #[error("atoms {0} and {1} coincide")]
    Coincident(usize, usize),
    /// A bond of an atom that is not there, or with itself, or given twice.
    #[error("bond {0}–{1} joins no two atoms, or stands twice")]
    BadBond(usize, usize),
}

impl Molecule {
    /// Atoms without bonds, charges and labels.
    ///
    /// # Errors
    /// [`MoleculeError`], except that of bonds.
    pub fn new(species: Vec<Element>, positions: Vec<[f64; 3]>) -> Result<Self, MoleculeError> {
        let atoms = species.len();
        if atoms == 0 {
            return Err(MoleculeError::Empty);
        }
        if positions.len() != atoms {
            let found = positions.len();
            return Err(MoleculeError::Count { what: "positions", found, atoms });
        }
        let finite = |p: &[f64; 3]| p.iter().all(|x| x.is_finite());
        if let Some(at) = positions.iter().position(|p| !finite(p)) {
            return Err(MoleculeError::NotFinite { atom: at + 1, position: positions[at] });
        }
        for (i, a) in positions.iter().enumerate() {
            for (j, b) in positions[..i].iter().enumerate() {
                if squared_distance(a, b) < TOO_CLOSE * TOO_CLOSE {
                    return Err(MoleculeError::Coincident(j + 1, i + 1));
                }
            }
        }
        let (labels, notes) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { species, positions, bonds: None, charges: None, labels, notes })
    }

    /// With `bonds`, sorted.
    ///
    /// # Errors
    /// [`MoleculeError::BadBond`].
    pub fn with_bonds(mut self, mut bonds: Vec<Bond>) -> Result<Self, MoleculeError> {
        bonds.iter_mut().for_each(|bond| bond.atoms.sort_unstable());
        bonds.sort_unstable();
        for (i, Bond { atoms: [a, b], .. }) in bonds.iter().enumerate() {
            let twice = i > 0 && bonds[i - 1].atoms == [*a, *b];
            if a == b || *b >= self.len() || twice {
                return Err(MoleculeError::BadBond(a + 1, b + 1));
            }
        }
        self.bonds = Some(bonds);
        Ok(self)
    }

    /// With formal `charges`.
    ///
    /// # Errors
    /// [`MoleculeError::Count`].
    pub fn with_charges(mut self, charges: Vec<i8>) -> Result<Self, MoleculeError> {
        if charges.len() != self.len() {
            let (found, atoms) = (charges.len(), self.len());
            return Err(MoleculeError::Count { what: "charges", found, atoms });
        }
        self.charges = Some(charges);
        Ok(self)
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

    /// Number of atoms; never 0.
    #[allow(clippy::len_without_is_empty, reason = "a molecule has an atom")]
    pub fn len(&self) -> usize {
        self.species.len()
    }

    /// Elements.
    pub fn species(&self) -> &[Element] {
        &self.species
    }

    /// Positions in Å.
    pub fn positions(&self) -> &[[f64; 3]] {
        &self.positions
    }

    /// Bonds, smaller atom first, sorted; where they are known.
    pub fn bonds(&self) -> Option<&[Bond]> {
        self.bonds.as_deref()
    }

    /// Formal charges in e, where they are known.
    pub fn charges(&self) -> Option<&[i8]> {
        self.charges.as_deref()
    }

    /// Numbers by name.
    pub fn labels(&self) -> &BTreeMap<String, f64> {
        &self.labels
    }

    /// Words by name.
    pub fn notes(&self) -> &BTreeMap<String, String> {
        &self.notes
    }

    /// Number of atoms of each element, in order of atomic number.
    pub fn composition(&self) -> BTreeMap<Element, usize> {
        let mut counts = BTreeMap::new();
        for &element in &self.species {
            *counts.entry(element).or_default() += 1;
        }
        counts
    }
}

/// ‖a − b‖².
pub(crate) fn squared_distance(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    (0..3).map(|k| (a[k] - b[k]).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn water() -> Molecule {
        let positions = vec![[0.0, 0.0, 0.0], [0.76, 0.59, 0.0], [-0.76, 0.59, 0.0]];
        Molecule::new(vec![Element::O, Element::H, Element::H], positions).unwrap()
    }

    fn bond(a: usize, b: usize) -> Bond {
        Bond { atoms: [a, b], order: Order::Single }
    }

    #[test]
    fn bonds_are_sorted_and_checked() {
        let molecule = water().with_bonds(vec![bond(2, 0), bond(0, 1)]).unwrap();
        assert_eq!(molecule.bonds(), Some(&[bond(0, 1), bond(0, 2)][..]));
        for wrong in [vec![bond(1, 1)], vec![bond(0, 3)], vec![bond(0, 1), bond(1, 0)]] {
            assert!(matches!(water().with_bonds(wrong), Err(MoleculeError::BadBond(..))));
        }
        assert!(water().with_charges(vec![0]).is_err());
        assert_eq!(water().composition(), [(Element::H, 2), (Element::O, 1)].into());
    }

    #[test]
    fn what_is_no_molecule_is_told_with_its_atoms() {
        let new = |positions: Vec<[f64; 3]>| {
            let error = Molecule::new(vec![Element::H; positions.len().max(1)], positions);
            error.unwrap_err().to_string()
        };
        assert_eq!(new(vec![]), "found 0 positions for 1 atoms");
        assert_eq!(new(vec![[0.0; 3], [f64::NAN; 3]]), "atom 2 is at [NaN, NaN, NaN]");
        assert_eq!(new(vec![[1.0; 3], [0.0; 3], [1.0; 3]]), "atoms 1 and 3 coincide");
        assert_eq!(Molecule::new(vec![], vec![]), Err(MoleculeError::Empty));
    }
}
