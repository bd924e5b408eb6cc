//! Tables with a column `cif`, as CDVAE and all after it share their sets.

use super::Entries;
use super::cif;
use super::error::{BadCrystal, CrystalFault, CrystalPlace};
use langevin_crystals::record::Crystal;

/// The column of crystals.
const CIF: &str = "cif";

/// The crystal of each row; numbers of other columns are its labels, words its notes.
pub(super) fn parse(text: &str) -> Result<Entries, BadCrystal> {
    let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(text.as_bytes());
    let torn = |error: csv::Error| {
        let line = error.position().map_or(1, |at| at.line() as usize);
        BadCrystal::text(line, error.to_string(), "a table with as many columns in each row")
    };
    let header = reader.headers().map_err(torn)?.clone();
    let missing = || BadCrystal::line(1, CrystalFault::Missing("column cif"));
    let place = header.iter().position(|name| name == CIF).ok_or_else(missing)?;
    let mut entries = Vec::new();
    for (i, record) in reader.records().enumerate() {
        let record = record.map_err(torn)?;
        let others = header.iter().zip(&record).filter(|(name, _)| *name != CIF);
        entries.push(row(&record[place], others, i + 1));
    }
    Ok(entries)
}

fn row<'a>(
    cif: &str,
    others: impl Iterator<Item = (&'a str, &'a str)>,
    row: usize,
) -> Result<Crystal, BadCrystal> {
    let in_row = |bad: BadCrystal| match bad.at {
        CrystalPlace::Line(line) => BadCrystal { at: CrystalPlace::Row { row, line }, ..bad },
        CrystalPlace::Row { .. } => bad,
    };
    let mut all = cif::parse(cif).map_err(in_row)?;
    let one = || in_row(BadCrystal::text(1, format!("{} crystals", all.len()), "one"));
    if all.len() != 1 {
        return Err(one());
    }
    let mut crystal = all.pop().expect("there is one").map_err(in_row)?;
    for (name, text) in others.filter(|(name, text)| !name.is_empty() && !text.is_empty()) {
        crystal = match crate::molecules::label(text) {
            Some(number) => crystal.with_label(name, number),
            None => crystal.with_note(name, text),
        };
    }
    Ok(crystal)
}
