//! Validity: the rule by which RDKit accepts a bond graph with explicit hydrogens, without RDKit.
//!
//! A graph is accepted if no atom has more bonds than its element (at its charge) can have; atoms with
//! fewer pass, since hydrogens are implied. Two habits of drawing are rewritten first, because tables
//! of distances produce them: a neutral nitrogen of order sum five with a doubly bonded oxygen (nitro
//! drawn N(=O)=O) or a triply bonded nitrogen (azide drawn N=N#N).

use crate::element::Element;
use crate::graph::{BondGraph, multiplicity};
use crate::record::Order;

/// Order sums an atom can be completed to by implied hydrogens, ascending; `None`: no limit.
///
/// A charged atom takes those of the neutral element with as many electrons.
pub fn valences(element: Element, charge: i8) -> Option<&'static [u32]> {
    let electrons = i16::from(element.number()) - i16::from(charge);
    Some(match electrons {
        i16::MIN..=0 => &[0],          // a bare proton
        2 | 10 | 18 | 36 | 54 => &[0], // closed shells: H⁻, F⁻, …
        1 | 9 | 17 | 35 => &[1],
        8 => &[2],
        5 | 7 | 13 => &[3],
        6 | 14 | 32 => &[4],
        15 | 33 | 51 | 83 => &[3, 5],
        16 | 34 | 52 => &[2, 4, 6],
        50 => &[2, 4],
        53 | 85 => &[1, 3, 5],
        _ => return None,
    })
}

/// `graph` with charges separated where nitrogen has order sum five, if it is valid.
///
/// The whole graph must pass, not only the fragment that is compared afterwards; it may have several
/// fragments.
pub fn validate(graph: &BondGraph) -> Option<BondGraph> {
    let graph = separate_charges(graph);
    let fits = |i: usize| {
        let atom = graph.atom(i);
        let most = valences(atom.element, atom.charge).and_then(|all| all.last().copied());
        most.is_none_or(|most| graph.order_sum(i) <= most)
    };
    (0..graph.len()).all(fits).then_some(graph)
}

/// N(=O) and N(#N) of a neutral nitrogen with order sum five become N⁺–O⁻ and N⁺=N⁻.
///
/// Of several such neighbours one is rewritten, an oxygen before a nitrogen, the least loaded first:
/// which of two equal ones it is does not matter, for neighbours that carry anything else fail anyway.
fn separate_charges(graph: &BondGraph) -> BondGraph {
    let mut out = graph.clone();
    for atom in 0..graph.len() {
        let nitrogen = out.atom(atom);
        if nitrogen.element != Element::N || nitrogen.charge != 0 || out.order_sum(atom) != 5 {
            continue;
        }
        let rewritten = |(neighbour, bond, order): (usize, usize, Order)| {
            let other = out.atom(neighbour);
            let lower = match (other.element, order) {
                (Element::O, Order::Double) => Order::Single,
                (Element::N, Order::Triple) => Order::Double,
                _ => return None,
            };
            let rank = (multiplicity(order), out.order_sum(neighbour), neighbour);
            (other.charge == 0).then_some((rank, neighbour, bond, lower))
        };
        if let Some((_, neighbour, bond, order)) = out.neighbours(atom).filter_map(rewritten).min()
        {
            out.set_order(bond, order);
            out.set_charge(atom, 1);
            out.set_charge(neighbour, -1);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::testing::{graph, saturated};

    fn valid(symbols: &str, bonds: &[(usize, usize, u32)]) -> bool {
        validate(&graph(symbols, bonds)).is_some()
    }

    #[test]
    fn too_many_bonds_fail_and_too_few_pass() {
        let methane = [(0, 1, 1), (0, 2, 1), (0, 3, 1), (0, 4, 1)];
        assert!(valid("C H H H H", &methane));
        assert!(valid("C H H H H", &methane[..2]));
        assert!(!valid("C H H H H H", &[&methane[..], &[(0, 5, 1)]].concat()));
        assert!(!valid("N H H H H", &methane));
        assert!(!valid("O H H H", &methane[..3]));
        assert!(!valid("H C C", &[(0, 1, 1), (0, 2, 1)]));
        // A fault anywhere counts, also outside the largest fragment.
        assert!(!valid(
            "C C C C O H H H",
            &[(0, 1, 1), (1, 2, 1), (2, 3, 1), (4, 5, 1), (4, 6, 1), (4, 7, 1)]
        ));
    }

    /// The verdicts are those RDKit 2026.09 gives on the same graphs.
    #[test]
    fn nitrogen_with_five_passes_by_a_double_oxygen_or_a_triple_nitrogen() {
        let nitro = validate(&saturated("C N O O", &[(0, 1, 1), (1, 2, 2), (1, 3, 2)])).unwrap();
        let mut charges = nitro.charges()[1..4].to_vec();
        charges.sort_unstable();
        assert_eq!(charges, [-1, 0, 1]);
        assert_eq!((nitro.order_sum(1), nitro.charges()[1]), (4, 1));
        assert!(valid("C N N", &[(0, 1, 2), (1, 2, 3)]));
        assert!(valid("C N N N", &[(0, 1, 1), (1, 2, 2), (2, 3, 3)]));
        assert!(valid("O N N O", &[(0, 1, 2), (1, 2, 3), (2, 3, 2)]));
        assert!(valid("C N O", &[(0, 1, 3), (1, 2, 2)]));
        assert!(!valid("C N C", &[(0, 1, 3), (1, 2, 2)]));
        assert!(!valid("N C C C C", &[(0, 1, 1), (0, 2, 1), (0, 3, 1), (0, 4, 2)]));
    }

    #[test]
    fn charged_atoms_count_as_the_element_with_as_many_electrons() {
        for (element, charge, most) in [
            (Element::N, 1, 4),
            (Element::O, -1, 1),
            (Element::O, 1, 3),
            (Element::C, -1, 3),
            (Element::B, -1, 4),
            (Element::H, 1, 0),
            (Element::F, -1, 0),
        ] {
            assert_eq!(
                valences(element, charge).unwrap().last(),
                Some(&most),
                "{element} {charge}"
            );
        }
        assert_eq!(valences("Fe".parse().unwrap(), 0), None);
    }
}
