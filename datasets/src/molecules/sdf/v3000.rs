//! The table in free columns, of any size.

use std::collections::HashMap;

use super::read::Lines;
use crate::error::shown;
use crate::molecules::Fault;
use crate::molecules::text::{LineFault, Table, real, wrong};

/// What every line of the table begins with.
pub(super) const PREFIX: &str = "M  V30 ";

/// The table after the line that names its version, up to `M  END`.
pub(super) fn read(lines: &mut Lines) -> Result<Table, LineFault> {
    let mut table = Table::default();
    let (mut charges, mut numbers) = (Vec::new(), HashMap::new());
    let (mut counts, mut block) = (None, Block::Table);
    loop {
        let (line, text) = lines.next("a line of the table, or M  END")?;
        let Some(text) = text.strip_prefix(PREFIX.trim_end()) else {
            if text.split_whitespace().eq(["M", "END"]) {
                break;
            }
            let found = shown(text.trim_end());
            return Err(wrong(line, found, "M  V30 and a line of the table, or M  END"));
        };
        let mut text = text.trim().to_string();
        while text.ends_with('-') {
            let (line, next) = lines.next("M  V30 and the rest of the line above")?;
            let next = next
                .strip_prefix(PREFIX)
                .ok_or_else(|| wrong(line, shown(next), "M  V30 and the rest of the line above"))?;
            text.pop();
            text.push_str(next.trim_end());
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        block = match (block, &words[..]) {
            (_, ["BEGIN", "ATOM"]) => Block::Atoms,
            (_, ["BEGIN", "BOND"]) => Block::Bonds,
            (_, ["BEGIN", "CTAB", ..] | ["END", ..]) => Block::Table,
            (_, ["BEGIN", ..]) => Block::Other,
            (Block::Table, ["COUNTS", atoms, bonds, ..]) => {
                let (Ok(atoms), Ok(bonds)) = (atoms.parse::<usize>(), bonds.parse::<usize>())
                else {
                    return Err(wrong(line, shown(&text), "COUNTS and numbers of atoms and bonds"));
                };
                counts = Some((line, atoms, bonds));
                Block::Table
            }
            (Block::Atoms, [number, symbol, x, y, z, _, rest @ ..]) => {
                let (Some(x), Some(y), Some(z)) = (real(x), real(y), real(z)) else {
                    return Err(wrong(line, shown(&text), "an atom with three coordinates in Å"));
                };
                let element = symbol.parse().map_err(|error| (line, Fault::Element(error)));
                table.species.push(element?);
                table.positions.push([x, y, z]);
                table.atom_lines.push(line);
                if numbers.insert(number.to_string(), numbers.len()).is_some() {
                    return Err(wrong(line, shown(&text), "an atom of a number of its own"));
                }
                let charge = rest.iter().find_map(|word| word.strip_prefix("CHG="));
                let allowed = "a formal charge from -128 to 127";
                charges.push(match charge.map(str::parse) {
                    None => 0,
                    Some(charge) => charge.map_err(|_| wrong(line, shown(&text), allowed))?,
                });
                Block::Atoms
            }
            (Block::Bonds, [_, order, a, b, ..]) => {
                let atoms = [a, b].map(|atom| numbers.get(*atom).copied());
                table.push_bond(line, order, atoms, &text)?;
                Block::Bonds
            }
            (Block::Atoms, _) => {
                let allowed = "an atom: number, element, x, y, z, and a number";
                return Err(wrong(line, shown(&text), allowed));
            }
            (Block::Bonds, _) => {
                return Err(wrong(line, shown(&text), "a bond: number, order and two atoms"));
            }
            (Block::Table | Block::Other, _) => block,
        };
    }
    let line = lines.line();
    let Some((counted, atoms, bonds)) = counts else {
        return Err(wrong(line, "M  END", "M  V30 COUNTS before it"));
    };
    let found = [table.species.len(), table.bonds.as_ref().map_or(0, Vec::len)];
    for (what, found, count) in [("atom", found[0], atoms), ("bond", found[1], bonds)] {
        if found < count {
            let (found, number) = ("M  END".into(), found + 1);
            return Err((line, Fault::Missing { found, what, number, count, counted }));
        }
        if found > count {
            let found = format!("{found} {what}s up to here");
            return Err(wrong(line, found, "as many as COUNTS says"));
        }
    }
    table.settle_charges(charges);
    Ok(table)
}

/// Where in the table a line stands.
#[derive(Clone, Copy)]
enum Block {
    Table,
    Atoms,
    Bonds,
    /// Groups and collections, which say nothing that is kept.
    Other,
}
