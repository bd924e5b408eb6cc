//! Distance protocol: bond orders read off distances by a table.
//!
//! The lengths and margins are those of Hoogeboom et al. (2022), "Equivariant diffusion for molecule
//! generation in 3D" (EDM), whose stability and validity every later paper quotes. The margins were
//! tuned there to make most of QM9 stable, so the numbers compare models with models, not with
//! chemistry: an aromatic C–C of 139 to 140 pm sits on the threshold of a double bond.

use crate::element::Element;
use crate::graph::BondGraph;
use crate::record::{Molecule, Order, squared_distance};

/// Added to the single, double and triple length, in pm.
const MARGINS: [f64; 3] = [10.0, 5.0, 3.0];

/// Order of a bond between `a` and `b` that are `distance` pm apart, if there is one.
///
/// Every comparison is strict, and a higher order is only looked for inside a lower one. Elements
/// that the table lacks have no bonds.
pub fn order(a: Element, b: Element, distance: f64) -> Option<Order> {
    let [single, double, triple] = lengths(a, b);
    let within = |length: Option<f64>, margin: f64| length.is_some_and(|l| distance < l + margin);
    if !within(single, MARGINS[0]) {
        return None;
    }
    Some(match (within(double, MARGINS[1]), within(triple, MARGINS[2])) {
        (false, _) => Order::Single,
        (true, false) => Order::Double,
        (true, true) => Order::Triple,
    })
}

/// The bond graph of `molecule` by the table; its own bonds and charges are not looked at.
pub fn orders(molecule: &Molecule) -> BondGraph {
    let (species, positions) = (molecule.species(), molecule.positions());
    let mut graph = BondGraph::new(species);
    for i in 0..species.len() {
        for j in 0..i {
            let squared = squared_distance(&positions[i], &positions[j]);
            // The longest table entry is 266 pm: most pairs need neither the root nor the table.
            if squared < 2.8 * 2.8
                && let Some(order) = order(species[i], species[j], 100.0 * squared.sqrt())
            {
                graph.join(j, i, order);
            }
        }
    }
    graph
}

/// Lengths of single, double and triple bonds in pm, where the table has them.
fn lengths(a: Element, b: Element) -> [Option<f64>; 3] {
    let (a, b) = if a <= b { (a, b) } else { (b, a) };
    let pair = (a.symbol(), b.symbol()); // the lighter element first
    let single = match pair {
        ("H", "H") => 74,
        ("H", "C") => 109,
        ("H", "N") => 101,
        ("H", "O") => 96,
        ("H", "F") => 92,
        ("H", "B") => 119,
        ("H", "Si") => 148,
        ("H", "P") => 144,
        ("H", "S") => 134,
        ("H", "Cl") => 127,
        ("H", "As") => 152,
        ("H", "Br") => 141,
        ("H", "I") => 161,
        ("B", "Cl") => 175,
        ("C", "C") => 154,
        ("C", "N") => 147,
        ("C", "O") => 143,
        ("C", "F") => 135,
        ("C", "Si") => 185,
        ("C", "P") => 184,
        ("C", "S") => 182,
        ("C", "Cl") => 177,
        ("C", "Br") => 194,
        ("C", "I") => 214,
        ("N", "N") => 145,
        ("N", "O") => 140,
        ("N", "F") => 136,
        ("N", "P") => 177,
        ("N", "S") => 168,
        ("N", "Cl") => 175,
        ("N", "Br") => 214,
        ("N", "I") => 222,
        ("O", "O") => 148,
        ("O", "F") => 142,
        ("O", "Si") => 163,
        ("O", "P") => 163,
        ("O", "S") => 151,
        ("O", "Cl") => 164,
        ("O", "Br") => 172,
        ("O", "I") => 194,
        ("F", "F") => 142,
        ("F", "Si") => 160,
        ("F", "P") => 156,
        ("F", "S") => 158,
        ("F", "Cl") => 166,
        ("F", "Br") => 178,
        ("F", "I") => 187,
        ("Si", "Si") => 233,
        ("Si", "S") => 200,
        ("Si", "Cl") => 202,
        ("Si", "Br") => 215,
        ("Si", "I") => 243,
        ("P", "P") => 221,
        ("P", "S") => 210,
        ("P", "Cl") => 203,
        ("P", "Br") => 222,
        ("S", "S") => 204,
        ("S", "Cl") => 207,
        ("S", "Br") => 225,
        ("S", "I") => 234,
        ("Cl", "Cl") => 199,
        ("Cl", "Br") => 214,
        ("Br", "Br") => 228,
        ("I", "I") => 266,
        _ => return [None; 3],
    };
    let double = match pair {
        ("C", "C") => Some(134),
        ("C", "N") => Some(129),
        ("C", "O") => Some(120),
        ("C", "S") => Some(160),
        ("N", "N") => Some(125),
        ("N", "O") => Some(121),
        ("O", "O") => Some(121),
        ("O", "P") => Some(150),
        ("P", "S") => Some(186),
        _ => None,
    };
    let triple = match pair {
        ("C", "C") => Some(120),
        ("C", "N") => Some(116),
        ("C", "O") => Some(113),
        ("N", "N") => Some(110),
        _ => None,
    };
    [Some(single), double, triple].map(|length| length.map(f64::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Order::{Double, Single, Triple};

    #[test]
    fn thresholds_are_strict_and_nested() {
        for (a, b, at, below, on) in [
            (Element::C, Element::C, 164.0, Some(Single), None),
            (Element::C, Element::C, 139.0, Some(Double), Some(Single)),
            (Element::C, Element::C, 123.0, Some(Triple), Some(Double)),
            (Element::N, Element::C, 134.0, Some(Double), Some(Single)),
            (Element::O, Element::C, 116.0, Some(Triple), Some(Double)),
            (Element::O, Element::N, 126.0, Some(Double), Some(Single)),
            (Element::N, Element::N, 113.0, Some(Triple), Some(Double)),
            (Element::H, Element::H, 84.0, Some(Single), None),
            (Element::I, Element::I, 276.0, Some(Single), None),
        ] {
            assert_eq!((order(a, b, at - 1e-9), order(a, b, at)), (below, on), "{a}{b} at {at}");
            assert_eq!(order(b, a, at - 1e-9), below, "{b}{a} at {at}");
        }
        // No double O–O shorter than a triple: the table has none.
        assert_eq!(order(Element::O, Element::O, 90.0), Some(Double));
        assert_eq!(order(Element::SI, Element::AS, 100.0), None);
    }

    #[test]
    fn a_graph_has_the_bonds_of_its_distances() {
        let (x, y) = ([0.0, 0.0, 0.0], [0.0, 0.0, 1.2]);
        let (h, far) = ([0.0, 0.9, -0.5], [0.0, 0.0, 9.0]);
        let species = vec![Element::C, Element::O, Element::H, Element::H];
        let graph = orders(&Molecule::new(species, vec![x, y, h, far]).unwrap());
        let bonds: Vec<_> = graph.bonds().iter().map(|b| (b.atoms, b.order)).collect();
        assert_eq!(bonds, [([0, 1], Double), ([0, 2], Single)]);
    }
}
