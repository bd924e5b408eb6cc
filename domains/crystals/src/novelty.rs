//! Which crystals are new: unlike those before them, unlike those of another set.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::formula::Formula;
use crate::matcher::{Matcher, Reduced};
use crate::record::Crystal;

/// Crystals of one composition, by their places.
type Alike = BTreeMap<Formula, Vec<(usize, Reduced)>>;

/// Reduced crystals by their proportions: only those can match.
fn alike(matcher: &Matcher, crystals: &[Crystal]) -> Alike {
    let reduced: Vec<(Formula, Reduced)> = crystals
        .par_iter()
        .map(|crystal| (crystal.formula().reduced(), matcher.reduce(crystal)))
        .collect();
    let mut alike = Alike::new();
    for (place, (formula, crystal)) in reduced.into_iter().enumerate() {
        alike.entry(formula).or_default().push((place, crystal));
    }
    alike
}

/// For each crystal the first one that it matches, itself if none before it does: those that are their own first
/// are unique.
///
/// Matching is not transitive; each is compared with the firsts of the kinds found before it, in their order.
pub fn kinds(matcher: &Matcher, crystals: &[Crystal]) -> Vec<usize> {
    let mut kinds: Vec<usize> = (0..crystals.len()).collect();
    let groups: Vec<Vec<(usize, Reduced)>> = alike(matcher, crystals).into_values().collect();
    let of_group = |group: &Vec<(usize, Reduced)>| -> Vec<(usize, usize)> {
        let mut firsts: Vec<&(usize, Reduced)> = Vec::new();
        let mut found = Vec::new();
        for member in group {
            let matches = |first: &&&(usize, Reduced)| {
                matcher.distance_of_reduced(&member.1, &first.1).is_some()
            };
            match firsts.iter().find(matches) {
                Some(first) => found.push((member.0, first.0)),
                None => firsts.push(member),
            }
        }
        found
    };
    for (place, first) in groups.par_iter().flat_map_iter(of_group).collect::<Vec<_>>() {
        kinds[place] = first;
    }
    kinds
}

/// For each crystal whether one of `known` matches it.
pub fn are_known(matcher: &Matcher, crystals: &[Crystal], known: &[Crystal]) -> Vec<bool> {
    let wanted: std::collections::BTreeSet<Formula> =
        crystals.par_iter().map(|crystal| crystal.formula().reduced()).collect();
    // Of a large set only what could match is worth reducing.
    let known: Vec<Crystal> = known
        .par_iter()
        .filter(|crystal| wanted.contains(&crystal.formula().reduced()))
        .cloned()
        .collect();
    let known = alike(matcher, &known);
    let one = |crystal: &Crystal| {
        let candidates = known.get(&crystal.formula().reduced());
        candidates.is_some_and(|candidates| {
            let own = matcher.reduce(crystal);
            candidates.iter().any(|(_, other)| matcher.distance_of_reduced(&own, other).is_some())
        })
    };
    crystals.par_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Element;
    use crate::lattice::Lattice;

    fn salt(species: [Element; 2], off: f64) -> Crystal {
        let cube = Lattice::from_parameters([4.0; 3], [90.0; 3]).unwrap();
        Crystal::new(cube, species.to_vec(), vec![[0.0; 3], [0.5 + off, 0.5, 0.5]]).unwrap()
    }

    #[test]
    fn firsts_of_their_kind_are_unique_and_strangers_new() {
        let (cn, co) = ([Element::C, Element::N], [Element::C, Element::O]);
        let made = [salt(cn, 0.0), salt(co, 0.0), salt(cn, 0.01), salt(cn, 0.3), salt(co, 0.02)];
        let matcher = Matcher { stol: 0.1, ..Matcher::default() };
        assert_eq!(kinds(&matcher, &made), [0, 1, 0, 3, 1]);
        let known = [salt(cn, -0.01)];
        assert_eq!(are_known(&matcher, &made, &known), [true, false, true, false, false]);
    }
}
