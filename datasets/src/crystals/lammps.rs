//! Data files of LAMMPS: `atom_style atomic`, `units metal`.

use std::io::{self, Write};

use langevin_atoms::element::Element;
use langevin_crystals::geometry::{Vec3, dot, norm};
use langevin_crystals::record::Crystal;

use super::title;

/// The first of `crystals` in the box of LAMMPS: a along x, b in the plane of x and y. Types follow the
/// order of atomic numbers; their symbols stand behind the masses.
pub(super) fn write(
    crystals: &[Crystal],
    provenance: &[(String, String)],
    out: &mut dyn Write,
) -> io::Result<()> {
    let crystal = &crystals[0].in_cell(crystals[0].lattice().right_handed());
    let formula = crystal.formula();
    let types: Vec<Element> = formula.counts().keys().copied().collect();
    writeln!(out, "{}\n", title(crystal, provenance))?;
    writeln!(out, "{} atoms\n{} atom types\n", crystal.len(), types.len())?;
    let [[lx, ..], [xy, ly, _], [xz, yz, lz]] = lower_triangular(crystal.lattice().vectors());
    writeln!(out, "0 {lx} xlo xhi\n0 {ly} ylo yhi\n0 {lz} zlo zhi\n{xy} {xz} {yz} xy xz yz\n")?;
    writeln!(out, "Masses\n")?;
    for (i, element) in types.iter().enumerate() {
        writeln!(out, "{} {} # {element}", i + 1, element.mass())?;
    }
    writeln!(out, "\nAtoms # atomic\n")?;
    for (i, (element, [a, b, c])) in crystal.species().iter().zip(crystal.frac_coords()).enumerate()
    {
        let kind = types.iter().position(|other| other == element).expect("counted") + 1;
        let (x, y, z) = (a * lx + b * xy + c * xz, b * ly + c * yz, c * lz);
        writeln!(out, "{} {kind} {x} {y} {z}", i + 1)?;
    }
    Ok(())
}

/// The right-handed lattice turned until a lies along x and b in the plane of x and y.
fn lower_triangular([a, b, c]: [Vec3; 3]) -> [Vec3; 3] {
    let lx = norm(&a);
    let xy = dot(&a, &b) / lx;
    let ly = (dot(&b, &b) - xy * xy).sqrt();
    let xz = dot(&a, &c) / lx;
    let yz = (dot(&b, &c) - xy * xz) / ly;
    let lz = (dot(&c, &c) - xz * xz - yz * yz).sqrt();
    [[lx, 0.0, 0.0], [xy, ly, 0.0], [xz, yz, lz]]
}
