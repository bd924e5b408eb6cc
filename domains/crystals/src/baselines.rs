//! What needs no training: the structure of a known crystal with the elements of another composition.

use std::collections::BTreeMap;

use crate::element::Element;
use crate::record::Crystal;
use crate::traits::Traits;

/// Known crystals by the numbers of atoms of their elements, whatever these are.
#[derive(Debug, Clone)]
pub struct Templates {
    crystals: Vec<Crystal>,
    /// Places of the crystals with these counts, largest first: ABX₃ is [3, 1, 1].
    by_counts: BTreeMap<Vec<usize>, Vec<usize>>,
}

/// A known crystal that may be a composition's structure.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Its place among those known.
    pub place: usize,
    /// How far its elements are from those asked for: Σ over atoms of |difference of Mendeleev numbers|, by atom.
    pub distance: f64,
    /// Which element becomes which.
    pub exchange: Vec<(Element, Element)>,
}

/// Elements with their numbers of atoms, the most frequent first.
type Counts = Vec<(Element, usize)>;

fn counts(species: &[Element]) -> Counts {
    let mut counts: BTreeMap<Element, usize> = BTreeMap::new();
    species.iter().for_each(|&element| *counts.entry(element).or_default() += 1);
    let mut counts: Counts = counts.into_iter().collect();
    counts.sort_by_key(|&(element, count)| (std::cmp::Reverse(count), element));
    counts
}

fn numbers(counts: &Counts) -> Vec<usize> {
    counts.iter().map(|&(_, count)| count).collect()
}

impl Templates {
    /// To choose from `crystals`.
    pub fn new(crystals: Vec<Crystal>) -> Self {
        let mut by_counts: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for (place, crystal) in crystals.iter().enumerate() {
            by_counts.entry(numbers(&counts(crystal.species()))).or_default().push(place);
        }
        Self { crystals, by_counts }
    }

    /// The crystals.
    pub fn crystals(&self) -> &[Crystal] {
        &self.crystals
    }

    /// The `most` nearest templates for a cell of `species`, nearest first; equally near ones in their order.
    /// None if no known crystal has these numbers of atoms.
    pub fn nearest(&self, species: &[Element], most: usize) -> Vec<Template> {
        let wanted = counts(species);
        let alike = self.by_counts.get(&numbers(&wanted)).into_iter().flatten();
        let mut all: Vec<Template> = alike
            .map(|&place| {
                let own = counts(self.crystals[place].species());
                let (total, exchange) = exchange(&own, &wanted);
                Template { place, distance: total / species.len() as f64, exchange }
            })
            .collect();
        all.sort_by(|a, b| a.distance.total_cmp(&b.distance));
        all.truncate(most);
        all
    }

    /// The crystal of `template` with its elements exchanged; its cell as it is.
    pub fn relabelled(&self, template: &Template) -> Crystal {
        let crystal = &self.crystals[template.place];
        let into = |own: &Element| {
            let pair = template.exchange.iter().find(|(from, _)| from == own);
            pair.expect("a template exchanges all of its elements").1
        };
        let species = crystal.species().iter().map(into).collect();
        Crystal::new(*crystal.lattice(), species, crystal.frac_coords().to_vec())
            .expect("other elements leave a crystal one")
    }
}

/// The exchange of elements with equal numbers of atoms that costs least, and its cost.
fn exchange(own: &Counts, wanted: &Counts) -> (f64, Vec<(Element, Element)>) {
    let (mut total, mut all) = (0.0, Vec::new());
    let mut from = 0;
    while from < own.len() {
        let count = own[from].1;
        let size = own[from..].iter().take_while(|(_, n)| *n == count).count();
        let elements = |counts: &Counts| -> Vec<Element> {
            counts[from..from + size].iter().map(|&(element, _)| element).collect()
        };
        let (cost, pairs) = cheapest(&elements(own), &elements(wanted));
        total += cost * count as f64;
        all.extend(pairs);
        from += size;
    }
    (total, all)
}

/// The pairing of least total difference. On a line the sorted pairing is one.
fn cheapest(own: &[Element], wanted: &[Element]) -> (f64, Vec<(Element, Element)>) {
    let sorted = |elements: &[Element]| -> Vec<(u32, Element)> {
        // Beyond the table elements follow each other as their numbers do.
        let place = |e: Element| Traits::of(e).map_or(u32::from(e.number()), |t| t.mendeleev);
        let mut places: Vec<_> = elements.iter().map(|&e| (place(e), e)).collect();
        places.sort_unstable();
        places
    };
    let pairs: Vec<_> = sorted(own).into_iter().zip(sorted(wanted)).collect();
    let cost = pairs.iter().map(|(a, b)| f64::from(a.0.abs_diff(b.0))).sum();
    (cost, pairs.into_iter().map(|(a, b)| (a.1, b.1)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lattice::Lattice;

    fn perovskite(a: &str, b: &str, x: &str, edge: f64) -> Crystal {
        let [a, b, x]: [Element; 3] = [a, b, x].map(|symbol| symbol.parse().unwrap());
        let lattice = Lattice::from_parameters([edge; 3], [90.0; 3]).unwrap();
        let h = 0.5;
        let frac = vec![[0.0; 3], [h; 3], [0.0, h, h], [h, 0.0, h], [h, h, 0.0]];
        Crystal::new(lattice, vec![a, b, x, x, x], frac).unwrap()
    }

    #[test]
    fn neighbours_of_the_scale_lend_their_structure() {
        let known = vec![
            perovskite("Na", "Cl", "S", 5.0),
            perovskite("Ca", "Ti", "O", 3.9),
            perovskite("Ti", "Ba", "O", 4.0),
        ];
        let templates = Templates::new(known);
        let wanted: Vec<Element> =
            ["O", "Sr", "O", "Zr", "O"].map(|symbol| symbol.parse().unwrap()).to_vec();
        let found = templates.nearest(&wanted, 2);
        // Ca 16, Sr 15, Ba 14; Ti 51, Zr 49; O the same: |16 − 15| + |51 − 49| over five atoms, and ties in order.
        let places: Vec<usize> = found.iter().map(|template| template.place).collect();
        assert_eq!(places, [1, 2]);
        assert!((found[0].distance - 3.0 / 5.0).abs() < 1e-12);
        let made = templates.relabelled(&found[0]);
        assert_eq!(
            made.formula().to_string(),
            "SrZrO3".parse::<crate::formula::Formula>().unwrap().to_string()
        );
        assert_eq!(made.frac_coords(), templates.crystals()[1].frac_coords());
        // In the other one zirconium takes the corner.
        assert_eq!(templates.relabelled(&found[1]).species()[0].symbol(), "Zr");
        assert!(templates.nearest(&wanted[..4], 5).is_empty());
    }
}
