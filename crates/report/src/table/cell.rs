//! What a cell holds and how its column shows it.

use crate::number;

/// On which side the cells of a column line up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Marks.
    Centre,
    /// Numbers.
    Right,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Significant(usize),
    Decimals(usize),
}

/// A column: header, unit, side, and how many digits its numbers have.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    header: String,
    unit: Option<String>,
    align: Align,
    format: Format,
}

impl Column {
    /// A column of text.
    pub fn text(header: impl Into<String>) -> Self {
        let (header, format) = (header.into(), Format::Significant(4));
        Self { header, unit: None, align: Align::Left, format }
    }

    /// A column of numbers, to four significant digits unless set.
    pub fn number(header: impl Into<String>) -> Self {
        Self { align: Align::Right, ..Self::text(header) }
    }

    /// A column of marks.
    pub fn centred(header: impl Into<String>) -> Self {
        Self { align: Align::Centre, ..Self::text(header) }
    }

    /// Unit, shown in brackets after the header.
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// Significant digits of plain numbers; a number with a spread takes its digits from that.
    pub fn digits(mut self, digits: usize) -> Self {
        self.format = Format::Significant(digits);
        self
    }

    /// Decimals of plain numbers.
    pub fn decimals(mut self, places: usize) -> Self {
        self.format = Format::Decimals(places);
        self
    }

    /// Side of this column.
    pub fn align(&self) -> Align {
        self.align
    }

    /// Header and unit as shown: `error (Å)`.
    pub(crate) fn header(&self) -> String {
        match &self.unit {
            Some(unit) => format!("{} ({unit})", self.header),
            None => self.header.clone(),
        }
    }

    /// A cell as shown in this column.
    pub(crate) fn show(&self, cell: &Cell) -> String {
        match *cell {
            Cell::Text(ref text) => text.clone(),
            Cell::Number(value) => match self.format {
                Format::Significant(digits) => number::significant(value, digits),
                Format::Decimals(places) => number::decimals(value, places),
            },
            Cell::Spread { mean, sd } => number::mean_sd(mean, sd),
            Cell::Count(count) => number::count(count),
            Cell::Holds(true) => "✓".to_string(),
            Cell::Holds(false) => "✗".to_string(),
            Cell::Missing => "–".to_string(),
        }
    }
}

/// What a cell holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Text, shown as it is.
    Text(String),
    /// A number, shown with the digits of its column.
    Number(f64),
    /// A mean over seeds or members with its standard deviation.
    Spread {
        /// The mean.
        mean: f64,
        /// Standard deviation, same unit.
        sd: f64,
    },
    /// A count, shown whole and grouped.
    Count(u64),
    /// Whether a bar holds.
    Holds(bool),
    /// Not measured.
    Missing,
}

impl Cell {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Mean ± standard deviation.
    pub fn spread(mean: f64, sd: f64) -> Self {
        Self::Spread { mean, sd }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<bool> for Cell {
    fn from(holds: bool) -> Self {
        Self::Holds(holds)
    }
}

/// `None` is a missing cell.
impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Missing, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_sets_the_digits() {
        let cell = Cell::Number(0.123_456);
        assert_eq!(Column::number("x").show(&cell), "0.1235");
        assert_eq!(Column::number("x").digits(2).show(&cell), "0.12");
        assert_eq!(Column::number("x").decimals(1).show(&cell), "0.1");
        assert_eq!(Column::number("x").show(&Cell::spread(0.123_456, 0.02)), "0.123 ± 0.020");
    }

    #[test]
    fn missing_is_a_dash_and_units_are_in_the_header() {
        assert_eq!(Column::text("x").show(&Cell::from(None::<f64>)), "–");
        assert_eq!(Column::number("rmsd").unit("Å").header(), "rmsd (Å)");
    }
}
