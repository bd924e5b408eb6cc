//! Which compositions molecules have, and how probable each is for given properties.

use std::collections::BTreeMap;

use langevin_core::Result;
use serde::{Deserialize, Serialize};

use crate::element::Element;
use crate::record::Molecule;
use crate::space::Molecules;

/// Molecules of one composition in a set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Composition {
    /// Atoms of each species, in the order of [`Molecules::elements`].
    pub counts: Vec<u16>,
    /// Molecules that have it.
    pub molecules: u64,
    /// Mean and standard deviation of each property among them, in the order of [`Molecules::properties`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<(f64, f64)>,
}

impl Composition {
    /// The compositions of `molecules`, whose species and properties are those of `domain`.
    ///
    /// A property's mean and variance are those of the labels with one more that stands for the whole set, so
    /// that a composition of one molecule has a variance too, and one without labels has the set's own.
    ///
    /// # Errors
    /// [`langevin_core::Error::Shape`] if `domain` does not know a species.
    pub fn measured(molecules: &[Molecule], domain: &Molecules) -> Result<Vec<Self>> {
        let mut alike: BTreeMap<Vec<u16>, Vec<&Molecule>> = BTreeMap::new();
        for molecule in molecules {
            let mut counts = vec![0u16; domain.elements.len()];
            for species in domain.species_of(molecule)? {
                counts[species as usize] += 1;
            }
            alike.entry(counts).or_default().push(molecule);
        }
        let law = |molecules: &[&Molecule]| {
            let of = |property: &crate::property::Property| {
                let labels: Vec<f64> = molecules
                    .iter()
                    .filter_map(|molecule| molecule.labels().get(&property.name).copied())
                    .collect();
                let count = labels.len() as f64 + 1.0;
                let mean = (labels.iter().sum::<f64>() + property.mean) / count;
                let square = |x: f64| (x - mean) * (x - mean);
                let own: f64 = labels.iter().map(|&x| square(x)).sum();
                let whole = square(property.mean) + property.deviation * property.deviation;
                (mean, ((own + whole) / count).sqrt())
            };
            domain.properties.iter().map(of).collect()
        };
        Ok(alike
            .into_iter()
            .map(|(counts, molecules)| {
                let properties = law(&molecules);
                Self { counts, molecules: molecules.len() as u64, properties }
            })
            .collect())
    }

    /// Number of atoms.
    pub fn atoms(&self) -> usize {
        self.counts.iter().map(|&count| usize::from(count)).sum()
    }

    /// A species for each atom, alike ones together.
    pub fn species(&self) -> Vec<u32> {
        let of = |(species, &count): (usize, &u16)| vec![species as u32; usize::from(count)];
        self.counts.iter().enumerate().flat_map(of).collect()
    }

    /// Whether it has exactly the atoms `elements`, whatever their charges.
    pub fn is_of(&self, elements: &[Element], domain: &Molecules) -> bool {
        let own = self.species().into_iter().map(|species| domain.elements[species as usize]);
        let (mut own, mut other): (Vec<Element>, Vec<Element>) = (own.collect(), elements.into());
        own.sort_unstable();
        other.sort_unstable();
        own == other
    }

    /// Whether it has at least the atoms of `species`.
    pub fn holds(&self, species: &[u32]) -> bool {
        (0..self.counts.len()).all(|kind| {
            let needed = species.iter().filter(|&&own| own as usize == kind).count();
            usize::from(self.counts[kind]) >= needed
        })
    }

    /// Its weight among compositions where properties are asked for: `N_c Π_k N(v_k; μ_ck, σ_ck²)`, Bayes' rule
    /// with the property normal within a composition.
    ///
    /// As a logarithm, so that a value far from all of them still tells which is the least far.
    pub fn log_weight(&self, asked: &[Option<f64>]) -> f64 {
        let term = |(value, &(mean, deviation)): (&Option<f64>, &(f64, f64))| {
            value.map_or(0.0, |value| {
                let z = (value - mean) / deviation;
                -0.5 * z * z - deviation.ln()
            })
        };
        let likelihood: f64 = asked.iter().zip(&self.properties).map(term).sum();
        (self.molecules as f64).ln() + likelihood
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::property::Property;

    fn molecule(species: &[Element], gap: Option<f64>) -> Molecule {
        let positions = (0..species.len()).map(|i| [i as f64, 0.0, 0.0]).collect();
        let molecule = Molecule::new(species.to_vec(), positions).unwrap();
        gap.map_or(molecule.clone(), |gap| molecule.with_label("gap", gap))
    }

    #[test]
    fn compositions_are_counted_and_properties_choose_among_them() {
        use Element as E;
        let all = [
            molecule(&[E::C, E::O, E::O], Some(2.0)),
            molecule(&[E::O, E::C, E::O], Some(4.0)),
            molecule(&[E::O, E::H, E::H], Some(9.0)),
            molecule(&[E::H, E::H], None),
        ];
        let mut domain = Molecules::measured(&all).unwrap();
        domain.properties = vec![Property {
            name: "gap".into(),
            unit: None,
            mean: 5.0,
            deviation: 1.0,
            least: 2.0,
            most: 9.0,
        }];
        let found = Composition::measured(&all, &domain).unwrap();
        let counts: Vec<_> = found.iter().map(|own| (own.counts.clone(), own.molecules)).collect();
        // Species H, C, O.
        assert_eq!(counts, [(vec![0, 1, 2], 2), (vec![2, 0, 0], 1), (vec![2, 0, 1], 1)]);
        // (2 + 4 + 5)/3, and ((5/3)² + (1/3)² + (4/3)² + 1)/3.
        let (mean, deviation) = found[0].properties[0];
        assert!((mean - 11.0 / 3.0).abs() < 1e-12);
        assert!((deviation * deviation - (42.0 / 9.0 + 1.0) / 3.0).abs() < 1e-12);
        assert_eq!(found[1].properties[0], (5.0, 1.0));
        assert_eq!(found[2].species(), [0, 0, 2]);
        assert!(found[2].is_of(&[E::H, E::O, E::H], &domain) && found[2].holds(&[2, 0]));
        assert!(!found[2].holds(&[2, 2]) && !found[1].is_of(&[E::H], &domain));
        let most = |asked: Option<f64>| {
            let weight = |own: &&Composition| own.log_weight(&[asked]);
            let best = found.iter().max_by(|a, b| weight(a).total_cmp(&weight(b)));
            best.unwrap().counts.clone()
        };
        assert_eq!((most(None), most(Some(5.1))), (vec![0, 1, 2], vec![2, 0, 0]));
        assert_eq!(most(Some(8.0)), [2, 0, 1]);
    }
}
