//! A molecule from a record.

use langevin_molecules::record::{Bond, Molecule};

use super::{COMMENT, END, NAME, items, v2000, v3000};
use crate::error::shown;
use crate::molecules::Fault;
use crate::molecules::blocks::Cut;
use crate::molecules::text::{self, LineFault, Table, wrong};

/// What may stand in the fourth line.
const COUNTS: &str =
    "numbers of atoms and bonds in columns 1 to 6, and at the end V2000, V3000 or no version";

const END_OF_RECORD: &str = "the end of the record";

/// The next record of `text`, up to the line that ends it.
pub(crate) fn cut(text: &[u8], _line: usize, end: bool, _lost: bool) -> Cut {
    let mark = END.as_bytes();
    let found = if text.starts_with(mark) {
        Some(0)
    } else {
        memchr::memmem::find(text, b"\n$$$$").map(|before| before + 1)
    };
    match found {
        Some(at) => {
            let rest = &text[at..];
            Cut::Frame(at + memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1), None)
        }
        None if !end => Cut::More,
        None if text.trim_ascii().is_empty() => Cut::Skip(text.len()),
        None => Cut::Frame(text.len(), None),
    }
}

/// The molecule of a record whose first line is line `first` of its file.
pub(crate) fn parse(text: &str, first: usize) -> Result<Molecule, LineFault> {
    let mut lines = Lines::new(text, first);
    let (_, name) = lines.next("a header of three lines")?;
    lines.next("a header of three lines")?;
    let (_, comment) = lines.next("a header of three lines")?;
    let (line, counts) = lines.next(COUNTS)?;
    let version = counts.split_whitespace().next_back().filter(|word| word.starts_with(['V', 'v']));
    let table = match version {
        None | Some("V2000") => {
            let count = |columns| column(counts, columns)?.parse::<usize>().ok();
            let (Some(atoms), Some(bonds)) = (count([0, 3]), count([3, 6])) else {
                return Err(wrong(line, shown(counts.trim_end()), COUNTS));
            };
            v2000::read(&mut lines, atoms, bonds, line)?
        }
        Some("V3000") => v3000::read(&mut lines)?,
        Some(_) => return Err(wrong(line, shown(counts.trim_end()), COUNTS)),
    };
    let mut molecule = table.molecule(line)?;
    for (key, words) in [(NAME, name.trim()), (COMMENT, comment.trim())] {
        if !words.is_empty() {
            molecule = molecule.with_note(key, words);
        }
    }
    items::read(&mut lines, molecule)
}

/// Lines of a record, up to its end.
pub(super) struct Lines<'a> {
    rest: std::iter::Peekable<std::str::Lines<'a>>,
    line: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str, first: usize) -> Self {
        Self { rest: text.lines().peekable(), line: first }
    }

    /// The next line with its number, if there is one.
    pub(super) fn more(&mut self) -> Option<(usize, &'a str)> {
        let text = self.rest.next_if(|text| !text.starts_with(END))?;
        self.line += 1;
        Some((self.line - 1, text))
    }

    /// The next line with its number.
    pub(super) fn next(&mut self, allowed: &'static str) -> Result<(usize, &'a str), LineFault> {
        self.more().ok_or_else(|| wrong(self.line, END_OF_RECORD, allowed))
    }

    /// The line of the next atom or bond, `number` of `count` that line `counted` announced.
    pub(super) fn counted(
        &mut self,
        what: &'static str,
        number: usize,
        count: usize,
        counted: usize,
    ) -> Result<(usize, &'a str), LineFault> {
        self.more().ok_or_else(|| {
            (
                self.line,
                Fault::Missing { found: END_OF_RECORD.into(), what, number, count, counted },
            )
        })
    }

    /// The last line that was taken.
    pub(super) fn line(&self) -> usize {
        self.line - 1
    }
}

/// The text between two columns, without blanks around it.
pub(super) fn column(text: &str, [start, end]: [usize; 2]) -> Option<&str> {
    let text = text.trim_end();
    text.get(start..end.min(text.len())).map(str::trim)
}

impl Table {
    /// The next bond, from the words of its order and its two atoms.
    pub(super) fn push_bond(
        &mut self,
        line: usize,
        order: &str,
        atoms: [Option<usize>; 2],
        found: &str,
    ) -> Result<(), LineFault> {
        let [Some(a), Some(b)] = atoms else {
            return Err(wrong(line, shown(found), "a bond of two atoms that are there"));
        };
        let allowed = "a bond of order 1, 2, 3, or 4 for aromatic";
        let order = text::order(order).ok_or_else(|| wrong(line, shown(found), allowed))?;
        self.bonds.get_or_insert_default().push(Bond { atoms: [a, b], order });
        self.bond_lines.push(line);
        Ok(())
    }

    /// Charges are known where a bond is, or where one is given.
    pub(super) fn settle_charges(&mut self, charges: Vec<i8>) {
        let said = self.bonds.is_some() || charges.iter().any(|&charge| charge != 0);
        self.charges = said.then_some(charges);
    }
}
