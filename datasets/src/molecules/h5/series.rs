//! Frames of equally many atoms as arrays, and the molecules in them.

use std::path::Path;

use langevin_molecules::record::{Bond, Molecule};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::arrays::Species;
use crate::molecules::{BadFrame, Fault, MoleculeFile, MoleculeFileError, Where};

/// Frames of equally many atoms.
pub(super) struct Series {
    /// The group that they are in.
    pub(super) group: String,
    pub(super) frames: usize,
    pub(super) atoms: usize,
    /// `[frames, atoms]`, or `[atoms]` for all.
    pub(super) species: Species,
    /// `[frames, atoms, 3]`, in Å.
    pub(super) positions: Vec<f64>,
    /// `[frames, atoms]`, or `[atoms]` for all.
    pub(super) charges: Option<Vec<i64>>,
    /// Of each frame.
    pub(super) bonds: Option<Vec<Vec<Bond>>>,
    /// By name, of each frame.
    pub(super) labels: Vec<(String, Vec<Option<f64>>)>,
    /// By name, of each frame.
    pub(super) notes: Vec<(String, Vec<Option<String>>)>,
    /// The place of each frame in the file; `None`: one after the other.
    pub(super) places: Option<Vec<i64>>,
}

impl Series {
    fn molecule(&self, frame: usize) -> Result<Molecule, Fault> {
        let n = self.atoms;
        let start = |len: usize| if len == n { 0 } else { frame * n };
        let first = start(self.species.len());
        let species = (first..first + n).map(|at| self.species.element(at));
        let species = species.collect::<Result<Vec<_>, _>>()?;
        let positions = &self.positions[3 * n * frame..][..3 * n];
        let positions = positions.chunks_exact(3).map(|p| [p[0], p[1], p[2]]).collect();
        let mut molecule = Molecule::new(species, positions)?;
        if let Some(charges) = &self.charges {
            let charge = |charge: &i64| {
                i8::try_from(*charge).map_err(|_| Fault::Text {
                    found: format!("a charge of {charge}"),
                    allowed: "formal charges from -128 to 127",
                })
            };
            let charges = charges[start(charges.len())..][..n].iter().map(charge);
            molecule = molecule.with_charges(charges.collect::<Result<_, _>>()?)?;
        }
        if let Some(bonds) = &self.bonds {
            molecule = molecule.with_bonds(bonds[frame].clone())?;
        }
        for (name, values) in &self.labels {
            if let Some(value) = values[frame] {
                molecule = molecule.with_label(name, value);
            }
        }
        for (name, words) in &self.notes {
            if let Some(words) = &words[frame] {
                molecule = molecule.with_note(name, words);
            }
        }
        Ok(molecule)
    }
}

/// The molecules of all series, in the file's order.
pub(super) fn molecules(
    series: &[Series],
    path: &Path,
    skip_bad: bool,
) -> Result<MoleculeFile, MoleculeFileError> {
    let mut frames = Vec::new();
    for one in series {
        let place = |frame| one.places.as_ref().map_or(0, |places| places[frame]);
        frames.extend((0..one.frames).map(|frame| (place(frame), one, frame)));
    }
    // Stable: without places the order is that of the groups.
    frames.sort_by_key(|(place, ..)| *place);
    let molecules: Vec<_> = frames.par_iter().map(|(_, one, frame)| one.molecule(*frame)).collect();
    let mut file = MoleculeFile { molecules: Vec::new(), skipped: Vec::new() };
    for (i, (molecule, (_, one, _))) in molecules.into_iter().zip(&frames).enumerate() {
        match molecule {
            Ok(molecule) => file.molecules.push(molecule),
            Err(fault) => {
                let bad = BadFrame { frame: i + 1, at: Where::Group(one.group.clone()), fault };
                if !skip_bad {
                    return Err(MoleculeFileError::Frame { path: path.into(), bad: bad.into() });
                }
                file.skipped.push(bad);
            }
        }
    }
    file.with_some(path.into())
}
