//! What needs no training: the structure of a known crystal with the elements of another composition.

use std::collections::BTreeMap;

use langevin_transport::{Assigner, CostView};

use crate::element::Element;
use crate::matcher::Matcher;
use crate::ranking;
use crate::record::Crystal;
use crate::stoichiometry::Stoichiometry;
use crate::traits::Traits;

/// Known crystals by the numbers of atoms of their elements, whatever these are.
#[derive(Debug, Clone)]
pub struct Templates {
    crystals: Vec<Crystal>,
    /// Places of the crystals of each.
    by_stoichiometry: BTreeMap<Stoichiometry, Vec<usize>>,
}

/// A known crystal that may be a composition's structure.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Its place among those known.
    pub place: usize,
    /// How far its elements are from those asked for, by the likeness that was asked for.
    pub distance: f64,
    /// Which element becomes which.
    pub exchange: Vec<(Element, Element)>,
}

/// How alike elements are, where one is to take the other's place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Likeness {
    /// 3 |ΔX| + 3 |Δr|/Å + min(|Δgroup|, 4)/2 + |ΔMendeleev|/50, of electronegativities X and radii r; summed over
    /// elements with the weight (number of atoms)^¼. The numbers are round ones near the best on validation rows of
    /// MP-20; what is not known of an element counts as the most usual value.
    #[default]
    Chemistry,
    /// |ΔMendeleev| alone, summed over atoms.
    Mendeleev,
}

impl Likeness {
    pub(crate) fn between(self, a: Element, b: Element) -> f64 {
        let mendeleev = |e: Element| {
            // Beyond the table elements follow each other as their numbers do.
            Traits::of(e).map_or(f64::from(e.number()), |traits| f64::from(traits.mendeleev))
        };
        let away = (mendeleev(a) - mendeleev(b)).abs();
        if self == Self::Mendeleev {
            return away;
        }
        let of = |f: &dyn Fn(&Traits) -> Option<f64>, usual: f64| {
            let value = |e| Traits::of(e).and_then(f).unwrap_or(usual);
            (value(a) - value(b)).abs()
        };
        let groups = of(&|traits| Some(f64::from(traits.group)), 3.0);
        3.0 * of(&|traits| traits.electronegativity, 1.5)
            + 3.0 * of(&|traits| traits.radius, 1.5)
            + groups.min(4.0) / 2.0
            + away / 50.0
    }

    fn weight(self, atoms: usize) -> f64 {
        match self {
            Self::Chemistry => (atoms as f64).powf(0.25),
            Self::Mendeleev => atoms as f64,
        }
    }
}

/// So many of the nearest templates vote.
const VOTERS: usize = 12;
/// A template that is farther than the nearest by this much has 1/e of its vote. Both numbers are round ones near the
/// best on validation rows of MP-20.
const VOTE_RANGE: f64 = 1.6;

/// Elements with their numbers of atoms, the most frequent first.
type Counts = Vec<(Element, usize)>;

fn counts(species: &[Element]) -> Counts {
    let mut counts: BTreeMap<Element, usize> = BTreeMap::new();
    species.iter().for_each(|&element| *counts.entry(element).or_default() += 1);
    let mut counts: Counts = counts.into_iter().collect();
    counts.sort_by_key(|&(element, count)| (std::cmp::Reverse(count), element));
    counts
}

impl Templates {
    /// To choose from `crystals`.
    pub fn new(crystals: Vec<Crystal>) -> Self {
        let mut by_stoichiometry: BTreeMap<Stoichiometry, Vec<usize>> = BTreeMap::new();
        for (place, crystal) in crystals.iter().enumerate() {
            by_stoichiometry.entry(Stoichiometry::of(crystal.species())).or_default().push(place);
        }
        Self { crystals, by_stoichiometry }
    }

    /// The crystals.
    pub fn crystals(&self) -> &[Crystal] {
        &self.crystals
    }

    /// Whether there is a template for a cell of `species`.
    pub fn know(&self, species: &[Element]) -> bool {
        self.by_stoichiometry.contains_key(&Stoichiometry::of(species))
    }

    /// The `most` nearest templates for a cell of `species`, nearest first; equally near ones in their order.
    /// None if no known crystal has these numbers of atoms.
    pub fn nearest(&self, species: &[Element], most: usize, likeness: Likeness) -> Vec<Template> {
        let wanted = counts(species);
        let alike = self.by_stoichiometry.get(&Stoichiometry::of(species)).into_iter().flatten();
        let mut all: Vec<Template> = alike
            .map(|&place| {
                let own = counts(self.crystals[place].species());
                let (distance, exchange) = exchange(&own, &wanted, likeness);
                Template { place, distance, exchange }
            })
            .collect();
        all.sort_by(|a, b| a.distance.total_cmp(&b.distance));
        all.truncate(most);
        all
    }

    /// The `most` templates to try first for a cell of `species`: those by chemistry, of which the 12 nearest vote on the
    /// structure with weights exp(−(d − d₁)/1.6), d₁ the distance of the nearest. See [`ranking::voted`].
    ///
    /// Neighbours that crystallise alike say more than the nearest one alone, which may be a rare polymorph.
    pub fn agreed(&self, species: &[Element], most: usize) -> Vec<Template> {
        let mut found = self.nearest(species, most.max(VOTERS), Likeness::Chemistry);
        let farther = found.split_off(found.len().min(VOTERS));
        let crystals: Vec<Crystal> =
            found.iter().map(|template| self.relabelled(template)).collect();
        let least = found.first().map_or(0.0, |template| template.distance);
        let weight = |template: &Template| (-(template.distance - least) / VOTE_RANGE).exp();
        let weights: Vec<f64> = found.iter().map(weight).collect();
        let order = ranking::voted(&Matcher::prediction(), &crystals, &weights).into_iter();
        order.map(|i| found[i].clone()).chain(farther).take(most).collect()
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
fn exchange(own: &Counts, wanted: &Counts, likeness: Likeness) -> (f64, Vec<(Element, Element)>) {
    let (mut total, mut all) = (0.0, Vec::new());
    let blocks = own.chunk_by(|a, b| a.1 == b.1).zip(wanted.chunk_by(|a, b| a.1 == b.1));
    for (own, wanted) in blocks {
        let elements = |block: &[(Element, usize)]| -> Vec<Element> {
            block.iter().map(|&(element, _)| element).collect()
        };
        let (cost, pairs) = cheapest(&elements(own), &elements(wanted), likeness);
        total += cost * likeness.weight(own[0].1);
        all.extend(pairs);
    }
    (total, all)
}

/// The pairing of elements, as many on both sides, whose sum of distances is least.
fn cheapest(
    own: &[Element],
    wanted: &[Element],
    likeness: Likeness,
) -> (f64, Vec<(Element, Element)>) {
    let pairs = own.iter().flat_map(|&a| wanted.iter().map(move |&b| (a, b)));
    let costs: Vec<f64> = pairs.map(|(a, b)| likeness.between(a, b)).collect();
    if let [cost] = costs[..] {
        return (cost, vec![(own[0], wanted[0])]);
    }
    let view = CostView::new(&costs, own.len(), own.len()).expect("distances are finite");
    let found = Assigner::new().solve(view).expect("a square matrix has an assignment");
    let column = |i: usize| found.column_of_row[i];
    let cost = (0..own.len()).map(|i| costs[i * own.len() + column(i)]).sum();
    (cost, (0..own.len()).map(|i| (own[i], wanted[column(i)])).collect())
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
        let found = templates.nearest(&wanted, 2, Likeness::Mendeleev);
        // Ca 16, Sr 15, Ba 14; Ti 51, Zr 49; O the same: |16 − 15| + |51 − 49|, and ties in order.
        let places: Vec<usize> = found.iter().map(|template| template.place).collect();
        assert_eq!(places, [1, 2]);
        assert!((found[0].distance - 3.0).abs() < 1e-12);
        let made = templates.relabelled(&found[0]);
        assert_eq!(
            made.formula().to_string(),
            "SrZrO3".parse::<crate::formula::Formula>().unwrap().to_string()
        );
        assert_eq!(made.frac_coords(), templates.crystals()[1].frac_coords());
        // By chemistry barium is nearer to strontium than calcium is: 3·(0.95 − 0.89) + 3·(2.15 − 2.00) + 1/50, and for
        // zirconium 3·(1.54 − 1.33) + 3·(1.55 − 1.40) + 2/50.
        let chemistry = templates.nearest(&wanted, 1, Likeness::Chemistry);
        assert_eq!(chemistry[0].place, 2);
        assert!((chemistry[0].distance - (0.65 + 1.12)).abs() < 1e-9, "{}", chemistry[0].distance);
        // In the other one zirconium takes the corner.
        assert_eq!(templates.relabelled(&found[1]).species()[0].symbol(), "Zr");
        assert!(templates.nearest(&wanted[..4], 5, Likeness::Chemistry).is_empty());
    }
}
