//! Which source point goes to which target point.

use super::axis::Axis;
use super::frame::{Aspect, Frame, Parts, undrawable_note};
use super::layout::Layout;
use super::legend::{Legend, Swatch};
use super::pen::PathData;
use super::scatter::thinned;
use super::style::Colour;
use super::{PlotError, Svg};
use crate::number;

/// Source points, target points, and a thin segment from each source to its target.
#[derive(Debug, Clone, PartialEq)]
pub struct TransportMap {
    x: Axis,
    y: Axis,
    layout: Layout,
    names: [String; 2],
    max_pairs: usize,
    pairs: Vec<[[f64; 2]; 2]>,
}

impl TransportMap {
    /// Source and target by pair: `pairs[i] = [source, target]`.
    pub fn new(x: Axis, y: Axis, pairs: &[[[f64; 2]; 2]]) -> Self {
        Self {
            x,
            y,
            layout: Layout { height: 400.0, width: 400.0, title: None },
            names: ["source".to_string(), "target".to_string()],
            max_pairs: 1000,
            pairs: pairs.to_vec(),
        }
    }

    /// Other names for source and target.
    pub fn ends(mut self, source: impl Into<String>, target: impl Into<String>) -> Self {
        self.names = [source.into(), target.into()];
        self
    }

    /// Size and title.
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// Most pairs drawn; 1 000 unless set, at least 1.
    pub fn max_pairs(mut self, pairs: usize) -> Self {
        self.max_pairs = pairs.max(1);
        self
    }

    /// Draw.
    ///
    /// # Errors
    /// [`PlotError::NothingToDraw`] without a drawable point, [`PlotError::BadLimits`].
    pub fn render(&self) -> Result<Svg, PlotError> {
        let all = || self.pairs.iter().flatten();
        let x = self.x.range("transport map", all().map(|p| p[0]), 0.04)?;
        let y = self.y.range("transport map", all().map(|p| p[1]), 0.04)?;
        let [source, target] = [Colour::Vermillion, Colour::Blue];
        let mut legend = Legend::default();
        legend.add(&self.names[0], Swatch::Dot, source);
        legend.add(&self.names[1], Swatch::Dot, target);
        let holds = |p: &[f64; 2]| self.x.scale.holds(p[0]) && self.y.scale.holds(p[1]);
        let missing = all().filter(|p| !holds(p)).count();
        let mut notes: Vec<String> =
            undrawable_note("", missing, all().count()).into_iter().collect();
        if self.pairs.len() > self.max_pairs {
            let (shown, total) = (self.max_pairs as u64, self.pairs.len() as u64);
            let (shown, total) = (number::count(shown), number::count(total));
            notes.push(format!("{shown} of {total} pairs are drawn"));
        }
        let parts = Parts {
            layout: &self.layout,
            x: (&self.x, x),
            y: (&self.y, y),
            aspect: Aspect::Equal,
            right: 0.0,
            categories: None,
        };
        let frame = Frame::new(parts, legend, notes);
        Ok(frame.draw(
            |frame, pen| {
                let shown = thinned(&self.pairs, self.max_pairs);
                let opacity = if shown.len() > 200 { 0.35 } else { 0.6 };
                let class = Colour::Neutral.stroke();
                pen.group(&format!(r#"class="thin {class}" stroke-opacity="{opacity}""#), |pen| {
                    for pair in shown.iter().filter(|pair| pair.iter().all(holds)) {
                        let mut data = PathData::default();
                        data.polyline(pair.map(|p| frame.place(p)));
                        pen.path("", &data);
                    }
                });
                for (end, colour) in [(0, source), (1, target)] {
                    let attributes = format!(
                        r#"class="dots {}" stroke-width="4.4" stroke-opacity="0.8""#,
                        colour.stroke()
                    );
                    let ends = shown.iter().map(|pair| pair[end]).filter(holds);
                    pen.group(&attributes, |pen| pen.dots(ends.map(|p| frame.place(p))));
                }
            },
            |_, _| {},
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::svg::tests::{assert_sound, spiral};

    #[test]
    fn every_pair_is_two_dots_and_a_segment() {
        let pairs: Vec<_> =
            spiral(64).into_iter().map(|[x, y]| [[x, y], [x + 3.0, 0.5 * y]]).collect();
        let svg = TransportMap::new(Axis::linear("x"), Axis::linear("y"), &pairs)
            .ends("noise", "data")
            .render()
            .unwrap();
        assert_sound(&svg);
        assert_eq!(svg.inline().matches("h0\"").count(), 2 * 64 + 2);
    }

    #[test]
    fn a_lost_end_takes_its_segment_with_it() {
        let pairs = [[[0.0, 0.0], [1.0, 1.0]], [[0.5, 0.0], [f64::NAN, 1.0]]];
        let svg = TransportMap::new(Axis::linear("x"), Axis::linear("y"), &pairs).render().unwrap();
        assert_sound(&svg);
        assert!(svg.inline().contains("1 of 4 values cannot be drawn here"));
    }
}
