//! POSCAR, the structure file of VASP (version 5, with element symbols).

use std::io::{self, Write};

use langevin_atoms::element::Element;
use langevin_crystals::geometry::Vec3;
use langevin_crystals::lattice::Lattice;
use langevin_crystals::record::{Crystal, CrystalError};

use super::error::{BadCrystal, CrystalFault};
use super::{Entries, title};
use crate::error::shown;

/// The crystal of the text. What stands behind the coordinates (velocities) is left out.
pub(super) fn parse(text: &str) -> Result<Entries, BadCrystal> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![crystal(text)])
}

fn crystal(text: &str) -> Result<Crystal, BadCrystal> {
    let lines: Vec<&str> = text.lines().collect();
    let line = |number: usize, what: &'static str| {
        let missing = || BadCrystal::line(lines.len(), CrystalFault::Missing(what));
        lines.get(number - 1).copied().filter(|line| !line.trim().is_empty()).ok_or_else(missing)
    };
    let numbers = |number: usize, what: &'static str, allowed: &'static str| {
        let text = line(number, what)?;
        three(text).ok_or_else(|| BadCrystal::text(number, shown(text.trim()), allowed))
    };
    let scale = line(2, "scaling factor")?;
    let scale: f64 = scale.trim().parse().ok().filter(|x| *x != 0.0).ok_or_else(|| {
        BadCrystal::text(2, shown(scale.trim()), "a number that is not 0, less than 0 for a volume")
    })?;
    let vector = |i| numbers(i, "lattice vector", "three numbers in Å");
    let vectors = [vector(3)?, vector(4)?, vector(5)?];
    let lattice = scaled(vectors, scale).map_err(|error| BadCrystal::line(3, error))?;
    let species = species(line(6, "element symbols")?, line(7, "numbers of atoms")?)?;
    // With selective dynamics, three letters more stand behind the coordinates.
    let mut at = 8;
    if line(at, "kind of coordinates")?.trim_start().starts_with(['s', 'S']) {
        at += 1;
    }
    let kind = line(at, "kind of coordinates")?.trim_start();
    let cartesian = match kind.chars().next() {
        Some('d' | 'D') => false,
        Some('c' | 'C' | 'k' | 'K') => true,
        _ => return Err(BadCrystal::text(at, shown(kind), "Direct or Cartesian")),
    };
    let length_scale = (lattice.volume() / volume(&vectors)).cbrt();
    let rows = lines.get(at..).unwrap_or_default().iter();
    let rows = rows.take_while(|row| three(row).is_some()).count();
    let ended = lines.get(at + rows).is_none_or(|row| row.trim().is_empty());
    // A row that is there and holds no numbers is told below.
    if rows > species.len() || (rows < species.len() && ended) {
        let found = format!("{rows} lines of coordinates for {} atoms", species.len());
        let line = at + 1 + rows.min(species.len());
        return Err(BadCrystal::text(line, found, "one for each atom that line 7 counts"));
    }
    let mut frac_coords = Vec::with_capacity(species.len());
    for i in 0..species.len() {
        let allowed = "the coordinates of an atom, as line 7 counts";
        let coordinates = numbers(at + 1 + i, "line for each atom that line 7 counts", allowed)?;
        frac_coords.push(match cartesian {
            true => lattice.fractional(&coordinates.map(|x| x * length_scale)),
            false => coordinates,
        });
    }
    let name = lines[0].trim();
    let crystal = Crystal::new(lattice, species, frac_coords);
    let crystal = crystal.map_err(|error| BadCrystal::line(at + 1, error))?;
    Ok(if name.is_empty() { crystal } else { crystal.with_note("name", name) })
}

/// The three numbers at the start of a line.
fn three(line: &str) -> Option<Vec3> {
    let numbers = line.split_whitespace().take(3).filter_map(|word| word.parse().ok());
    numbers.collect::<Vec<f64>>().try_into().ok()
}

/// A factor above zero multiplies the vectors; one below is the volume that they are brought to.
fn scaled(vectors: [Vec3; 3], scale: f64) -> Result<Lattice, CrystalError> {
    let factor = if scale > 0.0 { scale } else { (-scale / volume(&vectors)).cbrt() };
    Ok(Lattice::new(vectors.map(|vector| vector.map(|x| x * factor)))?)
}

fn volume(&[a, b, c]: &[Vec3; 3]) -> f64 {
    let cross = [b[1] * c[2] - b[2] * c[1], b[2] * c[0] - b[0] * c[2], b[0] * c[1] - b[1] * c[0]];
    (a[0] * cross[0] + a[1] * cross[1] + a[2] * cross[2]).abs()
}

fn species(symbols: &str, counts: &str) -> Result<Vec<Element>, BadCrystal> {
    let (names, numbers): (Vec<&str>, Vec<&str>) =
        (symbols.split_whitespace().collect(), counts.split_whitespace().collect());
    // Version 4 has no line of symbols: then the sixth line is of numbers.
    if names.iter().all(|name| name.parse::<f64>().is_ok()) {
        let allowed = "element symbols as in line 6 of VASP 5, with the numbers of atoms in line 7";
        return Err(BadCrystal::text(6, shown(symbols.trim()), allowed));
    }
    if names.len() != numbers.len() {
        let found = format!("{} numbers of atoms for {} elements", numbers.len(), names.len());
        return Err(BadCrystal::text(7, found, "one for each element in line 6"));
    }
    let mut species = Vec::new();
    for (name, number) in names.iter().zip(numbers) {
        // Potentials may be named with a suffix: Ca_sv.
        let symbol = name.split(['_', '/']).next().unwrap_or_default();
        let element: Element =
            symbol.parse().map_err(|error| BadCrystal::line(6, CrystalFault::Element(error)))?;
        // A cell of a million atoms is beyond all that is done here.
        let count = number.parse().ok().filter(|&n: &usize| n > 0 && n <= 1_000_000);
        let count = count.ok_or_else(|| BadCrystal::text(7, shown(number), "numbers of atoms"))?;
        species.extend(std::iter::repeat_n(element, count));
    }
    Ok(species)
}

/// The first of `crystals`, by right-handed vectors, as VASP wants them; provenance goes into the title.
pub(super) fn write(
    crystals: &[Crystal],
    provenance: &[(String, String)],
    out: &mut dyn Write,
) -> io::Result<()> {
    let crystal = &crystals[0].in_cell(crystals[0].lattice().right_handed());
    let formula = crystal.formula();
    writeln!(out, "{}", title(crystal, provenance))?;
    writeln!(out, "1.0")?;
    for [x, y, z] in crystal.lattice().vectors() {
        writeln!(out, "{x} {y} {z}")?;
    }
    let counts = formula.counts();
    let join = |words: Vec<String>| words.join(" ");
    writeln!(out, "{}", join(counts.keys().map(ToString::to_string).collect()))?;
    writeln!(out, "{}", join(counts.values().map(ToString::to_string).collect()))?;
    writeln!(out, "Direct")?;
    for element in counts.keys() {
        let atoms = crystal.species().iter().zip(crystal.frac_coords());
        for (_, [x, y, z]) in atoms.filter(|(other, _)| *other == element) {
            writeln!(out, "{x} {y} {z} {element}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: &str = "rock salt\n2.0\n0 1.4 1.4\n1.4 0 1.4\n1.4 1.4 0\nNa_pv Cl\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n";

    fn read(text: &str) -> Result<Crystal, String> {
        parse(text).unwrap().pop().unwrap().map_err(|bad| bad.to_string())
    }

    #[test]
    fn scales_volumes_and_cartesian_coordinates_are_read() {
        let salt = read(SALT).unwrap();
        assert_eq!(salt.formula().to_string(), "ClNa");
        assert!((salt.lattice().volume() - 2.0 * 2.8f64.powi(3)).abs() < 1e-9);
        let volume = read(&SALT.replace("\n2.0\n", "\n-43.904\n")).unwrap();
        assert!((volume.lattice().volume() - 43.904).abs() < 1e-9);
        let cartesian = SALT
            .replace("Direct", "Selective dynamics\nCartesian")
            .replace("0.5 0.5 0.5", "1.4 1.4 1.4 T T F");
        let cartesian = read(&cartesian).unwrap();
        for (x, y) in
            cartesian.frac_coords().iter().flatten().zip(salt.frac_coords().iter().flatten())
        {
            assert!((x - y).abs() < 1e-12);
        }
    }

    #[test]
    fn what_is_no_crystal_is_told_with_its_line() {
        let with = |from: &str, to: &str| read(&SALT.replacen(from, to, 1)).unwrap_err();
        assert_eq!(
            with("1 1\n", "1\n"),
            "line 7: found 1 numbers of atoms for 2 elements, allowed: one for each element in line 6"
        );
        assert_eq!(
            with("\n0.5 0.5 0.5", ""),
            "line 10: found 1 lines of coordinates for 2 atoms, allowed: one for each atom that line 7 counts"
        );
        assert_eq!(
            with("0.5 0.5 0.5\n", "0.5 0.5 0.5\n0.2 0.2 0.2\n"),
            "line 11: found 3 lines of coordinates for 2 atoms, allowed: one for each atom that line 7 counts"
        );
        assert_eq!(
            with("0.5 0.5 0.5", "0.5 x 0.5"),
            "line 10: found \"0.5 x 0.5\", allowed: the coordinates of an atom, as line 7 counts"
        );
        assert!(
            with("Na_pv Cl\n1 1\n", "1 1\n")
                .starts_with("line 6: found \"1 1\", allowed: element symbols")
        );
        assert!(with("0 1.4 1.4", "1.4 0 1.4").starts_with("line 3: found a cell of 0"));
        assert!(with("\n2.0\n", "\n0\n").starts_with("line 2: found \"0\""));
        assert!(with("Direct", "Polar").starts_with("line 8: found \"Polar\""));
    }
}
