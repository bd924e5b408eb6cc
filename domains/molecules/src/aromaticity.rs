//! Which bonds are aromatic, so that the Kekulé forms of one molecule can be made equal.
//!
//! The rule is the one RDKit documents as its default: rings of atoms that each bring a known number of
//! π electrons, alone or fused along single bonds, whose sum is 4n + 2. Anything that brought other
//! forms together would count distinct molecules differently from the published numbers.

use std::collections::BTreeSet;

use crate::element::Element;
use crate::graph::{BondGraph, multiplicity};
use crate::record::Order;
use crate::rings::{Ring, cyclic_bonds, relevant_cycles};
use crate::validity::valences;

/// Fused rings are tried together up to this number, as RDKit does: the number of subsets explodes.
const MOST_FUSED: usize = 6;

/// What is aromatic in a bond graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aromaticity {
    /// By atom.
    pub atoms: Vec<bool>,
    /// By number of the bond.
    pub bonds: Vec<bool>,
}

impl Aromaticity {
    /// Perceive it in a graph whose charges are separated ([`crate::validity::validate`]).
    pub fn of(graph: &BondGraph) -> Self {
        let bonds = graph.petgraph().edge_count();
        let mut found = Self { atoms: vec![false; graph.len()], bonds: vec![false; bonds] };
        let rings = relevant_cycles(graph);
        if rings.is_empty() {
            return found;
        }
        let cyclic = cyclic_bonds(graph);
        let electrons: Vec<Option<u32>> =
            (0..graph.len()).map(|atom| pi_electrons(graph, atom, &cyclic)).collect();
        let brings = |ring: &Ring| ring.atoms.iter().all(|&atom| electrons[atom].is_some());
        let rings: Vec<Ring> = rings.into_iter().filter(brings).collect();
        // Rings that share more than one bond are bridged, not fused.
        let shared = |a: &Ring, b: &Ring| a.bonds.iter().filter(|x| b.bonds.contains(x)).count();
        let beside = |i: usize| {
            (0..rings.len()).filter(|&j| j != i && shared(&rings[i], &rings[j]) == 1).collect()
        };
        let fused: Vec<Vec<usize>> = (0..rings.len()).map(beside).collect();
        for system in systems(&fused) {
            found.mark_system(&system, &fused, &rings, &electrons);
        }
        found
    }

    /// Try the subsets of one fused system, the small ones first, until all its bonds are aromatic.
    fn mark_system(
        &mut self,
        system: &[usize],
        fused: &[Vec<usize>],
        rings: &[Ring],
        electrons: &[Option<u32>],
    ) {
        let mut subsets: BTreeSet<Vec<usize>> = system.iter().map(|&ring| vec![ring]).collect();
        for _ in 0..MOST_FUSED {
            for subset in &subsets {
                self.mark_if_aromatic(subset, rings, electrons);
            }
            let done = |&ring: &usize| rings[ring].bonds.iter().all(|&bond| self.bonds[bond]);
            if system.iter().all(done) {
                break;
            }
            subsets = grown(&subsets, fused);
        }
    }

    fn mark_if_aromatic(&mut self, subset: &[usize], rings: &[Ring], electrons: &[Option<u32>]) {
        let times = |of: &dyn Fn(&Ring) -> &Vec<usize>, length: usize| {
            let mut times = vec![0_u32; length];
            let all = subset.iter().flat_map(|&ring| of(&rings[ring]));
            all.for_each(|&place| times[place] += 1);
            times
        };
        let in_rings = times(&|ring| &ring.atoms, self.atoms.len());
        // An atom inside three of the rings lies within the envelope, not on it.
        let on_envelope = (0..self.atoms.len()).filter(|&atom| (1..=2).contains(&in_rings[atom]));
        let sum: u32 = on_envelope.map(|atom| electrons[atom].unwrap_or(0)).sum();
        if sum < 2 || sum % 4 != 2 {
            return;
        }
        (0..self.atoms.len()).for_each(|atom| self.atoms[atom] |= in_rings[atom] > 0);
        // The bonds where rings are fused belong to the envelope of neither.
        let of_rings = times(&|ring| &ring.bonds, self.bonds.len());
        (0..self.bonds.len()).for_each(|bond| self.bonds[bond] |= of_rings[bond] == 1);
    }
}

/// Connected parts of the graph of fused rings.
fn systems(fused: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let (mut seen, mut systems) = (vec![false; fused.len()], Vec::new());
    for start in 0..fused.len() {
        let (mut system, mut open) = (Vec::new(), vec![start]);
        while let Some(ring) = open.pop() {
            if !std::mem::replace(&mut seen[ring], true) {
                system.push(ring);
                open.extend(&fused[ring]);
            }
        }
        if !system.is_empty() {
            systems.push(system);
        }
    }
    systems
}

/// Connected subsets with one ring more.
fn grown(subsets: &BTreeSet<Vec<usize>>, fused: &[Vec<usize>]) -> BTreeSet<Vec<usize>> {
    let mut larger = BTreeSet::new();
    for subset in subsets {
        for &next in subset.iter().flat_map(|&ring| &fused[ring]).filter(|r| !subset.contains(r)) {
            let mut with = subset.clone();
            with.push(next);
            with.sort_unstable();
            larger.insert(with);
        }
    }
    larger
}

/// Electrons an atom brings to an aromatic ring; `None` if it cannot be in one.
fn pi_electrons(graph: &BondGraph, at: usize, cyclic: &[bool]) -> Option<u32> {
    let atom = graph.atom(at);
    if atom.element.number() > 18 && !matches!(atom.element.symbol(), "Se" | "Te") {
        return None;
    }
    let usual = *valences(atom.element, 0)?.first().filter(|&&usual| usual > 1)?;
    let (sum, joined) = (graph.order_sum(at), graph.degree(at) as u32);
    let allowed = valences(atom.element, atom.charge)?;
    // Implied hydrogens complete the sum, and take the room of the π electron.
    let total = *allowed.iter().find(|&&valence| valence >= sum)?;
    if total > allowed[0] || joined + total - sum > 3 {
        return None;
    }
    let multiple = |&(_, _, order): &(usize, usize, Order)| multiplicity(order) != Some(1);
    let multiples: Vec<_> = graph.neighbours(at).filter(multiple).collect();
    if multiples.len() > 1 {
        return None; // C1=C=NC=N1
    }
    let free = i64::from(usual) - i64::from(joined + total - sum);
    let lone =
        (i64::from(outer_electrons(atom.element)) - i64::from(usual) - i64::from(atom.charge))
            .max(0);
    let electrons = match free + lone {
        // A triple bond in a ring still gives one electron to each atom.
        2.. if sum - joined > 1 => 1,
        electrons => electrons,
    };
    let outside = multiples.iter().find(|&&(_, bond, _)| !cyclic[bond]);
    let pulled = outside.is_some_and(|&(other, ..)| pulls(graph.atom(other).element, atom.element));
    match electrons {
        ..0 => None,
        0 if outside.is_some() => Some(0),
        0 => (!multiples.is_empty()).then_some(1),
        1 if pulled => Some(0), // C=O: the electron is the oxygen's
        1 if !multiples.is_empty() => Some(1),
        1 => (atom.charge == 1).then_some(0), // tropylium
        more => Some(if (more - i64::from(pulled)) % 2 == 1 { 1 } else { 2 }),
    }
}

/// Electrons of the outer shell of a main-group element; 2 for the others.
fn outer_electrons(element: Element) -> u32 {
    match u32::from(element.number()) {
        z @ 1..=2 => z,
        z @ 3..=10 => z - 2,
        z @ 11..=18 => z - 10,
        z @ 31..=36 => z - 28,
        z @ 49..=54 => z - 46,
        z @ 81..=86 => z - 78,
        19 | 37 | 55 | 87 => 1,
        _ => 2,
    }
}

/// Whether `a` is the more electronegative: further right in the periodic table, or above.
fn pulls(a: Element, b: Element) -> bool {
    let (of_a, of_b) = (outer_electrons(a), outer_electrons(b));
    of_a > of_b || of_a == of_b && a < b
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::testing::saturated;

    /// Number of aromatic bonds of a hydrogen-saturated graph.
    fn aromatic(symbols: &str, bonds: &[(usize, usize, u32)]) -> usize {
        Aromaticity::of(&saturated(symbols, bonds)).bonds.iter().filter(|&&on| on).count()
    }

    /// A ring with the given orders.
    fn ring(orders: &[u32]) -> Vec<(usize, usize, u32)> {
        let n = orders.len();
        orders.iter().enumerate().map(|(i, &order)| (i, (i + 1) % n, order)).collect()
    }

    #[test]
    fn single_rings_follow_hueckel() {
        assert_eq!(aromatic("C C C C C C", &ring(&[2, 1, 2, 1, 2, 1])), 6);
        assert_eq!(aromatic("N C C C C C", &ring(&[2, 1, 2, 1, 2, 1])), 6);
        for hetero in ["N", "O"] {
            assert_eq!(aromatic(&format!("{hetero} C C C C"), &ring(&[1, 2, 1, 2, 1])), 5);
        }
        assert_eq!(aromatic("C C C C C", &ring(&[1, 2, 1, 2, 1])), 0); // cyclopentadiene
        assert_eq!(aromatic("C C C C", &ring(&[2, 1, 2, 1])), 0);
        assert_eq!(aromatic("C C C C C C C C", &ring(&[2, 1, 2, 1, 2, 1, 2, 1])), 0);
        assert_eq!(aromatic("C C C C C C", &ring(&[2, 1, 1, 1, 2, 1])), 0);
    }

    #[test]
    fn double_bonds_out_of_the_ring_count_as_the_model_says() {
        // 2-pyridone and tropone are, benzoquinone and fulvene are not.
        let pyridone = [ring(&[1, 1, 2, 1, 2, 1]), vec![(1, 6, 2)]].concat();
        assert_eq!(aromatic("N C C C C C O", &pyridone), 6);
        let tropone = [ring(&[1, 2, 1, 2, 1, 2, 1]), vec![(0, 7, 2)]].concat();
        assert_eq!(aromatic("C C C C C C C O", &tropone), 7);
        let quinone = [ring(&[1, 2, 1, 1, 2, 1]), vec![(0, 6, 2), (3, 7, 2)]].concat();
        assert_eq!(aromatic("C C C C C C O O", &quinone), 0);
        let fulvene = [ring(&[1, 2, 1, 2, 1]), vec![(0, 5, 2)]].concat();
        assert_eq!(aromatic("C C C C C C", &fulvene), 0);
    }

    #[test]
    fn fused_rings() {
        let naphthalene = [ring(&[2, 1, 2, 1, 2, 1, 2, 1, 2, 1]), vec![(0, 5, 1)]].concat();
        assert_eq!(aromatic(&"C ".repeat(10), &naphthalene), 11);
        // Azulene: ten on the envelope, the bond within stays single.
        let azulene = [ring(&[2, 1, 2, 1, 2, 1, 2, 1, 2, 1]), vec![(0, 4, 1)]].concat();
        assert_eq!(aromatic(&"C ".repeat(10), &azulene), 10);
        // Pentalene: eight.
        let pentalene = [ring(&[2, 1, 2, 1, 2, 1, 2, 1]), vec![(0, 4, 1)]].concat();
        assert_eq!(aromatic(&"C ".repeat(8), &pentalene), 0);
    }
}
