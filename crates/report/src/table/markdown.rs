//! A table as GitHub-flavoured Markdown.

use super::{Align, Table};

pub(super) fn render(table: &Table) -> String {
    let mut lines = table.shown().map(|cells| {
        let cells: Vec<String> = cells.iter().map(|cell| escape(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    });
    let mut out = lines.next().expect("the header is always shown");
    for column in &table.columns {
        out.push_str(match column.align() {
            Align::Left => "|:---",
            Align::Centre => "|:---:",
            Align::Right => "|---:",
        });
    }
    out.push_str("|\n");
    out.extend(lines);
    out
}

/// What would end the cell or the line, or start markup. Backticks stay: code is meant as code.
fn escape(cell: &str) -> String {
    let mut out = String::with_capacity(cell.len());
    for c in cell.chars() {
        match c {
            '|' | '*' | '\\' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::table::tests::example;

    #[test]
    fn every_line_has_the_same_cells() {
        let text = example().to_markdown();
        let bars = |line: &str| line.replace("\\|", "").matches('|').count();
        assert!(text.lines().all(|line| bars(line) == 5), "{text}");
        assert_eq!(text.lines().nth(1), Some("|:---|---:|---:|:---:|"));
        assert!(text.contains("W2 &lt;moons> \\| a\\*b"));
        assert!(text.ends_with("|\n"));
    }
}
