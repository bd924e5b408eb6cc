//! HDF5: H5MD, and data sets in the manner of ANI.
//!
//! **H5MD** (de Buyl, Colberg and Höfling 2014, Comput. Phys. Commun. 185, 1546–1553) is written and
//! read: a particles group per number of atoms holds `position` and `species` (atomic numbers) of all
//! molecules of that size, `step` the place of each in the file. Bonds and charges, where they are
//! known, make groups of their own, so that in a group all molecules are alike. Labels are observables,
//! notes are parameters. Files of other programs may have fixed or changing species, by number or by
//! an enumeration of symbols, `charge` of type formal, and observables of one number per frame.
//!
//! **ANI** (Smith, Isayev and Roitberg 2017, Sci. Data 4, 170193) is read: any group with `species` or
//! `atomic_numbers` and `coordinates` `[frames, atoms, 3]`. Other numbers of shape `[frames]` become
//! labels, NaN among them none; the group's path becomes the note `group`, `smiles` a note.

mod ani;
mod arrays;
mod h5md;
mod series;
mod write;

use std::fs::File as Bytes;
use std::path::Path;

use ::hdf5::File;

use super::{MoleculeFile, MoleculeFileError};
use crate::hdf5::failed;
use crate::{DatasetError, Place};

pub(super) use write::write;

/// Who made a file of our own, in which `step` is a molecule's place.
const CREATOR: &str = "Langevin";
const PARTICLES: &str = "particles";
const OBSERVABLES: &str = "observables";
/// Where the notes are, in H5MD's place for what belongs to one program.
const NOTES: &str = "parameters/notes";

/// The molecules of an HDF5 file.
pub(super) fn read(path: &Path, skip_bad: bool) -> Result<MoleculeFile, MoleculeFileError> {
    // Whether there is such a file is better said by the operating system.
    Bytes::open(path).map_err(|source| DatasetError::Read { path: path.into(), source })?;
    let place = Place::file(path);
    let file = File::open(path).map_err(failed(&place))?;
    let h5md = arrays::holds_group(&file, PARTICLES);
    let series = if h5md { h5md::read(&file, path)? } else { ani::read(&file, path)? };
    if series.is_empty() {
        let allowed = "particles with position and species (H5MD), or species beside coordinates";
        let (what, found) = ("groups of molecules:", "none".into());
        return Err(DatasetError::Array { place, what, found, allowed }.into());
    }
    series::molecules(&series, path, skip_bad)
}

/// A name as one part of a path.
fn escaped(name: &str) -> String {
    let name = name.replace('%', "%25").replace('/', "%2F");
    // A dot alone is the group itself, and nothing is no name.
    if name.is_empty() || name.bytes().all(|b| b == b'.') {
        name.replace('.', "%2E") + "%"
    } else {
        name
    }
}

/// The name that [`escaped`] gave.
fn unescaped(name: &str) -> String {
    let name = name.strip_suffix('%').unwrap_or(name);
    name.replace("%2E", ".").replace("%2F", "/").replace("%25", "%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_one_part_of_a_path() {
        for name in ["gap", "a/b", ".", "..", "", "%", "%2F", "%%2E/", "x%", "ü b", "a.b"] {
            let part = escaped(name);
            assert!(!part.contains('/') && !part.is_empty() && part != "." && part != "..");
            assert_eq!(unescaped(&part), name, "{part}");
        }
    }
}
