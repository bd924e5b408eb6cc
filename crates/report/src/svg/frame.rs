//! The frame of a figure: where the plot lies, its grid, marks, labels, legend and notes.

use super::Svg;
use super::axis::{Axis, Range, Scale};
use super::layout::{Layout, text_width, wrapped};
use super::legend::Legend;
use super::pen::{Anchor, Pen, UPRIGHT_LINE};
use super::ticks::Tick;

/// Whether a unit has the same length on both axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aspect {
    Free,
    Equal,
}

/// What a frame is built from.
pub(crate) struct Parts<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) x: (&'a Axis, Range),
    pub(crate) y: (&'a Axis, Range),
    pub(crate) aspect: Aspect,
    /// Room kept free on the right, px (a colour bar).
    pub(crate) right: f64,
    /// Labels of a categorical x axis, at 0, 1, 2, …; they replace its numbers.
    pub(crate) categories: Option<&'a [String]>,
}

impl Parts<'_> {
    /// Height over width of a plot of equal aspect.
    fn ratio(&self) -> f64 {
        (self.y.1.span() / self.x.1.span()).clamp(0.4, 1.25)
    }
}

/// How many lines an upright label of these parts takes; the frame is not needed to know it.
pub(crate) fn upright_lines(parts: &Parts<'_>, label: &str) -> usize {
    let height = match parts.aspect {
        Aspect::Equal => (parts.layout.width - 80.0 - parts.right) * parts.ratio(),
        Aspect::Free => parts.layout.height - 60.0,
    };
    wrapped(label, height + OVERHANG).len()
}

/// Maps values to pixels, and draws all that surrounds them.
pub(crate) struct Frame<'a> {
    parts: Parts<'a>,
    legend: Legend,
    notes: Vec<String>,
    /// Left, top, width and height of the plot, px.
    pub(crate) plot: [f64; 4],
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    height: f64,
}

/// Below the plot: marks 20 px, label 20 px.
const BELOW: f64 = 42.0;
const NOTE: f64 = 16.0;
/// How far an upright label may reach beyond the plot, both ends together, px.
pub(crate) const OVERHANG: f64 = 24.0;

impl<'a> Frame<'a> {
    pub(crate) fn new(mut parts: Parts<'a>, legend: Legend, notes: Vec<String>) -> Self {
        let layout = parts.layout;
        let title = if layout.title.is_some() { 24.0 } else { 0.0 };
        let footer = BELOW + NOTE * notes.len() as f64;
        let rough_height = layout.height - title - footer;
        let mut y_ticks = parts.y.1.ticks(mark_count(rough_height, 42.0));
        let label = upright_lines(&parts, &parts.y.0.text());
        let left = 30.0 + UPRIGHT_LINE * (label - 1) as f64 + label_width(&y_ticks);
        let width = layout.width - left - 14.0 - parts.right;
        let top = 10.0 + title + legend.height(width);
        let mut plot = [left, top, width, (layout.height - top - footer).max(40.0)];
        if parts.aspect == Aspect::Equal {
            // The plot takes the shape of the data within reason; beyond that the ranges widen.
            let ratio = parts.ratio();
            plot[3] = width * ratio;
            parts.x.1 = parts.x.1.widened_to(parts.y.1.span() / ratio);
            parts.y.1 = parts.y.1.widened_to(parts.x.1.span() * ratio);
            y_ticks = parts.y.1.ticks(mark_count(plot[3], 42.0));
        }
        let x_ticks = parts.x.1.ticks(mark_count(width, 66.0));
        let height = top + plot[3] + footer;
        Self { parts, legend, notes, plot, x_ticks, y_ticks, height }
    }

    /// Pixel of a value; NaN where it has none.
    pub(crate) fn place(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let [left, top, width, height] = self.plot;
        // Far outside is as good as just outside, and keeps coordinates short.
        let near = |fraction: f64| fraction.clamp(-4.0, 5.0);
        let x = left + width * near(self.parts.x.1.fraction(x));
        let y = top + height * (1.0 - near(self.parts.y.1.fraction(y)));
        [x, y]
    }

    pub(crate) fn y_range(&self) -> Range {
        self.parts.y.1
    }

    pub(crate) fn x_range(&self) -> Range {
        self.parts.x.1
    }

    /// Pixel row of the lower end of the y axis.
    pub(crate) fn bottom(&self) -> f64 {
        self.plot[1] + self.plot[3]
    }

    /// Draw everything; `data` is cut off at the frame, `outside` is not.
    pub(crate) fn draw(
        self,
        data: impl FnOnce(&Self, &mut Pen),
        outside: impl FnOnce(&Self, &mut Pen),
    ) -> Svg {
        let mut pen = Pen::default();
        let [left, top, width, _] = self.plot;
        if let Some(title) = &self.parts.layout.title {
            pen.text("title", [left, 20.0], Anchor::Start, title);
        }
        self.legend.draw(&mut pen, left, top - self.legend.height(width) - 3.0, width);
        self.grid(&mut pen);
        pen.clipped(self.plot, |pen| data(&self, pen));
        self.marks(&mut pen);
        self.labels(&mut pen);
        outside(&self, &mut pen);
        let (x, y) = (self.parts.x.0.text(), self.parts.y.0.text());
        let label = match &self.parts.layout.title {
            Some(title) => format!("{title}: {y} against {x}"),
            None => format!("{y} against {x}"),
        };
        Svg::new(self.parts.layout.width, self.height, label, pen.finish())
    }

    fn grid(&self, pen: &mut Pen) {
        let [left, top, width, height] = self.plot;
        pen.group(r#"class="grid""#, |pen| {
            if self.parts.categories.is_none() {
                for tick in self.x_ticks.iter().filter(|tick| tick.label.is_some()) {
                    let x = left + width * self.parts.x.1.fraction(tick.value);
                    pen.line("", [x, top], [x, top + height]);
                }
            }
            for tick in self.y_ticks.iter().filter(|tick| tick.label.is_some()) {
                let y = self.row(tick);
                pen.line("", [left, y], [left + width, y]);
            }
        });
    }

    fn marks(&self, pen: &mut Pen) {
        let [left, _, width, _] = self.plot;
        let bottom = self.bottom();
        let column = |value: f64| left + width * self.parts.x.1.fraction(value);
        let length = |tick: &Tick| if tick.label.is_some() { 5.0 } else { 3.0 };
        pen.group(r#"class="axis""#, |pen| {
            pen.line("", [left, bottom], [left + width, bottom]);
            if self.parts.categories.is_none() {
                for tick in &self.x_ticks {
                    let x = column(tick.value);
                    pen.line("", [x, bottom], [x, bottom + length(tick)]);
                }
            }
            // A linear axis has its grid; the uneven marks of a logarithmic one show what it is.
            for tick in self.y_ticks.iter().filter(|_| self.parts.y.1.scale == Scale::Log) {
                let y = self.row(tick);
                pen.line("", [left - length(tick), y], [left, y]);
            }
        });
        if let Some(categories) = self.parts.categories {
            for (index, name) in categories.iter().enumerate() {
                let at = [column(index as f64), bottom + 18.0];
                pen.text("tick", at, Anchor::Middle, name);
            }
        } else {
            for tick in &self.x_ticks {
                tick_label(pen, [column(tick.value), bottom + 18.0], Anchor::Middle, tick);
            }
        }
        for tick in &self.y_ticks {
            tick_label(pen, [left - 8.0, self.row(tick) + 4.0], Anchor::End, tick);
        }
    }

    fn labels(&self, pen: &mut Pen) {
        let [left, top, width, height] = self.plot;
        let bottom = top + height;
        let x = self.parts.x.0.text();
        pen.text("", [left + width / 2.0, bottom + 37.0], Anchor::Middle, &x);
        let y = self.parts.y.0.text();
        pen.upright_text([14.0, top + height / 2.0], &wrapped(&y, height + OVERHANG));
        for (index, note) in self.notes.iter().enumerate() {
            let y = bottom + BELOW + NOTE * (index as f64 + 0.8);
            pen.text("note", [left, y], Anchor::Start, note);
        }
    }

    fn row(&self, tick: &Tick) -> f64 {
        self.plot[1] + self.plot[3] * (1.0 - self.parts.y.1.fraction(tick.value))
    }
}

/// How many labelled marks fit when each needs `spacing` px.
pub(crate) fn mark_count(length: f64, spacing: f64) -> usize {
    ((length / spacing) as usize).clamp(2, 10)
}

/// Width of the widest label, px.
pub(crate) fn label_width(ticks: &[Tick]) -> f64 {
    let width = |tick: &Tick| {
        tick.label.as_ref().map_or(0.0, |label| {
            let exponent = label.exponent.as_deref().unwrap_or("");
            text_width(&label.base, 11.0) + text_width(exponent, 8.5)
        })
    };
    ticks.iter().map(width).fold(0.0, f64::max)
}

pub(crate) fn tick_label(pen: &mut Pen, at: [f64; 2], anchor: Anchor, tick: &Tick) {
    let Some(label) = &tick.label else { return };
    match &label.exponent {
        Some(exponent) => pen.power(at, anchor, &label.base, exponent),
        None => pen.text("tick", at, anchor, &label.base),
    }
}

/// A note for values that cannot be drawn, if there are any.
pub(crate) fn undrawable_note(series: &str, undrawable: usize, total: usize) -> Option<String> {
    let of = if series.is_empty() { String::new() } else { format!("{series}: ") };
    (undrawable > 0).then(|| format!("{of}{undrawable} of {total} values cannot be drawn here"))
}
