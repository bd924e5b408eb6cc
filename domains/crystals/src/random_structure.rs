//! Random crystals of a space group: where paths begin that are to keep it.

use nalgebra::Matrix3;

use crate::geometry::Vec3;
use crate::lattice::Lattice;
use crate::orbits::{Operation, Orbits, kept};
use crate::record::Crystal;
use crate::wyckoff::{Occupied, SpaceGroup};

impl SpaceGroup {
    /// A crystal of this group, and how the group acts on it, in its standard cell.
    ///
    /// Atoms are on the `occupied` positions, their free parameters uniform; the cell is the one beside `lattice` that the
    /// group maps on itself. `u` gives numbers in [0, 1). Nothing where atoms fall on each other.
    pub fn random_structure(
        &self,
        occupied: &[Occupied],
        lattice: &Lattice,
        mut u: impl FnMut() -> f64,
    ) -> Option<(Crystal, Orbits)> {
        let lattice = kept(self.operations.iter(), lattice)?;
        let (mut species, mut frac) = (Vec::new(), Vec::<Vec3>::new());
        for one in occupied {
            let xyz = [u(), u(), u()];
            let places = self.places(one.position, &xyz);
            if places.len() != self.positions[one.position].multiplicity {
                return None;
            }
            species.extend(std::iter::repeat_n(one.element, places.len()));
            frac.extend(places);
        }
        let crystal = Crystal::new(lattice, species, frac).ok()?;
        let standard = crystal.in_standard_cell();
        let orbits = Orbits::new(&standard, &self.operations_in(&lattice, standard.lattice()))?;
        Some((standard, orbits))
    }

    /// The operations on columns of the coordinates of another cell of the same lattice.
    fn operations_in(&self, own: &Lattice, other: &Lattice) -> Vec<Operation> {
        // Rows f L = f' L', so that columns are f' = Q f with Q = (L L'⁻¹)ᵀ, whole numbers.
        let rows = own.vectors().map(|vector| other.fractional(&vector).map(f64::round));
        let change = Matrix3::from_fn(|i, k| rows[k][i]);
        let back = change.try_inverse().expect("two cells of one lattice");
        let changed = |operation: &Operation| Operation {
            turn: change * operation.turn * back,
            shift: change * operation.shift,
        };
        self.operations.iter().map(changed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Element;

    /// Quasi-random numbers of a plastic sequence.
    fn numbers(seed: f64) -> impl FnMut() -> f64 {
        let mut k = seed;
        move || {
            k += 1.0;
            (k * 0.754_877_666).fract()
        }
    }

    /// In every seventh group, cells far from it: the crystal has the group's operations, in the Niggli cell, and moves
    /// that the orbits let pass keep them. `moyo` finds no lower symmetry.
    #[test]
    fn random_structures_have_their_group_and_keep_it() {
        let element: Element = "Si".parse().unwrap();
        let lattice = Lattice::from_parameters([5.0, 6.5, 8.5], [82.0, 95.0, 104.0]).unwrap();
        let mut tried = 0;
        for number in (1..=230).step_by(7) {
            let group = SpaceGroup::of_number(number).unwrap();
            let general = vec![Occupied { element, position: 0 }];
            let mut u = numbers(f64::from(number));
            let lattice = lattice.scaled((group.operations.len() as f64).cbrt());
            let (crystal, orbits) = group.random_structure(&general, &lattice, &mut u).unwrap();
            assert!((crystal.lattice().volume() / lattice.volume() - 1.0).abs() < 1e-9);
            let same = crystal.lattice().niggli();
            assert!((same.volume() - crystal.lattice().volume()).abs() < 1e-6);
            let largest =
                |steps: Vec<Vec3>| steps.concat().iter().fold(0.0, |a: f64, x| a.max(x.abs()));
            assert!(largest(orbits.lacks(crystal.frac_coords())) < 1e-9, "{number}");
            let steps: Vec<Vec3> =
                (0..crystal.len()).map(|_| [u(), u(), u()].map(|x| x - 0.5)).collect();
            let steps = orbits.steps(&steps);
            let moved = crystal.frac_coords().iter().zip(&steps);
            let moved: Vec<Vec3> =
                moved.map(|(at, step)| std::array::from_fn(|k| at[k] + 0.02 * step[k])).collect();
            assert!(largest(orbits.lacks(&moved)) < 1e-9, "{number}");
            let moved =
                Crystal::new(*crystal.lattice(), crystal.species().to_vec(), moved).unwrap();
            let Some(found) = moved.symmetry(1e-3) else { continue };
            tried += 1;
            let order = found.operations.len();
            assert_eq!(order % group.operations.len(), 0, "{number}: found {}", found.number);
        }
        assert!(tried > 15, "{tried}");
    }
}
