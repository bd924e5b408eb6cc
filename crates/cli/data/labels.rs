//! Labels of molecules from a table.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::Result;
use langevin_datasets::TextTable;
use langevin_molecules::record::Molecule;
use serde::Serialize;

use super::frames::{Frame, Source, total};
use crate::{bad_input, refused};

/// Where labels come from.
#[derive(Debug, Clone, clap::Args, Serialize)]
pub struct LabelArgs {
    /// Table of labels, its columns named in the first row; .csv, .tsv and the like, each also .gz.
    #[arg(long, value_name = "FILE", alias = "label-csv")]
    labels: Option<PathBuf>,
    /// Column that says which molecule a row belongs to, by the label or note of the same name that the
    /// molecule has in its file (or NAME); without it, rows are in the order of the molecules.
    #[arg(long, value_name = "COLUMN[=NAME]", requires = "labels")]
    id: Option<String>,
    /// A column to take, as label NAME; may be given several times. Without it, all columns of numbers.
    #[arg(long = "label", value_name = "[NAME=]COLUMN", requires = "labels")]
    chosen: Vec<String>,
    /// Leave out molecules that lack one of the labels taken.
    #[arg(long, requires = "labels")]
    only_labelled: bool,
}

/// A table and what is taken from it.
pub struct Labels {
    path: PathBuf,
    table: TextTable,
    /// Column, and name in the molecules.
    id: Option<(usize, String)>,
    /// Name of the label, and column.
    taken: Vec<(String, usize)>,
    only_labelled: bool,
}

/// What came of joining.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Joined {
    pub file: PathBuf,
    pub labels: Vec<String>,
    /// Columns that were not taken: not asked for, or no numbers.
    pub columns_left_out: Vec<String>,
    pub rows: usize,
    pub rows_without_molecule: usize,
    pub molecules_without_row: usize,
    /// By `--only-labelled`.
    pub molecules_left_out: usize,
}

impl LabelArgs {
    /// The table, if one is given, with its columns found and their cells checked.
    ///
    /// # Errors
    /// A table that cannot be read, a column that is not there, a cell that is no number.
    pub fn plan(&self) -> Result<Option<Labels>> {
        let Some(path) = &self.labels else { return Ok(None) };
        let table = TextTable::read(path).map_err(bad_input)?;
        let column = |name: &str| table.column(name).map_err(bad_input);
        let id = match &self.id {
            Some(id) => {
                let (of, name) = id.split_once('=').unwrap_or((id, id));
                Some((column(of)?, name.to_owned()))
            }
            None => None,
        };
        let is_id = |i: usize| id.as_ref().is_some_and(|(column, _)| *column == i);
        let numbers = |i: usize| {
            let all = (0..table.len()).map(|row| table.number(row, i));
            all.collect::<Result<Vec<_>, _>>().map(|all| all.into_iter().flatten().count())
        };
        let mut taken = Vec::new();
        if self.chosen.is_empty() {
            let columns = table.names().iter().enumerate().filter(|&(i, _)| !is_id(i));
            let some = columns.filter(|&(i, _)| numbers(i).is_ok_and(|count| count > 0));
            taken.extend(some.map(|(i, name)| (name.clone(), i)));
        }
        for chosen in &self.chosen {
            let (name, of) = chosen.split_once('=').unwrap_or((chosen, chosen));
            let i = column(of)?;
            numbers(i).map_err(bad_input)?;
            if name.is_empty() || taken.iter().any(|(other, _)| other == name) {
                return refused(format!(
                    "--label {chosen}: found the name {name:?} twice or empty"
                ));
            }
            taken.push((name.to_owned(), i));
        }
        if taken.is_empty() {
            return refused(format!("{}: found no column of numbers to take", path.display()));
        }
        let (path, only_labelled) = (path.clone(), self.only_labelled);
        Ok(Some(Labels { path, table, id, taken, only_labelled }))
    }
}

impl Labels {
    /// Gives `frames` the labels of their rows.
    ///
    /// # Errors
    /// An identifier that two rows have or that no molecule has; without identifiers, another number of
    /// rows than of frames; a molecule that has another number under a label's name already.
    pub fn join(&self, frames: &mut Vec<Frame>, sources: &[Source]) -> Result<Joined> {
        let rows = self.rows(frames, sources)?;
        let (mut without, mut used, before) = (0, vec![false; self.table.len()], frames.len());
        let mut complete = Vec::with_capacity(frames.len());
        for (i, (frame, row)) in frames.iter_mut().zip(&rows).enumerate() {
            let mut found = 0;
            if let Some(row) = *row {
                used[row] = true;
                for (name, column) in &self.taken {
                    let Some(value) = self.table.number(row, *column).map_err(bad_input)? else {
                        continue;
                    };
                    self.check(i, frame, name, value, row)?;
                    frame.molecule = frame.molecule.clone().with_label(name, value);
                    found += 1;
                }
            }
            without += usize::from(row.is_none());
            complete.push(found == self.taken.len());
        }
        if self.only_labelled {
            let mut complete = complete.into_iter();
            frames.retain(|_| complete.next() == Some(true));
        }
        if frames.is_empty() {
            return refused("--only-labelled: no molecule has all labels");
        }
        let mine = |i: usize| {
            let is_id = self.id.as_ref().is_some_and(|(column, _)| *column == i);
            is_id || self.taken.iter().any(|(_, column)| *column == i)
        };
        let others = self.table.names().iter().enumerate().filter(|&(i, _)| !mine(i));
        Ok(Joined {
            file: self.path.clone(),
            labels: self.taken.iter().map(|(name, _)| name.clone()).collect(),
            columns_left_out: others.map(|(_, name)| name.clone()).collect(),
            rows: self.table.len(),
            rows_without_molecule: used.iter().filter(|used| !**used).count(),
            molecules_without_row: without,
            molecules_left_out: before - frames.len(),
        })
    }

    /// The row of each frame.
    fn rows(&self, frames: &[Frame], sources: &[Source]) -> Result<Vec<Option<usize>>> {
        let (path, rows) = (self.path.display(), self.table.len());
        let Some((column, name)) = &self.id else {
            let total = total(sources);
            if rows != total {
                return refused(format!(
                    "{path}: found {rows} rows for {total} frames, allowed: one for each, or --id"
                ));
            }
            return Ok(frames.iter().map(|frame| Some(frame.place)).collect());
        };
        let mut of = HashMap::with_capacity(rows);
        for row in 0..rows {
            let text = self.table.text(row, *column);
            if let Some(other) = of.insert(key(text), row) {
                let [a, b] = [other, row].map(|row| self.table.line(row));
                return refused(format!(
                    "{path}, row {b}: found the identifier {text:?} again, allowed: once; see row {a}"
                ));
            }
        }
        let found: Vec<_> = frames
            .iter()
            .map(|frame| of.get(&key(&identifier(&frame.molecule, name)?)).copied())
            .collect();
        if found.iter().all(Option::is_none) {
            let have = frames.iter().filter(|f| identifier(&f.molecule, name).is_some()).count();
            return refused(format!(
                "--id: found no molecule that a row of {path} belongs to; {have} of {} have a label or \
                 note {name:?}",
                frames.len()
            ));
        }
        Ok(found)
    }

    fn check(&self, i: usize, frame: &Frame, name: &str, value: f64, row: usize) -> Result<()> {
        match frame.molecule.labels().get(name) {
            Some(&own) if own.to_bits() != value.to_bits() => refused(format!(
                "molecule {}: has {name} = {own} already, and row {} of {} says {value}; take the \
                 column under another name: --label NEW={name}",
                i + 1,
                self.table.line(row),
                self.path.display()
            )),
            _ => Ok(()),
        }
    }
}

/// The label or note `name` of `molecule` as text.
fn identifier(molecule: &Molecule, name: &str) -> Option<String> {
    let label = molecule.labels().get(name).map(f64::to_string);
    label.or_else(|| molecule.notes().get(name).cloned())
}

/// What two writings of one identifier share: 7, 7.0 and 007 are one number, words are themselves.
fn key(text: &str) -> String {
    // Longer integers differ where doubles do not.
    let number = (text.len() <= 15).then(|| text.parse::<f64>().ok()).flatten();
    number.filter(|x| x.is_finite()).map_or_else(|| text.trim().to_owned(), |x| x.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_compared_as_numbers_where_they_are_numbers() {
        assert!(["7", "7.0", "007", "7e0"].iter().all(|text| key(text) == "7"));
        assert_eq!(key(" dsgdb9nsd_000007 "), "dsgdb9nsd_000007");
        assert_ne!(key("9007199254740993"), key("9007199254740992"));
        assert_eq!(key("nan"), "nan");
    }
}
