//! Points in the plane.

use super::axis::Axis;
use super::frame::{Aspect, Frame, Parts, undrawable_note};
use super::layout::Layout;
use super::legend::{Legend, Swatch};
use super::style::Colour;
use super::{PlotError, Svg};
use crate::number;

/// Points in the plane, several series, one length for a unit on both axes.
///
/// At most [`max_points`](Self::max_points) of a series are drawn, evenly chosen in their order,
/// and a note says so.
#[derive(Debug, Clone, PartialEq)]
pub struct Scatter {
    x: Axis,
    y: Axis,
    layout: Layout,
    aspect: Aspect,
    max_points: usize,
    radius: Option<f64>,
    opacity: Option<f64>,
    series: Vec<(String, Colour, Vec<[f64; 2]>)>,
}

impl Scatter {
    /// An empty figure.
    pub fn new(x: Axis, y: Axis) -> Self {
        Self {
            x,
            y,
            layout: Layout { height: 400.0, width: 400.0, title: None },
            aspect: Aspect::Equal,
            max_points: 4000,
            radius: None,
            opacity: None,
            series: Vec::new(),
        }
    }

    /// Add points in the next colour; later series lie on top.
    pub fn series(self, name: impl Into<String>, points: &[[f64; 2]]) -> Self {
        let colour = Colour::nth(self.series.iter().filter(|s| s.1 != Colour::Neutral).count());
        self.coloured(name, colour, points)
    }

    /// Add points in a given colour, such as [`Colour::Neutral`] for the data behind the samples.
    pub fn coloured(
        mut self,
        name: impl Into<String>,
        colour: Colour,
        points: &[[f64; 2]],
    ) -> Self {
        self.series.push((name.into(), colour, points.to_vec()));
        self
    }

    /// Size and title.
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// Let the two axes have different units of length.
    pub fn free_aspect(mut self) -> Self {
        self.aspect = Aspect::Free;
        self
    }

    /// Most points drawn of one series; 4 000 unless set, at least 1.
    pub fn max_points(mut self, points: usize) -> Self {
        self.max_points = points.max(1);
        self
    }

    /// Radius of a point, px; by default smaller for more points.
    pub fn radius(mut self, radius: f64) -> Self {
        self.radius = Some(radius);
        self
    }

    /// Opacity of a point, 0 to 1; by default lower for more points.
    pub fn opacity(mut self, opacity: f64) -> Self {
        self.opacity = Some(opacity.clamp(0.0, 1.0));
        self
    }

    /// Draw.
    ///
    /// # Errors
    /// [`PlotError::NothingToDraw`] without a drawable point, [`PlotError::BadLimits`].
    pub fn render(&self) -> Result<Svg, PlotError> {
        let all = || self.series.iter().flat_map(|series| series.2.iter());
        let x = self.x.range("scatter", all().map(|p| p[0]), 0.04)?;
        let y = self.y.range("scatter", all().map(|p| p[1]), 0.04)?;
        let (mut legend, mut notes) = (Legend::default(), Vec::new());
        for (name, colour, points) in &self.series {
            legend.add(name, Swatch::Dot, *colour);
            let missing = points
                .iter()
                .filter(|p| !self.x.scale.holds(p[0]) || !self.y.scale.holds(p[1]))
                .count();
            notes.extend(undrawable_note(name, missing, points.len()));
            if points.len() > self.max_points {
                let (shown, total) = (self.max_points as u64, points.len() as u64);
                let (shown, total) = (number::count(shown), number::count(total));
                notes.push(format!("{name}: {shown} of {total} points are drawn"));
            }
        }
        let parts = Parts {
            layout: &self.layout,
            x: (&self.x, x),
            y: (&self.y, y),
            aspect: self.aspect,
            right: 0.0,
            categories: None,
        };
        let frame = Frame::new(parts, legend, notes);
        Ok(frame.draw(
            |frame, pen| {
                for (_, colour, points) in &self.series {
                    let shown = thinned(points, self.max_points);
                    let (radius, opacity) = self.weight(shown.len());
                    let attributes = format!(
                        r#"class="dots {}" stroke-width="{:.1}" stroke-opacity="{opacity:.2}""#,
                        colour.stroke(),
                        2.0 * radius
                    );
                    let places = shown.into_iter().map(|&point| frame.place(point));
                    let [left, top, width, height] = frame.plot;
                    // Points outside fixed limits would only add bytes.
                    let inside = places.filter(|[x, y]| {
                        (left - 9.0..left + width + 9.0).contains(x)
                            && (top - 9.0..top + height + 9.0).contains(y)
                    });
                    pen.group(&attributes, |pen| pen.dots(inside));
                }
            },
            |_, _| {},
        ))
    }

    /// Radius and opacity: a few points are clear, thousands show their density.
    fn weight(&self, points: usize) -> (f64, f64) {
        let crowd = (points.max(50) as f64 / 50.0).log2();
        let radius = (3.2 - 0.3 * crowd).max(1.2);
        let opacity = (0.9 - 0.08 * crowd).max(0.3);
        (self.radius.unwrap_or(radius), self.opacity.unwrap_or(opacity))
    }
}

/// At most `most` of `all`, evenly spaced, the first always among them.
pub(crate) fn thinned<T>(all: &[T], most: usize) -> Vec<&T> {
    let shown = all.len().min(most);
    (0..shown).map(|index| &all[index * all.len() / shown]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::svg::tests::{assert_sound, spiral};

    fn plane() -> Scatter {
        Scatter::new(Axis::linear("x").unit("Å"), Axis::linear("y").unit("Å"))
    }

    #[test]
    fn two_thousand_points_stay_below_150_kb() {
        let svg = plane().series("samples", &spiral(2000)).render().unwrap();
        assert_sound(&svg);
        assert!(svg.standalone().len() < 150_000, "{}", svg.standalone().len());
        assert_eq!(svg.inline().matches("h0\"").count(), 2001); // and one in the legend
    }

    #[test]
    fn aspect_is_equal() {
        let points = [[0.0, 0.0], [10.0, 0.0], [10.0, 8.0], [0.0, 8.0]];
        let svg = plane().series("", &points).render().unwrap();
        let document = svg.inline();
        let places: Vec<(f64, f64)> = document
            .match_indices("<path d=\"M")
            .filter_map(|(at, _)| document[at + 10..].split_once("h0\""))
            .filter_map(|(pair, _)| pair.split_once(' '))
            .filter_map(|(x, y)| Some((x.parse().ok()?, y.parse().ok()?)))
            .collect();
        assert_eq!(places.len(), 4);
        let (across, up) = (places[1].0 - places[0].0, places[1].1 - places[2].1);
        // Coordinates are rounded to 0.1 px.
        assert!((across / 10.0 - up / 8.0).abs() < 0.05, "{across} {up}");
    }

    #[test]
    fn diverged_samples_are_counted_and_thinning_is_said() {
        let mut points = spiral(300);
        points[7] = [f64::NAN, 0.0];
        points[8] = [0.0, f64::INFINITY];
        let svg = plane().max_points(100).series("samples", &points).render().unwrap();
        assert_sound(&svg);
        assert!(svg.inline().contains("samples: 2 of 300 values cannot be drawn here"));
        assert!(svg.inline().contains("samples: 100 of 300 points are drawn"));
    }

    #[test]
    fn nothing_to_draw_is_an_error() {
        let error = plane().series("samples", &[[f64::NAN, 1.0]]).render().unwrap_err();
        assert_eq!(
            error,
            PlotError::NothingToDraw { figure: "scatter", axis: "x (Å)".into(), values: 1 }
        );
    }
}
