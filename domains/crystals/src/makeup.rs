//! What the cells of a set of crystals are made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::element::Element;
use crate::record::Crystal;
use crate::stoichiometry::Stoichiometry;

/// Upper ends of the classes of parts that an element has of a cell's atoms.
const PARTS: [f64; 6] = [0.15, 0.26, 0.35, 0.51, 0.7, 1.0];
/// An element found in few cells is believed as after so many more that are as expected. Small: hundreds of elements and
/// sizes that were never found must not add up.
const PRIOR: f64 = 0.5;

/// Stoichiometries of cells, and which elements they have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Makeup(Vec<Cells>);

/// The cells of one stoichiometry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cells {
    /// Their stoichiometry.
    pub stoichiometry: Stoichiometry,
    /// How many there are.
    pub count: u64,
    /// For each number of atoms that an element of them has, how often it is which.
    elements: BTreeMap<usize, BTreeMap<Element, u64>>,
}

/// What the number of atoms of an element in a cell says of which it is, for each that a model knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Odds {
    /// `ln P(element | it has so many atoms of such a cell)`.
    pub prior: Vec<f64>,
    /// The same less `ln P(element | an atom of a cell as large)`.
    pub odds: Vec<f64>,
}

/// `counts` of elements as frequencies, as after [`PRIOR`] more of the frequencies `prior`.
fn frequencies(counts: &[u64], prior: &[f64]) -> Vec<f64> {
    let total = counts.iter().sum::<u64>() as f64 + PRIOR;
    let of = |(&count, prior): (&u64, &f64)| (count as f64 + PRIOR * prior) / total;
    counts.iter().zip(prior).map(of).collect()
}

/// `counts` of elements over what is expected of them by their `frequencies`, as after [`PRIOR`] more of which `prior` times
/// as many are found.
fn ratios(counts: &[u64], frequencies: &[f64], prior: &[f64]) -> Vec<f64> {
    let total = counts.iter().sum::<u64>() as f64;
    let of = |((&count, p), prior): ((&u64, &f64), &f64)| {
        (count as f64 + PRIOR * prior) / (total * p + PRIOR)
    };
    counts.iter().zip(frequencies).zip(prior).map(of).collect()
}

/// The class of an element that has `size` atoms of a cell: by the cell's number of elements and its part.
fn class(stoichiometry: &Stoichiometry, size: usize) -> (usize, usize) {
    let part = size as f64 / stoichiometry.atoms() as f64;
    let part = PARTS.iter().position(|&end| part <= end).unwrap_or(PARTS.len() - 1);
    (stoichiometry.counts().len().min(5), part)
}

impl Makeup {
    /// That of `crystals`.
    pub fn measured(crystals: &[Crystal]) -> Self {
        let mut all: BTreeMap<Stoichiometry, Cells> = BTreeMap::new();
        for formula in crystals.iter().map(Crystal::formula) {
            let stoichiometry = Stoichiometry::new(formula.counts().values().copied().collect());
            let new = || Cells {
                stoichiometry: stoichiometry.clone(),
                count: 0,
                elements: BTreeMap::new(),
            };
            let cells = all.entry(stoichiometry.clone()).or_insert_with(new);
            cells.count += 1;
            for (&element, &size) in formula.counts() {
                *cells.elements.entry(size).or_default().entry(element).or_default() += 1;
            }
        }
        Self(all.into_values().collect())
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The cells of each stoichiometry.
    pub fn cells(&self) -> &[Cells] {
        &self.0
    }

    /// For each stoichiometry and each number of atoms in it the odds of `elements`.
    ///
    /// Where few are known they are nearer to those of elements which are such a part of any cell of as many elements, beside
    /// all atoms.
    pub fn odds(&self, elements: &[Element]) -> BTreeMap<Stoichiometry, Vec<Odds>> {
        let (mut all, none) = (vec![0; elements.len()], vec![0; elements.len()]);
        let (mut as_large, mut alike) = (BTreeMap::new(), BTreeMap::new());
        for (Cells { stoichiometry, .. }, size, own) in self.groups(elements) {
            let large = as_large.entry(stoichiometry.atoms()).or_insert_with(|| none.clone());
            let alike = alike.entry(class(stoichiometry, size)).or_insert_with(|| none.clone());
            for (i, &count) in own.iter().enumerate() {
                all[i] += count * size as u64;
                large[i] += count * size as u64;
                alike[i] += count;
            }
        }
        let all = frequencies(&all, &vec![1.0 / elements.len() as f64; elements.len()]);
        let even = vec![1.0; elements.len()];
        let mut odds: BTreeMap<Stoichiometry, BTreeMap<usize, Odds>> = BTreeMap::new();
        for (Cells { stoichiometry, .. }, size, own) in self.groups(elements) {
            let as_part = ratios(&alike[&class(stoichiometry, size)], &all, &even);
            let usual = frequencies(&as_large[&stoichiometry.atoms()], &all);
            let own = ratios(&own, &usual, &as_part);
            let prior = own.iter().zip(&usual).map(|(own, usual)| (own * usual).ln()).collect();
            let own = Odds { prior, odds: own.into_iter().map(f64::ln).collect() };
            odds.entry(stoichiometry.clone()).or_default().insert(size, own);
        }
        let of = |(stoichiometry, of_size): (Stoichiometry, BTreeMap<usize, Odds>)| {
            let odds = stoichiometry.counts().iter().map(|size| of_size[size].clone()).collect();
            (stoichiometry, odds)
        };
        odds.into_iter().map(of).collect()
    }

    /// Every number of atoms of every stoichiometry, with the crystals in which each of `elements` has it.
    fn groups(&self, elements: &[Element]) -> impl Iterator<Item = (&Cells, usize, Vec<u64>)> {
        self.0.iter().flat_map(move |cells| {
            cells.elements.iter().map(move |(&size, own)| {
                let count = |element| own.get(element).copied().unwrap_or(0);
                (cells, size, elements.iter().map(count).collect())
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lattice::Lattice;

    fn crystal(symbols: &[&str]) -> Crystal {
        let cube = Lattice::from_parameters([5.0; 3], [90.0; 3]).unwrap();
        let species = symbols.iter().map(|symbol| symbol.parse().unwrap()).collect();
        let frac = (0..symbols.len()).map(|i| [i as f64 / 4.0; 3]).collect();
        Crystal::new(cube, species, frac).unwrap()
    }

    /// Of two CaF₂ and a CaO: fluorine has two of three, calcium one of three, oxygen neither.
    #[test]
    fn the_part_of_a_cell_tells_elements_apart() {
        let crystals =
            [crystal(&["Ca", "F", "F"]), crystal(&["O", "Ca"]), crystal(&["F", "F", "Ca"])];
        let elements = ["O", "F", "Ca"].map(|symbol| symbol.parse().unwrap());
        let makeup = Makeup::measured(&crystals);
        assert_eq!(makeup.cells().len(), 2);
        let odds = &makeup.odds(&elements)[&"AB2".parse().unwrap()];
        // Atoms: 1, 4 and 3 of 8; of those of cells of three 0, 4 and 2.
        let all = [1.0, 4.0, 3.0].map(|n| (n + PRIOR / 3.0) / (8.0 + PRIOR));
        let usual = [0.0, 4.0, 2.0].into_iter().zip(all);
        let usual: Vec<f64> = usual.map(|(n, p)| (n + PRIOR * p) / (6.0 + PRIOR)).collect();
        // Two atoms of such a cell are fluorine both times, and nothing else has such a part.
        let found = [0.0, 2.0, 0.0];
        let alike = found.into_iter().zip(all).map(|(n, p)| (n + PRIOR) / (2.0 * p + PRIOR));
        let own = found.into_iter().zip(alike).zip(&usual);
        let want = own.map(|((n, prior), p)| f64::ln((n + PRIOR * prior) / (2.0 * p + PRIOR)));
        for (found, want) in odds[0].odds.iter().zip(want) {
            assert!((found - want).abs() < 1e-12);
        }
        for Odds { prior, odds } in odds {
            for ((prior, odds), usual) in prior.iter().zip(odds).zip(&usual) {
                assert!((prior - odds - usual.ln()).abs() < 1e-12);
            }
        }
        let [pair, single] = [&odds[0].prior, &odds[1].prior];
        assert!(pair[1] > pair[2] && single[2] > single[1]);
    }
}
