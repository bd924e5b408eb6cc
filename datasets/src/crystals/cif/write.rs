//! Crystals as CIF, in P 1: every atom of the cell is listed.

use std::io::{self, Write};

use langevin_crystals::record::Crystal;

use super::super::write_comments;

/// One data block per crystal, provenance as comments on top.
pub(in super::super) fn write(
    crystals: &[Crystal],
    provenance: &[(String, String)],
    out: &mut dyn Write,
) -> io::Result<()> {
    write_comments('#', provenance, out)?;
    for (i, crystal) in crystals.iter().enumerate() {
        block(crystal, i, out)?;
    }
    Ok(())
}

fn block(crystal: &Crystal, place: usize, out: &mut dyn Write) -> io::Result<()> {
    let formula = crystal.formula();
    let name = crystal.notes().get("name").cloned().unwrap_or(format!("{formula}_{}", place + 1));
    let name: String = name.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
    writeln!(out, "data_{name}")?;
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
