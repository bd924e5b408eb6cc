//! Input of Quantum ESPRESSO's `pw.x`.

use std::io::{self, Write};

use langevin_crystals::record::Crystal;

use super::write_comments;

/// The first of `crystals`, with the least that `pw.x` asks for; cutoffs and pseudopotentials are the
/// user's: names follow `<symbol>.UPF`.
pub(super) fn write(
    crystals: &[Crystal],
    provenance: &[(String, String)],
    out: &mut dyn Write,
) -> io::Result<()> {
    let crystal = &crystals[0];
    let formula = crystal.formula();
    write_comments('!', provenance, out)?;
    writeln!(
        out,
        "&CONTROL\n  calculation = 'scf'\n  prefix = '{formula}'\n  pseudo_dir = './'\n/"
    )?;
    let (atoms, kinds) = (crystal.len(), formula.counts().len());
    writeln!(out, "&SYSTEM\n  ibrav = 0\n  nat = {atoms}\n  ntyp = {kinds}\n  ecutwfc = 60.0")?;
    writeln!(
        out,
        "  occupations = 'smearing'\n  smearing = 'cold'\n  degauss = 0.01\n/\n&ELECTRONS\n/"
    )?;
    writeln!(out, "ATOMIC_SPECIES")?;
    for element in formula.counts().keys() {
        writeln!(out, "  {element} {} {element}.UPF", element.mass())?;
    }
    writeln!(out, "CELL_PARAMETERS angstrom")?;
    for [x, y, z] in crystal.lattice().vectors() {
        writeln!(out, "  {x} {y} {z}")?;
    }
    writeln!(out, "ATOMIC_POSITIONS crystal")?;
    for (element, [x, y, z]) in crystal.species().iter().zip(crystal.frac_coords()) {
        writeln!(out, "  {element} {x} {y} {z}")?;
    }
    // About 0.2/Å between points.
    let points = crystal.lattice().reciprocal_lengths().map(|star| (star / 0.2).ceil().max(1.0));
    writeln!(out, "K_POINTS automatic\n  {} {} {} 0 0 0", points[0], points[1], points[2])
}
