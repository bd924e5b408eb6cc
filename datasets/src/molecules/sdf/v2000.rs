//! The table in fixed columns, of at most 999 atoms.

use langevin_molecules::element::UnknownElement;

use super::read::{Lines, column};
use crate::error::shown;
use crate::molecules::Fault;
use crate::molecules::text::{LineFault, Table, real, wrong};

/// The table after its counts, up to `M  END`.
pub(super) fn read(
    lines: &mut Lines,
    atoms: usize,
    bonds: usize,
    counted: usize,
) -> Result<Table, LineFault> {
    let mut table = Table::default();
    let mut charges = Vec::with_capacity(atoms);
    for number in 1..=atoms {
        let (line, text) = lines.counted("atom", number, atoms, counted)?;
        let coordinate = |columns| column(text, columns).and_then(real);
        let (Some(x), Some(y), Some(z), Some(symbol)) = (
            coordinate([0, 10]),
            coordinate([10, 20]),
            coordinate([20, 30]),
            column(text, [31, 34]),
        ) else {
            let found = shown(text.trim_end());
            let fault = Fault::Missing { found, what: "atom", number, count: atoms, counted };
            return Err((line, fault));
        };
        let element = symbol.parse();
        // A symbol, not a number: another table, or shifted columns.
        let element = element.ok().filter(|_| !symbol.starts_with(|c: char| c.is_ascii_digit()));
        let unknown = || (line, Fault::Element(UnknownElement(symbol.into())));
        table.species.push(element.ok_or_else(unknown)?);
        table.positions.push([x, y, z]);
        table.atom_lines.push(line);
        charges.push(match column(text, [36, 39]) {
            None | Some("" | "0" | "4") => 0,
            Some("1") => 3,
            Some("2") => 2,
            Some("3") => 1,
            Some("5") => -1,
            Some("6") => -2,
            Some("7") => -3,
            Some(code) => return Err(wrong(line, shown(code), "a charge code from 0 to 7")),
        });
    }
    for number in 1..=bonds {
        let (line, text) = lines.counted("bond", number, bonds, counted)?;
        let atom = |columns| {
            let number: usize = column(text, columns)?.parse().ok()?;
            Some(number)
        };
        let [a, b] = [atom([0, 3]), atom([3, 6])];
        let (Some(a), Some(b), Some(order)) = (a, b, column(text, [6, 9])) else {
            let found = shown(text.trim_end());
            let fault = Fault::Missing { found, what: "bond", number, count: bonds, counted };
            return Err((line, fault));
        };
        let within = |atom: usize| atom.checked_sub(1).filter(|&atom| atom < atoms);
        table.push_bond(line, order, [within(a), within(b)], text.trim_end())?;
    }
    let mut superseded = false;
    loop {
        let (line, text) = lines.next("a property of the table, or M  END")?;
        let mut words = text.split_whitespace();
        match (words.next(), words.next()) {
            (Some("M"), Some("END")) => break,
            (Some("M"), Some(kind @ ("CHG" | "RAD"))) => {
                // The first such line says that the codes beside the atoms do not count.
                if !std::mem::replace(&mut superseded, true) {
                    charges.fill(0);
                }
                if kind == "CHG" {
                    let words: Vec<&str> = words.collect();
                    let pairs = pairs(&words, atoms).ok_or_else(|| {
                        let allowed = "M  CHG, how many, and so often an atom and its charge";
                        wrong(line, shown(text.trim_end()), allowed)
                    })?;
                    pairs.into_iter().for_each(|(atom, charge)| charges[atom] = charge);
                }
            }
            // A bond or atom that was not counted begins with a number.
            (Some(word), _) if word.starts_with(|c: char| c.is_ascii_alphabetic()) => {}
            _ => {
                let found = shown(text.trim_end());
                return Err(wrong(line, found, "a property of the table, or M  END"));
            }
        }
    }
    table.settle_charges(charges);
    Ok(table)
}

/// Atoms from 0 and their charges, from a count and that many pairs.
fn pairs(words: &[&str], atoms: usize) -> Option<Vec<(usize, i8)>> {
    let (count, words) = words.split_first()?;
    let count: usize = count.parse().ok()?;
    let pair = |pair: &[&str]| {
        let &[atom, charge] = pair else { return None };
        let atom = atom.parse::<usize>().ok()?.checked_sub(1).filter(|&atom| atom < atoms)?;
        Some((atom, charge.parse().ok()?))
    };
    let pairs: Option<Vec<_>> = words.chunks(2).map(pair).collect();
    pairs.filter(|pairs| pairs.len() == count)
}
