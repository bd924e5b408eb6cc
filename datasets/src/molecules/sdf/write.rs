//! Records from molecules.

use std::io::{self, Write};

use langevin_molecules::record::Molecule;

use super::v3000::PREFIX;
use super::{COMMENT, END, NAME};
use crate::molecules::text::{number, order_number};
use crate::molecules::{PROVENANCE, Refusal};

/// What the old table has columns for.
const MOST: usize = 999;
/// Pairs on a line of charges.
const CHARGES: usize = 8;
/// Letters of a line of the new table, without what it begins with; 80 with it.
const WIDTH: usize = 73;

/// Whether a record has room for all names and words.
pub(crate) fn fits(molecule: &Molecule) -> Result<(), Refusal> {
    let names = molecule.labels().keys().chain(molecule.notes().keys());
    for name in names {
        if name.contains(['<', '>', '\n', '\r']) || name.starts_with(PROVENANCE) {
            let allowed = "names without <, > and line breaks that do not begin with provenance:";
            return Err(Refusal { what: format!("name {name:?}"), allowed });
        }
    }
    for (name, words) in molecule.notes() {
        let bad = |line: &str| line.trim().is_empty() || line.starts_with(END);
        if !words.is_empty() && (words.contains('\r') || words.split('\n').any(bad)) {
            let allowed = "words without empty lines and lines that begin with $$$$";
            return Err(Refusal { what: format!("note {name:?}"), allowed });
        }
    }
    Ok(())
}

/// Records, each with its end unless it is a `single` one; provenance is among the first one's items.
pub(crate) fn write(
    molecules: &[Molecule],
    provenance: &[(String, String)],
    single: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    for (i, molecule) in molecules.iter().enumerate() {
        // The date that the second line has room for would make every file another one.
        let note = |key| header(molecule, key).unwrap_or("");
        writeln!(out, "{}\n  Langevin          3D\n{}", note(NAME), note(COMMENT))?;
        if old(molecule) {
            v2000(molecule, out)?
        } else {
            v3000(molecule, out)?
        }
        writeln!(out, "M  END")?;
        for (name, value) in molecule.labels() {
            writeln!(out, ">  <{name}>\n{}\n", number(*value))?;
        }
        for (name, words) in molecule.notes() {
            if header(molecule, name).is_none() {
                let words = if words.is_empty() { String::new() } else { format!("{words}\n") };
                writeln!(out, ">  <{name}>\n{words}")?;
            }
        }
        for (name, words) in provenance.iter().filter(|_| i == 0) {
            // In one line, whatever it holds; a name within brackets.
            let name = name.replace(['<', '>', '\n', '\r'], "_");
            writeln!(out, ">  <{PROVENANCE}{name}>\n{}\n", serde_json::to_string(words)?)?;
        }
        if !single {
            writeln!(out, "{END}")?;
        }
    }
    Ok(())
}

/// The note that has a line of its own in the header, if it fits there and comes back the same.
fn header<'a>(molecule: &'a Molecule, key: &str) -> Option<&'a str> {
    let words = molecule.notes().get(key).filter(|_| [NAME, COMMENT].contains(&key))?;
    let fits = !words.contains('\n') && !words.is_empty() && words.trim() == words;
    fits.then_some(words)
}

/// Whether the old table has room for it.
fn old(molecule: &Molecule) -> bool {
    let narrow = |x: &f64| format!("{x:.4}").len() <= 10;
    molecule.len() <= MOST
        && molecule.bonds().is_none_or(|bonds| bonds.len() <= MOST)
        && molecule.positions().iter().flatten().all(narrow)
        // An atom and its charge have three columns each.
        && molecule.charges().is_none_or(|charges| charges.iter().all(|c| c.unsigned_abs() <= 99))
}

fn v2000(molecule: &Molecule, out: &mut dyn Write) -> io::Result<()> {
    let bonds = molecule.bonds().unwrap_or_default();
    writeln!(out, "{:3}{:3}  0  0  0  0  0  0  0  0999 V2000", molecule.len(), bonds.len())?;
    for (element, [x, y, z]) in molecule.species().iter().zip(molecule.positions()) {
        let symbol = element.symbol();
        writeln!(out, "{x:10.4}{y:10.4}{z:10.4} {symbol:<3} 0  0  0  0  0  0  0  0  0  0  0  0")?;
    }
    for bond in bonds {
        let [a, b] = bond.atoms;
        writeln!(out, "{:3}{:3}{:3}  0", a + 1, b + 1, order_number(bond.order))?;
    }
    let charged: Vec<(usize, i8)> = charges(molecule).collect();
    for line in charged.chunks(CHARGES) {
        write!(out, "M  CHG{:3}", line.len())?;
        for (atom, charge) in line {
            write!(out, " {:3} {charge:3}", atom + 1)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn v3000(molecule: &Molecule, out: &mut dyn Write) -> io::Result<()> {
    let bonds = molecule.bonds().unwrap_or_default();
    writeln!(out, "  0  0  0     0  0            999 V3000\n{PREFIX}BEGIN CTAB")?;
    writeln!(out, "{PREFIX}COUNTS {} {} 0 0 0\n{PREFIX}BEGIN ATOM", molecule.len(), bonds.len())?;
    let mut charged = charges(molecule).peekable();
    for (i, (element, position)) in molecule.species().iter().zip(molecule.positions()).enumerate()
    {
        let [x, y, z] = position.map(number);
        let charge = charged.next_if(|(atom, _)| *atom == i);
        let charge = charge.map_or(String::new(), |(_, charge)| format!(" CHG={charge}"));
        long(&format!("{} {element} {x} {y} {z} 0{charge}", i + 1), out)?;
    }
    writeln!(out, "{PREFIX}END ATOM")?;
    if !bonds.is_empty() {
        writeln!(out, "{PREFIX}BEGIN BOND")?;
        for (i, bond) in bonds.iter().enumerate() {
            let [a, b] = bond.atoms;
            let order = order_number(bond.order);
            writeln!(out, "{PREFIX}{} {order} {} {}", i + 1, a + 1, b + 1)?;
        }
        writeln!(out, "{PREFIX}END BOND")?;
    }
    writeln!(out, "{PREFIX}END CTAB")
}

/// One line of the new table, continued with `-` where it is too long.
fn long(mut text: &str, out: &mut dyn Write) -> io::Result<()> {
    while text.len() > WIDTH {
        // Between words: not all programs join a number again.
        let (line, rest) =
            text.split_at(text[..WIDTH - 1].rfind(' ').map_or(WIDTH - 1, |at| at + 1));
        writeln!(out, "{PREFIX}{line}-")?;
        text = rest;
    }
    writeln!(out, "{PREFIX}{text}")
}

/// Atoms, from 0, with a charge that is not 0.
fn charges(molecule: &Molecule) -> impl Iterator<Item = (usize, i8)> + '_ {
    let charges = molecule.charges().unwrap_or_default().iter().copied();
    charges.enumerate().filter(|(_, charge)| *charge != 0)
}
