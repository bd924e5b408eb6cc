//! Stability: whether each atom's bond orders sum to a value its element is allowed.

use crate::element::Element;
use crate::graph::{Atom, BondGraph};

/// Order sums that make an atom stable in the distance protocol (EDM's list); none for other elements.
pub fn allowed(element: Element) -> &'static [u32] {
    match element.symbol() {
        "H" | "F" | "Cl" | "Br" | "I" => &[1],
        "O" => &[2],
        "B" | "Al" | "N" | "As" => &[3],
        // Sulfur has 4 alone there, so thiols and sulfides count as unstable; kept, as QM9 has none.
        "C" | "Si" | "S" => &[4],
        "P" | "Bi" => &[3, 5],
        "Hg" => &[1, 2],
        _ => &[],
    }
}

/// Order sums that make an atom of a formal charge stable in the graph protocol.
///
/// The published list of MiDi and SemlaFlow, with its generous entries (carbon with three bonds,
/// nitrogen with two); elements outside it have those of [`allowed`] while they are neutral.
pub fn allowed_with_charge(element: Element, charge: i8) -> &'static [u32] {
    match (element.symbol(), charge) {
        ("H" | "F", 0) | ("O", -1) => &[1],
        ("H", 1 | -1) | ("F", -1) => &[0],
        ("C", 0) => &[3, 4],
        ("C", 1 | -1) | ("O", 1) => &[3],
        ("N", 0) => &[2, 3],
        ("N", 1) => &[2, 3, 4],
        ("N", -1) | ("O", 0) => &[2],
        ("H" | "C" | "N" | "O" | "F", _) => &[],
        (_, 0) => allowed(element),
        _ => &[],
    }
}

/// Whether `atom` is stable by the rule of the distance protocol; its charge is not looked at.
pub fn is_stable(graph: &BondGraph, atom: usize) -> bool {
    allowed(graph.atom(atom).element).contains(&graph.order_sum(atom))
}

/// Whether `atom` is stable by the rule of the graph protocol.
pub fn is_stable_with_charge(graph: &BondGraph, atom: usize) -> bool {
    let Atom { element, charge } = graph.atom(atom);
    allowed_with_charge(element, charge).contains(&graph.order_sum(atom))
}

/// Number of stable atoms by the rule of the distance protocol.
pub fn stable_atoms(graph: &BondGraph) -> usize {
    (0..graph.len()).filter(|&atom| is_stable(graph, atom)).count()
}

/// Number of stable atoms by the rule of the graph protocol.
pub fn stable_atoms_with_charge(graph: &BondGraph) -> usize {
    (0..graph.len()).filter(|&atom| is_stable_with_charge(graph, atom)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::testing::{graph, saturated};

    #[test]
    fn stable_means_exactly_the_allowed_sum() {
        assert_eq!(stable_atoms(&saturated("C C O", &[(0, 1, 1), (1, 2, 2)])), 7);
        let methyl = graph("C H H H", &[(0, 1, 1), (0, 2, 1), (0, 3, 1)]);
        assert_eq!((stable_atoms(&methyl), stable_atoms_with_charge(&methyl)), (3, 4));
        // Nitromethane by the table: nitrogen has five.
        let nitro = saturated("C N O O", &[(0, 1, 1), (1, 2, 2), (1, 3, 2)]);
        assert_eq!((stable_atoms(&nitro), nitro.len()), (6, 7));
    }

    #[test]
    fn charges_move_the_allowed_sum() {
        let mut ion = graph("N O", &[(0, 1, 2)]);
        assert_eq!(stable_atoms_with_charge(&ion), 2);
        ion.set_charge(1, -1);
        assert_eq!(stable_atoms_with_charge(&ion), 1);
        ion.set_charge(0, 2);
        assert_eq!(stable_atoms_with_charge(&ion), 0);
    }
}
