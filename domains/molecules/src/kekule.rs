//! Orders of given bonds and charges of given atoms that satisfy valences at the least cost, exactly.
//!
//! Atoms are taken in breadth-first order. What the atoms behind have decided matters to those ahead
//! only through the room left on atoms whose bonds are not all decided, so of all decisions with equal
//! room the cheapest is kept: dynamic programming along the front, whose width is a few atoms in any
//! molecule, where enumeration would be exponential in its size.

use std::collections::BTreeMap;

/// One state an atom may take: its charge, the order sum that satisfies it, and what that costs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice {
    pub(crate) charge: i8,
    pub(crate) valence: u32,
    pub(crate) cost: f64,
}

/// What is given.
pub(crate) struct Problem {
    /// By atom, at least one choice each. Empty: any order sum will do, and the bonds stay single.
    pub(crate) choices: Vec<Vec<Choice>>,
    /// Bonds, and the cost of order one, two and three; infinite where it is ruled out.
    pub(crate) bonds: Vec<([usize; 2], [f64; 3])>,
    /// Sum of the charges.
    pub(crate) charge: i32,
}

/// The cheapest decisions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Solution {
    /// By atom.
    pub(crate) charges: Vec<i8>,
    /// 1, 2 or 3, by bond.
    pub(crate) orders: Vec<u32>,
    /// Bonds that atoms lack or have too many, summed.
    pub(crate) unsatisfied: u32,
}

/// Cost of an electron without a partner, or of a bond too many.
const UNSATISFIED: f64 = 1e3;
/// Cost per e of a total charge other than the one given: above an unsatisfied atom.
const WRONG_CHARGE: f64 = 2e3;

/// What those ahead need to know: room left by open atom (in order of opening) and charge so far.
type Front = (Vec<u32>, i32);

/// The cheapest way to a front; decisions are a list that shares its tail.
#[derive(Clone, Copy)]
struct Way {
    cost: f64,
    unsatisfied: u32,
    last: usize,
}

/// `(decision before, value)`: the number of the choice of an atom, or the extra order of a bond.
type Decisions = Vec<(usize, u8)>;

/// Solve `problem`; of equally cheap solutions always the same one.
///
/// An atom may have more single bonds than its valence, since they are given, but no multiple bond
/// that overfills it.
pub(crate) fn solve(problem: &Problem) -> Solution {
    let atoms = problem.choices.len();
    let mut bonds_of = vec![Vec::new(); atoms];
    for (bond, ([a, b], _)) in problem.bonds.iter().enumerate() {
        bonds_of[*a].push((*b, bond));
        bonds_of[*b].push((*a, bond));
    }
    let order = breadth_first(&bonds_of);
    let mut place = vec![0; atoms];
    order.iter().enumerate().for_each(|(at, &atom)| place[atom] = at);
    let closes = |atom: usize| {
        let last = bonds_of[atom].iter().map(|&(other, _)| place[other]).max().unwrap_or(0);
        last.max(place[atom])
    };

    let mut decisions: Decisions = vec![(0, 0)];
    let start = Way { cost: 0.0, unsatisfied: 0, last: 0 };
    let mut ways: BTreeMap<Front, Way> = [((Vec::new(), 0), start)].into();
    let (mut open, mut asked): (Vec<usize>, Vec<Asked>) = (Vec::new(), Vec::new());
    for (step, &atom) in order.iter().enumerate() {
        ways =
            introduce(&ways, &problem.choices[atom], bonds_of[atom].len() as u32, &mut decisions);
        open.push(atom);
        asked.push(Asked::Choice(atom));
        for &(other, bond) in bonds_of[atom].iter().filter(|&&(other, _)| place[other] < step) {
            let there = open.iter().position(|&a| a == other).expect("it has an undecided bond");
            let ends = [open.len() - 1, there];
            ways = decide(&ways, ends, &problem.bonds[bond].1, &mut decisions);
            asked.push(Asked::Order(bond));
        }
        while let Some(at) = open.iter().position(|&a| closes(a) <= step) {
            ways = close(ways, at);
            open.remove(at);
        }
    }

    let total = |&((_, charge), way): &(&Front, &Way)| {
        way.cost + WRONG_CHARGE * f64::from((charge - problem.charge).abs())
    };
    let (_, best) = ways
        .iter()
        .min_by(|a, b| total(a).total_cmp(&total(b)))
        .expect("every choice leads somewhere, and single bonds are always allowed");
    let mut solution = Solution {
        charges: vec![0; atoms],
        orders: vec![1; problem.bonds.len()],
        unsatisfied: best.unsatisfied,
    };
    let mut at = best.last;
    for asked in asked.iter().rev() {
        let (before, value) = decisions[at];
        match *asked {
            Asked::Choice(atom) => {
                let choice = problem.choices[atom].get(usize::from(value));
                solution.charges[atom] = choice.map_or(0, |choice| choice.charge);
            }
            Asked::Order(bond) => solution.orders[bond] = 1 + u32::from(value),
        }
        at = before;
    }
    solution
}

/// What a decision was about.
enum Asked {
    Choice(usize),
    Order(usize),
}

/// Atoms by breadth-first search, part after part.
fn breadth_first(bonds_of: &[Vec<(usize, usize)>]) -> Vec<usize> {
    let (mut seen, mut order) = (vec![false; bonds_of.len()], Vec::new());
    for start in 0..bonds_of.len() {
        if std::mem::replace(&mut seen[start], true) {
            continue;
        }
        let mut next = order.len();
        order.push(start);
        while next < order.len() {
            for &(other, _) in &bonds_of[order[next]] {
                if !std::mem::replace(&mut seen[other], true) {
                    order.push(other);
                }
            }
            next += 1;
        }
    }
    order
}

/// Keep the cheaper way to `front`, with one more decision.
fn offer(
    ways: &mut BTreeMap<Front, Way>,
    front: Front,
    way: Way,
    value: u8,
    decisions: &mut Decisions,
) {
    if !way.cost.is_finite() || ways.get(&front).is_some_and(|known| known.cost <= way.cost) {
        return;
    }
    decisions.push((way.last, value));
    ways.insert(front, Way { last: decisions.len() - 1, ..way });
}

/// Give an atom that has `single` bonds each of its choices.
fn introduce(
    ways: &BTreeMap<Front, Way>,
    choices: &[Choice],
    single: u32,
    decisions: &mut Decisions,
) -> BTreeMap<Front, Way> {
    let mut out = BTreeMap::new();
    let indifferent = [Choice { charge: 0, valence: single, cost: 0.0 }];
    let choices = if choices.is_empty() { &indifferent } else { choices };
    for ((room, charge), way) in ways {
        for (value, choice) in choices.iter().enumerate() {
            let mut room = room.clone();
            room.push(choice.valence.saturating_sub(single));
            let excess = single.saturating_sub(choice.valence);
            let cost = way.cost + choice.cost + UNSATISFIED * f64::from(excess);
            let way = Way { cost, unsatisfied: way.unsatisfied + excess, ..*way };
            let front = (room, charge + i32::from(choice.charge));
            offer(&mut out, front, way, value as u8, decisions);
        }
    }
    out
}

/// Give the bond between two open atoms each order that both have room for.
fn decide(
    ways: &BTreeMap<Front, Way>,
    [a, b]: [usize; 2],
    costs: &[f64; 3],
    decisions: &mut Decisions,
) -> BTreeMap<Front, Way> {
    let mut out = BTreeMap::new();
    for ((room, charge), way) in ways {
        for extra in 0..=room[a].min(room[b]).min(2) {
            let mut room = room.clone();
            room[a] -= extra;
            room[b] -= extra;
            let way = Way { cost: way.cost + costs[extra as usize], ..*way };
            offer(&mut out, (room, *charge), way, extra as u8, decisions);
        }
    }
    out
}

/// Take an atom whose bonds are decided off the front; the room left on it is unsatisfied.
fn close(ways: BTreeMap<Front, Way>, at: usize) -> BTreeMap<Front, Way> {
    let mut out: BTreeMap<Front, Way> = BTreeMap::new();
    for ((mut room, charge), mut way) in ways {
        let left = room.remove(at);
        way.cost += UNSATISFIED * f64::from(left);
        way.unsatisfied += left;
        let best = out.entry((room, charge)).or_insert(way);
        if way.cost < best.cost {
            *best = way;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn neutral(valence: u32) -> Vec<Choice> {
        vec![Choice { charge: 0, valence, cost: 0.0 }]
    }

    #[test]
    fn benzene_alternates_and_cheaper_forms_win() {
        // Three bonds each are left for six carbons with a hydrogen apiece.
        let ring = |cost: &dyn Fn(usize) -> f64| Problem {
            choices: vec![neutral(3); 6],
            bonds: (0..6).map(|i| ([i, (i + 1) % 6], [0.0, cost(i), 9.0])).collect(),
            charge: 0,
        };
        let odd = solve(&ring(&|i| if i % 2 == 0 { 2.0 } else { 1.0 }));
        assert_eq!((odd.orders, odd.unsatisfied), (vec![1, 2, 1, 2, 1, 2], 0));
        let even = solve(&ring(&|i| if i % 2 == 0 { 1.0 } else { 2.0 }));
        assert_eq!(even.orders, [2, 1, 2, 1, 2, 1]);
    }

    #[test]
    fn charges_are_chosen_where_they_satisfy_and_the_total_is_kept() {
        let nitrogen = || {
            vec![
                Choice { charge: 0, valence: 3, cost: 0.0 },
                Choice { charge: 1, valence: 4, cost: 100.0 },
            ]
        };
        let oxygen = || {
            vec![
                Choice { charge: 0, valence: 2, cost: 0.0 },
                Choice { charge: -1, valence: 1, cost: 100.0 },
            ]
        };
        let bonds = vec![([0, 1], [0.0; 3]), ([0, 2], [0.0; 3]), ([0, 3], [0.0; 3])];
        let choices = vec![nitrogen(), oxygen(), oxygen(), neutral(1)];
        let nitro = solve(&Problem { choices, bonds, charge: 0 });
        assert_eq!((nitro.charges.iter().sum::<i8>(), nitro.charges[0]), (0, 1));
        assert_eq!((nitro.unsatisfied, nitro.orders.iter().sum::<u32>()), (0, 4));
        let ammonium = |charge| {
            let choices = [vec![nitrogen()], vec![neutral(1); 4]].concat();
            let bonds = (1..5).map(|i| ([0, i], [0.0; 3])).collect();
            solve(&Problem { choices, bonds, charge })
        };
        assert_eq!((ammonium(1).charges[0], ammonium(1).unsatisfied), (1, 0));
        assert_eq!((ammonium(0).charges[0], ammonium(0).unsatisfied), (0, 1));
    }

    /// All decisions tried one by one, those that overfill an atom by a multiple bond left out.
    fn least_cost(problem: &Problem) -> f64 {
        fn cost(problem: &Problem, charges: &[usize], orders: &[u32]) -> f64 {
            let mut sums = vec![0; charges.len()];
            let mut joined = vec![0; charges.len()];
            let mut cost = 0.0;
            for (([a, b], costs), &order) in problem.bonds.iter().zip(orders) {
                cost += costs[order as usize - 1];
                for end in [*a, *b] {
                    sums[end] += order;
                    joined[end] += 1;
                }
            }
            let mut total = 0;
            for (atom, &at) in charges.iter().enumerate() {
                let choice = problem.choices[atom][at];
                if sums[atom] > choice.valence.max(joined[atom]) {
                    return f64::INFINITY;
                }
                total += i32::from(choice.charge);
                cost += choice.cost + UNSATISFIED * f64::from(sums[atom].abs_diff(choice.valence));
            }
            cost + WRONG_CHARGE * f64::from((total - problem.charge).abs())
        }
        let (atoms, bonds) = (problem.choices.len() as u32, problem.bonds.len() as u32);
        let mut best = f64::INFINITY;
        for code in 0..2_usize.pow(atoms) {
            let charges: Vec<usize> = (0..atoms).map(|i| code >> i & 1).collect();
            for code in 0..3_u32.pow(bonds) {
                let orders: Vec<u32> = (0..bonds).map(|i| 1 + code / 3_u32.pow(i) % 3).collect();
                best = best.min(cost(problem, &charges, &orders));
            }
        }
        best
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// On small graphs with rings the front finds what trying everything finds.
        #[test]
        fn front_finds_the_least_cost(
            valences in prop::collection::vec(1_u32..5, 5),
            lengths in prop::collection::vec(0.0..20.0_f64, 18),
            keep in prop::collection::vec(any::<bool>(), 10),
        ) {
            let choice = |(i, &valence): (usize, &u32)| vec![
                Choice { charge: 0, valence, cost: 0.0 },
                Choice { charge: if i % 2 == 0 { 1 } else { -1 }, valence: valence + 1, cost: 150.0 },
            ];
            let pairs = (0..5).flat_map(|b| (0..b).map(move |a| [a, b]));
            let kept = pairs.zip(&keep).filter(|(_, keep)| **keep).map(|(pair, _)| pair).take(6);
            let bonds = kept.enumerate()
                .map(|(i, pair)| (pair, [lengths[3 * i], lengths[3 * i + 1], lengths[3 * i + 2]]))
                .collect();
            let choices: Vec<_> = valences.iter().enumerate().map(choice).collect();
            let problem = Problem { choices, bonds, charge: 0 };
            let found = solve(&problem);
            // Its own cost, with the choice told by the charge.
            let mut sums = [0; 5];
            let mut cost = 0.0;
            for (([a, b], costs), &order) in problem.bonds.iter().zip(&found.orders) {
                cost += costs[order as usize - 1];
                sums[*a] += order;
                sums[*b] += order;
            }
            for atom in 0..5 {
                let choice = problem.choices[atom][usize::from(found.charges[atom] != 0)];
                cost += choice.cost + UNSATISFIED * f64::from(sums[atom].abs_diff(choice.valence));
            }
            let total: i32 = found.charges.iter().map(|&charge| i32::from(charge)).sum();
            cost += WRONG_CHARGE * f64::from(total.abs());
            prop_assert!((cost - least_cost(&problem)).abs() < 1e-6);
        }
    }
}
