//! Numbers about a set of crystals.

use anyhow::Result;
use langevin_crystals::matcher::Matcher;
use langevin_crystals::novelty::{are_known, kinds};
use langevin_crystals::record::Crystal;
use langevin_crystals::traits::OxidationStates;
use langevin_crystals::validity::is_balanced;
use langevin_transport::wasserstein_line;
use rayon::prelude::*;

/// Valid crystals whose distribution is compared at a time, as published.
const COMPARED: usize = 1000;

/// What was found.
pub struct Found {
    /// Names and values.
    pub numbers: Vec<(&'static str, f64)>,
    /// Of each crystal, whether no two of its atoms are too close.
    pub room: Vec<bool>,
    /// Of each crystal, whether SMACT's rules with the table of 2014 allow its formula.
    pub balanced: Vec<bool>,
}

/// Of `crystals`, beside `data` that were not trained on and those `known` from the training.
///
/// # Errors
/// None that crystals can cause.
pub fn measure(crystals: &[Crystal], data: Option<&[Crystal]>, known: &[Crystal]) -> Result<Found> {
    let share = |all: &[bool]| all.iter().filter(|&&x| x).count() as f64 / all.len() as f64;
    let each = |f: &(dyn Fn(&Crystal) -> bool + Sync)| -> Vec<bool> {
        crystals.par_iter().map(f).collect()
    };
    let room = each(&Crystal::has_room);
    let balanced = |table| each(&move |crystal| is_balanced(&crystal.formula(), table));
    let (smact14, icsd24) = (balanced(OxidationStates::Smact14), balanced(OxidationStates::Icsd24));
    let both = |a: &[bool], b: &[bool]| a.iter().zip(b).map(|(a, b)| *a && *b).collect();
    let valid: Vec<bool> = both(&room, &smact14);
    let matcher = Matcher::default();
    let kinds = kinds(&matcher, crystals);
    let unique: Vec<bool> = kinds.iter().enumerate().map(|(i, &first)| i == first).collect();
    let mut numbers = vec![
        ("structurally valid", share(&room)),
        ("compositionally valid (smact14)", share(&smact14)),
        ("compositionally valid (icsd24)", share(&icsd24)),
        ("valid", share(&valid)),
        ("unique", share(&unique)),
    ];
    if !known.is_empty() {
        let known = are_known(&matcher, crystals, known);
        let novel: Vec<bool> = known.into_iter().map(|known| !known).collect();
        numbers.push(("novel", share(&novel)));
        numbers.push(("unique and novel", share(&both(&unique, &novel))));
    }
    if let Some(data) = data {
        let good = crystals.iter().zip(&valid).filter(|(_, valid)| **valid);
        let good: Vec<&Crystal> = good.map(|(crystal, _)| crystal).collect();
        let groups = groups(&good, COMPARED);
        for (name, of) in
            [("w-density", Crystal::density as fn(&Crystal) -> f64), ("w-elements", elements)]
        {
            let real: Vec<f64> = data.iter().map(of).collect();
            let distance = |group: &Vec<&Crystal>| {
                let own: Vec<f64> = group.iter().map(|crystal| of(crystal)).collect();
                wasserstein_line(&own, None, &real, None, 1.0)
            };
            let distances = groups.iter().map(distance).collect::<Result<Vec<f64>, _>>()?;
            if !distances.is_empty() {
                numbers.push((name, mean(distances.into_iter())));
            }
        }
    }
    numbers.push(("mean atoms", mean(crystals.iter().map(|crystal| crystal.len() as f64))));
    numbers.push(("mean elements", mean(crystals.iter().map(elements))));
    numbers.push(("mean density", mean(crystals.iter().map(Crystal::density))));
    numbers.push(("crystals", crystals.len() as f64));
    Ok(Found { numbers, room, balanced: smact14 })
}

/// Number of different elements.
pub fn elements(crystal: &Crystal) -> f64 {
    crystal.formula().counts().len() as f64
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// `all` in groups of `count`, each evenly spread over it: as many as there are whole ones, or one with all.
fn groups<'a>(all: &[&'a Crystal], count: usize) -> Vec<Vec<&'a Crystal>> {
    if all.is_empty() {
        return Vec::new();
    }
    let (groups, size) = ((all.len() / count).max(1), count.min(all.len()));
    let place = |group: usize, i: usize| (i * groups + group) * all.len() / (groups * size);
    let one = |group: usize| (0..size).map(|i| all[place(group, i)]).collect();
    (0..groups).map(one).collect()
}

#[cfg(test)]
mod tests {
    use langevin_crystals::element::Element;
    use langevin_crystals::lattice::Lattice;

    use super::*;

    #[test]
    fn groups_are_disjoint_and_spread() {
        let salt = |i: usize| {
            let cube = Lattice::from_parameters([3.0 + i as f64; 3], [90.0; 3]).unwrap();
            Crystal::new(cube, vec![Element::C], vec![[0.0; 3]]).unwrap()
        };
        let crystals: Vec<Crystal> = (0..11).map(salt).collect();
        let all: Vec<&Crystal> = crystals.iter().collect();
        let places = |count: usize| -> Vec<Vec<usize>> {
            let edge = |crystal: &&Crystal| crystal.lattice().volume().cbrt().round() as usize - 3;
            groups(&all, count).iter().map(|group| group.iter().map(edge).collect()).collect()
        };
        assert_eq!(places(3), [[0, 3, 7], [1, 4, 8], [2, 6, 9]]);
        assert_eq!(places(6), [[0, 1, 3, 5, 7, 9]]);
        assert_eq!(places(20), [(0..11).collect::<Vec<_>>()]);
        assert!(groups(&[], 3).is_empty());
    }
}
