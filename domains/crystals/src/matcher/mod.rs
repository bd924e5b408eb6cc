//! Whether two crystals are the same structure, and how far apart their atoms are.
//!
//! Both are reduced to the primitive cell of Niggli and scaled to one volume. Then every cell of the first that
//! looks like the cell of the second is laid over it, every atom of the rarest element over every other one, and
//! the root mean square distance of the best pairing, in units of (V/N)^(1/3), is the answer.

mod alignment;
mod exchange;
mod overlay;
mod pairing;

use langevin_transport::TransportError;

pub use alignment::{Aligned, aligned};
pub use exchange::Elements;

use crate::element::Element;
use crate::geometry::{Vec3, wrapped};
use crate::lattice::Lattice;
use crate::primitive::TOLERANCE;
use crate::record::Crystal;

/// Tolerances of a comparison.
///
/// # Source
/// pymatgen's `StructureMatcher`, Ong et al. (2013), Computational Materials Science 68, 314–319: same
/// parameters, and the same results where the answer does not hang on how ties are broken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Matcher {
    /// Largest relative difference of lengths.
    pub ltol: f64,
    /// Largest distance of paired atoms, in (V/N)^(1/3).
    pub stol: f64,
    /// Largest difference of angles, in degrees.
    pub angle_tol: f64,
    /// Whether cells are first made primitive.
    pub primitive: bool,
    /// Whether cells are scaled to one volume.
    pub scale: bool,
    /// Which atoms may be paired.
    pub elements: Elements,
}

impl Default for Matcher {
    /// The defaults of pymatgen.
    fn default() -> Self {
        Self {
            ltol: 0.2,
            stol: 0.3,
            angle_tol: 5.0,
            primitive: true,
            scale: true,
            elements: Elements::Same,
        }
    }
}

impl Matcher {
    /// The tolerances with which crystal structure prediction is scored (CDVAE, DiffCSP and all after them).
    pub fn prediction() -> Self {
        Self { ltol: 0.3, stol: 0.5, angle_tol: 10.0, ..Self::default() }
    }
}

/// A crystal that is ready to be compared: reduced, its atoms sorted by element.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduced {
    lattice: Lattice,
    species: Vec<Element>,
    frac_coords: Vec<Vec3>,
    /// The rarest element; of equally rare ones, that of the first atom. Its first atom is laid over others.
    anchor: Element,
}

/// How two crystals that match lie over each other, in units of (V/N)^(1/3).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distance {
    /// Root mean square distance of paired atoms.
    pub rms: f64,
    /// Largest distance of a pair.
    pub max: f64,
}

impl Matcher {
    /// `crystal`, reduced for comparisons with this matcher. Worth keeping: it is half of the work.
    pub fn reduce(&self, crystal: &Crystal) -> Reduced {
        let niggli = crystal.in_cell(crystal.lattice().niggli());
        let mut reduced = if self.primitive { niggli.primitive(TOLERANCE) } else { niggli };
        if self.elements == Elements::Any {
            reduced.species.fill(Element::H);
        }
        let count = |element: &Element| reduced.species().iter().filter(|e| *e == element).count();
        let anchor = reduced.species().iter().min_by_key(|e| count(e)).expect("there is an atom");
        let mut order: Vec<usize> = (0..reduced.len()).collect();
        order.sort_by_key(|&i| reduced.species()[i]);
        Reduced {
            lattice: *reduced.lattice(),
            species: order.iter().map(|&i| reduced.species()[i]).collect(),
            frac_coords: order.iter().map(|&i| reduced.frac_coords()[i]).collect(),
            anchor: *anchor,
        }
    }

    /// The distance of the best overlay; nothing if there is none within the tolerances.
    pub fn distance(&self, a: &Crystal, b: &Crystal) -> Option<Distance> {
        self.distance_of_reduced(&self.reduce(a), &self.reduce(b))
    }

    /// As [`Matcher::distance`], of crystals that were reduced before.
    pub fn distance_of_reduced(&self, a: &Reduced, b: &Reduced) -> Option<Distance> {
        if self.elements == Elements::Exchanged {
            let found = exchange::renamed(a, b);
            let found = found.iter().filter_map(|a| self.distance_of_named(a, b));
            return found.min_by(|x, y| x.rms.total_cmp(&y.rms));
        }
        self.distance_of_named(a, b)
    }

    /// The distance of crystals whose atoms are paired by their elements.
    fn distance_of_named(&self, a: &Reduced, b: &Reduced) -> Option<Distance> {
        // The same atoms in the same numbers: without supercells, nothing else can be paired.
        if a.species != b.species {
            return None;
        }
        let (mut one, mut other) = (a.lattice, b.lattice);
        if self.scale {
            let ratio = (other.volume() / one.volume()).powf(1.0 / 6.0);
            (one, other) = (one.scaled(ratio), other.scaled(1.0 / ratio));
        }
        self.best_overlay(a, &one, b, &other).expect("squared distances are finite")
    }

    /// The least distance over all cells of `one` that look like that of `other`, and all anchors.
    fn best_overlay(
        &self,
        a: &Reduced,
        one: &Lattice,
        b: &Reduced,
        other: &Lattice,
    ) -> Result<Option<Distance>, TransportError> {
        let mut pairing = pairing::Pairing::new(&b.species, b.anchor);
        let mut best: Option<Distance> = None;
        for mapping in one.mappings(other, 1, self.ltol, self.angle_tol) {
            let cell = mapping.lattice;
            let moved = |frac: &Vec3| cell.fractional(&one.cartesian(frac)).map(wrapped);
            let over: Vec<Vec3> = a.frac_coords.iter().map(moved).collect();
            let Some(mean) = cell.mean(other) else { continue };
            let overlay = overlay::Overlay::new(&over, &b.frac_coords, &mean, self.stol);
            let found = overlay.best(&mut pairing)?;
            best = [best, found].into_iter().flatten().min_by(|x, y| x.rms.total_cmp(&y.rms));
            // Nothing can be better than the same structure.
            if best.is_some_and(|best| best.rms < SAME) {
                break;
            }
        }
        Ok(best.filter(|best| best.rms < self.stol))
    }
}

/// Below this distance two crystals are the same, and no better overlay is looked for.
const SAME: f64 = 1e-5;

#[cfg(test)]
mod tests;
