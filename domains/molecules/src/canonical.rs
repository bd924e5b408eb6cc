//! A name for a molecule that does not depend on the order of its atoms or the Kekulé form drawn.

use std::fmt;

use crate::aromaticity::Aromaticity;
use crate::element::Element;
use crate::graph::{BondGraph, multiplicity};
use crate::labelling::{Coloured, canonical_order};

/// Equal for two bond graphs exactly if they are isomorphic, aromatic bonds counting as one kind.
///
/// Elements, charges, bonds and implied hydrogens are compared; positions and mirror images are not,
/// as in the published protocol. Bytes are stable between versions only within one file format.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CanonicalKey(Box<[u8]>);

/// The colour of an edge that is aromatic; other edges have their multiplicity.
const AROMATIC: u8 = 4;

impl CanonicalKey {
    /// The key of a valid graph, as [`crate::validity::validate`] returns it; all its fragments.
    pub fn of(graph: &BondGraph) -> Self {
        let aromatic = Aromaticity::of(graph);
        // A hydrogen on a heavy atom is counted there: equal, and most vertices are gone.
        let folded: Vec<bool> = (0..graph.len()).map(|atom| is_terminal(graph, atom)).collect();
        let vertices: Vec<usize> = (0..graph.len()).filter(|&atom| !folded[atom]).collect();
        let mut place = vec![usize::MAX; graph.len()];
        vertices.iter().enumerate().for_each(|(vertex, &atom)| place[atom] = vertex);
        let colour = |&at: &usize| {
            let atom = graph.atom(at);
            let hydrogens = graph.neighbours(at).filter(|&(other, ..)| folded[other]).count();
            // The order sum tells implied hydrogens, which aromatic bonds alone would hide.
            u64::from_be_bytes([
                0,
                0,
                0,
                atom.element.number(),
                atom.charge.cast_unsigned(),
                u8::try_from(graph.order_sum(at)).unwrap_or(u8::MAX),
                u8::try_from(hydrogens).unwrap_or(u8::MAX),
                aromatic.atoms[at].into(),
            ])
        };
        let near = |&at: &usize| {
            let kept = graph.neighbours(at).filter(|&(other, ..)| !folded[other]);
            let edge = |(other, bond, order)| {
                let order = multiplicity(order).expect("a bond graph has no aromatic order") as u8;
                (place[other], if aromatic.bonds[bond] { AROMATIC } else { order })
            };
            kept.map(edge).collect()
        };
        let colours: Vec<u64> = vertices.iter().map(colour).collect();
        let near: Vec<Vec<(usize, u8)>> = vertices.iter().map(near).collect();
        let (order, edges) = canonical_order(&Coloured { colours: &colours, near: &near });

        let mut bytes = Vec::with_capacity(5 * order.len() + 3 * edges.len() + 2);
        put(&mut bytes, order.len());
        order.iter().for_each(|&vertex| bytes.extend(&colours[vertex].to_be_bytes()[3..]));
        for (a, b, colour) in edges {
            put(&mut bytes, a);
            put(&mut bytes, b);
            bytes.push(colour);
        }
        Self(bytes.into())
    }

    /// The key of the largest fragment of a valid graph; of equally large ones, the smallest key.
    pub fn of_largest_fragment(graph: &BondGraph) -> Self {
        let keys = graph.largest_fragments().into_iter().map(|fragment| Self::of(&fragment));
        keys.min().expect("a molecule has a fragment")
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for CanonicalKey {
    /// Hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A neutral hydrogen with one neighbour, which is heavier.
fn is_terminal(graph: &BondGraph, at: usize) -> bool {
    let atom = graph.atom(at);
    atom.element == Element::H
        && atom.charge == 0
        && graph.order_sum(at) == 1
        && graph.neighbours(at).all(|(other, ..)| graph.atom(other).element != Element::H)
}

/// Seven bits to a byte, so that small numbers take one and no number is too large.
fn put(bytes: &mut Vec<u8>, mut number: usize) {
    while number > 127 {
        bytes.push(number as u8 | 128);
        number >>= 7;
    }
    bytes.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::testing::{graph, renamed, saturated};
    use crate::validity::validate;
    use proptest::prelude::*;

    fn key(graph: &BondGraph) -> CanonicalKey {
        CanonicalKey::of(&validate(graph).unwrap())
    }

    /// A six-ring with bonds of order 2 at the even or odd places, and a substituent.
    fn toluene(shift: usize) -> BondGraph {
        let order = |i: usize| if i % 2 == shift { 2 } else { 1 };
        let ring = (0..6).map(|i| (i, (i + 1) % 6, order(i)));
        saturated("C C C C C C C", &ring.chain([(0, 6, 1)]).collect::<Vec<_>>())
    }

    #[test]
    fn kekule_forms_of_one_molecule_are_one() {
        assert_eq!(key(&toluene(0)), key(&toluene(1)));
        let o_xylene = |orders: [u32; 6]| {
            let ring = orders.iter().enumerate().map(|(i, &order)| (i, (i + 1) % 6, order));
            saturated("C C C C C C N O", &ring.chain([(0, 6, 1), (1, 7, 1)]).collect::<Vec<_>>())
        };
        assert_eq!(key(&o_xylene([1, 2, 1, 2, 1, 2])), key(&o_xylene([2, 1, 2, 1, 2, 1])));
        // Cyclobutadiene is not aromatic: its two forms are two molecules to the protocol.
        let square = |orders: [u32; 4]| {
            let ring = orders.iter().enumerate().map(|(i, &order)| (i, (i + 1) % 4, order));
            saturated("C C C C N O", &ring.chain([(0, 4, 1), (1, 5, 1)]).collect::<Vec<_>>())
        };
        assert_ne!(key(&square([1, 2, 1, 2])), key(&square([2, 1, 2, 1])));
    }

    #[test]
    fn nitro_drawn_either_way_is_one() {
        let five = saturated("C N O O", &[(0, 1, 1), (1, 2, 2), (1, 3, 2)]);
        let mut separated = graph(
            "C N O O H H H",
            &[(0, 1, 1), (1, 2, 1), (1, 3, 2), (0, 4, 1), (0, 5, 1), (0, 6, 1)],
        );
        separated.set_charge(1, 1);
        separated.set_charge(2, -1);
        assert_eq!(key(&five), key(&separated));
        let nitrite = saturated("C O N O", &[(0, 1, 1), (1, 2, 1), (2, 3, 2)]);
        assert_ne!(key(&five), key(&nitrite));
    }

    #[test]
    fn isomers_differ_and_so_do_missing_hydrogens() {
        let chain = saturated("C C C C", &[(0, 1, 1), (1, 2, 1), (2, 3, 1)]);
        let branched = saturated("C C C C", &[(0, 1, 1), (0, 2, 1), (0, 3, 1)]);
        assert_ne!(key(&chain), key(&branched));
        let ethanol = saturated("C C O", &[(0, 1, 1), (1, 2, 1)]);
        let ether = saturated("C O C", &[(0, 1, 1), (1, 2, 1)]);
        assert_ne!(key(&ethanol), key(&ether));
        let methyl = graph("C H H H", &[(0, 1, 1), (0, 2, 1), (0, 3, 1)]);
        assert_ne!(key(&methyl), key(&saturated("C", &[])));
        // Ortho, meta, para.
        let position = |at: usize| {
            let ring = (0..6).map(|i| (i, (i + 1) % 6, 1 + (i as u32 + 1) % 2));
            key(&saturated(
                "C C C C C C O O",
                &ring.chain([(0, 6, 1), (at, 7, 1)]).collect::<Vec<_>>(),
            ))
        };
        let (ortho, meta, para) = (position(1), position(2), position(3));
        assert!(ortho != meta && meta != para && ortho != para);
        assert_eq!((position(5), position(4)), (ortho, meta));
    }

    /// Aromatic bonds hide which nitrogen of imidazole has the hydrogen, given or implied.
    #[test]
    fn tautomers_differ() {
        let ring = |orders: [u32; 5]| {
            let ring = orders.iter().enumerate().map(|(i, &order)| (i, (i + 1) % 5, order));
            ring.chain([(3, 5, 1)]).collect::<Vec<_>>()
        };
        let (one, other) = (ring([2, 1, 1, 2, 1]), ring([1, 2, 1, 2, 1]));
        let atoms = "N C N C C C";
        assert_ne!(key(&graph(atoms, &one)), key(&graph(atoms, &other)));
        assert_ne!(key(&saturated(atoms, &one)), key(&saturated(atoms, &other)));
    }

    #[test]
    fn the_largest_fragment_is_named_and_ties_do_not_depend_on_order() {
        let methane = saturated("C", &[]);
        let with_water = graph(
            "O H H C H H H H",
            &[(0, 1, 1), (0, 2, 1), (3, 4, 1), (3, 5, 1), (3, 6, 1), (3, 7, 1)],
        );
        assert_eq!(CanonicalKey::of_largest_fragment(&with_water), key(&methane));
        let tie = graph("C O N O", &[(0, 1, 2), (2, 3, 2)]);
        let swapped = renamed(&tie, &[2, 3, 0, 1]);
        assert_eq!(
            CanonicalKey::of_largest_fragment(&tie),
            CanonicalKey::of_largest_fragment(&swapped)
        );
    }

    #[test]
    fn numbers_of_any_size_are_written() {
        let mut bytes = Vec::new();
        [0, 127, 128, 300].iter().for_each(|&number| put(&mut bytes, number));
        assert_eq!(bytes, [0, 127, 128, 1, 172, 2]);
        // Longer than a byte counts, and quick: a chain of 300.
        let bonds: Vec<_> = (1..300).map(|i| (i - 1, i, 1)).collect();
        let chain = graph(&"C ".repeat(300), &bonds);
        assert_eq!(CanonicalKey::of(&chain).as_bytes()[..2], [172, 2]);
    }

    proptest! {
        /// Random trees with extra bonds, any elements: renaming atoms changes nothing.
        #[test]
        fn keys_do_not_depend_on_the_order_of_atoms(
            elements in prop::collection::vec(0_usize..4, 1..14),
            parents in prop::collection::vec(any::<prop::sample::Index>(), 14),
            extra in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..4),
            orders in prop::collection::vec(1_u32..3, 18),
            names in Just((0..14_usize).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let n = elements.len();
            let names: Vec<usize> = names.into_iter().filter(|&name| name < n).collect();
            let symbols: Vec<&str> = elements.iter().map(|&e| ["C", "N", "O", "C"][e]).collect();
            let mut pairs: Vec<(usize, usize)> = (1..n).map(|i| (parents[i].index(i), i)).collect();
            for (a, b) in extra {
                let (a, b) = (a.index(n), b.index(n));
                let pair = (a.min(b), a.max(b));
                if a != b && !pairs.contains(&pair) {
                    pairs.push(pair);
                }
            }
            let bonds: Vec<_> = pairs.iter().zip(&orders).map(|(&(a, b), &o)| (a, b, o)).collect();
            let one = graph(&symbols.join(" "), &bonds);
            prop_assert_eq!(CanonicalKey::of(&one), CanonicalKey::of(&renamed(&one, &names)));
        }
    }
}
