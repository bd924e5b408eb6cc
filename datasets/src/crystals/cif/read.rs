//! A crystal from a data block.

use langevin_atoms::element::Element;
use langevin_crystals::geometry::Vec3;
use langevin_crystals::group_symbol::{Unnamed, operations_of_symbol};
use langevin_crystals::lattice::Lattice;
use langevin_crystals::record::{Crystal, CrystalError};

use super::super::Entries;
use super::super::error::{BadCrystal, CrystalFault};
use super::super::symmetry::{Operation, orbit};
use super::block::{Block, Value, blocks};
use crate::error::shown;

/// How far an occupancy may be from 1: three decimals of it.
const FULL: f64 = 5e-4;

/// The crystal of each data block that has atoms or a cell.
pub(in super::super) fn parse(text: &str) -> Result<Entries, BadCrystal> {
    let blocks = blocks(text)?;
    // A block of neither holds what its authors say of themselves; alone it is a CIF without a crystal.
    let holds = |block: &Block| {
        block.column(&["_cell_length_a"]).or(block.column(&["_atom_site_fract_x"])).is_some()
    };
    let only = blocks.len() == 1;
    Ok(blocks.iter().filter(|block| only || holds(block)).map(crystal).collect())
}

fn crystal(block: &Block) -> Result<Crystal, BadCrystal> {
    let lattice = lattice(block)?;
    let operations = operations(block, &lattice)?;
    let columns = ["x", "y", "z"].map(|axis| format!("_atom_site_fract_{axis}"));
    let missing = |what| BadCrystal::line(block.line, CrystalFault::Missing(what));
    let column =
        |name: &str| block.column(&[name]).ok_or_else(|| missing("fractional coordinates"));
    let [x, y, z] = [column(&columns[0])?, column(&columns[1])?, column(&columns[2])?];
    let symbols = block.column(&["_atom_site_type_symbol", "_atom_site_label"]);
    let symbols = symbols.ok_or_else(|| missing("_atom_site_type_symbol, nor _atom_site_label"))?;
    let occupancies = block.column(&["_atom_site_occupancy"]);
    for values in [Some(x), Some(y), Some(z), occupancies].into_iter().flatten() {
        if values.len() != symbols.len() {
            let found = format!("{} values for {} atoms", values.len(), symbols.len());
            let line = values.first().map_or(block.line, |value| value.line);
            return Err(BadCrystal::text(line, found, "all of _atom_site in one loop"));
        }
    }
    let (mut species, mut frac_coords) = (Vec::new(), Vec::new());
    for (i, symbol) in symbols.iter().enumerate() {
        if let Some(occupancy) = occupancies.and_then(|values| values[i].known()) {
            let (site, occupancy) = (symbol.text.clone(), number(occupancy)?);
            if (occupancy - 1.0).abs() > FULL {
                let fault = CrystalFault::Occupancy { site, occupancy };
                return Err(BadCrystal::line(symbol.line, fault));
            }
        }
        let element = element(symbol)?;
        let site: Vec3 = [coordinate(&x[i])?, coordinate(&y[i])?, coordinate(&z[i])?];
        let images = match operations.is_empty() {
            true => vec![site],
            false => orbit(&site, &operations, &lattice),
        };
        species.extend(std::iter::repeat_n(element, images.len()));
        frac_coords.extend(images);
    }
    let crystal = Crystal::new(lattice, species, frac_coords);
    let crystal = crystal.map_err(|error| BadCrystal::line(block.line, error))?;
    let crystal = if block.name.is_empty() {
        crystal
    } else {
        crystal.with_note("name", block.name.as_str())
    };
    Ok(block.own().fold(crystal, |crystal, (name, value)| {
        match crate::molecules::label(&value.text) {
            Some(number) => crystal.with_label(name, number),
            None => crystal.with_note(name, value.text.as_str()),
        }
    }))
}

fn lattice(block: &Block) -> Result<Lattice, BadCrystal> {
    let get = |name: &'static str| {
        let missing = || BadCrystal::line(block.line, CrystalFault::NoCell(name));
        block.item(&[name]).ok_or_else(missing)
    };
    let a = get("_cell_length_a")?;
    let lengths = [number(a)?, number(get("_cell_length_b")?)?, number(get("_cell_length_c")?)?];
    let angles = [
        number(get("_cell_angle_alpha")?)?,
        number(get("_cell_angle_beta")?)?,
        number(get("_cell_angle_gamma")?)?,
    ];
    let lattice = Lattice::from_parameters(lengths, angles);
    lattice.map_err(|error| BadCrystal::line(a.line, CrystalError::from(error)))
}

/// The operations of the space group; none in P 1.
fn operations(block: &Block, lattice: &Lattice) -> Result<Vec<Operation>, BadCrystal> {
    const LISTS: [&str; 2] = ["_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz"];
    if let Some(list) = block.column(&LISTS) {
        let parse = |value: &Value| {
            let wrong = || {
                BadCrystal::text(value.line, shown(&value.text), "an operation, as -x, y+1/2, -z")
            };
            Operation::parse(&value.text).ok_or_else(wrong)
        };
        return list.iter().map(parse).collect();
    }
    const NAMES: [&str; 6] = [
        "_space_group_name_h-m_alt",
        "_symmetry_space_group_name_h-m",
        "_space_group_name_hall",
        "_symmetry_space_group_name_hall",
        "_space_group_it_number",
        "_symmetry_int_tables_number",
    ];
    match block.item(&NAMES) {
        Some(name) => match name.text.replace(' ', "").to_ascii_uppercase().as_str() {
            "P1" | "1" => Ok(Vec::new()),
            _ => {
                let fault = |why| match why {
                    Unnamed::Unknown => CrystalFault::NoGroup(name.text.clone()),
                    Unnamed::Open => CrystalFault::Operations(name.text.clone()),
                };
                let found = operations_of_symbol(&name.text, lattice.angles());
                let found = found.map_err(|why| BadCrystal::line(name.line, fault(why)))?;
                Ok(found.iter().map(Operation::from).collect())
            }
        },
        None => Ok(Vec::new()),
    }
}

/// `Na`, `Na1+`, `NA3`: the letters at the start, two where these name an element, else one.
fn element(symbol: &Value) -> Result<Element, BadCrystal> {
    // Deuterium is hydrogen.
    if symbol.text.trim_end_matches(|c: char| !c.is_ascii_alphabetic()) == "D" {
        return Ok(Element::H);
    }
    let letters: String = symbol.text.chars().take_while(char::is_ascii_alphabetic).collect();
    let first = |count: usize| letters.get(..count).and_then(|text| text.parse::<Element>().ok());
    let named = first(2).or_else(|| first(1));
    named.ok_or_else(|| {
        BadCrystal::text(symbol.line, shown(&symbol.text), "the symbol of an element at its start")
    })
}

/// A number, without the uncertainty that may stand behind it in parentheses.
fn number(value: &Value) -> Result<f64, BadCrystal> {
    let digits = value.text.split('(').next().unwrap_or_default();
    let number = digits.parse().ok().filter(|x: &f64| x.is_finite());
    number.ok_or_else(|| BadCrystal::text(value.line, shown(&value.text), "a finite number"))
}

/// A fractional coordinate. One or two thirds rounded to the digits written is the third itself: without it,
/// images of a special position would not meet.
fn coordinate(value: &Value) -> Result<f64, BadCrystal> {
    let x = number(value)?;
    let digits = value.text.split('(').next().unwrap_or_default();
    let decimals = digits.split_once('.').map_or(0, |(_, after)| after.len());
    let third = (x * 3.0).round_ties_even() / 3.0;
    let half_unit = 0.5 * 10f64.powi(-(decimals.min(300) as i32));
    // From three decimals on: 0.33 and 0.7 are what they are.
    let rounded = decimals >= 3 && (x - third).abs() <= half_unit * (1.0 + 1e-9);
    Ok(if rounded { third } else { x })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELL: &str = "data_x\n_cell_length_a 4.0(1)\n_cell_length_b 4.0\n_cell_length_c 6.0\n\
        _cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 120\n";
    const ATOMS: &str = "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n\
        _atom_site_fract_z\n_atom_site_occupancy\n";

    fn one(text: &str) -> Result<Crystal, BadCrystal> {
        parse(text).and_then(|mut all| all.pop().unwrap())
    }

    fn message(text: String) -> String {
        one(&text).unwrap_err().to_string()
    }

    #[test]
    fn groups_are_known_by_their_names() {
        let group = format!("{CELL}_symmetry_space_group_name_H-M 'F m -3 m'\n{ATOMS}C 0 0 0 1\n");
        assert_eq!(parse(&group).unwrap()[0].as_ref().unwrap().len(), 4);
    }

    #[test]
    fn sites_are_repeated_by_the_operations() {
        let operations = "loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\n-y,x-y,z\n-x+y,-x,z\n";
        let text = format!(
            "{CELL}{operations}{ATOMS}Mg1 0 0 0 1\nO2- 0.3333 0.6667 0.25 1.0\nO 0.2 0 0 ?\n"
        );
        let crystal = one(&text).unwrap();
        // On the axis, on another axis although in four decimals, and elsewhere.
        assert_eq!(crystal.len(), 1 + 1 + 3);
        assert_eq!(crystal.formula().to_string(), "MgO4");
        assert_eq!(crystal.frac_coords()[1][..2], [1.0 / 3.0, 2.0 / 3.0]);
        assert_eq!(crystal.notes()["name"], "x");
    }

    #[test]
    fn what_is_no_crystal_is_told_with_its_line() {
        let full = |rows: &str| message(format!("{CELL}{ATOMS}{rows}\n"));
        assert_eq!(
            message(format!("data_x\n{ATOMS}C 0 0 0 1\n")),
            "line 1: found no _cell_length_a, needed: three lengths and three angles of a cell in this data block"
        );
        assert_eq!(message(CELL.into()), "line 1: found no fractional coordinates");
        assert!(
            full("C 0 0 0 0.5").starts_with("line 14: found the occupancy 0.5 of C, allowed: 1")
        );
        assert_eq!(one(&format!("{CELL}{ATOMS}D1 0 0 0 1\n")).unwrap().species(), [Element::H]);
        assert!(full("Qq 0 0 0 1").starts_with("line 14: found \"Qq\", allowed: the symbol"));
        assert_eq!(full("C 0 a 0 1"), "line 14: found \"a\", allowed: a finite number");
        let torn = format!(
            "{CELL}_atom_site_fract_x 0\nloop_\n_atom_site_label\n_atom_site_fract_y\n_atom_site_fract_z\nC 0 0\nC 0 0\n"
        );
        assert_eq!(
            message(torn),
            "line 8: found 1 values for 2 atoms, allowed: all of _atom_site in one loop"
        );
        let negative = message(CELL.replace("4.0(1)", "-4.0") + ATOMS + "C 0 0 0 1\n");
        assert_eq!(negative, "line 2: found a length of -4 Å, allowed: more than 0");
        let group = |symbol: &str| {
            message(format!("{CELL}_symmetry_space_group_name_H-M '{symbol}'\n{ATOMS}C 0 0 0 1\n"))
        };
        // Two origins: which one is meant is not said.
        assert!(group("F d -3 m").starts_with("line 8: found the space group \"F d -3 m\", which"));
        assert!(group("Q 9 9").starts_with("line 8: found no space group \"Q 9 9\", allowed"));
        let operation =
            format!("{CELL}loop_\n_symmetry_equiv_pos_as_xyz\nx,y,w\n{ATOMS}C 0 0 0 1\n");
        assert!(message(operation).starts_with("line 10: found \"x,y,w\", allowed: an operation"));
    }
}
