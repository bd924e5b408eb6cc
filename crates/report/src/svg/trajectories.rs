//! Paths from the reference to the data.

use super::axis::Axis;
use super::frame::{Aspect, Frame, Parts, undrawable_note};
use super::layout::Layout;
use super::legend::{Legend, Swatch};
use super::pen::PathData;
use super::scatter::thinned;
use super::style::Colour;
use super::{PlotError, Svg};
use crate::number;

/// Paths of samples from the reference (first place) to the data (last place).
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectories {
    x: Axis,
    y: Axis,
    layout: Layout,
    names: [String; 2],
    max_paths: usize,
    paths: Vec<Vec<[f64; 2]>>,
}

impl Trajectories {
    /// An empty figure; the ends are called "reference, t = 1" and "data, t = 0".
    pub fn new(x: Axis, y: Axis) -> Self {
        Self {
            x,
            y,
            layout: Layout { height: 400.0, width: 400.0, title: None },
            names: ["reference, t = 1".to_string(), "data, t = 0".to_string()],
            max_paths: 300,
            paths: Vec::new(),
        }
    }

    /// Add paths, each from reference to data; a place that is not finite breaks its path.
    pub fn paths(mut self, paths: impl IntoIterator<Item = Vec<[f64; 2]>>) -> Self {
        self.paths.extend(paths);
        self
    }

    /// Other names for the first and the last place of a path.
    pub fn ends(mut self, first: impl Into<String>, last: impl Into<String>) -> Self {
        self.names = [first.into(), last.into()];
        self
    }

    /// Size and title.
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// Most paths drawn; 300 unless set, at least 1.
    pub fn max_paths(mut self, paths: usize) -> Self {
        self.max_paths = paths.max(1);
        self
    }

    /// Draw.
    ///
    /// # Errors
    /// [`PlotError::NothingToDraw`] without a drawable place, [`PlotError::BadLimits`].
    pub fn render(&self) -> Result<Svg, PlotError> {
        let all = || self.paths.iter().flatten();
        let x = self.x.range("trajectories", all().map(|p| p[0]), 0.04)?;
        let y = self.y.range("trajectories", all().map(|p| p[1]), 0.04)?;
        let [first, last] = [Colour::Amber, Colour::Blue];
        let mut legend = Legend::default();
        legend.add(&self.names[0], Swatch::Dot, first);
        legend.add(&self.names[1], Swatch::Dot, last);
        let broken = all().filter(|p| !self.x.scale.holds(p[0]) || !self.y.scale.holds(p[1]));
        let mut notes: Vec<String> =
            undrawable_note("", broken.count(), all().count()).into_iter().collect();
        if self.paths.len() > self.max_paths {
            let (shown, total) = (self.max_paths as u64, self.paths.len() as u64);
            let (shown, total) = (number::count(shown), number::count(total));
            notes.push(format!("{shown} of {total} paths are drawn"));
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
                let shown = thinned(&self.paths, self.max_paths);
                let opacity = if shown.len() > 100 { 0.4 } else { 0.6 };
                let class = Colour::Neutral.stroke();
                pen.group(&format!(r#"class="thin {class}" stroke-opacity="{opacity}""#), |pen| {
                    for path in &shown {
                        let places = simplified(path.iter().map(|&p| frame.place(p)));
                        let mut data = PathData::default();
                        data.polyline(places);
                        pen.path("", &data);
                    }
                });
                let end = |colour: Colour| {
                    format!(
                        r#"class="dots {}" stroke-width="4.4" stroke-opacity="0.8""#,
                        colour.stroke()
                    )
                };
                let drawable = |p: &&[f64; 2]| p.iter().all(|v| v.is_finite());
                let firsts = shown.iter().filter_map(|path| path.first());
                let lasts = shown.iter().filter_map(|path| path.last());
                pen.group(&end(first), |pen| {
                    pen.dots(firsts.filter(drawable).map(|&p| frame.place(p)));
                });
                pen.group(&end(last), |pen| {
                    pen.dots(lasts.filter(drawable).map(|&p| frame.place(p)));
                });
            },
            |_, _| {},
        ))
    }
}

/// Leave out places closer than 0.7 px to the last one kept; ends and gaps stay.
fn simplified(places: impl Iterator<Item = [f64; 2]>) -> Vec<[f64; 2]> {
    let mut kept: Vec<[f64; 2]> = Vec::new();
    let mut skipped = None;
    for place in places {
        let near = kept.last().is_some_and(|last| {
            (place[0] - last[0]).hypot(place[1] - last[1]) < 0.7 && kept.len() > 1
        });
        if near {
            skipped = Some(place);
        } else {
            skipped = None;
            kept.push(place);
        }
    }
    kept.extend(skipped);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::svg::tests::{assert_sound, spiral};

    #[test]
    fn hundreds_of_paths_are_one_line_and_two_dots_each() {
        let paths = spiral(200).into_iter().map(|[x, y]| {
            (0..=50)
                .map(|step| {
                    let t = 1.0 - f64::from(step) / 50.0;
                    [x * (1.0 + t), y + t * x]
                })
                .collect()
        });
        let figure = Trajectories::new(Axis::linear("x"), Axis::linear("y")).paths(paths);
        let svg = figure.render().unwrap();
        assert_sound(&svg);
        assert_eq!(svg.inline().matches("h0\"").count(), 2 * 200 + 2);
        assert!(svg.inline().len() < 150_000, "{}", svg.inline().len());
        let fewer = figure.max_paths(20).render().unwrap().inline();
        assert!(fewer.contains("20 of 200 paths are drawn"));
    }

    #[test]
    fn crowded_places_are_left_out_but_never_the_ends() {
        let kept = simplified((0..1000).map(|i| [f64::from(i) * 0.01, 0.0]));
        assert_eq!((kept.first(), kept.last()), (Some(&[0.0, 0.0]), Some(&[9.99, 0.0])));
        assert!(kept.len() < 20);
    }

    #[test]
    fn a_diverged_path_is_drawn_up_to_its_break() {
        let path = vec![[0.0, 0.0], [1.0, 1.0], [f64::NAN, f64::NAN]];
        let svg =
            Trajectories::new(Axis::linear("x"), Axis::linear("y")).paths([path]).render().unwrap();
        assert_sound(&svg);
        assert!(svg.inline().contains("1 of 3 values cannot be drawn here"));
    }
}
