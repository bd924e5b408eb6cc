//! Data files of LAMMPS: `atom_style atomic`, `units metal`.

use std::io::{self, Write};

use langevin_atoms::element::Element;
use langevin_crystals::geometry::{Vec3, dot, norm};
use langevin_crystals::lattice::Lattice;
use langevin_crystals::record::Crystal;

use super::title;

/// The first of `crystals` in the box of LAMMPS: a along x, b in the plane of x and y, tilted by at most half an edge. Types follow the
/// order of atomic numbers; their symbols stand behind the masses.
pub(super) fn write(
    crystals: &[Crystal],
    provenance: &[(String, String)],
    out: &mut dyn Write,
) -> io::Result<()> {
    let lattice = least_tilted(&crystals[0].lattice().right_handed());
    let crystal = &crystals[0].in_cell(lattice);
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

/// The right-handed lattice by vectors whose tilts are at most half the edges they lie along, as LAMMPS asks for.
fn least_tilted(lattice: &Lattice) -> Lattice {
    let [a, mut b, mut c] = lattice.vectors();
    let less = |of: Vec3, times: f64, by: Vec3| -> Vec3 {
        std::array::from_fn(|k| of[k] - times.round() * by[k])
    };
    let [[lx, ..], [xy, ..], _] = lower_triangular([a, b, c]);
    b = less(b, xy / lx, a);
    let [[..], [_, ly, _], [_, yz, _]] = lower_triangular([a, b, c]);
    c = less(c, yz / ly, b);
    let [[lx, ..], _, [xz, ..]] = lower_triangular([a, b, c]);
    c = less(c, xz / lx, a);
    Lattice::new([a, b, c]).expect("other vectors of a lattice that was one")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_tilt_by_half_an_edge_at_most() {
        let lattice = Lattice::new([[3.0, 0.0, 0.0], [7.3, 4.0, 0.0], [-8.0, 9.1, 5.0]]).unwrap();
        let made = least_tilted(&lattice);
        assert!((made.volume() - lattice.volume()).abs() < 1e-9);
        let [[lx, ..], [xy, ly, _], [xz, yz, _]] = lower_triangular(made.vectors());
        assert!(xy.abs() <= lx / 2.0 && xz.abs() <= lx / 2.0 && yz.abs() <= ly / 2.0);
        // The same points of the lattice: each new vector is a whole combination of the old.
        for vector in made.vectors() {
            assert!(lattice.fractional(&vector).iter().all(|x| (x - x.round()).abs() < 1e-9));
        }
        let already = Lattice::new([[3.0, 0.0, 0.0], [1.0, 4.0, 0.0], [-1.0, 1.5, 5.0]]).unwrap();
        assert_eq!(least_tilted(&already).vectors(), already.vectors());
    }
}
