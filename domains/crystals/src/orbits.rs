//! Atoms that a group makes images of each other, and what moves them without breaking it.

use nalgebra::{Matrix3, Vector3};

use crate::geometry::{Vec3, dot, minus, nearest};
use crate::lattice::Lattice;
use crate::record::Crystal;

/// An operation f ↦ W f + w on columns of fractional coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Operation {
    /// W.
    pub turn: Matrix3<f64>,
    /// w.
    pub shift: Vector3<f64>,
}

impl Operation {
    /// The image of a point.
    pub fn image(&self, frac: &Vec3) -> Vec3 {
        let image = self.turn * Vector3::from(*frac) + self.shift;
        [image[0], image[1], image[2]]
    }

    /// The image of a difference of points.
    fn turned(&self, step: &Vec3) -> Vec3 {
        let image = self.turn * Vector3::from(*step);
        [image[0], image[1], image[2]]
    }
}

/// The operations of a group on a cell, with the atom that each atom falls on.
#[derive(Debug, Clone, PartialEq)]
pub struct Orbits(Vec<(Operation, Vec<usize>)>);

impl Orbits {
    /// Where `operations` bring the atoms of `crystal`: each to the nearest atom of its kind. Nothing if two fall on one.
    pub fn new(crystal: &Crystal, operations: &[Operation]) -> Option<Self> {
        let one = |operation: &Operation| Some((*operation, places(crystal, operation)?));
        operations.iter().map(one).collect::<Option<_>>().map(Self)
    }

    /// The part of `steps`, one per atom in fractional coordinates, under which images stay images: the mean over the
    /// group of what it makes of them.
    pub fn steps(&self, steps: &[Vec3]) -> Vec<Vec3> {
        let mut sums = vec![[0.0; 3]; steps.len()];
        for (operation, places) in &self.0 {
            for (step, &place) in steps.iter().zip(places) {
                let turned = operation.turned(step);
                (0..3).for_each(|k| sums[place][k] += turned[k]);
            }
        }
        self.means(sums)
    }

    /// How far each of the atoms at `frac` is from the mean of the images that fall on it.
    pub fn lacks(&self, frac: &[Vec3]) -> Vec<Vec3> {
        let mut sums = vec![[0.0; 3]; frac.len()];
        for (operation, places) in &self.0 {
            for (at, &place) in frac.iter().zip(places) {
                let lack = minus(&operation.image(at), &frac[place]).map(nearest);
                (0..3).for_each(|k| sums[place][k] += lack[k]);
            }
        }
        self.means(sums)
    }

    fn means(&self, mut sums: Vec<Vec3>) -> Vec<Vec3> {
        let count = self.0.len() as f64;
        sums.iter_mut().flatten().for_each(|sum| *sum /= count);
        sums
    }

    /// The cell beside `lattice` that the group maps on itself, of the same volume and orientation: its metric is the
    /// mean of its images. Nothing where that is no cell.
    pub fn lattice(&self, lattice: &Lattice) -> Option<Lattice> {
        kept(self.0.iter().map(|(operation, _)| operation), lattice)
    }
}

/// [`Orbits::lattice`] of bare operations.
pub fn kept<'a>(
    operations: impl ExactSizeIterator<Item = &'a Operation>,
    lattice: &Lattice,
) -> Option<Lattice> {
    // Of columns f the metric is G = L Lᵀ, and an isometry keeps it: Wᵀ G W = G.
    let rows = Matrix3::from_fn(|i, k| lattice.vectors()[i][k]);
    let (gram, count) = (rows * rows.transpose(), operations.len() as f64);
    let turned = operations.map(|operation| operation.turn.transpose() * gram * operation.turn);
    let mean = turned.sum::<Matrix3<f64>>() / count;
    // L' = C R with C the Cholesky factor of the new metric and R the rotation of the old one's, L = C₀ R.
    let rotation = gram.cholesky()?.l().try_inverse()? * rows;
    let new = mean.cholesky()?.l() * rotation;
    let new = Lattice::new(std::array::from_fn(|i| std::array::from_fn(|k| new[(i, k)]))).ok()?;
    Some(new.scaled((lattice.volume() / new.volume()).cbrt()))
}

/// The atom that each atom falls on.
fn places(crystal: &Crystal, operation: &Operation) -> Option<Vec<usize>> {
    let (frac, species) = (crystal.frac_coords(), crystal.species());
    let mut taken = vec![false; frac.len()];
    let place = |(i, at): (usize, &Vec3)| {
        let image = operation.image(at);
        let away = |j: &usize| {
            let cart = crystal.lattice().cartesian(&minus(&image, &frac[*j]).map(nearest));
            dot(&cart, &cart)
        };
        let alike = (0..frac.len()).filter(|&j| species[j] == species[i]);
        let place = alike.min_by(|a, b| away(a).total_cmp(&away(b)))?;
        (!std::mem::replace(&mut taken[place], true)).then_some(place)
    };
    frac.iter().enumerate().map(place).collect()
}
