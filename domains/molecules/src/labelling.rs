//! Exact canonical labelling of small coloured graphs.
//!
//! Colours are refined until every two vertices of a colour see the same colours around them. If some
//! are still shared, the vertices of the first shared colour are told apart in turn, each time refining
//! again, and the smallest list of edges at any leaf wins. Automorphisms found on the way (two leaves
//! with the same edges) spare the branches they map onto explored ones; this is the scheme of McKay
//! (1981), Congressus Numerantium 30, 45–87, without its refinements for large graphs.

/// A graph whose vertices and edges have colours.
pub(crate) struct Coloured<'a> {
    /// By vertex.
    pub(crate) colours: &'a [u64],
    /// By vertex: neighbours, each with the colour of the edge.
    pub(crate) near: &'a [Vec<(usize, u8)>],
}

/// Edges `(lower rank, higher rank, colour)` under a labelling, sorted.
pub(crate) type Edges = Vec<(usize, usize, u8)>;

/// Vertices in canonical order, and the edges between places in that order.
///
/// Two graphs are isomorphic if and only if the colours in that order and the edges are equal.
pub(crate) fn canonical_order(graph: &Coloured<'_>) -> (Vec<usize>, Edges) {
    let mut search =
        Search { graph, path: Vec::new(), first: None, best: None, symmetries: Vec::new() };
    let start = search.refine(ranks_of(graph.colours));
    search.explore(&start);
    let best = search.best.expect("the first leaf was reached");
    (best.order, best.edges)
}

/// The rank of each value: how many are smaller.
fn ranks_of<T: Ord>(values: &[T]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].cmp(&values[b]));
    let mut ranks = vec![0; values.len()];
    for place in 1..order.len() {
        let (before, here) = (order[place - 1], order[place]);
        ranks[here] = if values[before] == values[here] { ranks[before] } else { place };
    }
    ranks
}

#[derive(Clone)]
struct Leaf {
    /// Vertices told apart on the way.
    path: Vec<usize>,
    /// Vertex at each place.
    order: Vec<usize>,
    edges: Edges,
}

struct Search<'a> {
    graph: &'a Coloured<'a>,
    path: Vec<usize>,
    first: Option<Leaf>,
    best: Option<Leaf>,
    /// Automorphisms: vertex to vertex.
    symmetries: Vec<Vec<usize>>,
}

impl Search<'_> {
    /// Split colours by the colours around, until nothing changes.
    fn refine(&self, mut ranks: Vec<usize>) -> Vec<usize> {
        loop {
            let seen = |vertex: usize| {
                let mut around: Vec<(usize, u8)> =
                    self.graph.near[vertex].iter().map(|&(other, c)| (ranks[other], c)).collect();
                around.sort_unstable();
                (ranks[vertex], around)
            };
            let finer = ranks_of(&(0..ranks.len()).map(seen).collect::<Vec<_>>());
            if finer == ranks {
                return ranks;
            }
            ranks = finer;
        }
    }

    /// Visit the leaves below `ranks`. Returns the depth to go back to, where the rest of a branch
    /// turned out to be the image of an explored one.
    fn explore(&mut self, ranks: &[usize]) -> usize {
        let depth = self.path.len();
        let Some(cell) = first_shared(ranks) else { return self.leaf(ranks) };
        let mut explored: Vec<usize> = Vec::new();
        for &vertex in &cell {
            if self.is_image(vertex, &explored) {
                continue;
            }
            // The chosen vertex keeps the rank; the others of its colour come after it.
            let mut apart = ranks.to_vec();
            cell.iter().filter(|&&other| other != vertex).for_each(|&other| apart[other] += 1);
            self.path.push(vertex);
            let back = self.explore(&self.refine(apart));
            self.path.pop();
            explored.push(vertex);
            if back < depth {
                return back;
            }
        }
        depth
    }

    fn leaf(&mut self, ranks: &[usize]) -> usize {
        let mut order = vec![0; ranks.len()];
        ranks.iter().enumerate().for_each(|(vertex, &rank)| order[rank] = vertex);
        let mut edges: Edges = Vec::new();
        for (vertex, near) in self.graph.near.iter().enumerate() {
            let own = near.iter().filter(|&&(other, _)| ranks[vertex] < ranks[other]);
            edges.extend(own.map(|&(other, colour)| (ranks[vertex], ranks[other], colour)));
        }
        edges.sort_unstable();
        let leaf = Leaf { path: self.path.clone(), order, edges };
        for known in [&self.first, &self.best].into_iter().flatten() {
            if known.edges == leaf.edges {
                let mut symmetry = vec![0; ranks.len()];
                known.order.iter().zip(&leaf.order).for_each(|(&from, &to)| symmetry[from] = to);
                self.symmetries.push(symmetry);
                // It fixes what both paths begin with, so there this branch is an image of that one.
                return known.path.iter().zip(&leaf.path).take_while(|(a, b)| a == b).count();
            }
        }
        if self.best.as_ref().is_none_or(|best| leaf.edges < best.edges) {
            self.best = Some(leaf.clone());
        }
        self.first.get_or_insert(leaf);
        self.path.len()
    }

    /// Whether a known automorphism that fixes the path takes an explored vertex to `vertex`.
    fn is_image(&self, vertex: usize, explored: &[usize]) -> bool {
        if explored.is_empty() {
            return false;
        }
        let fixes = |symmetry: &&Vec<usize>| self.path.iter().all(|&on| symmetry[on] == on);
        let symmetries: Vec<&Vec<usize>> = self.symmetries.iter().filter(fixes).collect();
        let (mut reached, mut next) = (explored.to_vec(), 0);
        while next < reached.len() {
            for symmetry in &symmetries {
                let image = symmetry[reached[next]];
                if !reached.contains(&image) {
                    reached.push(image);
                }
            }
            next += 1;
        }
        reached.contains(&vertex)
    }
}

/// The vertices of the lowest rank that more than one has.
fn first_shared(ranks: &[usize]) -> Option<Vec<usize>> {
    let mut count = vec![0; ranks.len()];
    ranks.iter().for_each(|&rank| count[rank] += 1);
    let rank = count.iter().position(|&count| count > 1)?;
    Some((0..ranks.len()).filter(|&vertex| ranks[vertex] == rank).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Near = Vec<Vec<(usize, u8)>>;

    fn near(n: usize, edges: &[(usize, usize, u8)]) -> Near {
        let mut near = vec![Vec::new(); n];
        for &(a, b, colour) in edges {
            near[a].push((b, colour));
            near[b].push((a, colour));
        }
        near
    }

    fn form(colours: &[u64], near: &Near) -> (Vec<u64>, Edges) {
        let (order, edges) = canonical_order(&Coloured { colours, near });
        (order.iter().map(|&vertex| colours[vertex]).collect(), edges)
    }

    /// Six-cycle and two triangles: every vertex looks alike to refinement.
    #[test]
    fn regular_graphs_that_refinement_confuses_differ() {
        let ring: Vec<_> = (0..6).map(|i| (i, (i + 1) % 6, 1)).collect();
        let triangles = [(0, 1, 1), (1, 2, 1), (2, 0, 1), (3, 4, 1), (4, 5, 1), (5, 3, 1)];
        assert_ne!(form(&[0; 6], &near(6, &ring)), form(&[0; 6], &near(6, &triangles)));
        // The prism and K₃,₃, both cubic on six vertices.
        let prism = [&triangles[..], &[(0, 3, 1), (1, 4, 1), (2, 5, 1)]].concat();
        let bipartite: Vec<_> = (0..9).map(|i| (i / 3, 3 + i % 3, 1)).collect();
        assert_ne!(form(&[0; 6], &near(6, &prism)), form(&[0; 6], &near(6, &bipartite)));
    }

    /// A six-cycle, two triangles and a star of `arms`, with the vertex names turned by `shift`.
    fn mixture(arms: usize, shift: usize) -> (Vec<u64>, Near) {
        let n = 13 + arms;
        let mut edges: Vec<_> = (0..6).map(|i| (i, (i + 1) % 6, 1)).collect();
        edges.extend((0..6).map(|i| (6 + i, 6 + i / 3 * 3 + (i + 1) % 3, 1)));
        edges.extend((13..n).map(|arm| (12, arm, 1)));
        let name = |vertex: usize| (vertex + shift) % n;
        edges.iter_mut().for_each(|edge| *edge = (name(edge.0), name(edge.1), edge.2));
        // The arms are told apart last, below branches that no symmetry joins.
        let mut colours = vec![0; n];
        (12..n).for_each(|vertex| colours[name(vertex)] = 1);
        (colours, near(n, &edges))
    }

    /// Cells that are no orbits: which vertex is told apart first matters.
    #[test]
    fn all_branches_that_differ_are_explored() {
        let (colours, near) = mixture(3, 0);
        for shift in 1..16 {
            let (other, turned) = mixture(3, shift);
            assert_eq!(form(&colours, &near), form(&other, &turned), "shift {shift}");
        }
    }

    /// Trying all orders of equal arms would not end, neither here nor below one of several branches;
    /// without going back at once, 100 arms take minutes.
    #[test]
    fn symmetric_graphs_take_few_leaves() {
        let star: Vec<_> = (1..101).map(|i| (0, i, 1)).collect();
        assert_eq!(form(&[0; 101], &near(101, &star)).1.len(), 100);
        let (colours, mixed) = mixture(14, 0);
        assert_eq!(form(&colours, &mixed).1.len(), 26);
        // The dodecahedron graph (GP(10, 2)): 120 automorphisms.
        let mut edges = Vec::new();
        for i in 0..10 {
            edges.extend([(i, (i + 1) % 10, 1), (i, 10 + i, 1), (10 + i, 10 + (i + 2) % 10, 1)]);
        }
        assert_eq!(form(&[0; 20], &near(20, &edges)).1.len(), 30);
    }

    proptest! {
        /// Any graph on few vertices and colours, and any renaming of it; then one edge recoloured.
        #[test]
        fn forms_are_equal_exactly_for_renamed_graphs(
            n in 2_usize..9,
            colours in prop::collection::vec(0_u64..2, 9),
            wires in prop::collection::vec(0_u8..3, 36),
            names in Just((0..9_usize).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let names = { let mut names = names; names.retain(|&name| name < n); names };
            let pairs: Vec<_> = (0..n).flat_map(|b| (0..b).map(move |a| (a, b))).collect();
            let edges: Vec<_> = pairs.iter().zip(&wires).filter(|(_, w)| **w > 0)
                .map(|(&(a, b), &w)| (a, b, w)).collect();
            let moved: Vec<_> =
                edges.iter().rev().map(|&(a, b, w)| (names[b], names[a], w)).collect();
            let mut moved_colours = vec![0; n];
            (0..n).for_each(|i| moved_colours[names[i]] = colours[i]);
            let one = form(&colours[..n], &near(n, &edges));
            prop_assert_eq!(&one, &form(&moved_colours, &near(n, &moved)));
            // The form is the graph itself under a renaming, so equal forms mean isomorphic graphs.
            prop_assert_eq!(one.1.len(), edges.len());
            if let Some(last) = moved.first().copied() {
                let mut other = moved.clone();
                other[0].2 = 3 - last.2;
                prop_assert_ne!(&one, &form(&moved_colours, &near(n, &other)));
            }
        }
    }
}
