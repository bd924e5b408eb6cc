//! A table of words and numbers under the names of its columns.

use std::io::BufRead;
use std::path::Path;

use super::{Delimiter, open};
use crate::error::shown;
use crate::{Column, DatasetError, Place};

/// A table whose first row names the columns: properties of molecules, say.
///
/// Delimiters, quotes and comments are those of points in text: see [`crate::read_points`].
#[derive(Debug, Clone, PartialEq)]
pub struct TextTable {
    place: Place,
    names: Vec<String>,
    /// Line in the file, from 1, and fields.
    rows: Vec<(usize, Vec<String>)>,
}

impl TextTable {
    /// Of a text file, unpacked if its name ends in .gz.
    ///
    /// # Errors
    /// [`DatasetError`] of the row: bytes that are no text, a quote that is not closed, another number
    /// of fields than names; a first row that holds a number or names a column twice; no rows.
    pub fn read(path: &Path) -> Result<Self, DatasetError> {
        let place = Place::file(path);
        let mut input = open(path)?;
        let (mut row, mut bytes) = (0, Vec::new());
        let mut table = Self { place: place.clone(), names: Vec::new(), rows: Vec::new() };
        let (mut first, mut delimiter) = (0, Delimiter::Blanks);
        let fail = |source| DatasetError::Read { path: path.to_path_buf(), source };
        while input.read_until(b'\n', &mut bytes).map_err(fail)? > 0 {
            row += 1;
            let text = std::str::from_utf8(&bytes);
            let text = text.map_err(|_| DatasetError::NotText { place: place.clone(), row })?;
            let text = text.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']);
            if !text.trim().is_empty() && !text.trim_start().starts_with('#') {
                if first == 0 {
                    (first, delimiter) = (row, Delimiter::of(text));
                }
                let fields = delimiter.split(text);
                let fields =
                    fields.ok_or_else(|| DatasetError::Quote { place: place.clone(), row })?;
                if first == row && fields.iter().any(super::Field::is_number) {
                    let (what, found) = ("a first row that holds a number:", shown(text));
                    let allowed = "the names of the columns";
                    return Err(DatasetError::Array { place, what, found, allowed });
                }
                let fields: Vec<String> = fields.into_iter().map(|field| field.text).collect();
                if first == row {
                    table.names = fields;
                } else if fields.len() == table.names.len() {
                    table.rows.push((row, fields));
                } else {
                    let (found, expected) = (fields.len(), table.names.len());
                    return Err(DatasetError::Width { place, row, found, expected, first });
                }
            }
            bytes.clear();
        }
        let twice = |&(i, name): &(usize, &String)| table.names[..i].contains(name);
        if let Some((_, name)) = table.names.iter().enumerate().find(twice) {
            let (what, found) = ("two columns", shown(name));
            return Err(DatasetError::Array { place, what, found, allowed: "different names" });
        }
        if table.rows.is_empty() { Err(DatasetError::Empty { place }) } else { Ok(table) }
    }

    /// Names of the columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Number of rows below the names; never 0.
    #[allow(clippy::len_without_is_empty, reason = "a table has a row")]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Place of the column `name`.
    ///
    /// # Errors
    /// [`DatasetError::NoColumn`].
    pub fn column(&self, name: &str) -> Result<usize, DatasetError> {
        self.names.iter().position(|own| own == name).ok_or_else(|| DatasetError::NoColumn {
            place: self.place.clone(),
            name: name.into(),
            columns: self.names.clone(),
        })
    }

    /// Line of `row` in the file, from 1.
    pub fn line(&self, row: usize) -> usize {
        self.rows[row].0
    }

    /// What stands in `row` and `column`, both from 0.
    pub fn text(&self, row: usize, column: usize) -> &str {
        &self.rows[row].1[column]
    }

    /// The number there; `None` where nothing stands, or one of the words for it: NA, NaN, null.
    ///
    /// # Errors
    /// [`DatasetError::Cell`] for anything else.
    pub fn number(&self, row: usize, column: usize) -> Result<Option<f64>, DatasetError> {
        let text = self.text(row, column);
        if ["", "na", "n/a", "nan", "null", "none"].contains(&text.to_ascii_lowercase().as_str()) {
            return Ok(None);
        }
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        number.map(Some).ok_or_else(|| DatasetError::Cell {
            place: self.place.clone(),
            row: self.line(row),
            column: Column::Name(self.names[column].clone()),
            found: shown(text),
            allowed: "a finite number, or nothing",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<TextTable, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("props.csv");
        std::fs::write(&path, text).unwrap();
        let place = format!("{}", path.display());
        TextTable::read(&path).map_err(|error| error.to_string().replace(&place, "props.csv"))
    }

    #[test]
    fn cells_are_words_or_numbers_or_nothing() {
        let table = read("# units: eV\nid;gap;\"a name\"\n\n7;1.5;x\n8;NaN;\"y;z\"\n").unwrap();
        assert_eq!(
            (table.names(), table.len()),
            (&["id", "gap", "a name"].map(String::from)[..], 2)
        );
        assert_eq!((table.line(1), table.text(1, 2)), (5, "y;z"));
        assert_eq!((table.column("gap").unwrap(), table.number(0, 1).unwrap()), (1, Some(1.5)));
        assert_eq!(table.number(1, 1).unwrap(), None);
        let error = table.number(0, 2).unwrap_err().to_string();
        assert!(error.ends_with(
            "row 4, column \"a name\": found \"x\", allowed: a finite number, or nothing"
        ));
        let error = table.column("Gap").unwrap_err().to_string();
        assert!(error.ends_with("found no column \"Gap\", allowed: id, gap, a name"), "{error}");
    }

    #[test]
    fn tables_without_names_or_with_ragged_rows_are_refused() {
        for (text, message) in [
            ("1,2\n3,4\n", "props.csv: found a first row that holds a number: \"1,2\""),
            ("a,b\n1\n", "props.csv, row 2: found 1 columns, allowed: 2, as in row 1"),
            ("a,a\n1,2\n", "props.csv: found two columns \"a\", allowed: different names"),
            ("a,b\n", "props.csv: found no row of numbers"),
            ("a,b\n\"1,2\n", "props.csv, row 2: found a quote"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
