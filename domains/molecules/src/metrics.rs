//! Stability, validity, uniqueness and novelty of a set of molecules, by either protocol.
//!
//! The two protocols share definitions and differ in where bonds come from: [`DistanceProtocol`] reads
//! them off the published table, [`GraphProtocol`] perceives them with charges. Their numbers must not
//! stand in one column.

use std::collections::HashSet;

use rayon::prelude::*;
use serde::Serialize;

use crate::bond_table;
use crate::canonical::CanonicalKey;
use crate::graph::BondGraph;
use crate::perception::{Perceived, perceive};
use crate::record::Molecule;
use crate::valence::{stable_atoms, stable_atoms_with_charge};
use crate::validity::validate;

/// Keys of known molecules, to tell which samples are new.
pub type Known = HashSet<CanonicalKey>;

/// There is nothing to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("found no samples")]
pub struct NoSamples;

/// What one molecule counts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Number of atoms.
    pub atoms: usize,
    /// How many of them are stable.
    pub stable_atoms: usize,
    /// The key of the largest fragment, if the molecule is valid.
    pub key: Option<CanonicalKey>,
}

impl Verdict {
    /// By the distance protocol.
    pub fn by_distances(molecule: &Molecule) -> Self {
        let graph = bond_table::orders(molecule);
        Self::new(&graph, stable_atoms(&graph))
    }

    /// By the graph protocol, from what was perceived.
    pub fn by_graph(perceived: &Perceived) -> Self {
        Self::new(&perceived.graph, stable_atoms_with_charge(&perceived.graph))
    }

    /// Whether every atom is stable.
    pub fn is_stable(&self) -> bool {
        self.stable_atoms == self.atoms
    }

    fn new(graph: &BondGraph, stable_atoms: usize) -> Self {
        let key = validate(graph).map(|valid| CanonicalKey::of_largest_fragment(&valid));
        Self { atoms: graph.len(), stable_atoms, key }
    }
}

/// Keys of valid `molecules` by the distance protocol: the reference of its novelty.
///
/// The published code names training molecules by all their fragments and samples by their largest;
/// here both are named by the largest, so that a training molecule which the table cuts is not new.
pub fn known_by_distances(molecules: &[Molecule]) -> Known {
    molecules.par_iter().filter_map(|molecule| Verdict::by_distances(molecule).key).collect()
}

/// Keys of valid `molecules` by the graph protocol.
pub fn known_by_graph(molecules: &[Molecule]) -> Known {
    molecules.par_iter().filter_map(|m| Verdict::by_graph(&perceive(m)).key).collect()
}

/// The distance protocol of EDM on a set of samples; all fractions in [0, 1].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DistanceProtocol {
    /// Number of samples.
    pub samples: usize,
    /// Stable atoms of all atoms of all samples.
    pub atoms_stable: f64,
    /// Samples whose atoms are all stable.
    pub molecules_stable: f64,
    /// Samples whose whole graph is valid; fragments are not penalised.
    pub valid: f64,
    /// Distinct largest fragments of the valid samples; 0 if none is valid.
    pub unique: f64,
    /// `valid · unique`: distinct molecules per sample.
    pub valid_unique: f64,
    /// Distinct molecules that are not known; `None` without a reference or without valid samples.
    pub novel: Option<f64>,
}

impl DistanceProtocol {
    /// Measure `samples`, novelty against `known`.
    ///
    /// # Errors
    /// [`NoSamples`].
    pub fn measure(samples: &[Molecule], known: Option<&Known>) -> Result<Self, NoSamples> {
        let verdicts: Vec<Verdict> = samples.par_iter().map(Verdict::by_distances).collect();
        let Counted { atoms_stable, molecules_stable, valid, unique, novel } =
            count(&verdicts, known)?;
        let valid_unique = valid * unique;
        let samples = samples.len();
        Ok(Self { samples, atoms_stable, molecules_stable, valid, unique, valid_unique, novel })
    }
}

/// The graph protocol on a set of samples; all fractions in [0, 1].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GraphProtocol {
    /// Number of samples.
    pub samples: usize,
    /// Atoms whose order sum the published list allows at their charge.
    pub atoms_stable: f64,
    /// Samples whose atoms are all stable by that list.
    pub molecules_stable: f64,
    /// Samples that are connected and leave no valence unsatisfied: stricter than the list, which
    /// lets carbon have three bonds.
    pub closed_shell: f64,
    /// Samples of one fragment.
    pub connected: f64,
    /// Samples whose whole graph is valid.
    pub valid: f64,
    /// Distinct largest fragments of the valid samples; 0 if none is valid.
    pub unique: f64,
    /// `valid · unique`.
    pub valid_unique: f64,
    /// Distinct molecules that are not known; `None` without a reference or without valid samples.
    pub novel: Option<f64>,
}

impl GraphProtocol {
    /// Measure `samples`, novelty against `known`.
    ///
    /// # Errors
    /// [`NoSamples`].
    pub fn measure(samples: &[Molecule], known: Option<&Known>) -> Result<Self, NoSamples> {
        let one = |molecule: &Molecule| {
            let perceived = perceive(molecule);
            let (connected, closed) = (perceived.is_connected(), perceived.is_closed_shell());
            (Verdict::by_graph(&perceived), connected, closed)
        };
        let all: Vec<_> = samples.par_iter().map(one).collect();
        let share = |which: &dyn Fn(&(Verdict, bool, bool)) -> bool| {
            all.iter().filter(|one| which(one)).count() as f64 / all.len() as f64
        };
        let verdicts: Vec<Verdict> = all.iter().map(|one| one.0.clone()).collect();
        let Counted { atoms_stable, molecules_stable, valid, unique, novel } =
            count(&verdicts, known)?;
        Ok(Self {
            samples: samples.len(),
            atoms_stable,
            molecules_stable,
            closed_shell: share(&|one| one.2),
            connected: share(&|one| one.1),
            valid,
            unique,
            valid_unique: valid * unique,
            novel,
        })
    }
}

/// What both protocols count alike.
struct Counted {
    atoms_stable: f64,
    molecules_stable: f64,
    valid: f64,
    unique: f64,
    novel: Option<f64>,
}

fn count(verdicts: &[Verdict], known: Option<&Known>) -> Result<Counted, NoSamples> {
    if verdicts.is_empty() {
        return Err(NoSamples);
    }
    let of = |part: usize, whole: usize| part as f64 / whole as f64;
    let atoms = verdicts.iter().map(|verdict| verdict.atoms).sum();
    let valid = verdicts.iter().filter(|verdict| verdict.key.is_some()).count();
    let distinct: HashSet<&CanonicalKey> = verdicts.iter().filter_map(|v| v.key.as_ref()).collect();
    let new = |known: &Known| distinct.iter().filter(|key| !known.contains(**key)).count();
    Ok(Counted {
        atoms_stable: of(verdicts.iter().map(|verdict| verdict.stable_atoms).sum(), atoms),
        molecules_stable: of(verdicts.iter().filter(|v| v.is_stable()).count(), verdicts.len()),
        valid: of(valid, verdicts.len()),
        unique: if valid == 0 { 0.0 } else { of(distinct.len(), valid) },
        novel: known.filter(|_| valid > 0).map(|known| of(new(known), distinct.len())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Element;

    /// Water, stretched by `factor`; at 1.0 its bonds have 0.96 Å.
    fn water(factor: f64) -> Molecule {
        let (x, y) = (0.757 * factor, 0.587 * factor);
        let species = vec![Element::O, Element::H, Element::H];
        Molecule::new(species, vec![[0.0; 3], [x, y, 0.0], [-x, y, 0.0]]).unwrap()
    }

    fn hydrogen() -> Molecule {
        let positions = vec![[0.0; 3], [0.74, 0.0, 0.0]];
        Molecule::new(vec![Element::H; 2], positions).unwrap()
    }

    /// Four atoms in a bunch, all bonded: hydrogens with three bonds.
    fn invalid() -> Molecule {
        let positions = vec![[0.0; 3], [0.7, 0.0, 0.0], [0.0, 0.7, 0.0], [0.0, 0.0, 0.7]];
        Molecule::new(vec![Element::O, Element::H, Element::H, Element::H], positions).unwrap()
    }

    #[test]
    fn fractions_of_a_small_set_by_hand() {
        // Stable; stable; its bonds gone: three bare atoms, valid, largest fragment one atom; invalid
        // (O has three, and each H a bond to O alone: at 0.99 Å no H–H bond).
        let samples = [water(1.0), water(1.01), water(2.0), invalid()];
        let found = DistanceProtocol::measure(&samples, None).unwrap();
        assert_eq!(found.samples, 4);
        assert_eq!(found.atoms_stable, (3.0 + 3.0 + 0.0 + 3.0) / 13.0);
        assert_eq!((found.molecules_stable, found.valid), (0.5, 0.75));
        assert_eq!((found.unique, found.valid_unique), (2.0 / 3.0, 0.5));
        assert_eq!(found.novel, None);
        let known = known_by_distances(&[water(0.99), hydrogen()]);
        assert_eq!(known.len(), 2);
        let found = DistanceProtocol::measure(&samples, Some(&known)).unwrap();
        assert_eq!(found.novel, Some(0.5));
    }

    #[test]
    fn sets_without_samples_or_without_valid_ones() {
        assert_eq!(DistanceProtocol::measure(&[], None), Err(NoSamples));
        assert_eq!(GraphProtocol::measure(&[], None), Err(NoSamples));
        let found = DistanceProtocol::measure(&[invalid()], Some(&Known::new())).unwrap();
        assert_eq!((found.valid, found.unique, found.novel), (0.0, 0.0, None));
    }

    #[test]
    fn graph_protocol_wants_one_closed_shell() {
        let (h, o) = (Element::H, Element::O);
        let hydroxyl = Molecule::new(vec![o, h], vec![[0.0; 3], [0.97, 0.0, 0.0]]).unwrap();
        let at = [0.0, 0.74, 5.0, 5.74].map(|x| [x, 0.0, 0.0]);
        let apart = Molecule::new(vec![h; 4], at.to_vec()).unwrap();
        // The last but one is connected and a radical, the last two closed shells.
        let samples = [water(1.0), water(2.0), hydrogen(), hydroxyl, apart];
        let found = GraphProtocol::measure(&samples, None).unwrap();
        assert_eq!((found.connected, found.closed_shell), (0.6, 0.4));
        // The last one's largest fragment is the hydrogen of the third.
        assert_eq!((found.valid, found.unique), (1.0, 0.8));
    }
}
