//! A table as text for a terminal.

use super::{Align, Table};

pub(super) fn render(table: &Table) -> String {
    let lines: Vec<Vec<String>> = table.shown().collect();
    let width = |index: usize| lines.iter().map(|line| line[index].chars().count()).max();
    let widths: Vec<usize> =
        (0..table.columns.len()).map(|index| width(index).unwrap_or(0)).collect();
    let mut out = String::new();
    for (row, line) in lines.iter().enumerate() {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .zip(&table.columns)
            .map(|((cell, &width), column)| match column.align() {
                Align::Left => format!("{cell:<width$}"),
                Align::Centre => format!("{cell:^width$}"),
                Align::Right => format!("{cell:>width$}"),
            })
            .collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
        if row == 0 {
            let rules: Vec<String> = widths.iter().map(|&width| "─".repeat(width)).collect();
            out.push_str(&rules.join("  "));
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::table::tests::example;

    #[test]
    fn columns_line_up() {
        let expected = "\
what                      error (Å)  samples  holds
────────────────  ─────────────────  ───────  ─────
W2 <moons> | a*b  0.01234 ± 0.00081   60\u{202f}000    ✓
floor                        0.5000        –    ✗
";
        assert_eq!(example().to_text(), expected);
    }
}
