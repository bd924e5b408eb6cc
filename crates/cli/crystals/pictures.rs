//! Crystals as cells that can be turned on a page.

use langevin_crystals::geometry::{Vec3, minus, norm};
use langevin_crystals::record::Crystal;
use langevin_molecules::radii::covalent_radius;
use langevin_report::model3d::{Ball, Stick, Structure, StructureError};

use crate::element_colour::colour;

/// Within which space groups are told, in Å.
pub const SYMMETRY: f64 = 0.1;

/// Atoms nearer than this are ringed, in Å: no atom of another is so near.
const TOO_CLOSE: f64 = 0.5;

/// How near to a face, as a fraction of the cell, an atom is drawn on the opposite one too.
const ON_FACE: f64 = 0.02;

/// Bonds lead to the neighbours up to so many times as far as the nearest one.
const BOND: f64 = 1.15;

/// An atom or an image of one.
struct Drawn {
    atom: usize,
    at: Vec3,
}

/// `crystal`, number `number` of its file from 1, with the edges of its cell, and whether it has `room` and is `balanced`.
///
/// # Errors
/// If its cell is so large that it has no picture.
pub fn cell(
    number: usize,
    crystal: &Crystal,
    (room, balanced): (bool, bool),
) -> Result<Structure, StructureError> {
    let drawn = drawn(crystal);
    let close = |one: &Drawn| {
        drawn.iter().any(|other| {
            let away = norm(&minus(&one.at, &other.at));
            other.atom != one.atom && away < TOO_CLOSE
        })
    };
    let ball = |one: &Drawn| {
        let element = crystal.species()[one.atom];
        Ball {
            label: element.symbol().into(),
            colour: colour(element),
            radius: 0.12 + 0.33 * covalent_radius(element, 1),
            position: one.at,
            marked: close(one),
        }
    };
    let mut balls: Vec<Ball> = drawn.iter().map(ball).collect();
    let mut sticks = bonds(&drawn);
    let first = balls.len();
    let corner = |i: usize| Ball {
        label: String::new(),
        colour: [150; 3],
        radius: 0.04,
        position: crystal.lattice().cartesian(&[i & 1, i >> 1 & 1, i >> 2 & 1].map(|x| x as f64)),
        marked: false,
    };
    balls.extend((0..8).map(corner));
    for i in 0..8 {
        let edges = [1, 2, 4].into_iter().filter(|bit| i & bit == 0);
        sticks.extend(edges.map(|bit| Stick { ends: [first + i, first + (i | bit)], lines: 1 }));
    }
    let title = format!("{number}: {}", crystal.formula());
    let group = crystal.symmetry(SYMMETRY);
    let group =
        group.map_or("no group".into(), |group| format!("{} ({})", group.symbol, group.number));
    let verdict = match (room, balanced) {
        (true, true) => "valid",
        (true, false) => "charges do not balance",
        (false, _) => "atoms too close",
    };
    Ok(Structure::new(title, balls, sticks)?.notes(format!("{group}, {verdict}")))
}

/// The atoms of the cell, and the images of those near its faces on the opposite ones.
fn drawn(crystal: &Crystal) -> Vec<Drawn> {
    let mut drawn = Vec::new();
    for (atom, frac) in crystal.frac_coords().iter().enumerate() {
        let along = frac.map(|x| {
            if x < ON_FACE {
                vec![x, x + 1.0]
            } else if x > 1.0 - ON_FACE {
                vec![x, x - 1.0]
            } else {
                vec![x]
            }
        });
        for &x in &along[0] {
            for &y in &along[1] {
                for &z in &along[2] {
                    drawn.push(Drawn { atom, at: crystal.lattice().cartesian(&[x, y, z]) });
                }
            }
        }
    }
    drawn
}

/// Pairs of drawn atoms of which one is hardly farther from the other than its nearest.
fn bonds(drawn: &[Drawn]) -> Vec<Stick> {
    let away = |one: &Drawn, other: &Drawn| norm(&minus(&one.at, &other.at));
    let nearest = |one: &Drawn| {
        let all = drawn.iter().map(|other| away(one, other)).filter(|&away| away > TOO_CLOSE);
        all.fold(f64::INFINITY, f64::min)
    };
    let nearest: Vec<f64> = drawn.iter().map(nearest).collect();
    let mut sticks = Vec::new();
    for (i, one) in drawn.iter().enumerate() {
        for (j, other) in drawn.iter().enumerate().skip(i + 1) {
            let away = away(one, other);
            if away > TOO_CLOSE && away < BOND * nearest[i].max(nearest[j]) {
                sticks.push(Stick { ends: [i, j], lines: 1 });
            }
        }
    }
    sticks
}

#[cfg(test)]
mod tests {
    use langevin_crystals::element::Element;
    use langevin_crystals::lattice::Lattice;

    use super::*;

    /// An atom on a corner is drawn on all eight, one inside once.
    #[test]
    fn atoms_on_faces_are_drawn_on_both() {
        let cube = Lattice::from_parameters([4.1; 3], [90.0; 3]).unwrap();
        let species = ["Cs", "Cl"].map(|symbol| symbol.parse::<Element>().unwrap()).to_vec();
        let salt = Crystal::new(cube, species, vec![[0.0; 3], [0.5; 3]]).unwrap();
        let all = drawn(&salt);
        assert_eq!(all.iter().filter(|one| one.atom == 0).count(), 8);
        assert_eq!(all.len(), 9);
        // Cs and Cl are 3.55 Å apart, two Cs 4.1 Å.
        assert_eq!(bonds(&all).len(), 8);
        assert!(cell(1, &salt, (true, true)).is_ok());
    }
}
