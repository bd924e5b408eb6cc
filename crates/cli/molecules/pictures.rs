//! Molecules as structures that can be turned on a page.

use langevin_molecules::element::Element;
use langevin_molecules::formula::Formula;
use langevin_molecules::graph::multiplicity;
use langevin_molecules::radii::covalent_radius;
use langevin_molecules::record::Molecule;
use langevin_report::model3d::{Ball, Stick, Structure, StructureError};

use super::measure::{Protocol, Seen};
use crate::element_colour::colour;

/// `molecule`, number `number` of its file from 1, with bonds as `protocol` sees them and rings around
/// the atoms that are not stable.
///
/// # Errors
/// If it lies so far away that it has no picture.
pub fn structure(
    number: usize,
    molecule: &Molecule,
    protocol: Protocol,
) -> Result<Structure, StructureError> {
    let seen = protocol.see(molecule);
    let ball = |(i, (&element, &position)): (usize, (&Element, &[f64; 3]))| Ball {
        // Hydrogens are too many and too small for letters.
        label: if element == Element::H { String::new() } else { element.symbol().into() },
        colour: colour(element),
        // Small enough that bonds are seen, and still heavier elements larger.
        radius: 0.12 + 0.33 * covalent_radius(element, 1),
        position,
        marked: seen.unstable.contains(&i),
    };
    let atoms = molecule.species().iter().zip(molecule.positions());
    let balls = atoms.enumerate().map(ball).collect();
    let stick = |bond: langevin_molecules::record::Bond| Stick {
        ends: bond.atoms,
        lines: multiplicity(bond.order).map_or(1, |lines| lines as u8),
    };
    let sticks = seen.graph.bonds().into_iter().map(stick).collect();
    let title = format!("{number}: {}", Formula::from(molecule.composition()));
    Ok(Structure::new(title, balls, sticks)?.notes(verdict(&seen)))
}

/// What a molecule counts for, in words.
fn verdict(seen: &Seen) -> String {
    let stable = match seen.unstable.len() {
        0 => "stable".to_owned(),
        1 => "1 atom unstable".to_owned(),
        count => format!("{count} atoms unstable"),
    };
    let valid = if seen.verdict.key.is_some() { "valid" } else { "not valid" };
    match seen.graph.fragments().len() {
        1 => format!("{stable}, {valid}"),
        fragments => format!("{stable}, {valid}, {fragments} fragments"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_is_that_of_the_protocol() {
        let at = [[0.0; 3], [0.757, 0.587, 0.0], [-0.757, 0.587, 0.0]];
        let species = vec![Element::O, Element::H, Element::H];
        let water = Molecule::new(species.clone(), at.to_vec()).unwrap();
        assert_eq!(verdict(&Protocol::Distance.see(&water)), "stable, valid");
        assert_eq!(verdict(&Protocol::Graph.see(&water)), "stable, valid");
        let far = at.map(|p| p.map(|x| 5.0 * x));
        let apart = Molecule::new(species, far.to_vec()).unwrap();
        let seen = Protocol::Distance.see(&apart);
        assert_eq!(verdict(&seen), "3 atoms unstable, valid, 3 fragments");
        assert!(structure(1, &apart, Protocol::Distance).is_ok());
    }
}
