//! Frames from molecules.

use std::collections::BTreeMap;
use std::io::{self, Write};

use langevin_molecules::record::{Bond, Molecule};

use super::{BONDS, LATTICE, PROPERTIES};
use crate::molecules::PROVENANCE;
use crate::molecules::text::{number, order_number};

/// Extended XYZ; provenance is in the first comment.
pub(crate) fn write(
    molecules: &[Molecule],
    provenance: &[(String, String)],
    out: &mut dyn Write,
) -> io::Result<()> {
    for (i, molecule) in molecules.iter().enumerate() {
        writeln!(out, "{}", molecule.len())?;
        write!(out, "{PROPERTIES}=species:S:1:pos:R:3")?;
        if molecule.charges().is_some() {
            write!(out, ":formal_charges:I:1")?;
        }
        write_pairs(molecule.labels(), molecule.notes(), out)?;
        if let Some(bonds) = molecule.bonds() {
            let bond = |bond: &Bond| {
                let [a, b] = bond.atoms;
                format!("{}-{}:{}", a + 1, b + 1, order_number(bond.order))
            };
            let bonds: Vec<String> = bonds.iter().map(bond).collect();
            write!(out, " {BONDS}=\"{}\"", bonds.join(" "))?;
        }
        if i == 0 {
            write_provenance(provenance, out)?;
        }
        writeln!(out)?;
        for (at, (element, position)) in
            molecule.species().iter().zip(molecule.positions()).enumerate()
        {
            let [x, y, z] = position.map(number);
            write!(out, "{element} {x} {y} {z}")?;
            match molecule.charges() {
                Some(charges) => writeln!(out, " {}", charges[at])?,
                None => writeln!(out)?,
            }
        }
    }
    Ok(())
}

/// Labels and notes, a blank before each.
pub(crate) fn write_pairs(
    labels: &BTreeMap<String, f64>,
    notes: &BTreeMap<String, String>,
    out: &mut dyn Write,
) -> io::Result<()> {
    for (name, value) in labels {
        write!(out, " {}={}", key(name), number(*value))?;
    }
    for (name, words) in notes {
        write!(out, " {}={}", key(name), quoted(words))?;
    }
    Ok(())
}

/// Where the file comes from, a blank before each part.
pub(crate) fn write_provenance(
    provenance: &[(String, String)],
    out: &mut dyn Write,
) -> io::Result<()> {
    for (name, words) in provenance {
        // A name that needs quotes would be read back as a note.
        let name: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
        write!(out, " {PROVENANCE}{name}={}", quoted(words))?;
    }
    Ok(())
}

/// A letter that needs no quotes in a key, for this reader and for others.
fn plain(letter: char) -> bool {
    letter.is_alphanumeric() || "_-+.".contains(letter)
}

/// The key, quoted where it would be taken for something else.
fn key(name: &str) -> String {
    let taken = [PROPERTIES, LATTICE, BONDS].iter().any(|key| key.eq_ignore_ascii_case(name));
    let free = !name.is_empty() && name.chars().all(plain) && !taken;
    if free { name.into() } else { quoted(name) }
}

fn quoted(words: &str) -> String {
    let mut text = String::from("\"");
    for letter in words.chars() {
        match letter {
            '"' | '\\' => text.extend(['\\', letter]),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            _ => text.push(letter),
        }
    }
    text.push('"');
    text
}
