//! Space groups, and crystals brought to the symmetry that they nearly have.

use std::num::NonZeroU16;

use moyo::MoyoDataset;
use moyo::base::{AngleTolerance, Cell};
use moyo::data::Setting;
use nalgebra::{Matrix3, Vector3};

use crate::geometry::{Vec3, dot, minus, nearest, wrapped};
use crate::lattice::Lattice;
use crate::record::Crystal;

/// The symmetry of a crystal within a tolerance.
#[derive(Debug, Clone, PartialEq)]
pub struct Symmetry {
    /// Number of the space group, 1 to 230.
    pub number: NonZeroU16,
    /// Its short Hermann–Mauguin symbol.
    pub symbol: String,
    /// Operations f ↦ W f + w on columns of fractional coordinates of the crystal's own cell.
    operations: Vec<(Matrix3<f64>, Vector3<f64>)>,
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

impl Crystal {
    /// The space group of the crystal, atoms being off by up to `tolerance` Å; nothing where the search finds no
    /// group, or where two atoms are nearer to each other than four times the tolerance: which of them is meant could
    /// not be told.
    ///
    /// # Source
    /// The search is that of the crate `moyo`, Shinohara, K. (2024).
    pub fn symmetry(&self, tolerance: f64) -> Option<Symmetry> {
        if self.shortest_distance() < 4.0 * tolerance {
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
            operations: operations.map(|o| (o.rotation.map(f64::from), o.translation)).collect(),
        })
    }

    /// The crystal with exactly the symmetry that it has within `tolerance` Å: the cell is the mean of what the operations
    /// make of it, and so is each atom. Nothing where no group is found, or the crystal is too far from it for its
    /// images to be told apart.
    pub fn symmetrized(&self, tolerance: f64) -> Option<Symmetrized> {
        let symmetry = self.symmetry(tolerance)?;
        let count = symmetry.operations.len() as f64;
        // Of columns f the metric is G = L Lᵀ, and an isometry keeps it: Wᵀ G W = G.
        let rows = Matrix3::from_fn(|i, k| self.lattice().vectors()[i][k]);
        let gram = rows * rows.transpose();
        let turned = symmetry.operations.iter().map(|(w, _)| w.transpose() * gram * w);
        let mean: Matrix3<f64> = turned.sum::<Matrix3<f64>>() / count;
        let lattice = with_gram(self.lattice(), &mean)?;
        let (mut frac, mut moved) = (Vec::with_capacity(self.len()), 0.0_f64);
        let mut sums = vec![[0.0; 3]; self.len()];
        for (w, shift) in &symmetry.operations {
            let (places, images) = self.images(w, shift)?;
            for (place, image) in places.into_iter().zip(images) {
                let at = &self.frac_coords()[place];
                (0..3).for_each(|k| sums[place][k] += nearest(image[k] - at[k]) / count);
            }
        }
        for (at, step) in self.frac_coords().iter().zip(&sums) {
            let cart = lattice.cartesian(step);
            moved = moved.max(dot(&cart, &cart).sqrt());
            frac.push(std::array::from_fn(|k| wrapped(at[k] + step[k])));
        }
        let crystal = Self { lattice, frac_coords: frac, ..self.clone() };
        Some(Symmetrized { crystal, symmetry, moved })
    }

    /// Images of all atoms under an operation, and the place of the atom that each falls on; nothing if two fall on
    /// one.
    fn images(&self, w: &Matrix3<f64>, shift: &Vector3<f64>) -> Option<(Vec<usize>, Vec<Vec3>)> {
        let mut taken = vec![false; self.len()];
        let (mut places, mut images) = (Vec::new(), Vec::new());
        for (i, at) in self.frac_coords().iter().enumerate() {
            let image = w * Vector3::from(*at) + shift;
            let image = [image[0], image[1], image[2]];
            let away = |j: &usize| {
                let cart =
                    self.lattice().cartesian(&minus(&image, &self.frac_coords()[*j]).map(nearest));
                dot(&cart, &cart)
            };
            let alike = (0..self.len()).filter(|&j| self.species()[j] == self.species()[i]);
            let place = alike.min_by(|a, b| away(a).total_cmp(&away(b)))?;
            if std::mem::replace(&mut taken[place], true) {
                return None;
            }
            places.push(place);
            images.push(image);
        }
        Some((places, images))
    }
}

/// The lattice with L Lᵀ = `gram` that is nearest in orientation to `lattice`: its rows times a symmetric stretch.
fn with_gram(lattice: &Lattice, gram: &Matrix3<f64>) -> Option<Lattice> {
    // L' = C R with C the Cholesky factor of the new metric and R the rotation of the old one's, L = C₀ R.
    let rows = Matrix3::from_fn(|i, k| lattice.vectors()[i][k]);
    let old = (rows * rows.transpose()).cholesky()?.l();
    let rotation = old.try_inverse()? * rows;
    let new = gram.cholesky()?.l() * rotation;
    Lattice::new(std::array::from_fn(|i| std::array::from_fn(|k| new[(i, k)]))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Element;

    /// Rock salt in its primitive cell, atoms and cell off by a little.
    fn salt(off: f64) -> Crystal {
        let h = 2.8;
        let rows = [[0.0, h, h + off], [h, 0.0, h], [h + off, h, 0.0]];
        let species = vec!["Na".parse::<Element>().unwrap(), Element::CL];
        let frac = vec![[off, 0.0, 0.0], [0.5, 0.5 - off, 0.5]];
        Crystal::new(Lattice::new(rows).unwrap(), species, frac).unwrap()
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
