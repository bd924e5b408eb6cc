//! Bond lengths, bond angles and sizes of a set of molecules, and how far they are from data.

use std::collections::BTreeMap;

use langevin_transport::{TransportError, wasserstein_line};
use rayon::prelude::*;
use serde::Serialize;

use crate::element::Element;
use crate::graph::BondGraph;
use crate::record::{Molecule, Order, squared_distance};

/// Which bonds are compared: the two elements, the lighter first, and the order.
pub type LengthKind = (Element, Element, Order);
/// Which angles are compared: the elements at the ends, the lighter first, around the middle one.
pub type AngleKind = (Element, Element, Element);

/// Values by kind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Distributions {
    /// In Å.
    pub lengths: BTreeMap<LengthKind, Vec<f64>>,
    /// In degrees, `(end, middle, end)`.
    pub angles: BTreeMap<AngleKind, Vec<f64>>,
    /// Numbers of atoms.
    pub sizes: Vec<f64>,
}

/// First Wasserstein distances between samples and data.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Distances {
    /// In Å, averaged over kinds by their share in the data.
    pub lengths: Compared,
    /// In degrees, averaged likewise.
    pub angles: Compared,
    /// In atoms.
    pub sizes: f64,
}

/// A mean over the kinds that both sides have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// The mean distance; `None` if no kind is in both.
    pub mean: Option<f64>,
    /// Share of the data's values in those kinds; the distance says nothing about the rest.
    pub covered: f64,
}

impl Distributions {
    /// Values of `molecules`, whose bonds `bonds_of` tells: those of one protocol or of the record.
    pub fn of(molecules: &[Molecule], bonds_of: impl Fn(&Molecule) -> BondGraph + Sync) -> Self {
        let one = |molecule| Self::of_one(molecule, &bonds_of(molecule));
        let all: Vec<Self> = molecules.par_iter().map(one).collect();
        let mut sum = Self::default();
        for one in all {
            sum.sizes.extend(one.sizes);
            one.lengths.into_iter().for_each(|(k, v)| sum.lengths.entry(k).or_default().extend(v));
            one.angles.into_iter().for_each(|(k, v)| sum.angles.entry(k).or_default().extend(v));
        }
        sum
    }

    fn of_one(molecule: &Molecule, graph: &BondGraph) -> Self {
        let (species, positions) = (molecule.species(), molecule.positions());
        let mut out = Self { sizes: vec![species.len() as f64], ..Self::default() };
        for bond in graph.bonds() {
            let [a, b] = bond.atoms;
            let (light, heavy) = sorted(species[a], species[b]);
            let length = squared_distance(&positions[a], &positions[b]).sqrt();
            out.lengths.entry((light, heavy, bond.order)).or_default().push(length);
        }
        for middle in 0..species.len() {
            let mut near: Vec<usize> = graph.neighbours(middle).map(|(other, ..)| other).collect();
            near.sort_unstable();
            for (i, &a) in near.iter().enumerate() {
                for &b in &near[..i] {
                    let (light, heavy) = sorted(species[a], species[b]);
                    let angle = angle(&positions[a], &positions[middle], &positions[b]);
                    out.angles.entry((light, species[middle], heavy)).or_default().push(angle);
                }
            }
        }
        out
    }

    /// First Wasserstein distances to `data`.
    ///
    /// # Errors
    /// [`TransportError::Empty`] if either has no molecules.
    pub fn distances(&self, data: &Self) -> Result<Distances, TransportError> {
        Ok(Distances {
            lengths: compare(&self.lengths, &data.lengths)?,
            angles: compare(&self.angles, &data.angles)?,
            sizes: wasserstein_line(&self.sizes, None, &data.sizes, None, 1.0)?,
        })
    }
}

fn compare<K: Ord>(
    samples: &BTreeMap<K, Vec<f64>>,
    data: &BTreeMap<K, Vec<f64>>,
) -> Result<Compared, TransportError> {
    let total: usize = data.values().map(Vec::len).sum();
    let (mut sum, mut weight) = (0.0, 0.0);
    for (kind, values) in data {
        if let Some(sampled) = samples.get(kind) {
            sum += values.len() as f64 * wasserstein_line(sampled, None, values, None, 1.0)?;
            weight += values.len() as f64;
        }
    }
    let covered = if total == 0 { 1.0 } else { weight / total as f64 };
    Ok(Compared { mean: (weight > 0.0).then(|| sum / weight), covered })
}

fn sorted(a: Element, b: Element) -> (Element, Element) {
    (a.min(b), a.max(b))
}

/// The angle a–m–b in degrees.
fn angle(a: &[f64; 3], m: &[f64; 3], b: &[f64; 3]) -> f64 {
    let (u, v) = ([0, 1, 2].map(|k| a[k] - m[k]), [0, 1, 2].map(|k| b[k] - m[k]));
    let cross =
        [0, 1, 2].map(|k| u[(k + 1) % 3] * v[(k + 2) % 3] - u[(k + 2) % 3] * v[(k + 1) % 3]);
    let (sine, cosine) =
        (cross.map(|x| x * x).iter().sum::<f64>().sqrt(), (0..3).map(|k| u[k] * v[k]).sum::<f64>());
    // atan2 keeps its digits near 0° and 180°, where the cosine alone has lost half of them.
    sine.atan2(cosine).to_degrees()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bond_table;

    /// Water with a bond length in Å and an angle in degrees.
    fn water(length: f64, degrees: f64) -> Molecule {
        let half = degrees.to_radians() / 2.0;
        let (x, y) = (length * half.sin(), length * half.cos());
        let species = vec![Element::O, Element::H, Element::H];
        Molecule::new(species, vec![[0.0; 3], [x, y, 0.0], [-x, y, 0.0]]).unwrap()
    }

    fn of(molecules: &[Molecule]) -> Distributions {
        Distributions::of(molecules, bond_table::orders)
    }

    #[test]
    fn shifts_of_lengths_and_angles_are_the_distances() {
        let data = of(&[water(0.96, 104.5), water(0.96, 104.5)]);
        assert_eq!(data.lengths[&(Element::H, Element::O, Order::Single)].len(), 4);
        let angles = &data.angles[&(Element::H, Element::O, Element::H)];
        assert!((angles[0] - 104.5).abs() < 1e-9 && angles.len() == 2);
        let found = of(&[water(0.99, 110.5)]).distances(&data).unwrap();
        assert!((found.lengths.mean.unwrap() - 0.03).abs() < 1e-12);
        assert!((found.angles.mean.unwrap() - 6.0).abs() < 1e-9);
        assert_eq!((found.sizes, found.lengths.covered), (0.0, 1.0));
    }

    #[test]
    fn kinds_that_samples_lack_are_told_not_guessed() {
        let h2 = Molecule::new(vec![Element::H; 2], vec![[0.0; 3], [0.74, 0.0, 0.0]]).unwrap();
        let found = of(std::slice::from_ref(&h2))
            .distances(&of(&[h2.clone(), water(0.96, 104.5)]))
            .unwrap();
        assert_eq!((found.lengths.mean, found.lengths.covered), (Some(0.0), 1.0 / 3.0));
        assert_eq!((found.angles.mean, found.angles.covered), (None, 0.0));
        assert_eq!(found.sizes, 0.5);
        assert!(of(&[]).distances(&of(&[h2])).is_err());
    }

    #[test]
    fn straight_angles_keep_their_digits() {
        assert_eq!(angle(&[1.0, 0.0, 0.0], &[0.0; 3], &[-1.0, 0.0, 0.0]), 180.0);
        let tilted = angle(&[1.0, 1e-9, 0.0], &[0.0; 3], &[-1.0, 0.0, 0.0]);
        assert!((180.0 - tilted - 1e-9_f64.to_degrees()).abs() < 1e-12);
    }
}
