//! Files of molecules: what is read from those of other programs, written and read back, and refused.

mod bad;
mod hdf5_files;
mod real;
mod round_trips;
mod texts;

use std::error::Error;
use std::fs;

use langevin_datasets::{MoleculeFile, MoleculeFileError, read_molecules};
use langevin_molecules::element::Element;
use langevin_molecules::record::{Bond, Molecule, Order};

/// A file of this name and these bytes, read.
fn read(name: &str, bytes: &[u8], skip_bad: bool) -> Result<MoleculeFile, MoleculeFileError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    read_molecules(&path, skip_bad)
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, bytes).unwrap();
    packed.finish().unwrap()
}

/// The message without the folder, and what lies beneath it.
fn message(name: &str, error: &MoleculeFileError) -> String {
    let text = error.to_string();
    let start = text.find(name).unwrap_or_else(|| panic!("{text} names no file"));
    let before = if text.starts_with("cannot read") { "cannot read " } else { "" };
    let beneath = error.source().map(|source| format!(" <- {source}")).unwrap_or_default();
    format!("{before}{}{beneath}", &text[start..])
}

fn bond(a: usize, b: usize, order: Order) -> Bond {
    Bond { atoms: [a, b], order }
}

/// Water, 0.96 Å and 104.5° apart, with numbers that need all their digits.
fn water() -> Molecule {
    let positions = vec![
        [0.1 + 0.2, 1.0 / 3.0, -0.0],
        [0.757 + 0.1 + 0.2, 0.586 + 1.0 / 3.0, 1e-17],
        [-0.757, 0.586, 5e-324],
    ];
    Molecule::new(vec![Element::O, Element::H, Element::H], positions).unwrap()
}

/// A chain of carbons 1.5 Å apart.
fn chain(atoms: usize) -> Molecule {
    let positions = (0..atoms).map(|i| [1.5 * i as f64, 0.25, 0.0]).collect();
    Molecule::new(vec![Element::C; atoms], positions).unwrap()
}
