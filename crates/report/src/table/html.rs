//! A table as HTML.

use maud::html;

use super::{Align, Cell, Table};

pub(super) fn render(table: &Table) -> String {
    let side = |align: Align| match align {
        Align::Left => None,
        Align::Centre => Some("centre"),
        Align::Right => Some("number"),
    };
    let mark = |cell: &Cell| match cell {
        Cell::Holds(true) => Some("holds"),
        Cell::Holds(false) => Some("fails"),
        Cell::Missing => Some("missing"),
        _ => None,
    };
    html! {
        table {
            thead { tr {
                @for column in &table.columns {
                    th scope="col" class=[side(column.align())] { (column.header()) }
                }
            } }
            tbody {
                @for row in &table.rows {
                    tr {
                        @for (cell, column) in row.iter().zip(&table.columns) {
                            td class=[side(column.align())] {
                                @match mark(cell) {
                                    Some(class) => span class=(class) { (column.show(cell)) },
                                    None => (column.show(cell)),
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    .into_string()
}

#[cfg(test)]
mod tests {
    use crate::table::tests::example;

    #[test]
    fn is_well_formed_and_escaped() {
        let html = example().to_html();
        roxmltree::Document::parse(&html).unwrap();
        assert!(html.contains("W2 &lt;moons&gt; | a*b"));
        assert!(html.contains(r#"<td class="number">0.01234 ± 0.00081</td>"#));
        assert!(html.contains(r#"<span class="fails">✗</span>"#));
    }
}
