//! Numbers about a set of crystals.

use anyhow::Result;
use langevin_crystals::matcher::Matcher;
use langevin_crystals::novelty::{are_known, kinds};
use langevin_crystals::record::Crystal;
use langevin_crystals::traits::OxidationStates;
use langevin_crystals::validity::is_balanced;
use langevin_transport::wasserstein_line;
use rayon::prelude::*;

/// Valid crystals whose distributions are compared, as published.
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
        let compared: Vec<&Crystal> = spread(&good, COMPARED);
        for (name, of) in
            [("w-density", Crystal::density as fn(&Crystal) -> f64), ("w-elements", elements)]
        {
            let own: Vec<f64> = compared.iter().map(|crystal| of(crystal)).collect();
            let real: Vec<f64> = data.iter().map(of).collect();
            if !own.is_empty() {
                numbers.push((name, wasserstein_line(&own, None, &real, None, 1.0)?));
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

/// At most `count` of `all`, evenly spread.
fn spread<'a>(all: &[&'a Crystal], count: usize) -> Vec<&'a Crystal> {
    let taken = count.min(all.len());
    (0..taken).map(|i| all[i * all.len() / taken]).collect()
}
