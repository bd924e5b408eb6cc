//! Crystals that may be: known ones, some of whose elements give way to others that are like them.

use std::collections::{BTreeMap, BTreeSet};

use langevin_core::{ConfigError, config::require};
use langevin_kernels::rng::Stream;
use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use crate::baselines::Likeness;
use crate::element::Element;
use crate::record::Crystal;

/// `[data.substitution]`: how often and how far elements of training crystals are exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubstitutionConfig {
    /// Part of the crystals drawn whose elements may be exchanged, above 0 to 1.
    pub share: f64,
    /// An element at distance d, by [`Likeness::Chemistry`], is as likely as exp(−d/range) to 1 for the element itself;
    /// above 0.
    pub range: f64,
}

impl SubstitutionConfig {
    /// Nothing if the section makes sense.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn check(&self) -> Result<(), ConfigError> {
        require("share", self.share, |s| s > 0.0 && s <= 1.0, "above 0 to 1")?;
        require("range", self.range, |r| r > 0.0 && r.is_finite(), "above 0").map(drop)
    }
}

/// Draws crystals with exchanged elements, and cells that grow and shrink with them.
///
/// Structures outlive an exchange of like elements, which is why templates find them; here a network learns it, and sees
/// far more compositions than the data have. The volume is multiplied by `Σ_e n_e v_e` after over before, `v_e` the volumes
/// of atoms that fit the data's best in least squares.
#[derive(Debug, Clone)]
pub struct Substitution {
    share: f64,
    /// For each element those that may come, itself among them, with the sums of their weights so far.
    choices: BTreeMap<Element, Vec<(Element, f64)>>,
    /// `v_e` in Å³.
    volumes: BTreeMap<Element, f64>,
}

impl Substitution {
    /// Among the elements of `crystals`, whose volumes are fitted.
    pub fn new(config: SubstitutionConfig, crystals: &[Crystal]) -> Self {
        let volumes = volumes(crystals);
        let choices = |&own: &Element| {
            let mut sum = 0.0;
            let each = volumes.keys().map(|&other| {
                sum += (-Likeness::Chemistry.between(own, other) / config.range).exp();
                (other, sum)
            });
            (own, each.collect())
        };
        let choices = volumes.keys().map(choices).collect();
        Self { share: config.share, choices, volumes }
    }

    /// `crystal`, or one with other elements and without labels: no two of its elements become one.
    pub fn draw(&self, crystal: &Crystal, stream: &mut Stream) -> Crystal {
        if stream.uniform() >= self.share {
            return crystal.clone();
        }
        let formula = crystal.formula();
        let exchange: BTreeMap<Element, Element> =
            formula.counts().keys().map(|&own| (own, self.choose(own, stream))).collect();
        let distinct: BTreeSet<Element> = exchange.values().copied().collect();
        let same = exchange.iter().all(|(own, other)| own == other);
        if same || distinct.len() < exchange.len() {
            return crystal.clone();
        }
        let species: Vec<Element> = crystal.species().iter().map(|own| exchange[own]).collect();
        let volume = |species: &[Element]| species.iter().map(|e| self.volumes[e]).sum::<f64>();
        let growth = (volume(&species) / volume(crystal.species())).cbrt();
        let lattice = crystal.lattice().scaled(growth);
        Crystal::new(lattice, species, crystal.frac_coords().to_vec())
            .expect("other elements leave a crystal one")
    }

    fn choose(&self, own: Element, stream: &mut Stream) -> Element {
        let choices = &self.choices[&own];
        let all = choices.last().expect("an element may stay itself").1;
        let at = stream.uniform() * all;
        choices[choices.partition_point(|&(_, sum)| sum < at).min(choices.len() - 1)].0
    }
}

/// Volumes of the atoms of each element: least squares of `Σ_e n_e v_e = V`, each crystal weighted by 1/n², with a pull of
/// one crystal's weight towards the mean volume of an atom.
fn volumes(crystals: &[Crystal]) -> BTreeMap<Element, f64> {
    let formulas: Vec<_> = crystals.iter().map(Crystal::formula).collect();
    let mut places: BTreeMap<Element, usize> =
        formulas.iter().flat_map(|formula| formula.counts().keys().map(|&e| (e, 0))).collect();
    places.values_mut().enumerate().for_each(|(place, at)| *at = place);
    let per_atom = |crystal: &Crystal| crystal.lattice().volume() / crystal.len() as f64;
    let mean = crystals.iter().map(per_atom).sum::<f64>() / crystals.len().max(1) as f64;
    let count = places.len();
    let mut matrix = DMatrix::<f64>::identity(count, count);
    let mut target = DVector::from_element(count, mean);
    for (crystal, formula) in crystals.iter().zip(&formulas) {
        let parts: Vec<(usize, f64)> = formula
            .counts()
            .iter()
            .map(|(e, &n)| (places[e], n as f64 / crystal.len() as f64))
            .collect();
        for &(i, x) in &parts {
            target[i] += x * per_atom(crystal);
            parts.iter().for_each(|&(j, y)| matrix[(i, j)] += x * y);
        }
    }
    let fitted = matrix.cholesky().expect("the pull makes it positive").solve(&target);
    // A cell's volume stays one, whatever is exchanged.
    places.into_iter().map(|(element, at)| (element, fitted[at].max(0.1 * mean))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lattice::Lattice;

    fn salt(a: &str, x: &str, edge: f64) -> Crystal {
        let lattice = Lattice::from_parameters([edge; 3], [60.0; 3]).unwrap();
        let species = [a, x].map(|symbol| symbol.parse().unwrap()).to_vec();
        Crystal::new(lattice, species, vec![[0.0; 3], [0.5; 3]]).unwrap().with_label("gap", 1.0)
    }

    fn drawn(config: SubstitutionConfig, known: &[Crystal]) -> Vec<Crystal> {
        let substitution = Substitution::new(config, known);
        let draw = |i: u64| substitution.draw(&known[0], &mut Stream::new(3, 1, i, 0));
        (0..2000).map(draw).collect()
    }

    /// Odds of K against Na are exp(−d/range), d = 3·0.11 + 3·0.40 + 1/50 = 1.55, where nothing else is like sodium.
    #[test]
    fn elements_come_as_often_as_their_likeness_says() {
        let known = vec![salt("Na", "Cl", 4.0), salt("K", "Cl", 4.5)];
        let made = drawn(SubstitutionConfig { share: 1.0, range: 1.0 }, &known);
        let with = |symbol: &str| {
            let element: Element = symbol.parse().unwrap();
            made.iter().filter(|crystal| crystal.species()[0] == element).count() as f64
        };
        let odds = (-1.55f64).exp();
        let (found, wanted) = (with("K") / made.len() as f64, odds / (1.0 + odds));
        // Four deviations of a binomial share; chlorine that turns to a metal is rarer than that.
        let allowed = 4.0 * (wanted * (1.0 - wanted) / made.len() as f64).sqrt();
        assert!((found - wanted).abs() < allowed, "{found} {wanted}");
        assert!(made.iter().all(|crystal| crystal.species()[0] != crystal.species()[1]));
    }

    /// Places stay, cells follow the volumes of atoms, labels go with the elements.
    #[test]
    fn cells_grow_with_their_elements() {
        // Many of each, so that the pull towards the mean is small.
        let known: Vec<Crystal> = (0..400)
            .map(|i| if i % 2 == 0 { salt("Na", "Cl", 4.0) } else { salt("K", "Cl", 4.5) })
            .collect();
        let made = drawn(SubstitutionConfig { share: 1.0, range: 1.0 }, &known);
        let changed = made.iter().find(|crystal| crystal.formula().to_string() == "ClK").unwrap();
        let ratio = changed.lattice().volume() / known[1].lattice().volume();
        assert!((ratio - 1.0).abs() < 0.02, "{ratio}");
        assert_eq!(changed.frac_coords(), known[0].frac_coords());
        assert!(changed.labels().is_empty());
        let rest = drawn(SubstitutionConfig { share: 1e-9, range: 1.0 }, &known);
        assert!(rest.iter().all(|crystal| *crystal == known[0]));
    }

    #[test]
    fn a_share_or_range_that_cannot_be_is_named() {
        let key = |share, range| SubstitutionConfig { share, range }.check().unwrap_err().key;
        assert_eq!([key(0.0, 1.0), key(1.5, 1.0), key(0.5, 0.0)], ["share", "share", "range"]);
    }
}
