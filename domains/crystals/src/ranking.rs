//! Which of several structures of one composition to believe first.

use crate::matcher::{Matcher, Reduced};
use crate::record::Crystal;

/// A candidate in its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// Its number among the candidates, from 0.
    pub candidate: usize,
    /// The part of the candidates that match it, itself counted, in (0, 1].
    pub support: f64,
    /// Place in the order of the first candidate that is the same structure, from 1: its own where none before it is.
    pub cluster: usize,
}

/// Which of some crystals match, and how far those are apart.
struct Matches {
    count: usize,
    distances: Vec<Option<f64>>,
}

impl Matches {
    fn of(matcher: &Matcher, crystals: &[Crystal]) -> Self {
        let count = crystals.len();
        let reduced: Vec<Reduced> =
            crystals.iter().map(|crystal| matcher.reduce(crystal)).collect();
        let mut distances = vec![None; count * count];
        for i in 0..count {
            distances[i * count + i] = Some(0.0);
            for j in 0..i {
                let distance = matcher.distance_of_reduced(&reduced[i], &reduced[j]);
                distances[i * count + j] = distance.map(|distance| distance.rms);
                distances[j * count + i] = distances[i * count + j];
            }
        }
        Self { count, distances }
    }

    /// Distances from crystal `i` to all, itself included.
    fn row(&self, i: usize) -> &[Option<f64>] {
        &self.distances[i * self.count..][..self.count]
    }

    /// Of `order`, what matches nothing that comes before it; behind these the others by their numbers.
    fn new_ones_first(&self, order: &[usize]) -> Vec<usize> {
        let mut firsts: Vec<usize> = Vec::new();
        for &i in order {
            if firsts.iter().all(|&first| self.row(first)[i].is_none()) {
                firsts.push(i);
            }
        }
        let others: Vec<usize> = (0..self.count).filter(|i| !firsts.contains(i)).collect();
        firsts.extend(others);
        firsts
    }
}

/// `candidates` in the order in which to look at them.
///
/// First is the one that most others match: independent samples agree where a model is sure. Of equally supported ones
/// the one nearest to those it matches comes first, then the earlier one. Next come those that none before them matches,
/// by the same rule, and last, in their old order, what repeats a structure that is there already.
pub fn ranked(matcher: &Matcher, candidates: &[Crystal]) -> Vec<Ranked> {
    let matches = Matches::of(matcher, candidates);
    let support = |i: usize| matches.row(i).iter().flatten().count();
    let nearness = |i: usize| matches.row(i).iter().flatten().sum::<f64>();
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by(|&a, &b| support(b).cmp(&support(a)).then(nearness(a).total_cmp(&nearness(b))));
    let part = |i: usize| support(i) as f64 / candidates.len() as f64;
    let order = matches.new_ones_first(&order);
    let cluster = |i: usize| {
        let first = order.iter().position(|&first| matches.row(first)[i].is_some());
        first.expect("a crystal matches itself") + 1
    };
    let one = |&i: &usize| Ranked { candidate: i, support: part(i), cluster: cluster(i) };
    order.iter().map(one).collect()
}

/// The order of `candidates`, the best of which come first, by votes of `weights`.
///
/// A structure has the votes of all candidates that match it. Of those that match the one with most votes the first
/// stands for them, as the best of them and not their middle. Next come those that none before them matches, by the same
/// rule, and last what repeats a structure that is there already.
///
/// # Panics
/// If there are not as many weights as candidates.
pub fn voted(matcher: &Matcher, candidates: &[Crystal], weights: &[f64]) -> Vec<usize> {
    assert_eq!(candidates.len(), weights.len(), "each candidate has a weight");
    let matches = Matches::of(matcher, candidates);
    let matching = |i: usize| {
        let row = matches.row(i).iter().enumerate();
        row.filter_map(|(j, distance)| distance.map(|_| j))
    };
    let votes = |i: usize| matching(i).map(|j| weights[j]).sum::<f64>();
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by(|&a, &b| votes(b).total_cmp(&votes(a)));
    let first_of = |i: usize| matching(i).next().expect("a crystal matches itself");
    let order: Vec<usize> = order.into_iter().map(first_of).collect();
    matches.new_ones_first(&order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Element;
    use crate::lattice::Lattice;

    /// Salts match where the second atom is off by less than 0.08 of the edge.
    fn strict() -> Matcher {
        Matcher { stol: 0.05, ..Matcher::default() }
    }

    fn salt(off: f64) -> Crystal {
        let cube = Lattice::from_parameters([4.0; 3], [90.0; 3]).unwrap();
        let frac = vec![[0.0; 3], [0.5 + off, 0.5, 0.5]];
        Crystal::new(cube, vec![Element::C, Element::N], frac).unwrap()
    }

    #[test]
    fn what_many_agree_on_comes_first_and_repetitions_last() {
        let matcher = strict();
        // Two at 0.3, three around 0.02 of which the middle one is the nearest to all, one alone.
        let candidates = [0.3, 0.03, 0.02, 0.01, 0.3, -0.4].map(salt);
        let ranked = ranked(&matcher, &candidates);
        let order: Vec<usize> = ranked.iter().map(|ranked| ranked.candidate).collect();
        assert_eq!(order, [2, 0, 5, 1, 3, 4]);
        let supports = [3.0, 2.0, 1.0, 3.0, 3.0, 2.0].map(|n| n / 6.0);
        assert!(ranked.iter().zip(supports).all(|(r, want)| (r.support - want).abs() < 1e-12));
        let clusters: Vec<usize> = ranked.iter().map(|ranked| ranked.cluster).collect();
        assert_eq!(clusters, [1, 2, 3, 1, 1, 2]);
    }

    #[test]
    fn the_best_of_those_with_most_votes_comes_first() {
        let matcher = strict();
        // The last one lies between the second and the third, which do not match each other.
        let candidates = [-0.4, 0.0, 0.12, 0.3, 0.06].map(salt);
        // It has 1.8 votes, the first of all has 1; with more weight that has the most.
        let votes = |first| voted(&matcher, &candidates, &[first, 0.7, 0.6, 0.5, 0.5]);
        assert_eq!(votes(1.0), [1, 2, 0, 3, 4]);
        assert_eq!(votes(2.0), [0, 1, 2, 3, 4]);
    }
}
