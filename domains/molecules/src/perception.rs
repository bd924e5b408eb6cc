//! Graph protocol: bonds and formal charges perceived from the geometry, in a Kekulé form.
//!
//! Which atoms are joined follows from covalent radii; how often, and which atoms are charged, from
//! valences, with distances deciding only between solutions that satisfy the same number of atoms. So a
//! ring whose bonds are all 1.40 Å has alternating bonds here, where the table of the distance protocol
//! ([`crate::bond_table`]) may see any mixture.

use crate::element::Element;
use crate::graph::BondGraph;
use crate::kekule::{Choice, Problem, Solution, solve};
use crate::radii::covalent_radius;
use crate::record::{Molecule, Order, squared_distance};
use crate::validity::valences;

/// Atoms are joined up to this much, in Å, beyond the sum of their radii: C–C up to 1.80, where the
/// longest bonds of QM9 are 1.7 and the shortest distances across bridged rings 1.87.
pub const TOLERANCE: f64 = 0.3;

/// Cost of a charge by the scale on which an unsatisfied valence costs 1000: charges only where
/// valences ask for them.
const CHARGE: f64 = 100.0;
/// A carbanion costs more than other charges: it is right in isocyanides and carbon monoxide, where the
/// alternative is two unsatisfied valences, and wrong wherever one hydrogen is missing.
const CARBANION: f64 = 600.0;
/// A length off by this much, in Å, costs 1: about the spread of one kind of bond.
const LENGTH: f64 = 0.05;
/// No length costs more, so that lengths never outweigh charges in one bond.
const WORST_LENGTH: f64 = 25.0;

/// Bonds and charges with what is left unexplained.
#[derive(Debug, Clone)]
pub struct Perceived {
    /// The graph; charges sum to the charge asked for if `unsatisfied` allows it.
    pub graph: BondGraph,
    /// Bonds that atoms lack (radicals) or have too many, summed; 0 is a closed-shell molecule.
    pub unsatisfied: u32,
}

impl Perceived {
    /// Whether the atoms are one molecule.
    pub fn is_connected(&self) -> bool {
        self.graph.fragments().len() == 1
    }

    /// Whether they are one molecule with a closed shell: what other programs can calculate with.
    pub fn is_closed_shell(&self) -> bool {
        self.is_connected() && self.unsatisfied == 0
    }
}

/// Perceive `molecule` with the total charge of its record, 0 if it has none; its bonds are not read.
pub fn perceive(molecule: &Molecule) -> Perceived {
    let charge = molecule.charges().map_or(0, |all| all.iter().map(|&q| i32::from(q)).sum());
    let species = molecule.species();
    let joined = contacts(molecule);
    let cost = |&([a, b], length): &([usize; 2], f64)| {
        let of = |multiplicity| {
            let usual = covalent_radius(species[a], multiplicity)
                + covalent_radius(species[b], multiplicity);
            ((length - usual) / LENGTH).powi(2).min(WORST_LENGTH)
        };
        ([a, b], [of(1), of(2), of(3)])
    };
    let bonds: Vec<_> = joined.iter().map(cost).collect();
    let neutral = species.iter().map(|&element| choices(element, false)).collect();
    let mut problem = Problem { choices: neutral, bonds, charge };
    let mut solution = solve(&problem);
    // Most molecules need no charges, and are solved much faster without.
    if solution.unsatisfied > 0 || charge != 0 {
        problem.choices = species.iter().map(|&element| choices(element, true)).collect();
        solution = solve(&problem);
    }
    let graph = build(species, problem.bonds.iter().map(|bond| bond.0), &solution);
    Perceived { graph, unsatisfied: solution.unsatisfied }
}

/// The bonds of the record in a Kekulé form, with its charges; `None` if it has no bonds.
///
/// Orders that the record gives are kept; aromatic ones become single or double as valences ask.
pub fn of_record(molecule: &Molecule) -> Option<BondGraph> {
    let species = molecule.species();
    let charge = |atom: usize| molecule.charges().map_or(0, |all| all[atom]);
    let costs = |order: Order| match order {
        Order::Single => [0.0, f64::INFINITY, f64::INFINITY],
        Order::Double => [f64::INFINITY, 0.0, f64::INFINITY],
        Order::Triple => [f64::INFINITY, f64::INFINITY, 0.0],
        Order::Aromatic => [0.0, 0.0, f64::INFINITY],
    };
    let bonds = molecule.bonds()?;
    let mut solution = Solution {
        charges: (0..species.len()).map(charge).collect(),
        orders: bonds
            .iter()
            .map(|bond| crate::graph::multiplicity(bond.order).unwrap_or(1))
            .collect(),
        unsatisfied: 0,
    };
    if bonds.iter().any(|bond| bond.order == Order::Aromatic) {
        // The fixed bonds of an atom take their part of its valence first.
        let sum = |atom: usize| -> u32 {
            let own = bonds.iter().zip(&solution.orders).filter(|(b, _)| b.atoms.contains(&atom));
            own.map(|(_, &order)| order).sum()
        };
        let choice = |atom: usize| {
            let allowed = valences(species[atom], charge(atom)).unwrap_or(&[]);
            let valence = allowed.iter().copied().find(|&v| v >= sum(atom)).unwrap_or(sum(atom));
            vec![Choice { charge: charge(atom), valence, cost: 0.0 }]
        };
        let total = solution.charges.iter().map(|&q| i32::from(q)).sum();
        let problem = Problem {
            choices: (0..species.len()).map(choice).collect(),
            bonds: bonds.iter().map(|bond| (bond.atoms, costs(bond.order))).collect(),
            charge: total,
        };
        solution = solve(&problem);
    }
    Some(build(species, bonds.iter().map(|bond| bond.atoms), &solution))
}

fn build(
    species: &[Element],
    bonds: impl Iterator<Item = [usize; 2]>,
    solution: &Solution,
) -> BondGraph {
    let mut graph = BondGraph::new(species);
    for ([a, b], &order) in bonds.zip(&solution.orders) {
        graph.join(a, b, [Order::Single, Order::Double, Order::Triple][order as usize - 1]);
    }
    solution.charges.iter().enumerate().for_each(|(atom, &charge)| graph.set_charge(atom, charge));
    graph
}

/// Pairs of atoms that are joined, with their distances in Å: the shortest first relative to the radii,
/// while both atoms can take another neighbour.
fn contacts(molecule: &Molecule) -> Vec<([usize; 2], f64)> {
    let (species, positions) = (molecule.species(), molecule.positions());
    let mut close = Vec::new();
    for b in 0..species.len() {
        for a in 0..b {
            let reach = covalent_radius(species[a], 1) + covalent_radius(species[b], 1);
            let squared = squared_distance(&positions[a], &positions[b]);
            if squared < (reach + TOLERANCE).powi(2) {
                close.push((squared.sqrt() - reach, [a, b], squared.sqrt()));
            }
        }
    }
    close.sort_by(|x, y| x.0.total_cmp(&y.0));
    let mut room: Vec<u32> = species.iter().map(|&element| most_neighbours(element)).collect();
    let mut joined = Vec::new();
    for (_, [a, b], distance) in close {
        if room[a] > 0 && room[b] > 0 {
            room[a] -= 1;
            room[b] -= 1;
            joined.push(([a, b], distance));
        }
    }
    joined.sort_by_key(|&(atoms, _)| atoms);
    joined
}

/// How many neighbours an atom can have.
fn most_neighbours(element: Element) -> u32 {
    match element.symbol() {
        "H" | "F" => 1,
        "O" => 3,
        "B" | "C" | "N" | "Cl" | "Br" | "I" => 4,
        _ => 6,
    }
}

/// States of an atom; none: any order sum.
fn choices(element: Element, charged: bool) -> Vec<Choice> {
    let neutral = match valences(element, 0) {
        None => return Vec::new(),
        Some(all) => all.iter().map(|&valence| (0, valence, 0.0)),
    };
    let ions: &[(i8, u32, f64)] = match element.symbol() {
        "H" => &[(1, 0, 2.0 * CARBANION)],
        "B" => &[(-1, 4, CHARGE)],
        "C" => &[(-1, 3, CARBANION)],
        "N" => &[(1, 4, CHARGE), (-1, 2, CHARGE)],
        "O" => &[(-1, 1, CHARGE), (1, 3, 2.0 * CHARGE)],
        "P" => &[(1, 4, CHARGE)],
        "S" => &[(-1, 1, CHARGE), (1, 3, 2.0 * CHARGE)],
        "F" | "Cl" | "Br" | "I" => &[(-1, 0, CHARGE)],
        _ => &[],
    };
    let ions = ions.iter().copied().filter(|_| charged);
    let choice = |(charge, valence, cost)| Choice { charge, valence, cost };
    neutral.chain(ions).map(choice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bond_table;
    use crate::canonical::CanonicalKey;
    use crate::graph::testing::saturated;
    use crate::record::Bond;
    use crate::valence::stable_atoms_with_charge;
    use crate::validity::validate;

    /// `n` atoms of `element` on a circle of `radius` Å in the plane z = 0.
    fn circle(n: usize, radius: f64) -> Vec<[f64; 3]> {
        let at = |i| std::f64::consts::TAU * i as f64 / n as f64;
        (0..n).map(|i| [radius * at(i).cos(), radius * at(i).sin(), 0.0]).collect()
    }

    fn benzene(radius: f64) -> Molecule {
        let species = [vec![Element::C; 6], vec![Element::H; 6]].concat();
        Molecule::new(species, [circle(6, radius), circle(6, radius + 1.09)].concat()).unwrap()
    }

    fn key(graph: &BondGraph) -> CanonicalKey {
        CanonicalKey::of(&validate(graph).unwrap())
    }

    #[test]
    fn benzene_is_kekulised_at_any_length() {
        let alternating: Vec<_> = (0..6).map(|i| (i, (i + 1) % 6, 1 + i as u32 % 2)).collect();
        let known = key(&saturated("C C C C C C", &alternating));
        for radius in [1.36, 1.395, 1.43] {
            let found = perceive(&benzene(radius));
            assert_eq!((found.unsatisfied, stable_atoms_with_charge(&found.graph)), (0, 12));
            assert_eq!(key(&found.graph), known);
        }
        // The table sees six single bonds, all carbons unstable, at 1.395 Å.
        let table = bond_table::orders(&benzene(1.395));
        assert!(table.bonds().iter().all(|bond| bond.order == Order::Single));
    }

    /// Nitromethane: C–N 1.49, N–O 1.22 Å, O–N–O 125°.
    fn nitromethane() -> Molecule {
        let positions = vec![
            [0.0, 0.0, -1.49],
            [0.0, 0.0, 0.0],
            [0.0, 1.08, 0.56],
            [0.0, -1.08, 0.56],
            [1.03, 0.0, -1.84],
            [-0.51, 0.89, -1.84],
            [-0.51, -0.89, -1.84],
        ];
        let (c, n, o, h) = (Element::C, Element::N, Element::O, Element::H);
        Molecule::new(vec![c, n, o, o, h, h, h], positions).unwrap()
    }

    #[test]
    fn nitro_gets_charges_and_both_protocols_agree_on_the_molecule() {
        let found = perceive(&nitromethane());
        assert_eq!((found.unsatisfied, found.graph.charges()[1]), (0, 1));
        assert_eq!(stable_atoms_with_charge(&found.graph), 7);
        assert_eq!(key(&found.graph), key(&bond_table::orders(&nitromethane())));
    }

    #[test]
    fn a_missing_hydrogen_is_unsatisfied_not_a_charge() {
        let molecule = nitromethane();
        let positions = molecule.positions()[..6].to_vec();
        let radical =
            perceive(&Molecule::new(molecule.species()[..6].to_vec(), positions).unwrap());
        assert_eq!((radical.unsatisfied, radical.graph.charges()[0]), (1, 0));
    }

    #[test]
    fn a_hydrogen_between_two_atoms_is_joined_to_the_nearer() {
        let positions = vec![[0.0; 3], [1.0, 0.0, 0.0], [2.2, 0.0, 0.0]];
        let molecule = Molecule::new(vec![Element::O, Element::H, Element::O], positions).unwrap();
        let bonds = perceive(&molecule).graph.bonds();
        assert_eq!(bonds.iter().map(|bond| bond.atoms).collect::<Vec<_>>(), [[0, 1]]);
    }

    #[test]
    fn aromatic_bonds_of_a_record_are_kekulised_and_others_kept() {
        let ring = (0..6).map(|i| Bond { atoms: [i, (i + 1) % 6], order: Order::Aromatic });
        let out = (0..6).map(|i| Bond { atoms: [i, i + 6], order: Order::Single });
        assert!(of_record(&benzene(1.4)).is_none());
        let molecule = benzene(1.4).with_bonds(ring.chain(out).collect()).unwrap();
        let graph = of_record(&molecule).unwrap();
        assert!((0..6).all(|carbon| graph.order_sum(carbon) == 4));
        assert_eq!(key(&graph), key(&perceive(&molecule).graph));
    }
}
