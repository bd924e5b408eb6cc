//! Atoms of one cell laid over those of another.

use std::cell::OnceCell;

use langevin_transport::TransportError;

use super::pairing::Pairing;
use super::{Distance, SAME};
use crate::geometry::{Vec3, dot, minus, near, nearest, plus};
use crate::lattice::Lattice;

/// Atoms at fractional coordinates of one cell, and how far apart those of a pair may be.
pub(super) struct Overlay<'a> {
    fixed: &'a [Vec3],
    moved: &'a [Vec3],
    cell: &'a Lattice,
    /// (N/V)^(1/3), in 1/Å.
    per_length: f64,
    /// Largest distance of a pair, in (V/N)^(1/3).
    stol: f64,
    /// Along each axis of the cell.
    tolerance: Vec3,
    /// Made for the first place of the anchor where all atoms can be paired: most cells have none.
    images: OnceCell<Images>,
}

/// The same atoms in a cell with short vectors, where nearest images are found.
struct Images {
    fixed: Vec<Vec3>,
    moved: Vec<Vec3>,
    cell: Lattice,
    tolerance: Vec3,
    /// The vectors R to 13 of the 26 cells around one, and their squares; the others are −R.
    around: [(Vec3, f64); 13],
    /// The square of half the shortest vector of the lattice: by the triangle inequality no image is nearer than
    /// one within it.
    surely_nearest: f64,
}

impl<'a> Overlay<'a> {
    /// Of as many atoms, sorted alike; pairs are at most `stol` (V/N)^(1/3) apart.
    pub(super) fn new(fixed: &'a [Vec3], moved: &'a [Vec3], cell: &'a Lattice, stol: f64) -> Self {
        let per_length = (fixed.len() as f64 / cell.volume()).cbrt();
        let tolerance = along(cell, stol / per_length);
        Self { fixed, moved, cell, per_length, stol, tolerance, images: OnceCell::new() }
    }

    /// The best of the overlays in which an atom of `fixed` lies on the anchor among `moved`.
    pub(super) fn best(&self, pairing: &mut Pairing) -> Result<Option<Distance>, TransportError> {
        let mut best: Option<Distance> = None;
        for place in pairing.anchors() {
            if !self.can_pair(place, pairing) {
                continue;
            }
            let Some(found) = self.paired(place, pairing)? else { continue };
            if best.is_none_or(|best| found.rms < best.rms) {
                best = Some(found);
            }
            if found.rms < SAME {
                break;
            }
        }
        Ok(best)
    }

    /// Whether each moved atom is near an atom of its element.
    fn can_pair(&self, place: usize, pairing: &Pairing) -> bool {
        let shift = minus(&self.fixed[place], &self.moved[pairing.anchor()]);
        let near_any = |i: usize| {
            let at = plus(&self.moved[i], &shift);
            let mut partners = self.fixed[pairing.partners(i)].iter();
            partners.any(|to| (0..3).all(|k| nearest(at[k] - to[k]).abs() <= self.tolerance[k]))
        };
        (0..self.moved.len()).all(near_any)
    }

    /// Atoms paired with the least sum of squared distances, then moved together to make it smaller.
    fn paired(
        &self,
        place: usize,
        pairing: &mut Pairing,
    ) -> Result<Option<Distance>, TransportError> {
        let images = self.images.get_or_init(|| self.images());
        let shift = minus(&images.fixed[place], &images.moved[pairing.anchor()]);
        let vector =
            |i: usize, j: usize| images.vector(&plus(&images.moved[i], &shift), &images.fixed[j]);
        let Some(pairs) = pairing.solve(vector)? else { return Ok(None) };
        let vectors = pairs.iter().map(|(_, vector)| vector);
        let count = pairs.len() as f64;
        let mean: Vec3 =
            std::array::from_fn(|k| vectors.clone().map(|v| v[k]).sum::<f64>() / count);
        let squares = vectors.map(|v| {
            let v = minus(v, &mean);
            dot(&v, &v)
        });
        let (sum, max) = squares.fold((0.0, 0f64), |(sum, max), x| (sum + x, max.max(x)));
        let rms = (sum / count).sqrt() * self.per_length;
        Ok(Some(Distance { rms, max: max.sqrt() * self.per_length }))
    }

    fn images(&self) -> Images {
        let cell = self.cell.lll();
        let in_cell = |frac: &Vec3| cell.fractional(&self.cell.cartesian(frac));
        let [fixed, moved] =
            [self.fixed, self.moved].map(|atoms| atoms.iter().map(in_cell).collect());
        // Of 27 cells, one of each pair ±R.
        let half: [usize; 13] = std::array::from_fn(|i| i + 14);
        let around = half.map(|i| {
            let r = cell.cartesian(&[i / 9, i / 3 % 3, i % 3].map(|x| x as f64 - 1.0));
            (r, dot(&r, &r))
        });
        let surely_nearest = around.iter().fold(f64::INFINITY, |a, &(_, b)| a.min(b)) / 4.0;
        let tolerance = along(&cell, self.stol / self.per_length);
        Images { fixed, moved, cell, tolerance, around, surely_nearest }
    }
}

impl Images {
    /// The shortest vector from `from` to an image of `to`; nothing if it is out of reach.
    fn vector(&self, from: &Vec3, to: &Vec3) -> Option<Vec3> {
        if !near(from, to, &self.tolerance) {
            return None;
        }
        let straight = self.cell.cartesian(&minus(to, from).map(nearest));
        if dot(&straight, &straight) <= self.surely_nearest {
            return Some(straight);
        }
        // |s ± R|² − |s|² = |R|² ± 2 s·R. Where images are equally near, the first from −13 to 13 is taken.
        let products = self.around.map(|(r, _)| 2.0 * dot(&straight, &r));
        let gains = self.around.iter().zip(&products);
        let back = gains.clone().rev().map(|((r, square), product)| (square - product, -1.0, r));
        let forth = gains.map(|((r, square), product)| (square + product, 1.0, r));
        let none = std::iter::once((0.0, 0.0, &straight));
        let mut best = (f64::INFINITY, 0.0, &straight);
        for image in back.chain(none).chain(forth) {
            if image.0 < best.0 - EQUALLY_NEAR {
                best = image;
            }
        }
        Some(std::array::from_fn(|k| straight[k] + best.1 * best.2[k]))
    }
}

/// Squares of distances, in Å², that differ by less differ by rounding.
const EQUALLY_NEAR: f64 = 1e-10;

/// Twice the reach of a sphere of `radius` along each axis of `lattice`: it is r|a*|/2π.
fn along(lattice: &Lattice, radius: f64) -> Vec3 {
    lattice.reciprocal_lengths().map(|star| star * radius / std::f64::consts::PI)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against all cells within two: in a hexagonal cell (0.45, 0.45) rounds to itself, and an image is nearer.
    #[test]
    fn vectors_are_the_shortest() {
        for angles in [[90.0, 90.0, 60.0], [90.0, 90.0, 120.0], [75.0, 65.0, 80.0]] {
            let cell = Lattice::from_parameters([3.0, 3.0, 4.0], angles).unwrap();
            let from = [[0.0; 3]];
            for i in 0..729 {
                let to = [[i / 81, i / 9 % 9, i % 9].map(|x| x as f64 / 8.0 * 0.9)];
                // Of any length.
                let images = Overlay::new(&from, &to, &cell, 10.0).images();
                let got = images.vector(&images.fixed[0], &images.moved[0]).unwrap();
                let offsets = (0..125).map(|j| [j / 25, j / 5 % 5, j % 5].map(|x| x as f64 - 2.0));
                let all = offsets.map(|offset| cell.cartesian(&plus(&to[0], &offset)));
                let least = all.map(|v| dot(&v, &v)).fold(f64::INFINITY, f64::min);
                assert!((dot(&got, &got) - least).abs() < 1e-9, "{angles:?} {to:?}");
            }
        }
    }
}
