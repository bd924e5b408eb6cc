//! The smallest cell of a crystal.
//!
//! A crystal is periodic under a shorter lattice if a set of translations takes its atoms to atoms of the same
//! element, each within a tolerance along each axis. Which lattices can do so is known: a cell of N times the
//! volume of a smaller one has it among the finitely many sublattices in Hermite normal form.

use nalgebra::Matrix3;

use crate::element::Element;
use crate::formula::gcd;
use crate::geometry::{Vec3, minus, near, nearest, wrapped};
use crate::record::Crystal;

/// How far, in Å along each axis of the cell, two atoms may be from being images of each other before structures are compared:
/// the value of pymatgen's `get_primitive_structure`.
pub const TOLERANCE: f64 = 0.25;

/// Atoms of one element.
struct Group {
    element: Element,
    frac: Vec<Vec3>,
    /// `apart[i][j]`: i and j are not so near each other that they could be one atom in any cell.
    apart: Vec<Vec<bool>>,
}

impl Crystal {
    /// The primitive cell, reduced after Niggli; the crystal itself where there is no smaller one.
    ///
    /// Atoms that are images of one another `within` so many Å along each axis are averaged: distortions that are smaller
    /// than that are gone.
    ///
    /// # Source
    /// The rules of pymatgen's `get_primitive_structure(tolerance=within)`.
    #[must_use]
    pub fn primitive(&self, within: f64) -> Self {
        let groups = groups(self, within);
        let units = groups.iter().fold(0, |divisor, group| gcd(divisor, group.frac.len()));
        if units == 1 {
            return self.clone();
        }
        let tolerance = self.lattice().lengths().map(|length| within / length);
        let periods = periods(&groups, &tolerance);
        for size in (2..=units).filter(|size| units % size == 0) {
            for form in hermite_forms(size) {
                if let Some(smaller) = folded(self, &groups, &periods, within, (&form, size)) {
                    // Where an average has moved atoms nearer to each other, a still smaller one may appear.
                    let primitive = smaller.primitive(within);
                    let reduced = primitive.lattice().niggli();
                    return primitive.in_cell(reduced);
                }
            }
        }
        self.clone()
    }
}

fn groups(crystal: &Crystal, within: f64) -> Vec<Group> {
    let mut elements = crystal.species().to_vec();
    elements.sort_by_key(|element| element.symbol());
    elements.dedup();
    let tolerance = crystal.lattice().lengths().map(|length| 2.0 * within / length);
    let of = |element: Element| {
        let atoms = crystal.species().iter().zip(crystal.frac_coords());
        let frac: Vec<Vec3> = atoms.filter(|(e, _)| **e == element).map(|(_, f)| *f).collect();
        let far = |a: &Vec3, b: &Vec3| (0..3).any(|k| nearest(b[k] - a[k]).abs() > tolerance[k]);
        let row = |i: usize| (0..frac.len()).map(|j| i == j || far(&frac[i], &frac[j])).collect();
        Group { element, apart: (0..frac.len()).map(row).collect(), frac }
    };
    elements.into_iter().map(of).collect()
}

/// Vectors from the first atom of the rarest element to others of it that take every atom near another of
/// its element. Both ends are approximate, so twice the tolerance is allowed.
fn periods(groups: &[Group], tolerance: &Vec3) -> Vec<Vec3> {
    let rarest = groups.iter().min_by_key(|group| group.frac.len()).expect("there is an atom");
    let twice = tolerance.map(|x| 2.0 * x);
    let from_first = rarest.frac.iter().map(|frac| minus(frac, &rarest.frac[0]));
    let takes = |period: &Vec3, group: &Group, from: &Vec3| {
        group.frac.iter().any(|to| near(&minus(to, from), period, &twice))
    };
    let all = |period: &Vec3| {
        groups.iter().all(|group| group.frac.iter().all(|from| takes(period, group, from)))
    };
    from_first.filter(all).collect()
}

/// All matrices of determinant `size` in Hermite normal form: one for each sublattice.
fn hermite_forms(size: usize) -> impl Iterator<Item = Matrix3<f64>> {
    let divisors = move |n: usize| (1..=n).filter(move |d| n.is_multiple_of(*d));
    divisors(size).flat_map(move |a| {
        divisors(size / a).flat_map(move |e| {
            let g = size / a / e;
            let above = (0..a).flat_map(move |b| (0..a).map(move |c| (b, c)));
            above.flat_map(move |(b, c)| {
                (0..e).map(move |f| {
                    let [a, b, c, e, f, g] = [a, b, c, e, f, g].map(|x| x as f64);
                    Matrix3::new(a, b, c, 0.0, e, f, 0.0, 0.0, g)
                })
            })
        })
    })
}

/// The crystal in the cell `form⁻¹ · lattice`, where `size` of its atoms become one; nothing if they do not.
fn folded(
    crystal: &Crystal,
    groups: &[Group],
    periods: &[Vec3],
    within: f64,
    (form, size): (&Matrix3<f64>, usize),
) -> Option<Crystal> {
    let tolerance = crystal.lattice().lengths().map(|length| within / length);
    let inverse = form.try_inverse().expect("a Hermite form has a determinant above zero");
    let known = |row: usize| {
        let vector: Vec3 = std::array::from_fn(|k| inverse[(row, k)]);
        periods.iter().any(|period| near(&vector, period, &tolerance))
    };
    if !(0..3).all(known) {
        return None;
    }
    let lattice = crystal.lattice().changed(&inverse);
    let within = lattice.lengths().map(|length| within / length);
    let (mut species, mut frac_coords) = (Vec::new(), Vec::new());
    for group in groups {
        let merged = merged(group, form, &within, size)?;
        species.extend(std::iter::repeat_n(group.element, merged.len()));
        frac_coords.extend(merged);
    }
    let made = Crystal::new(lattice, species, frac_coords).expect("averages of atoms in a cell");
    let Crystal { labels, notes, .. } = crystal.clone();
    Some(Crystal { labels, notes, ..made })
}

/// Averages of the atoms of a group that coincide in the smaller cell, `size` each.
fn merged(group: &Group, form: &Matrix3<f64>, within: &Vec3, size: usize) -> Option<Vec<Vec3>> {
    let changed = |frac: &Vec3| -> Vec3 {
        std::array::from_fn(|k| (0..3).map(|i| frac[i] * form[(i, k)]).sum())
    };
    let frac: Vec<Vec3> = group.frac.iter().map(changed).collect();
    let one = |i: usize, j: usize| near(&frac[i], &frac[j], within) && group.apart[i][j];
    let image_sets: Vec<Vec<usize>> =
        (0..frac.len()).map(|i| (0..frac.len()).filter(|&j| one(i, j)).collect()).collect();
    // Each atom has as many images as there should be, and they are images of each other.
    let clique = |set: &Vec<usize>| set.iter().all(|&i| set.iter().all(|&j| one(i, j)));
    if !image_sets.iter().all(|set| set.len() == size && clique(set)) {
        return None;
    }
    let first = image_sets.iter().enumerate().filter(|(i, set)| set[0] == *i);
    Some(first.map(|(_, set)| mean(set.iter().map(|&i| frac[i].map(wrapped)))).collect())
}

/// Mean of points of which each is near the ones before, across faces.
fn mean(points: impl Iterator<Item = Vec3>) -> Vec3 {
    let mut mean = [0.0; 3];
    for (count, point) in points.enumerate() {
        match count {
            0 => mean = point,
            _ => {
                mean = std::array::from_fn(|k| {
                    mean[k] + nearest(point[k] - mean[k]) / (count + 1) as f64
                })
            }
        }
    }
    mean
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lattice::Lattice;

    fn crystal(lattice: Lattice, atoms: &[(Element, Vec3)]) -> Crystal {
        let (species, frac) = atoms.iter().copied().unzip();
        Crystal::new(lattice, species, frac).unwrap()
    }

    fn cube(a: f64) -> Lattice {
        Lattice::from_parameters([a; 3], [90.0; 3]).unwrap()
    }

    /// Rock salt: 8 atoms in the cube, 2 in the primitive cell, whose edges are a/√2 at 60°.
    #[test]
    fn rock_salt_has_two_atoms() {
        let (na, cl) = ("Na".parse().unwrap(), Element::CL);
        let face = [[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]];
        let shifted = face.map(|f: Vec3| [f[0] + 0.5, f[1], f[2]]);
        let atoms: Vec<_> =
            face.map(|f| (na, f)).into_iter().chain(shifted.map(|f| (cl, f))).collect();
        let labelled = crystal(cube(5.64), &atoms).with_label("gap", 8.5).with_note("name", "salt");
        let primitive = labelled.primitive(TOLERANCE);
        assert_eq!(primitive.len(), 2);
        assert_eq!((primitive.labels(), primitive.notes()), (labelled.labels(), labelled.notes()));
        for (length, angle) in
            primitive.lattice().lengths().iter().zip(primitive.lattice().angles())
        {
            assert!((length - 5.64 / 2f64.sqrt()).abs() < 1e-9 && (angle - 60.0).abs() < 1e-9);
        }
    }

    #[test]
    fn nearly_periodic_atoms_are_averaged_and_others_kept() {
        let long = Lattice::from_parameters([3.0, 3.0, 6.0], [90.0; 3]).unwrap();
        let at = |z: f64| crystal(long, &[(Element::C, [0.0; 3]), (Element::C, [0.0, 0.0, z])]);
        let primitive = at(0.51).primitive(TOLERANCE);
        assert_eq!(primitive.len(), 1);
        // Images at 0 and 1.02 of the half cell.
        let z = primitive.frac_coords()[0].iter().map(|x| nearest(*x).abs()).fold(0.0, f64::max);
        assert!((z - 0.01).abs() < 1e-9, "{primitive:?}");
        assert!((primitive.lattice().volume() - 27.0).abs() < 1e-9);
        assert_eq!(at(0.6).primitive(TOLERANCE), at(0.6));
        // Off by 0.06 Å: with less allowed, that is a distortion and stays.
        assert_eq!(at(0.51).primitive(0.01), at(0.51));
        assert_eq!(at(0.501).primitive(0.01).len(), 1);
    }

    /// In half the cell, atoms at 0, 0.2, 0.4 and 0.6 Å: each is near its neighbours and no two pairs are alone.
    #[test]
    fn a_chain_of_near_atoms_is_not_one_atom() {
        let long = Lattice::from_parameters([3.0, 3.0, 20.0], [90.0; 3]).unwrap();
        let at = |z: f64| (Element::C, [0.0, 0.0, z / 20.0]);
        let chain = crystal(long, &[at(0.0), at(10.2), at(0.4), at(10.6)]);
        assert_eq!(chain.primitive(TOLERANCE), chain);
    }

    #[test]
    fn sublattices_are_counted() {
        // The number of sublattices of index n is Σ_{d|n} d σ(d): 7 for 2, 13 for 3, 35 for 4.
        let count = |size| hermite_forms(size).count();
        assert_eq!([count(1), count(2), count(3), count(4)], [1, 7, 13, 35]);
    }
}
