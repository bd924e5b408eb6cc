//! A molecule from a frame.

use langevin_molecules::record::Molecule;

use super::comment::Comment;
use crate::error::shown;
use crate::molecules::Fault;
use crate::molecules::text::{LineFault, Table, real, wrong};

/// The molecule of a frame that was cut, so that its lines are as many as its count says.
pub(crate) fn parse(text: &str, first: usize) -> Result<Molecule, LineFault> {
    let mut lines = text.lines();
    let count = lines.next().and_then(|count| count.trim().parse().ok()).unwrap_or(0);
    let Comment { layout, labels, notes, bonds, lattice: _ } =
        Comment::parse(lines.next().unwrap_or_default(), first + 1)?;
    let mut table = Table {
        species: Vec::with_capacity(count),
        positions: Vec::with_capacity(count),
        charges: layout.charge.map(|_| Vec::with_capacity(count)),
        bonds,
        atom_lines: Vec::with_capacity(count),
        bond_lines: Vec::new(),
    };
    let last = layout.species.max(layout.position + 2).max(layout.charge.unwrap_or(0));
    let mut words = Vec::new();
    for (line, text) in (first + 2..).zip(lines).take(count) {
        words.clear();
        words.extend(text.split_ascii_whitespace());
        if let Some(allowed) = layout.width.filter(|&width| width != words.len()) {
            return Err((line, Fault::Columns { found: words.len(), allowed }));
        }
        if words.len() <= last {
            return Err(wrong(line, shown(text.trim()), "an element and three coordinates"));
        }
        let element = words[layout.species].parse();
        table.species.push(element.map_err(|error| (line, Fault::Element(error)))?);
        let mut position = [0.0; 3];
        for (x, word) in position.iter_mut().zip(&words[layout.position..]) {
            *x = real(word).ok_or_else(|| wrong(line, shown(word), "a coordinate in Å"))?;
        }
        if let (Some(charges), Some(column)) = (&mut table.charges, layout.charge) {
            let charge = words[column].parse();
            let allowed = "a formal charge from -128 to 127";
            charges.push(charge.map_err(|_| wrong(line, shown(words[column]), allowed))?);
        }
        table.positions.push(position);
        table.atom_lines.push(line);
    }
    let mut molecule = table.molecule(first)?;
    for (name, value) in labels {
        molecule = molecule.with_label(name, value);
    }
    for (name, words) in notes {
        molecule = molecule.with_note(name, words);
    }
    Ok(molecule)
}
