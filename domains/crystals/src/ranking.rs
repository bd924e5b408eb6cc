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
}

/// `candidates` in the order in which to look at them.
///
/// First is the one that most others match: independent samples agree where a model is sure. Of equally supported ones
/// the one nearest to those it matches comes first, then the earlier one. Next come those that none before them matches,
/// by the same rule, and last, in their old order, what repeats a structure that is there already.
pub fn ranked(matcher: &Matcher, candidates: &[Crystal]) -> Vec<Ranked> {
    let count = candidates.len();
    let reduced: Vec<Reduced> = candidates.iter().map(|crystal| matcher.reduce(crystal)).collect();
    let mut matches = vec![None; count * count];
    for i in 0..count {
        matches[i * count + i] = Some(0.0);
        for j in 0..i {
            let distance = matcher.distance_of_reduced(&reduced[i], &reduced[j]);
            matches[i * count + j] = distance.map(|distance| distance.rms);
            matches[j * count + i] = matches[i * count + j];
        }
    }
    let row = |i: usize| matches[i * count..][..count].iter();
    let support = |i: usize| row(i).flatten().count();
    let nearness = |i: usize| row(i).flatten().sum::<f64>();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| support(b).cmp(&support(a)).then(nearness(a).total_cmp(&nearness(b))));
    let mut firsts: Vec<usize> = Vec::new();
    for &i in &order {
        if firsts.iter().all(|&first| matches[first * count + i].is_none()) {
            firsts.push(i);
        }
    }
    let others = (0..count).filter(|i| !firsts.contains(i));
    let all = firsts.iter().copied().chain(others);
    all.map(|i| Ranked { candidate: i, support: support(i) as f64 / count as f64 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Element;
    use crate::lattice::Lattice;

    #[test]
    fn what_many_agree_on_comes_first_and_repetitions_last() {
        let salt = |off: f64| {
            let cube = Lattice::from_parameters([4.0; 3], [90.0; 3]).unwrap();
            let frac = vec![[0.0; 3], [0.5 + off, 0.5, 0.5]];
            Crystal::new(cube, vec![Element::C, Element::N], frac).unwrap()
        };
        let matcher = Matcher { stol: 0.05, ..Matcher::default() };
        // Two at 0.3, three around 0.02 of which the middle one is the nearest to all, one alone.
        let candidates = [0.3, 0.03, 0.02, 0.01, 0.3, -0.4].map(salt);
        let ranked = ranked(&matcher, &candidates);
        let order: Vec<usize> = ranked.iter().map(|ranked| ranked.candidate).collect();
        assert_eq!(order, [2, 0, 5, 1, 3, 4]);
        let supports = [3.0, 2.0, 1.0, 3.0, 3.0, 2.0].map(|n| n / 6.0);
        assert!(ranked.iter().zip(supports).all(|(r, want)| (r.support - want).abs() < 1e-12));
    }
}
