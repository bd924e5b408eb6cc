//! What the text formats share: faults with their lines, numbers as text.

use langevin_molecules::element::Element;
use langevin_molecules::record::{Bond, Molecule, MoleculeError, Order};

use super::Fault;

/// A fault and its line.
pub(super) type LineFault = (usize, Fault);

/// Something else than what is allowed on `line`.
pub(super) fn wrong(line: usize, found: impl Into<String>, allowed: &'static str) -> LineFault {
    (line, Fault::Text { found: found.into(), allowed })
}

/// A finite number, the exponent also after a D, as Fortran writes it.
pub(crate) fn real(text: &str) -> Option<f64> {
    // `parse` also takes "nan" and "inf", which the record refuses with the atom's number.
    text.parse().ok().or_else(|| {
        let place = text.find(['d', 'D'])?;
        let text = format!("{}e{}", &text[..place], &text[place + 1..]);
        text.parse().ok()
    })
}

/// The number that a label's text stands for; `None` if it is better kept as words.
pub(crate) fn label(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite())?;
    // A long integer is a name of something; as a double it would lose digits.
    let whole = text.bytes().all(|b| b.is_ascii_digit() || b == b'-' || b == b'+');
    (!whole || number.abs() < EXACT).then_some(number)
}

/// Below this every integer is a double of its own.
const EXACT: f64 = crate::array::EXACT as f64;

/// The shortest text that [`label`] and [`real`] read as the same number.
pub(super) fn number(value: f64) -> String {
    // Only the exponent keeps 1e300 short.
    let plain = value == 0.0 || (1e-5..EXACT).contains(&value.abs());
    if plain { format!("{value}") } else { format!("{value:e}") }
}

/// The order that files write as 1 to 4.
pub(super) fn order(text: &str) -> Option<Order> {
    match text {
        "1" => Some(Order::Single),
        "2" => Some(Order::Double),
        "3" => Some(Order::Triple),
        "4" => Some(Order::Aromatic),
        _ => None,
    }
}

/// 1 to 4.
pub(super) fn order_number(order: Order) -> u8 {
    match order {
        Order::Single => 1,
        Order::Double => 2,
        Order::Triple => 3,
        Order::Aromatic => 4,
    }
}

/// Atoms and bonds of a text, each with the line it stands on.
#[derive(Default)]
pub(super) struct Table {
    pub(super) species: Vec<Element>,
    pub(super) positions: Vec<[f64; 3]>,
    pub(super) bonds: Option<Vec<Bond>>,
    pub(super) charges: Option<Vec<i8>>,
    pub(super) atom_lines: Vec<usize>,
    pub(super) bond_lines: Vec<usize>,
}

impl Table {
    /// The molecule; `line` is that of faults that belong to no atom or bond.
    pub(super) fn molecule(self, line: usize) -> Result<Molecule, LineFault> {
        let Self { species, positions, bonds, charges, atom_lines, bond_lines } = self;
        let of_atom = |error: MoleculeError| {
            let at = match error {
                MoleculeError::NotFinite { atom, .. } | MoleculeError::Coincident(_, atom) => {
                    atom_lines[atom - 1]
                }
                _ => line,
            };
            (at, Fault::Molecule(error))
        };
        let mut molecule = Molecule::new(species, positions).map_err(of_atom)?;
        if let Some(charges) = charges {
            molecule = molecule.with_charges(charges).map_err(of_atom)?;
        }
        let Some(bonds) = bonds else { return Ok(molecule) };
        let pairs: Vec<_> = bonds.iter().map(|bond| bond.atoms).collect();
        molecule.with_bonds(bonds).map_err(|error| {
            // Of two bonds of one pair, the later is the one too many.
            let at = match error {
                MoleculeError::BadBond(a, b) => {
                    let joins = |&[i, j]: &[usize; 2]| (i.min(j) + 1, i.max(j) + 1) == (a, b);
                    pairs.iter().rposition(joins).and_then(|at| bond_lines.get(at))
                }
                _ => None,
            };
            (at.copied().unwrap_or(line), Fault::Molecule(error))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_were_written() {
        let odd = [0.0, -0.0, 1.0, 0.1 + 0.2, 1e-5, 9.9e-6, 9e15, 1e16, f64::MAX, 5e-324, -70467.0];
        for value in odd.into_iter().flat_map(|x| [x, -x]) {
            let text = number(value);
            let read = [label(&text), real(&text)].map(|x| x.map(f64::to_bits));
            assert_eq!(read, [Some(value.to_bits()); 2], "{text}");
        }
        assert_eq!((number(70467.0), number(1e300)), ("70467".into(), "1e300".into()));
        assert_eq!((real("1.5D-02"), real("-2d0")), (Some(0.015), Some(-2.0)));
        assert_eq!((real("D"), real("1.2.3"), real("")), (None, None, None));
    }

    #[test]
    fn what_a_double_cannot_hold_stays_words() {
        assert_eq!(label("9007199254740991"), Some(9007199254740991.0));
        for text in ["9007199254740993", "nan", "inf", "-Infinity", "", "1 2", "x"] {
            assert_eq!(label(text), None, "{text}");
        }
    }
}
