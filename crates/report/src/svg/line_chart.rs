//! Curves: losses, convergence, quality against cost.

use super::axis::Axis;
use super::frame::{Aspect, Frame, Parts, undrawable_note};
use super::layout::Layout;
use super::legend::{Legend, Swatch};
use super::line::{self, Line};
use super::pen::{Anchor, PathData, Pen};
use super::style::Colour;
use super::{PlotError, Svg};

/// Curves over linear or logarithmic axes.
#[derive(Debug, Clone, PartialEq)]
pub struct LineChart {
    x: Axis,
    y: Axis,
    layout: Layout,
    lines: Vec<Line>,
    levels: Vec<(f64, String)>,
    guides: Vec<(f64, [f64; 2], String)>,
}

impl LineChart {
    /// An empty chart.
    pub fn new(x: Axis, y: Axis) -> Self {
        let layout = Layout::default();
        Self { x, y, layout, lines: Vec::new(), levels: Vec::new(), guides: Vec::new() }
    }

    /// Add a curve; later ones lie on top.
    pub fn line(mut self, line: Line) -> Self {
        self.lines.push(line);
        self
    }

    /// A labelled horizontal line: a floor, a published value, a target.
    pub fn level(mut self, value: f64, label: impl Into<String>) -> Self {
        self.levels.push((value, label.into()));
        self
    }

    /// A labelled guide y ∝ xᵒʳᵈᵉʳ through a point: straight on two logarithmic axes.
    pub fn guide(mut self, order: f64, through: [f64; 2], label: impl Into<String>) -> Self {
        self.guides.push((order, through, label.into()));
        self
    }

    /// Size and title.
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// Draw.
    ///
    /// # Errors
    /// [`PlotError::LengthMismatch`] if a band or error list differs in length from its curve,
    /// [`PlotError::NothingToDraw`], [`PlotError::BadLimits`].
    pub fn render(&self) -> Result<Svg, PlotError> {
        let figure = "line chart";
        let (mut legend, mut notes) = (Legend::default(), Vec::new());
        for (line, colour) in self.coloured() {
            if let Some(band) = line.band.as_ref().filter(|band| band.len() != line.points.len()) {
                return Err(PlotError::LengthMismatch {
                    figure,
                    series: line.name.clone(),
                    what: if line.bars { "errors" } else { "band ends" },
                    expected: line.points.len(),
                    found: band.len(),
                });
            }
            legend.add(&line.name, Swatch::Curve { dashed: line.dashed }, colour);
            let holds = |p: &&[f64; 2]| self.x.scale.holds(p[0]) && self.y.scale.holds(p[1]);
            let missing = line.points.len() - line.points.iter().filter(holds).count();
            notes.extend(undrawable_note(&line.name, missing, line.points.len()));
        }
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let ends = self.lines.iter().filter_map(|line| line.band.as_ref()).flatten().flatten();
        // Levels are part of what is compared, so they are always in view.
        let levels = self.levels.iter().map(|level| level.0);
        let heights = points().map(|p| p[1]).chain(ends.copied()).chain(levels);
        let x = self.x.range(figure, points().map(|p| p[0]), 0.02)?;
        let y = self.y.range(figure, heights, 0.05)?;
        let parts = Parts {
            layout: &self.layout,
            x: (&self.x, x),
            y: (&self.y, y),
            aspect: Aspect::Free,
            right: 0.0,
            categories: None,
        };
        let frame = Frame::new(parts, legend, notes);
        Ok(frame.draw(
            |frame, pen| {
                self.draw_references(frame, pen);
                for (line, colour) in self.coloured() {
                    line::draw_uncertainty(frame, pen, line, colour);
                }
                for (line, colour) in self.coloured() {
                    line::draw_line(frame, pen, line, colour);
                }
                self.name_references(frame, pen);
            },
            |_, _| {},
        ))
    }

    fn coloured(&self) -> impl Iterator<Item = (&Line, Colour)> {
        let mut next = 0;
        self.lines.iter().map(move |line| {
            let colour = line.colour.unwrap_or_else(|| {
                next += 1;
                Colour::nth(next - 1)
            });
            (line, colour)
        })
    }

    fn draw_references(&self, frame: &Frame<'_>, pen: &mut Pen) {
        let class = format!("thin dashed {}", Colour::Neutral.stroke());
        let [left, _, width, _] = frame.plot;
        for (value, _) in &self.levels {
            let y = frame.place([frame.x_range().value(0.0), *value])[1];
            if y.is_finite() {
                pen.line(&class, [left, y], [left + width, y]);
            }
        }
        for (order, through, _) in &self.guides {
            let mut data = PathData::default();
            data.polyline(guide(frame, *order, *through));
            pen.path(&class, &data);
        }
    }

    /// On top of the curves, with a halo, so that they can be read wherever they fall.
    fn name_references(&self, frame: &Frame<'_>, pen: &mut Pen) {
        let [left, top, width, height] = frame.plot;
        for (value, label) in &self.levels {
            let y = frame.place([frame.x_range().value(0.0), *value])[1];
            // A low level is a floor: the curves end above it, and below it is room.
            let below = y > top + 0.6 * height && frame.bottom() - y > 16.0;
            let dy = if below { 13.0 } else { -4.0 };
            if y.is_finite() {
                pen.text("tick halo", [left + width - 4.0, y + dy], Anchor::End, label);
            }
        }
        for (order, through, label) in &self.guides {
            // Below the guide, on the side to which it falls away.
            let (dx, anchor) =
                if *order < 0.0 { (-5.0, Anchor::End) } else { (5.0, Anchor::Start) };
            let place = guide(frame, *order, *through).nth(GUIDE_STEPS / 3);
            if let Some([x, y]) = place.filter(|place| place.iter().all(|v| v.is_finite())) {
                pen.text("tick halo", [x + dx, y + 12.0], anchor, label);
            }
        }
    }
}

const GUIDE_STEPS: usize = 40;

/// Places of y ∝ xᵒʳᵈᵉʳ over the whole axis.
fn guide(frame: &Frame<'_>, order: f64, through: [f64; 2]) -> impl Iterator<Item = [f64; 2]> {
    (0..=GUIDE_STEPS).map(move |step| {
        let x = frame.x_range().value(step as f64 / GUIDE_STEPS as f64);
        frame.place([x, through[1] * (x / through[0]).powf(order)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::svg::tests::assert_sound;

    fn loglog() -> LineChart {
        LineChart::new(Axis::log("NFE"), Axis::log("error"))
    }

    #[test]
    fn bars_bands_levels_and_guides_are_sound() {
        let order2: Vec<[f64; 2]> = [4.0, 8.0, 16.0, 32.0].map(|n: f64| [n, n.powi(-2)]).to_vec();
        let svg = loglog()
            .line(Line::new("Heun", &order2).errors(&[0.1, 0.01, 0.001, 0.0001]))
            .line(Line::new("Euler", &order2).band(&[[0.01, 0.1]; 4]).dashed())
            .level(1e-3, "sampling floor")
            .guide(-2.0, [4.0, 0.05], "order 2")
            .render()
            .unwrap();
        assert_sound(&svg);
        assert!(svg.inline().contains("order 2") && svg.inline().contains("sampling floor"));
    }

    #[test]
    fn a_loss_of_a_million_steps_is_small() {
        let mut points: Vec<[f64; 2]> =
            (1..=1_000_000).map(|i| [f64::from(i), 1.0 + (f64::from(i) * 0.7).sin()]).collect();
        points[500_000][1] = 9.0;
        points[700_000][1] = f64::NAN;
        let chart = LineChart::new(Axis::linear("step"), Axis::linear("loss"));
        let svg = chart
            .line(Line::new("train", &points).band(&vec![[0.5, 3.0]; 1_000_000]))
            .render()
            .unwrap();
        assert_sound(&svg);
        assert!(svg.inline().len() < 40_000, "{}", svg.inline().len());
        assert!(svg.inline().contains("train: 1 of 1000000 values"));
    }

    #[test]
    fn lengths_must_agree() {
        let error = loglog().line(Line::new("a", &[[1.0, 1.0]]).errors(&[0.1, 0.2])).render();
        assert_eq!(
            error.unwrap_err().to_string(),
            "line chart, series \"a\": 2 errors for 1 values"
        );
    }
}
