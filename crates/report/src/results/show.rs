//! Rows of results as a table.

use super::{Results, Row, Value};
use crate::number;
use crate::table::{Cell, Column, Table};

/// A field of a row that a table can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    What,
    Value,
    Unit,
    Spread,
    Seeds,
    Floor,
    Peer,
    Bar,
    Holds,
}

/// In the order in which a table shows them unless told otherwise.
const FIELDS: [(&str, Field); 9] = [
    ("what", Field::What),
    ("value", Field::Value),
    ("unit", Field::Unit),
    ("spread", Field::Spread),
    ("seeds", Field::Seeds),
    ("floor", Field::Floor),
    ("peer", Field::Peer),
    ("bar", Field::Bar),
    ("holds", Field::Holds),
];

impl Field {
    pub(super) fn parse(name: &str) -> Option<Self> {
        FIELDS.iter().find(|(known, _)| *known == name).map(|row| row.1)
    }

    pub(super) fn names() -> Vec<String> {
        FIELDS.iter().map(|row| row.0.to_string()).collect()
    }

    fn column(self) -> Column {
        match self {
            Self::What => Column::text("what"),
            Self::Value => Column::number("value"),
            Self::Unit => Column::text("unit"),
            Self::Spread => Column::number("spread"),
            Self::Seeds => Column::number("seeds"),
            Self::Floor => Column::number("floor"),
            Self::Peer => Column::number("peer"),
            Self::Bar => Column::number("bar"),
            Self::Holds => Column::centred("holds"),
        }
    }

    fn fills(self, row: &Row) -> bool {
        match self {
            Self::What | Self::Value => true,
            Self::Unit => !row.unit.is_empty(),
            Self::Spread => row.spread.is_some(),
            Self::Seeds => row.seeds.is_some(),
            Self::Floor => row.floor.is_some(),
            Self::Peer => row.peer.is_some(),
            Self::Bar => row.bar.is_some(),
            Self::Holds => row.holds.is_some(),
        }
    }

    fn cell(self, row: &Row, spread_apart: bool) -> Cell {
        let shown = |value: &Value| match value {
            Value::Number(value) => Cell::text(number::shortest(*value, 4)),
            Value::Text(text) => Cell::text(text),
        };
        match self {
            Self::What => Cell::text(&row.what),
            Self::Value => match (&row.value, row.spread) {
                (Value::Number(mean), Some(sd)) if !spread_apart => Cell::spread(*mean, sd),
                (Value::Number(mean), Some(sd)) if sd > 0.0 => {
                    // To the digits that its spread allows, like `mean ± sd` in one cell.
                    let both = number::mean_sd(*mean, sd);
                    both.split_once(" ± ").map_or(shown(&row.value), |(mean, _)| {
                        if mean.starts_with('(') { shown(&row.value) } else { Cell::text(mean) }
                    })
                }
                (value, _) => shown(value),
            },
            Self::Unit if row.unit.is_empty() => Cell::Missing,
            Self::Unit => Cell::text(&row.unit),
            Self::Spread => row.spread.map(|sd| Cell::text(number::significant(sd, 2))).into(),
            Self::Seeds => row.seeds.map(Cell::Count).into(),
            Self::Floor => row.floor.as_ref().map(shown).into(),
            Self::Peer => row.peer.as_ref().map(shown).into(),
            Self::Bar => row.bar.as_deref().map(|bar| Cell::text(pretty(bar))).into(),
            Self::Holds => row.holds.into(),
        }
    }
}

/// A bar with the signs of print.
fn pretty(bar: &str) -> String {
    bar.replace(">=", "≥").replace("<=", "≤").replace("==", "=")
}

impl Results {
    /// All rows, with the columns that any row fills; value and spread share one.
    pub fn table(&self) -> Table {
        self.table_of(&self.rows.iter().collect::<Vec<_>>(), None)
    }

    /// Chosen rows with chosen columns, or with those that any of the rows fills.
    pub(super) fn table_of(&self, rows: &[&Row], fields: Option<&[Field]>) -> Table {
        let filled: Vec<Field> = FIELDS
            .iter()
            .map(|row| row.1)
            .filter(|field| *field != Field::Spread && rows.iter().any(|row| field.fills(row)))
            .collect();
        let fields = fields.unwrap_or(&filled);
        let spread_apart = fields.contains(&Field::Spread);
        let mut table = Table::new(fields.iter().map(|field| field.column()));
        for row in rows {
            let cells = fields.iter().map(|field| field.cell(row, spread_apart));
            table.push(cells).expect("one cell per field");
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::file::tests::example;

    #[test]
    fn empty_columns_are_left_out_and_spread_joins_the_value() {
        let text = example().table().to_markdown();
        assert_eq!(
            text,
            "| what | value | unit | seeds | floor | peer | bar | holds |\n\
             |:---|---:|:---|---:|---:|---:|---:|:---:|\n\
             | W2, moons | 0.0213 ± 0.0012 | – | 3 | 0.019 | – | ≤ 0.025 | ✓ |\n\
             | C2ST, moons | 50.9 | % | – | – | 52.3 (torch) | ≤ 51 % | ✓ |\n\
             | NFE | 35 | – | – | – | – | – | – |\n"
        );
    }

    #[test]
    fn spread_apart_keeps_its_digits() {
        let results = example();
        let fields = [Field::Value, Field::Spread];
        let text = results.table_of(&[&results.rows[0]], Some(&fields)).to_markdown();
        assert!(text.ends_with("| 0.0213 | 0.0012 |\n"), "{text}");
    }
}
