//! Two crystals of one composition brought as near to each other as other cells, shifts and exchanges can.

use langevin_transport::TransportError;

use super::pairing::Pairing;
use crate::geometry::{Vec3, dot, minus, nearest, plus, wrapped};
use crate::lattice::Lattice;
use crate::record::Crystal;

/// How much cells may differ in lengths, and in degrees: beyond, the cell is taken as it is.
const LENGTHS: f64 = 0.4;
const ANGLES: f64 = 20.0;

/// Two crystals laid over each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Aligned {
    /// The one, in the cell of its lattice, with the numbering and at the shift at which it differs least.
    pub crystal: Crystal,
    /// The other, its atoms in the same order.
    pub onto: Crystal,
    /// Root mean square distance of paired atoms without that of their means, in (V/N)^(1/3) of the other.
    pub rms: f64,
}

/// `crystal` laid onto `onto`; nothing if they are not made of the same atoms.
///
/// What is made least is the mean square distance of paired atoms without that of their means, in units of (V/N)^(2/3)
/// of `onto`, and the squared distance of cells in the chart. A cell of the other hand stands for the mirror image, which
/// is as good a crystal.
///
/// # Errors
/// None that a crystal can cause.
pub fn aligned(crystal: &Crystal, onto: &Crystal) -> Result<Option<Aligned>, TransportError> {
    let (crystal, onto) = (sorted(crystal), sorted(onto));
    if crystal.species() != onto.species() {
        return Ok(None);
    }
    let own = crystal.lattice();
    let scale = (own.volume() / onto.lattice().volume()).cbrt();
    let like = onto.lattice().scaled(scale);
    let mut cells: Vec<Lattice> =
        own.mappings(&like, 1, LENGTHS, ANGLES).into_iter().map(|m| m.lattice).collect();
    if cells.is_empty() {
        cells.push(*own);
    }
    let k = onto.lattice().log_coordinates();
    let rarest = rarest(&onto);
    let mut pairing = Pairing::new(onto.species(), rarest);
    let mut best: Option<(f64, f64, Crystal)> = None;
    for cell in cells {
        let away = |(a, b): (&f64, &f64)| (a - b) * (a - b);
        let strain: f64 = cell.log_coordinates().iter().zip(&k).map(away).sum();
        if best.as_ref().is_some_and(|(cost, _, _)| strain >= *cost) {
            continue;
        }
        let own: Vec<Vec3> = crystal
            .frac_coords()
            .iter()
            .map(|f| cell.fractional(&crystal.lattice().cartesian(f)))
            .collect();
        for place in pairing.anchors() {
            let (spread, frac) =
                laid(&own, onto.frac_coords(), onto.lattice(), place, &mut pairing)?;
            if best.as_ref().is_none_or(|(cost, _, _)| strain + spread < *cost) {
                let moved = Crystal { lattice: cell, frac_coords: frac, ..crystal.clone() };
                best = Some((strain + spread, spread.sqrt(), moved));
            }
        }
    }
    Ok(best.map(|(_, rms, crystal)| Aligned { crystal, onto, rms }))
}

/// Atoms `own` with the anchor's place over that of `onto`, paired: how far apart, and where in the order of `onto`.
fn laid(
    own: &[Vec3],
    onto: &[Vec3],
    lattice: &Lattice,
    place: usize,
    pairing: &mut Pairing,
) -> Result<(f64, Vec<Vec3>), TransportError> {
    let shift = minus(&own[place], &onto[pairing.anchor()]);
    let between = |i: usize, j: usize| minus(&own[j], &plus(&onto[i], &shift)).map(nearest);
    let pairs = pairing.solve(|i, j| Some(lattice.cartesian(&between(i, j))))?;
    let pairs = pairs.expect("all atoms of an element are in reach");
    let count = pairs.len() as f64;
    let steps: Vec<Vec3> = pairs.iter().enumerate().map(|(i, (j, _))| between(i, *j)).collect();
    let mean: Vec3 = std::array::from_fn(|k| steps.iter().map(|d| d[k]).sum::<f64>() / count);
    let steps = steps.iter().map(|step| minus(step, &mean));
    let square = |step: Vec3| {
        let cart = lattice.cartesian(&step);
        dot(&cart, &cart)
    };
    let spread = steps.clone().map(square).sum::<f64>() / count;
    let per_length = (count / lattice.volume()).cbrt();
    let frac = onto.iter().zip(steps).map(|(at, step)| plus(at, &step).map(wrapped)).collect();
    Ok((spread * per_length * per_length, frac))
}

/// The same crystal with its atoms sorted by element.
fn sorted(crystal: &Crystal) -> Crystal {
    let mut order: Vec<usize> = (0..crystal.len()).collect();
    order.sort_by_key(|&i| crystal.species()[i]);
    Crystal {
        species: order.iter().map(|&i| crystal.species()[i]).collect(),
        frac_coords: order.iter().map(|&i| crystal.frac_coords()[i]).collect(),
        ..crystal.clone()
    }
}

/// The element with the fewest atoms.
fn rarest(crystal: &Crystal) -> crate::element::Element {
    let count = |element| crystal.species().iter().filter(|e| *e == element).count();
    *crystal.species().iter().min_by_key(|e| count(*e)).expect("there is an atom")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Element;
    use crate::matcher::Matcher;

    fn crystal() -> Crystal {
        let lattice = Lattice::from_parameters([3.5, 4.5, 6.0], [80.0, 95.0, 110.0]).unwrap();
        let species = vec![Element::O, Element::SI, Element::O, Element::C];
        let frac = vec![[0.1, 0.2, 0.3], [0.6, 0.7, 0.9], [0.4, 0.1, 0.75], [0.9, 0.5, 0.1]];
        Crystal::new(lattice, species, frac).unwrap()
    }

    /// Another setting of the same crystal (cell, shift, order), a little strained, is laid back on it.
    #[test]
    fn another_setting_is_brought_back() {
        let one = crystal();
        let [a, b, c] = one.lattice().vectors();
        let cell = Lattice::new([b, plus(&a, &b), c.map(|x| -1.01 * x)]).unwrap();
        let exact = Lattice::new([b, plus(&a, &b), c.map(|x| -x)]).unwrap();
        let moved = one.in_cell(exact);
        let order = [2, 3, 1, 0];
        let species = order.map(|i| moved.species()[i]).to_vec();
        let shifted = order.map(|i| plus(&moved.frac_coords()[i], &[0.3, 0.85, 0.4])).to_vec();
        let other = Crystal::new(cell, species, shifted).unwrap();
        let Aligned { crystal: laid, onto, rms } = aligned(&other, &one).unwrap().unwrap();
        assert!(rms < 1e-9);
        assert_eq!((laid.species(), onto.len()), (onto.species(), 4));
        for (a, b) in laid.frac_coords().iter().zip(onto.frac_coords()) {
            assert!((0..3).all(|k| nearest(a[k] - b[k]).abs() < 1e-9), "{a:?} {b:?}");
        }
        let (k, want) = (laid.lattice().log_coordinates(), onto.lattice().log_coordinates());
        assert!(k.iter().zip(want).all(|(a, b)| (a - b).abs() < 0.02), "{k:?}");
        assert!(Matcher::default().distance(&laid, &other).unwrap().rms < 1e-6);
    }

    #[test]
    fn other_atoms_are_not_laid_over() {
        let one = crystal();
        let species = vec![Element::O, Element::SI, Element::SI, Element::C];
        let other = Crystal::new(*one.lattice(), species, one.frac_coords().to_vec()).unwrap();
        assert!(aligned(&other, &one).unwrap().is_none());
    }
}
