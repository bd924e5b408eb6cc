//! Whether a crystal can be one: atoms apart, charges balanced.

use std::collections::BTreeSet;

use crate::element::Element;
use crate::formula::Formula;
use crate::geometry::{minus, nearest, norm};
use crate::record::Crystal;
use crate::traits::{OxidationStates, Traits};

/// Below this distance, in Å, two atoms of a crystal are in one place.
pub const LEAST_DISTANCE: f64 = 0.5;

impl Crystal {
    /// Whether no two atoms of the cell are closer than 0.5 Å to each other's images.
    ///
    /// An atom's own images are not looked at, as in the published protocol; the volume of at least 0.1 Å³ that it
    /// asks for, every lattice has.
    ///
    /// # Source
    /// CDVAE, Xie et al. (2022), arXiv:2110.06197, as all after it.
    pub fn has_room(&self) -> bool {
        self.shortest_distance() >= LEAST_DISTANCE
    }

    /// The shortest distance of two atoms in Å, over all images; infinite for a lone atom, whose own images do not
    /// count, and exact below 3 Å.
    pub fn shortest_distance(&self) -> f64 {
        let frac = self.frac_coords();
        let pairs = (0..self.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
        let distances = pairs.map(|(i, j)| self.distance(&minus(&frac[j], &frac[i])));
        distances.fold(f64::INFINITY, f64::min)
    }

    /// Length in Å of the fractional difference `delta` to the nearest of the images around it; exact below 3 Å.
    fn distance(&self, delta: &[f64; 3]) -> f64 {
        /// Images this near are found, in Å.
        const REACH: f64 = 3.0;
        // A cell may be far from reduced, so that images beyond the first ones are nearest: as many are looked
        // at along each axis as could come within reach.
        let lattice = self.lattice();
        let delta = delta.map(nearest);
        let reach = lattice
            .reciprocal_lengths()
            .map(|star| (REACH * star / std::f64::consts::TAU + 0.5).ceil() as i32);
        let mut shortest = f64::INFINITY;
        for a in -reach[0]..=reach[0] {
            for b in -reach[1]..=reach[1] {
                for c in -reach[2]..=reach[2] {
                    let shift = [a, b, c].map(f64::from);
                    let image = std::array::from_fn(|k| delta[k] + shift[k]);
                    shortest = shortest.min(norm(&lattice.cartesian(&image)));
                }
            }
        }
        shortest
    }

    /// Mass per volume in g/cm³.
    pub fn density(&self) -> f64 {
        /// One u in g, over one Å³ in cm³.
        const UNIT: f64 = 1.660_539_066_60;
        let mass: f64 = self.species().iter().map(|element| element.mass()).sum();
        mass / self.lattice().volume() * UNIT
    }
}

/// Whether a crystal is valid as published: atoms apart, and charges balanced by the older table.
pub fn is_valid(crystal: &Crystal) -> bool {
    crystal.has_room() && is_balanced(&crystal.formula(), OxidationStates::Smact14)
}

/// Whether oxidation states of its elements can add to zero such that every positive one is on an element that is
/// less electronegative than those of the negative ones.
///
/// One element alone, and metals among themselves, are balanced. All atoms of an element have one state.
///
/// # Source
/// SMACT 4, Davies et al. (2019), `smact_validity` with its defaults: an element without an electronegativity or
/// without states balances nothing.
pub fn is_balanced(formula: &Formula, table: OxidationStates) -> bool {
    let formula = formula.reduced();
    let counts = formula.counts();
    let traits = |element: &Element| Traits::of(*element);
    if counts.len() == 1 || counts.keys().all(|e| traits(e).is_some_and(|t| t.metal)) {
        return true;
    }
    let mut ions = Vec::new();
    for (element, count) in counts {
        let known = traits(element).and_then(|t| Some((t, t.electronegativity?)));
        let Some((traits, electronegativity)) = known else { return false };
        ions.push((electronegativity, traits.oxidation_states(table), *count as i32));
    }
    // Who gives and who takes is told by a border between electronegativities.
    ions.iter().any(|&(border, _, _)| {
        let mut sums = BTreeSet::from([0]);
        for &(own, states, count) in &ions {
            let gives = own < border;
            let fits = states.iter().filter(|&&state| if gives { state >= 0 } else { state <= 0 });
            let terms: Vec<i32> = fits.map(|state| state * count).collect();
            sums = sums.iter().flat_map(|sum| terms.iter().map(move |x| sum + x)).collect();
        }
        sums.contains(&0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lattice::Lattice;

    fn pair(cell: ([f64; 3], [f64; 3]), other: [f64; 3]) -> Crystal {
        let lattice = Lattice::from_parameters(cell.0, cell.1).unwrap();
        Crystal::new(lattice, vec![Element::C; 2], vec![[0.0; 3], other]).unwrap()
    }

    #[test]
    fn atoms_need_room_across_faces_and_in_skew_cells() {
        let cube = ([4.0; 3], [90.0; 3]);
        assert!(pair(cube, [0.5; 3]).has_room() && pair(cube, [0.126, 0.0, 0.0]).has_room());
        assert!(
            !pair(cube, [0.124, 0.0, 0.0]).has_room() && !pair(cube, [0.9, 0.0, 1.0]).has_room()
        );
        // (b − 3a)/2 is 0.22 Å from the origin, two cells from the one around its place in this cell.
        let skew = Lattice::new([[10.0, 0.0, 0.0], [29.8, 0.4, 0.0], [0.0, 0.0, 9.0]]).unwrap();
        let frac = vec![[0.0; 3], skew.fractional(&[-0.1, 0.2, 0.0])];
        assert!(!Crystal::new(skew, vec![Element::C; 2], frac).unwrap().has_room());
        assert!((pair(cube, [0.5, 0.0, 0.0]).shortest_distance() - 2.0).abs() < 1e-12);
        assert!((pair(cube, [0.5; 3]).density() - 24.022 / 64.0 * 1.66054).abs() < 1e-4);
    }

    /// By hand from the tables, then compositions on which the two tables differ.
    #[test]
    fn charges_are_balanced_as_smact_does() {
        let both = |text: &str| {
            let formula: Formula = text.parse().unwrap();
            [OxidationStates::Smact14, OxidationStates::Icsd24].map(|t| is_balanced(&formula, t))
        };
        for good in ["NaCl", "SrTiO3", "Sr2Ti2O6", "C", "FeCo", "Fe3O4Zn", "CaF2"] {
            assert_eq!(both(good), [true; 2], "{good}");
        }
        for bad in ["NaCl2", "HeO", "Na3Cl", "NaF2", "OF6"] {
            assert_eq!(both(bad), [false; 2], "{bad}");
        }
        // Monovalent magnesium is in the older table alone.
        assert_eq!(both("MgF"), [true, false]);
    }
}
