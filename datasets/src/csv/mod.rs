//! Tables as text: fields between commas, semicolons, tabs or blanks.
//!
//! The first line that is neither blank nor a comment (`#`) is a header if no field of it is a
//! number. The delimiter is the first of tab, semicolon and comma that it contains outside quotes,
//! else blanks.

mod read;
mod table;
mod write;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::DatasetError;

pub(crate) use read::read;
pub use table::TextTable;
pub(crate) use write::write;

/// The comment that says where the points live.
const GEOMETRY: &str = "geometry:";
/// The comment that says which column holds labels; nothing after it: none.
const LABEL: &str = "label column:";

/// The bytes of a text file, unpacked if its name ends in .gz.
fn open(path: &Path) -> Result<impl BufRead, DatasetError> {
    let fail = |source| DatasetError::Read { path: path.to_path_buf(), source };
    let file = File::open(path).map_err(fail)?;
    let packed = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"));
    let input: Box<dyn Read> =
        if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    Ok(BufReader::new(input))
}

/// What stands between two fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delimiter {
    Char(char),
    Blanks,
}

/// A field without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    text: String,
    quoted: bool,
}

impl Field {
    /// Unquoted, and what Rust reads as a number, NaN and ∞ included.
    fn is_number(&self) -> bool {
        !self.quoted && self.text.parse::<f64>().is_ok()
    }
}

impl Delimiter {
    /// The delimiter of a table whose first row is `line`.
    fn of(line: &str) -> Self {
        let mut quoted = false;
        let outside: String = line
            .chars()
            .filter(|&c| {
                quoted ^= c == '"';
                !quoted
            })
            .collect();
        // A semicolon before a comma: where both occur the comma is a decimal one.
        let found = ['\t', ';', ','].into_iter().find(|&c| outside.trim().contains(c));
        found.map_or(Self::Blanks, Self::Char)
    }

    /// Fields of a line; `None` if a quote does not end its field.
    fn split(self, line: &str) -> Option<Vec<Field>> {
        let blank = |c: char| c.is_whitespace() && self != Self::Char(c);
        let ends =
            |c: char| if self == Self::Blanks { c.is_whitespace() } else { self == Self::Char(c) };
        let mut rest = line.trim_matches(blank);
        let mut fields = Vec::new();
        loop {
            let (field, after) = match rest.strip_prefix('"') {
                Some(inside) => quoted(inside)?,
                None => {
                    let (text, after) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
                    (Field { text: text.trim_matches(blank).into(), quoted: false }, after)
                }
            };
            fields.push(field);
            rest = after.trim_start_matches(blank);
            if rest.is_empty() {
                return Some(fields);
            }
            if let Self::Char(delimiter) = self {
                rest = rest.strip_prefix(delimiter)?.trim_start_matches(blank);
            }
        }
    }
}

/// The field up to its closing quote (`""` is a quote), and what follows.
fn quoted(inside: &str) -> Option<(Field, &str)> {
    let mut text = String::new();
    let mut rest = inside;
    loop {
        let (before, after) = rest.split_once('"')?;
        text.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                text.push('"');
                rest = more;
            }
            None => return Some((Field { text, quoted: true }, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str) -> Option<Vec<String>> {
        let fields = Delimiter::of(line).split(line)?;
        Some(fields.into_iter().map(|field| field.text).collect())
    }

    #[test]
    fn a_line_shows_its_delimiter() {
        for (line, expected) in [
            ("1,2", vec!["1", "2"]),
            (" 1 , 2 ", vec!["1", "2"]),
            ("1;2,5", vec!["1", "2,5"]),
            ("1\t2 3\t", vec!["1", "2 3", ""]),
            ("1,,3,", vec!["1", "", "3", ""]),
            ("  1.0   2.0\t", vec!["1.0", "2.0"]),
            ("7", vec!["7"]),
            ("\"a;b\",c", vec!["a;b", "c"]),
            ("\"say \"\"x\"\"\" , \"\"", vec!["say \"x\"", ""]),
            ("\"a b\" c", vec!["a b", "c"]),
        ] {
            assert_eq!(fields(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn a_quote_ends_its_field() {
        for line in ["\"a,b", "\"a\"b,c", "1,\"2"] {
            assert_eq!(fields(line), None, "{line}");
        }
    }
}
