//! One typed table, shown as HTML, Markdown or text for a terminal.

mod cell;
mod html;
mod markdown;
mod text;

pub use cell::{Align, Cell, Column};

/// Why a row does not fit its table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// A row with more or fewer cells than there are columns.
    #[error("row {row} has {found} cells for {expected} columns")]
    RowLength {
        /// Index of the row, from 0.
        row: usize,
        /// Number of columns.
        expected: usize,
        /// Number of cells.
        found: usize,
    },
}

/// Columns and rows; every row has a cell for every column.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Add a row.
    ///
    /// # Errors
    /// [`TableError::RowLength`] if it does not have one cell per column; the table is unchanged.
    pub fn push(&mut self, cells: impl IntoIterator<Item = Cell>) -> Result<(), TableError> {
        let cells: Vec<Cell> = cells.into_iter().collect();
        let (expected, found) = (self.columns.len(), cells.len());
        if expected != found {
            return Err(TableError::RowLength { row: self.rows.len(), expected, found });
        }
        self.rows.push(cells);
        Ok(())
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// An HTML `<table>`, escaped; its style is that of the report.
    pub fn to_html(&self) -> String {
        html::render(self)
    }

    /// A GitHub-flavoured Markdown table, ending in a line break.
    pub fn to_markdown(&self) -> String {
        markdown::render(self)
    }

    /// Aligned columns for a terminal, ending in a line break.
    pub fn to_text(&self) -> String {
        text::render(self)
    }

    /// Column headers, then each row, as shown text.
    fn shown(&self) -> impl Iterator<Item = Vec<String>> {
        let header = self.columns.iter().map(Column::header).collect();
        let rows = self.rows.iter().map(|row| {
            row.iter().zip(&self.columns).map(|(cell, column)| column.show(cell)).collect()
        });
        std::iter::once(header).chain(rows)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn example() -> Table {
        let mut table = Table::new([
            Column::text("what"),
            Column::number("error").unit("Å"),
            Column::number("samples"),
            Column::centred("holds"),
        ]);
        table
            .push([
                Cell::text("W2 <moons> | a*b"),
                Cell::spread(0.012_34, 0.000_81),
                Cell::Count(60_000),
                Cell::Holds(true),
            ])
            .unwrap();
        table
            .push([Cell::text("floor"), Cell::Number(0.5), Cell::Missing, Cell::Holds(false)])
            .unwrap();
        table
    }

    #[test]
    fn a_short_row_is_refused_and_named() {
        let mut table = example();
        let error = table.push([Cell::Missing]).unwrap_err();
        assert_eq!(error, TableError::RowLength { row: 2, expected: 4, found: 1 });
        assert_eq!(error.to_string(), "row 2 has 1 cells for 4 columns");
        assert_eq!(table.len(), 2);
    }
}
