//! Space groups by their number: where atoms can sit, and how those of a cell can be distributed over such places.

use std::collections::HashMap;

use moyo::data::{HallSymbol, Setting, hall_symbol_entry, iter_wyckoff_positions_from_hall_number};
use nalgebra::{Matrix3, Vector3};

use crate::element::Element;
use crate::geometry::{Vec3, minus, nearest, wrapped};
use crate::orbits::Operation;

/// A space group in its primitive cell.
#[derive(Debug, Clone)]
pub struct SpaceGroup {
    /// Its number, 1 to 230.
    pub number: u16,
    /// Its short Hermann–Mauguin symbol.
    pub symbol: &'static str,
    /// Representatives f ↦ W f + w of its operations up to lattice translations.
    pub operations: Vec<Operation>,
    /// Its Wyckoff positions, the general one first.
    pub positions: Vec<Position>,
}

/// A Wyckoff position: all places of one site symmetry that the group makes of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// Its letter.
    pub letter: char,
    /// Atoms in the primitive cell.
    pub multiplicity: usize,
    /// The first place is `origin + span (x, y, z)` in the primitive cell.
    origin: Vector3<f64>,
    span: Matrix3<f64>,
}

impl Position {
    /// Whether there is one such set of places only, which takes atoms once.
    pub fn is_point(&self) -> bool {
        self.span.iter().all(|&x| x == 0.0)
    }
}

/// Atoms of one element on one Wyckoff position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occupied {
    /// The element.
    pub element: Element,
    /// Place in [`SpaceGroup::positions`].
    pub position: usize,
}

impl SpaceGroup {
    /// The group of a number, 1 to 230, in the standard setting of International Tables A; nothing for others.
    pub fn of_number(number: u16) -> Option<Self> {
        if !(1..=230).contains(&number) {
            return None;
        }
        let hall = Setting::Standard.hall_number(i32::from(number))?;
        let entry = hall_symbol_entry(hall)?;
        let symbol = HallSymbol::new(entry.hall_symbol)?;
        let to_primitive = symbol.centering.linear().map(f64::from);
        let centred = symbol.centering.order();
        let position = |position: &moyo::data::WyckoffPosition| {
            let (origin, span) = parsed(position.coordinates);
            Position {
                letter: position.letter,
                multiplicity: position.multiplicity / centred,
                origin: to_primitive * origin,
                span: to_primitive * span,
            }
        };
        Some(Self {
            number,
            symbol: entry.hm_short,
            operations: symbol.primitive_traverse().iter().map(Operation::from).collect(),
            positions: iter_wyckoff_positions_from_hall_number(hall).map(position).collect(),
        })
    }

    /// Places of the atoms on `position` whose first is at the parameters `xyz`; as many as its multiplicity, but where
    /// the parameters happen to be those of a place of higher symmetry.
    pub fn places(&self, position: usize, xyz: &Vec3) -> Vec<Vec3> {
        let Position { origin, span, .. } = &self.positions[position];
        let first = origin + span * Vector3::from(*xyz);
        let mut places: Vec<Vec3> = Vec::new();
        for operation in &self.operations {
            let image = operation.image(&[first[0], first[1], first[2]]).map(wrapped);
            let same = |other: &Vec3| minus(&image, other).iter().all(|x| nearest(*x).abs() < 1e-6);
            if !places.iter().any(same) {
                places.push(image);
            }
        }
        places
    }

    /// The ways to distribute so many atoms of each element over Wyckoff positions.
    pub fn ways(&self, counts: &[(Element, usize)]) -> Ways<'_> {
        let counts: Vec<(Element, usize)> = counts.to_vec();
        let mut ways = Ways { group: self, counts, known: HashMap::new() };
        ways.count(Cursor::default());
        ways
    }
}

/// Ways to distribute atoms over Wyckoff positions, counted: those without a free parameter take atoms once, others as
/// often as there are atoms.
#[derive(Debug, Clone)]
pub struct Ways<'a> {
    group: &'a SpaceGroup,
    counts: Vec<(Element, usize)>,
    known: HashMap<Cursor, f64>,
}

/// Where a distribution stands: what is placed already, in the order of elements and positions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Cursor {
    element: usize,
    placed: usize,
    position: usize,
    /// Bit i: position i is a point and taken.
    taken: u32,
}

impl Ways<'_> {
    /// How many there are; 0 where the atoms do not fit the group.
    pub fn number(&self) -> f64 {
        self.known[&Cursor::default()]
    }

    /// One of them, each as probable; `u` gives numbers in [0, 1). There must be one.
    pub fn draw(&self, mut u: impl FnMut() -> f64) -> Vec<Occupied> {
        let (mut at, mut occupied) = (Cursor::default(), Vec::new());
        while at.element < self.counts.len() {
            let moves = self.moves(at);
            let total: f64 = moves.iter().map(|(_, next)| self.known[next]).sum();
            let mut below = u() * total;
            let chosen = moves.iter().find(|(_, next)| {
                below -= self.known[next];
                below < 0.0
            });
            // Rounding may leave a hair behind the last one that has a way.
            let last = moves.iter().rev().find(|(_, next)| self.known[next] > 0.0);
            let (used, next) = chosen.or(last).expect("a cursor with ways has a move with ways");
            if *used {
                let element = self.counts[at.element].0;
                occupied.push(Occupied { element, position: at.position });
            }
            at = *next;
        }
        occupied
    }

    /// What can be done at a cursor: whether its position is used once more, and where that leads.
    fn moves(&self, at: Cursor) -> Vec<(bool, Cursor)> {
        let (_, count) = self.counts[at.element];
        if at.placed == count {
            return vec![(
                false,
                Cursor { element: at.element + 1, taken: at.taken, ..Cursor::default() },
            )];
        }
        let Some(position) = self.group.positions.get(at.position) else { return Vec::new() };
        let mut moves = vec![(false, Cursor { position: at.position + 1, ..at })];
        let (placed, bit) = (at.placed + position.multiplicity, 1 << at.position);
        if placed <= count && at.taken & bit == 0 {
            let taken = if position.is_point() { at.taken | bit } else { at.taken };
            moves.push((true, Cursor { placed, taken, ..at }));
        }
        moves
    }

    fn count(&mut self, at: Cursor) -> f64 {
        if at.element == self.counts.len() {
            self.known.insert(at, 1.0);
            return 1.0;
        }
        if let Some(&known) = self.known.get(&at) {
            return known;
        }
        let number = self.moves(at).into_iter().map(|(_, next)| self.count(next)).sum();
        self.known.insert(at, number);
        number
    }
}

/// `x, 2x, 1/4` and the like as origin and span.
fn parsed(coordinates: &str) -> (Vector3<f64>, Matrix3<f64>) {
    let (mut origin, mut span) = (Vector3::zeros(), Matrix3::zeros());
    for (row, text) in coordinates.split(',').enumerate() {
        let text = text.replace(' ', "").replace('-', "+-");
        for term in text.split('+').filter(|term| !term.is_empty()) {
            let (sign, term) = term.strip_prefix('-').map_or((1.0, term), |term| (-1.0, term));
            match term.find(['x', 'y', 'z']) {
                Some(end) => {
                    let factor = if end == 0 { 1.0 } else { number(&term[..end]) };
                    span[(row, (term.as_bytes()[end] - b'x') as usize)] += sign * factor;
                }
                None => origin[row] += sign * number(term),
            }
        }
    }
    (origin, span)
}

/// `3` or `3/4`, of the tables of `moyo`.
fn number(text: &str) -> f64 {
    let whole = |text: &str| text.parse::<f64>().expect("the tables hold whole numbers");
    text.split_once('/').map_or_else(|| whole(text), |(above, below)| whole(above) / whole(below))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All groups and positions: as many places as the tables say, and they are a set that the group maps on itself.
    #[test]
    fn positions_have_their_multiplicities_in_all_groups() {
        for number in 1..=230 {
            let group = SpaceGroup::of_number(number).unwrap();
            assert!(group.positions[0].multiplicity == group.operations.len(), "{number}");
            for (i, position) in group.positions.iter().enumerate() {
                let places = group.places(i, &[0.1234, 0.3571, 0.7193]);
                assert_eq!(places.len(), position.multiplicity, "{number} {}", position.letter);
            }
        }
        assert!(SpaceGroup::of_number(0).is_none() && SpaceGroup::of_number(231).is_none());
    }

    /// Perovskite in Pm-3m: Sr and Ti on the two points 1a and 1b, O on 3c or 3d: four ways. An odd oxygen does not fit.
    #[test]
    fn ways_are_counted_and_drawn() {
        let cubic = SpaceGroup::of_number(221).unwrap();
        assert_eq!(cubic.symbol, "P m -3 m");
        let [sr, ti, o] = ["Sr", "Ti", "O"].map(|symbol| symbol.parse::<Element>().unwrap());
        let ways = cubic.ways(&[(sr, 1), (ti, 1), (o, 3)]);
        assert_eq!(ways.number(), 4.0);
        let mut seen = std::collections::BTreeSet::new();
        for i in 0..40 {
            let mut k = 0;
            let drawn = ways.draw(|| {
                k += 1;
                (f64::from(i) * 0.618 + f64::from(k) * 0.414).fract()
            });
            let letters: String =
                drawn.iter().map(|one| cubic.positions[one.position].letter).collect();
            seen.insert(letters);
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["abc", "abd", "bac", "bad"]);
        assert_eq!(cubic.ways(&[(sr, 1), (o, 2)]).number(), 0.0);
        // A line takes atoms as often as there are: P1 always has one way.
        let none = SpaceGroup::of_number(1).unwrap();
        assert_eq!(none.ways(&[(sr, 3), (o, 17)]).number(), 1.0);
    }
}
