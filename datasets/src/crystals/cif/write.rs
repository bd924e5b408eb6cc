//! Crystals as CIF, in P 1: every atom of the cell is listed.

use std::collections::BTreeSet;
use std::io::{self, Write};

use langevin_crystals::record::Crystal;

use super::super::write_comments;
use super::block::OWN;

/// One data block per crystal, provenance as comments on top.
pub(in super::super) fn write(
    crystals: &[Crystal],
    provenance: &[(String, String)],
    out: &mut dyn Write,
) -> io::Result<()> {
    write_comments('#', provenance, out)?;
    let mut taken = BTreeSet::new();
    for (i, crystal) in crystals.iter().enumerate() {
        block(crystal, &name_of(crystal, i, &mut taken), out)?;
    }
    Ok(())
}

/// The name of a block: the crystal's own or its formula, with its place where another one of the file has it already, since
/// names that come again are lost on other readers. They do not tell upper and lower case apart.
fn name_of(crystal: &Crystal, place: usize, taken: &mut BTreeSet<String>) -> String {
    let own = match crystal.notes().get("name") {
        Some(name) => graphic(name),
        None => format!("{}_{}", crystal.formula(), place + 1),
    };
    let mut name = own.clone();
    let mut again = place + 1;
    while !taken.insert(name.to_lowercase()) {
        name = format!("{own}_{again}");
        again += 1;
    }
    name
}

/// `text` in one word.
fn graphic(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect()
}

fn block(crystal: &Crystal, name: &str, out: &mut dyn Write) -> io::Result<()> {
    let formula = crystal.formula();
    writeln!(out, "data_{name}")?;
    for (name, value) in crystal.labels() {
        writeln!(out, "{OWN}{} {value}", graphic(name))?;
    }
    for (name, text) in crystal.notes().iter().filter(|(name, _)| *name != "name") {
        writeln!(out, "{OWN}{} {}", graphic(name), quoted(text))?;
    }
    for (axis, length) in ["a", "b", "c"].iter().zip(crystal.lattice().lengths()) {
        writeln!(out, "_cell_length_{axis} {length}")?;
    }
    for (angle, degrees) in ["alpha", "beta", "gamma"].iter().zip(crystal.lattice().angles()) {
        writeln!(out, "_cell_angle_{angle} {degrees}")?;
    }
    writeln!(out, "_cell_volume {}", crystal.lattice().volume())?;
    writeln!(out, "_chemical_formula_sum '{}'", spaced(&formula.to_string()))?;
    writeln!(out, "_symmetry_space_group_name_H-M 'P 1'\n_symmetry_Int_Tables_number 1")?;
    writeln!(
        out,
        "loop_\n _symmetry_equiv_pos_site_id\n _symmetry_equiv_pos_as_xyz\n 1 'x, y, z'"
    )?;
    writeln!(out, "loop_\n _atom_site_type_symbol\n _atom_site_label")?;
    writeln!(out, " _atom_site_symmetry_multiplicity")?;
    writeln!(
        out,
        " _atom_site_fract_x\n _atom_site_fract_y\n _atom_site_fract_z\n _atom_site_occupancy"
    )?;
    for (i, (element, [x, y, z])) in crystal.species().iter().zip(crystal.frac_coords()).enumerate()
    {
        let [x, y, z] = [x, y, z].map(|&x| coordinate(x));
        writeln!(out, " {element} {element}{} 1 {x} {y} {z} 1", i + 1)?;
    }
    Ok(())
}

/// `text` in quotes, which end only before a blank.
fn quoted(text: &str) -> String {
    let line = text.replace(['\n', '\r'], " ");
    let ends = |quote: char| line.contains(&format!("{quote} ")) || line.ends_with(quote);
    match ['\'', '"'].into_iter().find(|&quote| !ends(quote)) {
        Some(quote) => format!("{quote}{line}{quote}"),
        None => format!("'{}'", line.replace('\'', "’")),
    }
}

/// All digits of `x`, and so many that it cannot be taken for a third that was rounded.
fn coordinate(x: f64) -> String {
    let padded = format!("{x:.8}");
    if padded.parse() == Ok(x) { padded } else { x.to_string() }
}

/// `Na4Cl4` as `Na4 Cl4`.
fn spaced(formula: &str) -> String {
    let mut text = String::new();
    for c in formula.chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.push(c);
    }
    text
}
