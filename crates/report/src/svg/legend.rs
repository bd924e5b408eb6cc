//! The legend: one row, or more, above the plot, so that it never hides a point.

use super::layout::text_width;
use super::pen::{Anchor, Pen};
use super::style::Colour;

/// What stands before an entry's name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Swatch {
    Dot,
    Curve { dashed: bool },
    Box,
}

/// Entries in the order in which they are drawn; entries without a name are not shown.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Legend {
    entries: Vec<(String, Swatch, Colour)>,
}

const ROW: f64 = 18.0;
const SWATCH: f64 = 22.0;
const GAP: f64 = 16.0;

impl Legend {
    pub(crate) fn add(&mut self, name: &str, swatch: Swatch, colour: Colour) {
        if !name.is_empty() {
            self.entries.push((name.to_string(), swatch, colour));
        }
    }

    /// Height taken above the plot when it is `width` px wide.
    pub(crate) fn height(&self, width: f64) -> f64 {
        self.places(width).last().map_or(0.0, |&[_, y]| y + ROW + 4.0)
    }

    pub(crate) fn draw(&self, pen: &mut Pen, left: f64, top: f64, width: f64) {
        for ((name, swatch, colour), [x, y]) in self.entries.iter().zip(self.places(width)) {
            let (x, middle) = (left + x, top + y + ROW / 2.0);
            match swatch {
                Swatch::Dot => {
                    let class = format!(r#"class="dots {}" stroke-width="7""#, colour.stroke());
                    pen.group(&class, |pen| pen.dots([[x + 9.0, middle]]));
                }
                Swatch::Curve { dashed } => {
                    let dash = if *dashed { " dashed" } else { "" };
                    let class = format!("curve {}{dash}", colour.stroke());
                    pen.line(&class, [x, middle], [x + 17.0, middle]);
                }
                Swatch::Box => {
                    let class = format!("solid {}", colour.fill());
                    pen.rect(&class, [x + 2.0, middle - 5.0, 14.0, 10.0]);
                }
            }
            pen.text("", [x + SWATCH, middle + 4.0], Anchor::Start, name);
        }
    }

    /// Left end of each entry, wrapped into rows.
    fn places(&self, width: f64) -> Vec<[f64; 2]> {
        let (mut x, mut y) = (0.0, 0.0);
        self.entries
            .iter()
            .map(|(name, ..)| {
                let entry = SWATCH + text_width(name, 12.0);
                if x > 0.0 && x + entry > width {
                    (x, y) = (0.0, y + ROW);
                }
                let place = [x, y];
                x += entry + GAP;
                place
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_legends_wrap_and_nameless_series_take_no_room() {
        let mut legend = Legend::default();
        legend.add("", Swatch::Dot, Colour::Blue);
        assert_eq!(legend.height(300.0), 0.0);
        for _ in 0..6 {
            legend.add("a name of some length", Swatch::Dot, Colour::Blue);
        }
        assert!(legend.height(300.0) > 2.0 * legend.height(2000.0));
        assert!(legend.places(300.0).iter().all(|&[x, _]| x < 300.0));
    }
}
