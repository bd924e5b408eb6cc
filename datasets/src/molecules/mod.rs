//! Molecules from files and to files: extended XYZ, SDF, HDF5.
//!
//! What all formats share: numbers that belong to a molecule become labels, words become notes.
//! Positions are in Å; other units are converted where a file names them, and refused where it names
//! one that is not known here. Periodic structures are refused.

mod blocks;
mod error;
mod h5;
mod sdf;
mod text;
mod xyz;

use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use langevin_files::Staged;
use langevin_molecules::record::Molecule;

pub use blocks::MoleculeReader;
use blocks::{Blocks, Source};
pub use error::{BadFrame, Fault, MoleculeFileError, Where};

pub(crate) use text::{label, real};
pub(crate) use xyz::{Comment, write_pairs, write_provenance};

use crate::DatasetError;

/// Names of what says where a file comes from begin with this; they are not read back as labels or
/// notes of a molecule.
const PROVENANCE: &str = "provenance:";

/// The molecules of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct MoleculeFile {
    /// In the file's order; at least one.
    pub molecules: Vec<Molecule>,
    /// Frames that hold no molecule, in the file's order.
    pub skipped: Vec<BadFrame>,
}

/// The molecules of a file: `.xyz`, `.extxyz`, `.sdf`, `.mol` (each also with `.gz` behind it), `.h5`,
/// `.hdf5` or `.h5md`. Texts are unpacked in one thread and parsed in all others.
///
/// # Errors
/// [`MoleculeFileError`]. A frame that holds no molecule is one unless `skip_bad`; a file with no good
/// frame, or with an end that cannot be read, always is.
pub fn read_molecules(path: &Path, skip_bad: bool) -> Result<MoleculeFile, MoleculeFileError> {
    match Format::of(path)? {
        Format::Text { format, packed } => {
            blocks::read_all(Blocks::open(path, format.source(), packed)?, skip_bad)
        }
        Format::Hdf5 => h5::read(path, skip_bad),
    }
}

/// Write molecules in the format of the file's extension, with provenance as (key, value).
///
/// The file appears whole or not at all, an old one only gives way to a finished new one, and only by
/// `force`. Extended XYZ and HDF5 give back the same molecules bit for bit. SDF keeps four decimals
/// where its old version holds the molecule (up to 999 atoms and bonds), all digits in the new one; in
/// both, charges count as known where bonds are, and words that look like a number come back as one.
///
/// # Errors
/// [`MoleculeFileError::Empty`] for no molecules, [`MoleculeFileError::CannotHold`] for what the format
/// has no room for, and what [`crate::write_points`] returns.
pub fn write_molecules(
    path: &Path,
    molecules: &[Molecule],
    provenance: &[(String, String)],
    force: bool,
) -> Result<(), MoleculeFileError> {
    Ok(stage_molecules(path, molecules, provenance, force)?.publish()?)
}

/// As [`write_molecules`], up to the moment when the file gets its name: files that belong together are
/// all finished before the first appears.
///
/// # Errors
/// Those of [`write_molecules`].
pub fn stage_molecules(
    path: &Path,
    molecules: &[Molecule],
    provenance: &[(String, String)],
    force: bool,
) -> Result<Staged, MoleculeFileError> {
    let format = Format::of(path)?;
    if molecules.is_empty() {
        return Err(MoleculeFileError::Empty { path: path.into() });
    }
    let cannot = |molecule: usize, Refusal { what, allowed }| MoleculeFileError::CannotHold {
        path: path.into(),
        molecule: molecule + 1,
        what,
        allowed,
    };
    for (i, molecule) in molecules.iter().enumerate() {
        if let Some((name, value)) = molecule.labels().iter().find(|(_, value)| !value.is_finite())
        {
            let what = format!("label {name:?} of {value}");
            return Err(cannot(i, Refusal { what, allowed: "finite numbers" }));
        }
        if let Format::Text { format: TextFormat::Sdf { single }, .. } = format {
            sdf::fits(molecule).map_err(|refusal| cannot(i, refusal))?;
            if single && i > 0 {
                let what = "second molecule".to_string();
                return Err(cannot(i, Refusal { what, allowed: "one molecule, or .sdf" }));
            }
        }
    }
    match format {
        Format::Text { format, packed } => {
            let fill = |out: &mut dyn Write| match packed {
                false => format.write(molecules, provenance, out),
                true => {
                    let mut encoder = GzEncoder::new(out, Compression::default());
                    format.write(molecules, provenance, &mut encoder)?;
                    encoder.finish().map(|_| ())
                }
            };
            Ok(Staged::bytes(path, force, fill)?)
        }
        Format::Hdf5 => {
            let fill = |temporary: &Path| h5::write(temporary, path, molecules, provenance);
            Staged::file::<MoleculeFileError>(path, force, |at| fill(at).map_err(Into::into))
        }
    }
}

/// Whether molecules can be written to `path`: its format is known and its folder is there.
///
/// # Errors
/// [`MoleculeFileError`].
pub fn check_molecule_target(path: &Path) -> Result<(), MoleculeFileError> {
    Format::of(path)?;
    Ok(crate::points::check_folder(path)?)
}

/// Why a format has no room for something of a molecule.
struct Refusal {
    what: String,
    allowed: &'static str,
}

/// A way to hold molecules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Text { format: TextFormat, packed: bool },
    Hdf5,
}

/// A way to hold molecules as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextFormat {
    Xyz,
    /// A file of one molecule has no mark at its end.
    Sdf {
        single: bool,
    },
}

impl TextFormat {
    fn source(self) -> Source {
        match self {
            Self::Xyz => Source { cut: xyz::cut, parse: xyz::parse },
            Self::Sdf { .. } => Source { cut: sdf::cut, parse: sdf::parse },
        }
    }

    fn write(
        self,
        molecules: &[Molecule],
        provenance: &[(String, String)],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        match self {
            Self::Xyz => xyz::write(molecules, provenance, out),
            Self::Sdf { single } => sdf::write(molecules, provenance, single, out),
        }
    }
}

impl Format {
    /// By the extension, in upper or lower case.
    fn of(path: &Path) -> Result<Self, DatasetError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let (name, packed) = match name.strip_suffix(".gz") {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        let text = |format| Ok(Self::Text { format, packed });
        match (name.rsplit_once('.').map(|(_, extension)| extension), packed) {
            (Some("xyz" | "extxyz"), _) => text(TextFormat::Xyz),
            (Some("sdf"), _) => text(TextFormat::Sdf { single: false }),
            (Some("mol"), _) => text(TextFormat::Sdf { single: true }),
            (Some("h5" | "hdf5" | "h5md"), false) => Ok(Self::Hdf5),
            _ => Err(DatasetError::UnknownFormat {
                path: path.into(),
                allowed: ".xyz, .extxyz, .sdf, .mol (each also with .gz), .h5, .hdf5, .h5md",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_is_the_format() {
        let of = |name: &str| Format::of(Path::new(name)).map_err(|error| error.to_string());
        let text = |format, packed| Ok(Format::Text { format, packed });
        assert_eq!(of("a/b.XYZ"), text(TextFormat::Xyz, false));
        assert_eq!(of("b.c.extxyz.gz"), text(TextFormat::Xyz, true));
        assert_eq!(of("b.sdf.gz"), text(TextFormat::Sdf { single: false }, true));
        assert_eq!(of("b.mol"), text(TextFormat::Sdf { single: true }, false));
        assert_eq!([of("b.h5"), of("b.hdf5"), of("b.H5MD")], [const { Ok(Format::Hdf5) }; 3]);
        for name in ["xyz", "b.h5.gz", "b.pdb", "b.gz", ""] {
            let message = format!(
                "{name}: found no known extension, allowed: .xyz, .extxyz, .sdf, .mol (each also \
                 with .gz), .h5, .hdf5, .h5md"
            );
            assert_eq!(of(name), Err(message));
        }
    }
}
