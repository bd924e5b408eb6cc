//! Rings of a bond graph: the relevant cycles.
//!
//! A smallest set of smallest rings is not unique (cubane has six faces, any five are such a set), so
//! what is derived from one may depend on the order of the atoms. The relevant cycles, the union of all
//! minimum cycle bases, do not: a cycle is relevant if it is no sum (over GF(2)) of shorter ones.
//!
//! Source: Vismara (1997), Electronic Journal of Combinatorics 4, R9.

use petgraph::algo::bridges::bridges;
use petgraph::visit::EdgeRef;

use crate::graph::BondGraph;

/// Rings with more atoms are not looked for: their number may grow exponentially with their size, and
/// the aromatic model this serves does not fuse larger ones either.
pub const LARGEST_RING: usize = 24;

/// A closed path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ring {
    /// Its atoms, ascending.
    pub atoms: Vec<usize>,
    /// Its bonds by number, ascending.
    pub bonds: Vec<usize>,
}

/// Whether each bond lies on some closed path.
pub fn cyclic_bonds(graph: &BondGraph) -> Vec<bool> {
    let graph = graph.petgraph();
    let mut cyclic = vec![true; graph.edge_count()];
    bridges(graph).for_each(|edge| cyclic[edge.id().index()] = false);
    cyclic
}

/// The relevant cycles of at most [`LARGEST_RING`] atoms, the shorter first.
pub fn relevant_cycles(graph: &BondGraph) -> Vec<Ring> {
    let cyclic = cyclic_bonds(graph);
    if cyclic.iter().all(|on| !on) {
        return Vec::new();
    }
    let near: Vec<Vec<(usize, usize)>> = (0..graph.len())
        .map(|atom| graph.neighbours(atom).map(|(other, bond, _)| (other, bond)))
        .map(|all| all.filter(|&(_, bond)| cyclic[bond]).collect())
        .collect();
    let mut candidates: Vec<Ring> = (0..graph.len()).flat_map(|top| through(top, &near)).collect();
    candidates.sort_unstable_by(|a, b| a.bonds.len().cmp(&b.bonds.len()).then_with(|| a.cmp(b)));
    candidates.dedup();
    let (mut basis, mut relevant) = (Basis::new(cyclic.len()), Vec::new());
    for same in candidates.chunk_by(|a, b| a.bonds.len() == b.bonds.len()) {
        // Against the shorter ones only: all of several equal cycles that sum to zero are relevant.
        let new: Vec<&Ring> =
            same.iter().filter(|ring| basis.is_independent(&ring.bonds)).collect();
        new.iter().for_each(|ring| basis.insert(&ring.bonds));
        relevant.extend(new.into_iter().cloned());
    }
    relevant
}

/// Every cycle of two shortest paths from its last atom `top`, in the graph of the atoms up to `top`.
fn through(top: usize, near: &[Vec<(usize, usize)>]) -> Vec<Ring> {
    let mut distance = vec![usize::MAX; near.len()];
    distance[top] = 0;
    let mut queue = vec![top];
    let mut next = 0;
    while next < queue.len() {
        let atom = queue[next];
        next += 1;
        for &(other, _) in near[atom].iter().filter(|&&(other, _)| other < top) {
            if distance[other] == usize::MAX && distance[atom] < LARGEST_RING / 2 {
                distance[other] = distance[atom] + 1;
                queue.push(other);
            }
        }
    }
    let mut rings = Vec::new();
    for &a in &queue {
        let paths_a = paths(a, top, &distance, near);
        let closing = near[a].iter().filter(|&&(b, _)| distance[b] != usize::MAX);
        for &(b, bond) in closing {
            // Odd: the bond a–b joins two equally long paths. Even: b is the far end, and a one of its
            // two predecessors.
            if distance[b] == distance[a] && b < a {
                for other in paths(b, top, &distance, near) {
                    paths_a
                        .iter()
                        .for_each(|path| rings.extend(closed(path, &other, &[bond], &[top])));
                }
            } else if distance[b] == distance[a] + 1 {
                let nearer = |&&(c, _): &&(usize, usize)| c < a && distance[c] == distance[a];
                for &(c, second) in near[b].iter().filter(nearer) {
                    for other in paths(c, top, &distance, near) {
                        let ring = |path| closed(path, &other, &[bond, second], &[b, top]);
                        rings.extend(paths_a.iter().filter_map(ring));
                    }
                }
            }
        }
    }
    rings.retain(|ring| ring.atoms.len() <= LARGEST_RING);
    rings
}

/// Atoms and bonds on the way from one atom to another, without the last atom.
type Path = (Vec<usize>, Vec<usize>);

/// All shortest paths from `from` to `top`.
fn paths(from: usize, top: usize, distance: &[usize], near: &[Vec<(usize, usize)>]) -> Vec<Path> {
    if from == top {
        return vec![(Vec::new(), Vec::new())];
    }
    let mut found = Vec::new();
    for &(nearer, bond) in &near[from] {
        if distance[nearer] != usize::MAX && distance[nearer] + 1 == distance[from] {
            for (mut atoms, mut bonds) in paths(nearer, top, distance, near) {
                atoms.push(from);
                bonds.push(bond);
                found.push((atoms, bonds));
            }
        }
    }
    found
}

/// The ring of two paths that share no atom, with the bonds and atoms where they meet.
fn closed(a: &Path, b: &Path, bonds: &[usize], atoms: &[usize]) -> Option<Ring> {
    if a.0.iter().any(|atom| b.0.contains(atom)) {
        return None;
    }
    let mut atoms = [&a.0[..], &b.0[..], atoms].concat();
    let mut bonds = [&a.1[..], &b.1[..], bonds].concat();
    atoms.sort_unstable();
    bonds.sort_unstable();
    Some(Ring { atoms, bonds })
}

/// A basis over GF(2) of sets of bonds, each row with a leading bond of its own.
struct Basis(Vec<Option<Vec<u64>>>);

impl Basis {
    fn new(bonds: usize) -> Self {
        Self(vec![None; bonds])
    }

    /// What is left of `bonds` after the basis is taken out, and its leading bond.
    fn reduce(&self, bonds: &[usize]) -> Option<(usize, Vec<u64>)> {
        let mut row = vec![0_u64; self.0.len().div_ceil(64)];
        bonds.iter().for_each(|bond| row[bond / 64] ^= 1 << (bond % 64));
        for lead in 0..self.0.len() {
            if row[lead / 64] >> (lead % 64) & 1 == 1 {
                let Some(known) = &self.0[lead] else { return Some((lead, row)) };
                row.iter_mut().zip(known).for_each(|(word, other)| *word ^= other);
            }
        }
        None
    }

    fn is_independent(&self, bonds: &[usize]) -> bool {
        self.reduce(bonds).is_some()
    }

    fn insert(&mut self, bonds: &[usize]) {
        if let Some((lead, row)) = self.reduce(bonds) {
            self.0[lead] = Some(row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::testing::{graph, renamed};

    fn sizes(graph: &BondGraph) -> Vec<usize> {
        relevant_cycles(graph).iter().map(|ring| ring.atoms.len()).collect()
    }

    fn carbons(n: usize, bonds: &[(usize, usize)]) -> BondGraph {
        let bonds: Vec<_> = bonds.iter().map(|&(a, b)| (a, b, 1)).collect();
        graph(&"C ".repeat(n), &bonds)
    }

    #[test]
    fn numbers_of_relevant_cycles_of_known_graphs() {
        let cycle = |n: usize| (0..n).map(|i| (i, (i + 1) % n)).collect::<Vec<_>>();
        assert!(sizes(&carbons(3, &[(0, 1), (1, 2)])).is_empty());
        for n in [3, 4, 5, 6, 7, 12, 23, 24] {
            assert_eq!(sizes(&carbons(n, &cycle(n))), [n]);
        }
        assert!(sizes(&carbons(26, &cycle(26))).is_empty());
        // Naphthalene: the envelope of ten is a sum. Norbornane: its six-ring is one of two fives.
        assert_eq!(sizes(&carbons(10, &[cycle(10), vec![(0, 5)]].concat())), [6, 6]);
        assert_eq!(sizes(&carbons(7, &[cycle(6), vec![(0, 6), (6, 3)]].concat())), [5, 5]);
        // Cubane has six faces in a space of five dimensions; bicyclo[2.2.2]octane three of two.
        let cube = [
            (0, 1),
            (1, 2),
            (2, 3),
            (3, 0),
            (4, 5),
            (5, 6),
            (6, 7),
            (7, 4),
            (0, 4),
            (1, 5),
            (2, 6),
            (3, 7),
        ];
        assert_eq!(sizes(&carbons(8, &cube)), [4; 6]);
        assert_eq!(sizes(&carbons(8, &[cycle(6), vec![(0, 6), (6, 7), (7, 3)]].concat())), [6; 3]);
        // Tetrahedrane: four triangles; its squares are sums of two.
        assert_eq!(sizes(&carbons(4, &[(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)])), [3; 4]);
    }

    #[test]
    fn rings_do_not_depend_on_the_names_of_atoms() {
        let prismane = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (0, 3), (1, 4), (2, 5)];
        let prismane = carbons(6, &prismane);
        assert_eq!(sizes(&prismane), [3, 3, 4, 4, 4]);
        let other = renamed(&prismane, &[3, 0, 5, 1, 4, 2]);
        assert_eq!(sizes(&other), sizes(&prismane));
    }
}
