//! The bond graph: atoms joined by bonds of a chosen (Kekulé) order.

use petgraph::graph::{EdgeIndex, NodeIndex, UnGraph};
use petgraph::unionfind::UnionFind;
use petgraph::visit::{EdgeRef, NodeIndexable};

use crate::element::Element;
use crate::record::{Bond, Order};

/// A vertex of the bond graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Atom {
    /// Its element.
    pub element: Element,
    /// Its formal charge in e.
    pub charge: i8,
}

/// Atoms and bonds, no positions. Vertex `i` is atom `i` of the molecule it came from.
///
/// Orders are single, double or triple: [`Order::Aromatic`] never occurs, so that orders can be summed.
#[derive(Debug, Clone)]
pub struct BondGraph(UnGraph<Atom, Order>);

/// How many electron pairs a bond of `order` shares, where its Kekulé form is known.
pub fn multiplicity(order: Order) -> Option<u32> {
    match order {
        Order::Single => Some(1),
        Order::Double => Some(2),
        Order::Triple => Some(3),
        Order::Aromatic => None,
    }
}

impl BondGraph {
    /// Neutral atoms without bonds.
    pub fn new(species: &[Element]) -> Self {
        let mut graph = UnGraph::with_capacity(species.len(), species.len() + 2);
        for &element in species {
            graph.add_node(Atom { element, charge: 0 });
        }
        Self(graph)
    }

    /// Join atoms `a` and `b`, which are not joined yet.
    ///
    /// # Panics
    /// If `order` is aromatic, if the atoms are one, or if one is not there.
    pub fn join(&mut self, a: usize, b: usize, order: Order) {
        assert!(a != b && order != Order::Aromatic, "a bond has two ends and a Kekulé order");
        self.0.add_edge(NodeIndex::new(a), NodeIndex::new(b), order);
    }

    /// Set the formal charge of `atom`.
    pub fn set_charge(&mut self, atom: usize, charge: i8) {
        self.0[NodeIndex::new(atom)].charge = charge;
    }

    /// Set the order of the bond numbered `bond`; see [`Self::neighbours`].
    pub(crate) fn set_order(&mut self, bond: usize, order: Order) {
        self.0[EdgeIndex::new(bond)] = order;
    }

    /// Number of atoms.
    #[allow(clippy::len_without_is_empty, reason = "a molecule has an atom")]
    pub fn len(&self) -> usize {
        self.0.node_count()
    }

    /// Element and charge of `atom`.
    pub fn atom(&self, atom: usize) -> Atom {
        self.0[NodeIndex::new(atom)]
    }

    /// Formal charges, by atom.
    pub fn charges(&self) -> Vec<i8> {
        self.0.node_weights().map(|atom| atom.charge).collect()
    }

    /// Bonds, smaller atom first, sorted.
    pub fn bonds(&self) -> Vec<Bond> {
        let bond = |edge: petgraph::graph::EdgeReference<'_, Order>| {
            let mut atoms = [edge.source().index(), edge.target().index()];
            atoms.sort_unstable();
            Bond { atoms, order: *edge.weight() }
        };
        let mut bonds: Vec<Bond> = self.0.edge_references().map(bond).collect();
        bonds.sort_unstable();
        bonds
    }

    /// Atoms joined to `atom`, each with the number of the bond and its order.
    pub fn neighbours(&self, atom: usize) -> impl Iterator<Item = (usize, usize, Order)> + '_ {
        self.0
            .edges(NodeIndex::new(atom))
            .map(|edge| (edge.target().index(), edge.id().index(), *edge.weight()))
    }

    /// Number of atoms joined to `atom`.
    pub fn degree(&self, atom: usize) -> usize {
        self.neighbours(atom).count()
    }

    /// Sum of the orders of the bonds of `atom`.
    pub fn order_sum(&self, atom: usize) -> u32 {
        let one = |order| multiplicity(order).expect("join refuses aromatic orders");
        self.neighbours(atom).map(|(_, _, order)| one(order)).sum()
    }

    /// The graph in petgraph's own type, for its algorithms.
    pub fn petgraph(&self) -> &UnGraph<Atom, Order> {
        &self.0
    }

    /// Atoms of each connected part, ascending; parts in order of their first atoms.
    pub fn fragments(&self) -> Vec<Vec<usize>> {
        let mut sets = UnionFind::new(self.0.node_bound());
        for edge in self.0.edge_references() {
            sets.union(edge.source().index(), edge.target().index());
        }
        let mut place = vec![usize::MAX; self.len()];
        let mut fragments: Vec<Vec<usize>> = Vec::new();
        for (atom, label) in sets.into_labeling().into_iter().enumerate() {
            if place[label] == usize::MAX {
                place[label] = fragments.len();
                fragments.push(Vec::new());
            }
            fragments[place[label]].push(atom);
        }
        fragments
    }

    /// The fragments that have most atoms, each as a graph of its own; one or more.
    ///
    /// The published protocol takes the first of several equally large ones, which depends on the
    /// order of the atoms; whoever needs one of them can choose by a property that does not.
    pub fn largest_fragments(&self) -> Vec<Self> {
        let fragments = self.fragments();
        let most = fragments.iter().map(Vec::len).max().unwrap_or(0);
        if most == self.len() {
            return vec![self.clone()];
        }
        fragments.iter().filter(|atoms| atoms.len() == most).map(|a| self.part(a)).collect()
    }

    /// The graph of `atoms` and the bonds among them.
    fn part(&self, atoms: &[usize]) -> Self {
        let mut graph = UnGraph::with_capacity(atoms.len(), atoms.len() + 2);
        let mut place = vec![usize::MAX; self.len()];
        for &atom in atoms {
            place[atom] = graph.add_node(self.atom(atom)).index();
        }
        for Bond { atoms: [a, b], order } in self.bonds() {
            if place[a] != usize::MAX && place[b] != usize::MAX {
                graph.add_edge(NodeIndex::new(place[a]), NodeIndex::new(place[b]), order);
            }
        }
        Self(graph)
    }
}

/// Small graphs for tests.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A neutral graph from symbols and `(a, b, order)`.
    pub(crate) fn graph(symbols: &str, bonds: &[(usize, usize, u32)]) -> BondGraph {
        let species: Vec<Element> =
            symbols.split_whitespace().map(|symbol| symbol.parse().unwrap()).collect();
        let mut graph = BondGraph::new(&species);
        for &(a, b, order) in bonds {
            let order = [Order::Single, Order::Double, Order::Triple][order as usize - 1];
            graph.join(a, b, order);
        }
        graph
    }

    /// The same with hydrogens put on every heavy atom up to its usual valence.
    pub(crate) fn saturated(symbols: &str, bonds: &[(usize, usize, u32)]) -> BondGraph {
        let heavy = graph(symbols, bonds);
        let (mut text, mut all, mut next) = (symbols.to_owned(), bonds.to_vec(), heavy.len());
        for atom in 0..heavy.len() {
            let usual = match heavy.atom(atom).element {
                Element::C => 4,
                Element::N => 3,
                Element::O => 2,
                _ => 1,
            };
            for _ in heavy.order_sum(atom)..usual {
                text.push_str(" H");
                all.push((atom, next, 1));
                next += 1;
            }
        }
        graph(&text, &all)
    }

    /// The same molecule with atom `i` renamed `names[i]`, bonds added in another order.
    pub(crate) fn renamed(graph: &BondGraph, names: &[usize]) -> BondGraph {
        let mut atoms = vec![graph.atom(0); graph.len()];
        (0..graph.len()).for_each(|i| atoms[names[i]] = graph.atom(i));
        let species: Vec<Element> = atoms.iter().map(|atom| atom.element).collect();
        let mut out = BondGraph::new(&species);
        atoms.iter().enumerate().for_each(|(i, atom)| out.set_charge(i, atom.charge));
        for bond in graph.bonds().iter().rev() {
            let [a, b] = bond.atoms;
            out.join(names[b], names[a], bond.order);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{graph, saturated};
    use super::*;

    #[test]
    fn sums_and_fragments_of_two_waters_and_a_nitrogen() {
        let both =
            graph("H O N O H N H H", &[(1, 0, 1), (4, 1, 1), (2, 5, 3), (3, 6, 1), (3, 7, 1)]);
        assert_eq!((both.order_sum(1), both.order_sum(2), both.degree(2)), (2, 3, 1));
        assert_eq!(both.fragments(), [vec![0, 1, 4], vec![2, 5], vec![3, 6, 7]]);
        let largest = both.largest_fragments();
        assert_eq!(largest.len(), 2);
        assert_eq!(
            largest[1].bonds().iter().map(|b| b.atoms).collect::<Vec<_>>(),
            [[0, 1], [0, 2]]
        );
        assert_eq!(largest[1].atom(0).element, Element::O);
        assert_eq!(saturated("C", &[]).len(), 5);
    }
}
