//! Writing SVG elements: escaping, rounding, path data.

use std::fmt::Write;

/// Escape text for use between tags and inside double-quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML 1.0 has no way to write most control characters, not even escaped.
            c if c.is_control() && !matches!(c, '\t' | '\n') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A coordinate in tenths of a pixel, the shortest way: `12`, `12.5`, `-.5`.
pub(crate) fn coordinate(value: f64) -> String {
    tenths((value * 10.0).round() as i64)
}

fn tenths(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let (whole, part) = (value.abs() / 10, value.abs() % 10);
    match (whole, part) {
        (_, 0) => format!("{sign}{whole}"),
        (0, _) => format!("{sign}.{part}"),
        _ => format!("{sign}{whole}.{part}"),
    }
}

/// Where a text is held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// Distance of two lines of upright text, px.
pub(crate) const UPRIGHT_LINE: f64 = 15.0;

/// The growing body of one figure.
#[derive(Debug, Default)]
pub(crate) struct Pen {
    out: String,
}

impl Pen {
    pub(crate) fn finish(self) -> String {
        self.out
    }

    /// `inside` drawn in a `<g>` with these attributes (written as they are: no user text).
    pub(crate) fn group(&mut self, attributes: &str, inside: impl FnOnce(&mut Self)) {
        let _ = write!(self.out, "<g {attributes}>");
        inside(self);
        self.out.push_str("</g>");
    }

    /// `inside` drawn in the same coordinates but cut off outside the rectangle.
    ///
    /// A nested `<svg>` clips without an id, so figures on one page cannot collide.
    pub(crate) fn clipped(&mut self, [x, y, w, h]: [f64; 4], inside: impl FnOnce(&mut Self)) {
        let [x, y, w, h] = [x, y, w, h].map(coordinate);
        let _ = write!(
            self.out,
            r#"<svg x="{x}" y="{y}" width="{w}" height="{h}" viewBox="{x} {y} {w} {h}">"#
        );
        inside(self);
        self.out.push_str("</svg>");
    }

    pub(crate) fn line(&mut self, class: &str, from: [f64; 2], to: [f64; 2]) {
        let mut data = PathData::default();
        data.move_to(from);
        data.line_to(to);
        self.path(class, &data);
    }

    pub(crate) fn path(&mut self, class: &str, data: &PathData) {
        if !data.text.is_empty() {
            let _ = write!(self.out, r#"<path{} d="{}"/>"#, class_attribute(class), data.text);
        }
    }

    /// A dot at each place, as wide as the stroke of the surrounding group.
    ///
    /// A sub-path of no length with round caps is a dot (SVG 1.1, §11.4) in half the bytes of a
    /// `<circle>`; one path each, so that opacity builds up where dots overlap.
    pub(crate) fn dots(&mut self, places: impl IntoIterator<Item = [f64; 2]>) {
        for [x, y] in places {
            let _ = write!(self.out, r#"<path d="M{} {}h0"/>"#, coordinate(x), coordinate(y));
        }
    }

    pub(crate) fn rect(&mut self, class: &str, [x, y, w, h]: [f64; 4]) {
        let [x, y, w, h] = [x, y, w, h].map(coordinate);
        let class = class_attribute(class);
        let _ = write!(self.out, r#"<rect{class} x="{x}" y="{y}" width="{w}" height="{h}"/>"#);
    }

    /// An embedded picture, stretched over the rectangle; its pixels stay sharp.
    pub(crate) fn image(&mut self, [x, y, w, h]: [f64; 4], data_uri: &str) {
        let [x, y, w, h] = [x, y, w, h].map(coordinate);
        let _ = write!(
            self.out,
            r#"<image class="pixels" x="{x}" y="{y}" width="{w}" height="{h}" preserveAspectRatio="none" href="{data_uri}"/>"#
        );
    }

    pub(crate) fn text(&mut self, class: &str, at: [f64; 2], anchor: Anchor, text: &str) {
        self.raw_text(class, at, anchor, "", &escape(text));
    }

    /// Lines of text that read upwards, centred at `at`, from left to right.
    pub(crate) fn upright_text(&mut self, [x, y]: [f64; 2], lines: &[&str]) {
        for (index, line) in lines.iter().enumerate() {
            let at = [x + UPRIGHT_LINE * index as f64, y];
            let turn =
                format!(r#" transform="rotate(-90 {} {})""#, coordinate(at[0]), coordinate(y));
            self.raw_text("", at, Anchor::Middle, &turn, &escape(line));
        }
    }

    /// A power such as 2×10⁻³: `base` followed by a raised `exponent`.
    pub(crate) fn power(&mut self, at: [f64; 2], anchor: Anchor, base: &str, exponent: &str) {
        let inner = format!(
            r#"{}<tspan class="exponent" dy="-4.5">{}</tspan>"#,
            escape(base),
            escape(exponent)
        );
        self.raw_text("tick", at, anchor, "", &inner);
    }

    fn raw_text(&mut self, class: &str, at: [f64; 2], anchor: Anchor, more: &str, inner: &str) {
        let [x, y] = at.map(coordinate);
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => r#" text-anchor="middle""#,
            Anchor::End => r#" text-anchor="end""#,
        };
        let class = class_attribute(class);
        let _ = write!(self.out, r#"<text{class} x="{x}" y="{y}"{anchor}{more}>{inner}</text>"#);
    }
}

fn class_attribute(class: &str) -> String {
    if class.is_empty() { String::new() } else { format!(r#" class="{class}""#) }
}

/// The `d` of a path: absolute moves, relative lines in whole tenths, so rounding never adds up.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct PathData {
    text: String,
    last: [i64; 2],
}

impl PathData {
    pub(crate) fn move_to(&mut self, [x, y]: [f64; 2]) {
        let _ = write!(self.text, "M{} {}", coordinate(x), coordinate(y));
        self.last = [x, y].map(|v| (v * 10.0).round() as i64);
    }

    pub(crate) fn line_to(&mut self, place: [f64; 2]) {
        let next = place.map(|v| (v * 10.0).round() as i64);
        let step = [next[0] - self.last[0], next[1] - self.last[1]];
        match step {
            [dx, 0] => drop(write!(self.text, "h{}", tenths(dx))),
            [0, dy] => drop(write!(self.text, "v{}", tenths(dy))),
            [dx, dy] => drop(write!(self.text, "l{} {}", tenths(dx), tenths(dy))),
        }
        self.last = next;
    }

    pub(crate) fn close(&mut self) {
        self.text.push('z');
    }

    /// Lines through all places; a non-finite place breaks the line.
    pub(crate) fn polyline(&mut self, places: impl IntoIterator<Item = [f64; 2]>) {
        let mut drawing = false;
        for place in places {
            if !place.iter().all(|v| v.is_finite()) {
                drawing = false;
            } else if drawing {
                self.line_to(place);
            } else {
                self.move_to(place);
                drawing = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_short() {
        let shown: Vec<_> =
            [12.0, 12.46, -0.04, -0.06, 0.52, -3.0].into_iter().map(coordinate).collect();
        assert_eq!(shown, ["12", "12.5", "0", "-.1", ".5", "-3"]);
    }

    #[test]
    fn control_characters_cannot_break_the_file() {
        assert_eq!(escape("a\u{0}<b>&\"\u{1b}"), "a\u{fffd}&lt;b&gt;&amp;&quot;\u{fffd}");
    }

    #[test]
    fn relative_lines_do_not_drift() {
        let mut data = PathData::default();
        // A third of a tenth per step: naive rounding of each step would never move.
        data.polyline((0..=300).map(|i| [f64::from(i) / 30.0, 0.0]));
        let moved: f64 = data.text[4..].split('h').filter_map(|s| s.parse::<f64>().ok()).sum();
        assert!((moved - 10.0).abs() < 1e-9, "{}", data.text);
    }

    #[test]
    fn a_gap_breaks_the_line() {
        let mut data = PathData::default();
        data.polyline([[0.0, 0.0], [1.0, 1.0], [f64::NAN, 0.0], [2.0, 2.0], [3.0, 2.0]]);
        assert_eq!(data.text, "M0 0l1 1M2 2h1");
    }
}
