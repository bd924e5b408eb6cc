//! Extended XYZ with a lattice.

use std::io::{self, Write};

use langevin_crystals::geometry::Vec3;
use langevin_crystals::lattice::Lattice;
use langevin_crystals::record::{Crystal, CrystalError};

use super::Entries;
use super::error::{BadCrystal, CrystalFault};
use crate::error::shown;
use crate::molecules::{Comment, real, write_pairs, write_provenance};

/// The crystal of each frame.
pub(super) fn parse(text: &str) -> Result<Entries, BadCrystal> {
    let lines: Vec<&str> = text.lines().collect();
    let (mut entries, mut at) = (Vec::new(), 0);
    while at < lines.len() {
        if lines[at].trim().is_empty() {
            at += 1;
            continue;
        }
        let count = lines[at].trim().parse().ok().filter(|&n: &usize| n > 0);
        let wrong = || BadCrystal::text(at + 1, shown(lines[at].trim()), "a number of atoms");
        let count = count.ok_or_else(wrong)?;
        let end = at.saturating_add(count).saturating_add(2);
        let Some(frame) = lines.get(at..end) else {
            let found = format!("{} lines after the count", lines.len() - at - 1);
            return Err(BadCrystal::text(
                at + 1,
                found,
                "a comment and as many lines as it counts",
            ));
        };
        entries.push(crystal(frame, at + 1));
        at = end;
    }
    Ok(entries)
}

fn crystal(frame: &[&str], first: usize) -> Result<Crystal, BadCrystal> {
    let fault = |(line, fault): (usize, crate::Fault)| {
        BadCrystal::text(line, fault.to_string(), "an extended XYZ comment")
    };
    let comment = Comment::periodic(frame[1], first + 1).map_err(fault)?;
    let vectors = comment.lattice.as_deref().ok_or_else(|| {
        BadCrystal::line(first + 1, CrystalFault::Missing("Lattice=\"…\" in the comment"))
    })?;
    let lattice = lattice(vectors, first + 1)?;
    if let Some((_, pbc)) = comment.notes.iter().find(|(name, text)| name == "pbc" && is_open(text))
    {
        let allowed = "pbc=\"T T T\": crystals repeat along all three vectors";
        return Err(BadCrystal::text(first + 1, format!("pbc={}", shown(pbc)), allowed));
    }
    let layout = comment.layout;
    let (mut species, mut frac_coords) = (Vec::new(), Vec::new());
    for (line, row) in (first + 2..).zip(&frame[2..]) {
        let words: Vec<&str> = row.split_ascii_whitespace().collect();
        let wrong = |found: &str, allowed| BadCrystal::text(line, shown(found), allowed);
        let position = words.get(layout.position..layout.position + 3);
        let (Some(symbol), Some(position)) = (words.get(layout.species), position) else {
            return Err(wrong(row.trim(), "an element and three coordinates"));
        };
        let element = symbol.parse();
        species
            .push(element.map_err(|error| BadCrystal::line(line, CrystalFault::Element(error)))?);
        let mut cart: Vec3 = [0.0; 3];
        for (x, word) in cart.iter_mut().zip(position) {
            let number = real(word).filter(|x| x.is_finite());
            *x = number.ok_or_else(|| wrong(word, "a coordinate in Å"))?;
        }
        frac_coords.push(lattice.fractional(&cart));
    }
    let crystal = Crystal::new(lattice, species, frac_coords);
    let mut crystal = crystal.map_err(|error| BadCrystal::line(first, error))?;
    for (name, value) in comment.labels {
        crystal = crystal.with_label(name, value);
    }
    for (name, words) in comment.notes.into_iter().filter(|(name, _)| name != "pbc") {
        crystal = crystal.with_note(name, words);
    }
    Ok(crystal)
}

/// Whether the flags of a comment leave a direction in which nothing repeats.
fn is_open(pbc: &str) -> bool {
    pbc.split_ascii_whitespace().any(|flag| matches!(flag, "F" | "f" | "False" | "false" | "0"))
}

fn lattice(text: &str, line: usize) -> Result<Lattice, BadCrystal> {
    let numbers: Option<Vec<f64>> = text.split_ascii_whitespace().map(real).collect();
    let wrong = || BadCrystal::text(line, shown(text), "a Lattice of nine numbers in Å");
    let n = numbers.filter(|numbers| numbers.len() == 9).ok_or_else(wrong)?;
    let lattice = Lattice::new([[n[0], n[1], n[2]], [n[3], n[4], n[5]], [n[6], n[7], n[8]]]);
    lattice.map_err(|error| BadCrystal::line(line, CrystalError::from(error)))
}

/// One frame per crystal.
pub(super) fn write(
    crystals: &[Crystal],
    provenance: &[(String, String)],
    out: &mut dyn Write,
) -> io::Result<()> {
    for (i, crystal) in crystals.iter().enumerate() {
        let numbers: Vec<String> =
            crystal.lattice().vectors().iter().flatten().map(ToString::to_string).collect();
        write!(
            out,
            "{}\nLattice=\"{}\" Properties=species:S:1:pos:R:3 pbc=\"T T T\"",
            crystal.len(),
            numbers.join(" ")
        )?;
        write_pairs(crystal.labels(), crystal.notes(), out)?;
        if i == 0 {
            write_provenance(provenance, out)?;
        }
        writeln!(out)?;
        for (element, frac) in crystal.species().iter().zip(crystal.frac_coords()) {
            let [x, y, z] = crystal.lattice().cartesian(frac);
            writeln!(out, "{element} {x} {y} {z}")?;
        }
    }
    Ok(())
}
