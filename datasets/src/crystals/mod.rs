//! Crystals from files and to files: CIF, POSCAR, extended XYZ, tables with a `cif` column; and the inputs of
//! LAMMPS and Quantum ESPRESSO, which are written only.

mod cif;
mod error;
mod espresso;
mod lammps;
mod poscar;
mod symmetry;
mod table;
mod xyz;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use langevin_crystals::record::Crystal;
use langevin_files::Staged;

pub use error::{BadCrystal, CrystalFault, CrystalFileError, CrystalPlace};

use crate::DatasetError;

/// The crystals of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct CrystalFile {
    /// In the file's order; at least one.
    pub crystals: Vec<Crystal>,
    /// Entries that hold no crystal, in the file's order.
    pub skipped: Vec<BadCrystal>,
}

/// What a text holds, entry by entry.
type Entries = Vec<Result<Crystal, BadCrystal>>;

/// The crystals of a file: `.cif`, `.vasp`, `.poscar`, files named POSCAR or CONTCAR, `.xyz`, `.extxyz`, and
/// `.csv` with a column `cif` (each also with `.gz` behind it). Numbers of other columns and keys become labels, words notes.
///
/// # Errors
/// [`CrystalFileError`]. An entry that holds no crystal is one unless `skip_bad`; a file without a good one
/// always is.
pub fn read_crystals(path: &Path, skip_bad: bool) -> Result<CrystalFile, CrystalFileError> {
    let (format, packed) = Format::of(path)?;
    let parse = match format {
        Format::Cif => cif::parse,
        Format::Poscar => poscar::parse,
        Format::Xyz => xyz::parse,
        Format::Table => table::parse,
        Format::Lammps | Format::Espresso => {
            return Err(DatasetError::UnknownFormat { path: path.into(), allowed: READ }.into());
        }
    };
    let text =
        text(path, packed).map_err(|source| DatasetError::Read { path: path.into(), source })?;
    let (mut crystals, mut skipped) = (Vec::new(), Vec::new());
    for entry in parse(&text).map_err(|bad| bad.of(path))? {
        match entry {
            Ok(crystal) => crystals.push(crystal),
            Err(bad) if skip_bad => skipped.push(bad),
            Err(bad) => return Err(bad.of(path)),
        }
    }
    match (crystals.is_empty(), skipped.first()) {
        (true, Some(first)) => Err(first.clone().of(path)),
        (true, None) => Err(CrystalFileError::Empty { path: path.into() }),
        _ => Ok(CrystalFile { crystals, skipped }),
    }
}

/// Write crystals in the format of the file's extension, with provenance as (key, value): those that
/// [`read_crystals`] reads, but tables; `.lmp` and `.data` for LAMMPS, `.in` and `.pwi` for Quantum ESPRESSO.
///
/// The file appears whole or not at all, an old one only gives way to a finished new one, and only by
/// `force`. CIF, POSCAR and extended XYZ give back the same crystals to the last digits of a double. LAMMPS,
/// Quantum ESPRESSO and POSCAR hold one crystal.
///
/// # Errors
/// [`CrystalFileError`].
pub fn write_crystals(
    path: &Path,
    crystals: &[Crystal],
    provenance: &[(String, String)],
    force: bool,
) -> Result<(), CrystalFileError> {
    check_crystal_target(path, crystals.len())?;
    let (format, packed) = Format::of(path)?;
    let write = match format {
        Format::Cif => cif::write,
        Format::Poscar => poscar::write,
        Format::Xyz => xyz::write,
        Format::Lammps => lammps::write,
        Format::Espresso => espresso::write,
        Format::Table => unreachable!("a target that was checked is written"),
    };
    let fill = |out: &mut dyn Write| {
        if !packed {
            return write(crystals, provenance, out);
        }
        let mut encoder = GzEncoder::new(out, Compression::default());
        write(crystals, provenance, &mut encoder)?;
        encoder.finish().map(|_| ())
    };
    Ok(Staged::bytes(path, force, fill)?.publish()?)
}

/// Confirms that [`write_crystals`] would know how to write `count` crystals to `path`.
///
/// # Errors
/// [`CrystalFileError`] if the extension stands for no format that is written, or for one that holds fewer.
pub fn check_crystal_target(path: &Path, count: usize) -> Result<(), CrystalFileError> {
    let unknown = || DatasetError::UnknownFormat { path: path.into(), allowed: WRITTEN };
    let (format, _) = Format::of(path).map_err(|_| unknown())?;
    match format {
        Format::Table => Err(unknown().into()),
        _ if count == 0 => Err(CrystalFileError::Empty { path: path.into() }),
        _ if format.holds_one() && count > 1 => {
            Err(CrystalFileError::Single { path: path.into(), found: count })
        }
        _ => Ok(()),
    }
}

/// The first line of formats that have a title.
fn title(crystal: &Crystal, provenance: &[(String, String)]) -> String {
    let words = provenance.iter().map(|(key, value)| format!(" {key}={value}"));
    format!("{}{}", crystal.formula(), words.collect::<String>()).replace('\n', " ")
}

/// A line for each part of the provenance, behind the mark of a comment.
fn write_comments(
    mark: char,
    provenance: &[(String, String)],
    out: &mut dyn Write,
) -> io::Result<()> {
    for (key, value) in provenance {
        writeln!(out, "{mark} {key}: {}", value.replace('\n', " "))?;
    }
    Ok(())
}

/// The text of a file, without the mark of its encoding; one that is not UTF-8 is Latin-1, as old CIF files are, whose
/// authors have accents.
fn text(path: &Path, packed: bool) -> io::Result<String> {
    let (mut file, mut bytes) = (File::open(path)?, Vec::new());
    match packed {
        true => MultiGzDecoder::new(file).read_to_end(&mut bytes)?,
        false => file.read_to_end(&mut bytes)?,
    };
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect());
    Ok(text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned))
}

const READ: &str = ".cif, .vasp, .poscar, POSCAR, CONTCAR, .xyz, .extxyz, .csv with a column cif (each also with .gz)";
const WRITTEN: &str =
    ".cif, .vasp, .poscar, .xyz, .extxyz, .lmp, .data, .in, .pwi (each also with .gz)";

/// A way to hold crystals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Cif,
    Poscar,
    Xyz,
    Table,
    Lammps,
    Espresso,
}

impl Format {
    /// By the name, in upper or lower case, and whether it is packed.
    fn of(path: &Path) -> Result<(Self, bool), DatasetError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let packed = name.ends_with(".gz");
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let format = match name.rsplit_once('.').map_or(name, |(_, extension)| extension) {
            "cif" => Self::Cif,
            "vasp" | "poscar" | "contcar" => Self::Poscar,
            "xyz" | "extxyz" => Self::Xyz,
            "csv" => Self::Table,
            "lmp" | "data" => Self::Lammps,
            "in" | "pwi" => Self::Espresso,
            _ => return Err(DatasetError::UnknownFormat { path: path.into(), allowed: READ }),
        };
        Ok((format, packed))
    }

    fn holds_one(self) -> bool {
        matches!(self, Self::Poscar | Self::Lammps | Self::Espresso)
    }
}

#[cfg(test)]
mod tests;
