//! Space groups, and crystals brought to the symmetry that they nearly have.

use std::num::NonZeroU16;

use moyo::MoyoDataset;
use moyo::base::{AngleTolerance, Cell};
use moyo::data::Setting;
use nalgebra::Vector3;

use crate::geometry::{norm, plus, wrapped};
use crate::orbits::{Operation, Orbits};
use crate::record::Crystal;

/// The symmetry of a crystal within a tolerance.
#[derive(Debug, Clone, PartialEq)]
pub struct Symmetry {
    /// Number of the space group, 1 to 230.
    pub number: NonZeroU16,
    /// Its short Hermann–Mauguin symbol.
    pub symbol: String,
    /// Operations on the crystal's own cell.
    pub operations: Vec<Operation>,
}

/// A crystal with the symmetry that it nearly had.
#[derive(Debug, Clone, PartialEq)]
pub struct Symmetrized {
    /// In the same cell, its atoms in the same order.
    pub crystal: Crystal,
    /// What it has now.
    pub symmetry: Symmetry,
    /// The farthest that an atom moved, in Å, beside the cell.
    pub moved: f64,
}

impl From<&moyo::base::Operation> for Operation {
    fn from(operation: &moyo::base::Operation) -> Self {
        Self { turn: operation.rotation.map(f64::from), shift: operation.translation }
    }
}

impl Crystal {
    /// The space group of the crystal, atoms being off by up to `tolerance` Å; nothing where the search finds no
    /// group, or where two atoms are nearer to each other than four times the tolerance, which of them is meant could
    /// not be told, or where a vector of the lattice is shorter than ten times the tolerance: operations that are told apart so
    /// badly need not close into a group, and the search for one would not end.
    ///
    /// # Source
    /// The search is that of the crate `moyo`, Shinohara, K. (2024).
    pub fn symmetry(&self, tolerance: f64) -> Option<Symmetry> {
        let shortest = self.lattice().niggli().lengths().into_iter().fold(f64::INFINITY, f64::min);
        if self.shortest_distance() < 4.0 * tolerance || shortest < 10.0 * tolerance {
            return None;
        }
        let positions = self.frac_coords().iter().map(|f| Vector3::from(*f)).collect();
        let numbers = self.species().iter().map(|element| i32::from(element.number())).collect();
        let lattice = moyo::base::Lattice::from_basis(self.lattice().vectors());
        let cell = Cell::new(lattice, positions, numbers);
        let found =
            MoyoDataset::new(&cell, tolerance, AngleTolerance::Default, Setting::Standard, false);
        let found = found.ok()?;
        let operations = found.operations.iter();
        Some(Symmetry {
            number: u16::try_from(found.number).ok().and_then(NonZeroU16::new)?,
            symbol: found.hm_symbol.clone(),
            operations: operations.map(Operation::from).collect(),
        })
    }

    /// How the group that the crystal has within `tolerance` Å acts on its atoms; nothing as for [`Crystal::symmetrized`].
    pub fn orbits(&self, tolerance: f64) -> Option<Orbits> {
        Orbits::new(self, &self.symmetry(tolerance)?.operations)
    }

    /// The crystal with exactly the symmetry that it has within `tolerance` Å: the cell is the mean of what the operations
    /// make of it, and so is each atom. Nothing where no group is found, or the crystal is too far from it for its
    /// images to be told apart.
    pub fn symmetrized(&self, tolerance: f64) -> Option<Symmetrized> {
        let symmetry = self.symmetry(tolerance)?;
        let orbits = Orbits::new(self, &symmetry.operations)?;
        let lattice = orbits.lattice(self.lattice())?;
        let steps = orbits.lacks(self.frac_coords());
        let moved = steps.iter().map(|step| norm(&lattice.cartesian(step))).fold(0.0, f64::max);
        let ends = self.frac_coords().iter().zip(&steps);
        let frac_coords = ends.map(|(at, step)| plus(at, step).map(wrapped)).collect();
        let crystal = Self { lattice, frac_coords, ..self.clone() };
        Some(Symmetrized { crystal, symmetry, moved })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Element;
    use crate::lattice::Lattice;

    /// Rock salt in its primitive cell, atoms and cell off by a little.
    fn salt(off: f64) -> Crystal {
        let h = 2.8;
        let rows = [[0.0, h, h + off], [h, 0.0, h], [h + off, h, 0.0]];
        let species = vec!["Na".parse::<Element>().unwrap(), Element::CL];
        let frac = vec![[off, 0.0, 0.0], [0.5, 0.5 - off, 0.5]];
        Crystal::new(Lattice::new(rows).unwrap(), species, frac).unwrap()
    }

    /// A sheared cell of which more is nearly a symmetry than a group has: nothing is found, and soon.
    #[test]
    fn tolerances_too_large_for_the_lattice_find_nothing() {
        let rows = [[3.9, 1.06, 0.2], [1.06, 3.87, 0.56], [0.2, 0.56, 16.5]];
        let species = vec!["Ba".parse::<Element>().unwrap(), "Al".parse().unwrap()];
        let frac = vec![[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]];
        let crystal = Crystal::new(Lattice::new(rows).unwrap(), species, frac).unwrap();
        assert!(crystal.symmetry(0.5).is_none());
        assert_eq!(crystal.symmetry(0.01).unwrap().number.get(), 2);
    }

    #[test]
    fn groups_are_found_within_a_tolerance() {
        let exact = salt(0.0).symmetry(1e-3).unwrap();
        assert_eq!((exact.number.get(), &exact.symbol[..]), (225, "F m -3 m"));
        assert!(salt(0.01).symmetry(1e-3).unwrap().number.get() < 225);
        assert_eq!(salt(0.01).symmetry(0.2).unwrap().number.get(), 225);
        let both = vec![[0.0; 3], [0.0; 3]];
        let heap = Crystal::new(*salt(0.0).lattice(), vec![Element::C; 2], both).unwrap();
        assert_eq!(heap.symmetry(0.1), None);
        // Sodium and chlorine are 2.8 Å apart.
        assert_eq!(salt(0.0).symmetry(0.71), None);
    }

    /// What was nearly rock salt is rock salt to the last digits, in the same cell, and atoms moved by what they were off.
    #[test]
    fn nearly_symmetric_crystals_become_symmetric() {
        let nearly = salt(0.01);
        let made = nearly.symmetrized(0.2).unwrap();
        assert_eq!(made.symmetry.number.get(), 225);
        assert_eq!(made.crystal.symmetry(1e-6).unwrap().number.get(), 225);
        assert!(made.moved > 0.01 && made.moved < 0.1, "{}", made.moved);
        let (a, b) = (made.crystal.lattice().lengths(), made.crystal.lattice().angles());
        assert!(
            (0..3).all(|k| (a[k] - a[0]).abs() < 1e-9 && (b[k] - 60.0).abs() < 1e-6),
            "{a:?} {b:?}"
        );
        assert!((made.crystal.lattice().volume() / nearly.lattice().volume() - 1.0).abs() < 0.01);
        // Once more changes nothing.
        let again = made.crystal.symmetrized(0.2).unwrap();
        assert!(again.moved < 1e-9);
    }
}
