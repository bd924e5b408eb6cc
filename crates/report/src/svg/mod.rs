//! Figures, written as SVG.
//!
//! Every figure is made the same way: axes, then what is drawn, then `render`.
//!
//! | figure | for |
//! |---|---|
//! | [`Scatter`] | samples beside data in the plane |
//! | [`Trajectories`] | paths from the reference to the data; a transport map, where each has two places |
//! | [`HeatMap`] | a field on a grid, a density |
//! | [`LineChart`] | losses, convergence order, quality against network evaluations |
//! | [`Histogram`] | a distribution, with its theoretical density |
//! | [`Bars`] | one number per category |
//! | [`Reliability`], [`RankHistogram`] | calibration of probabilities and of ensembles |
//!
//! SVG is written here and not by a plotting library: text stays text in the reader's own font, one
//! style sheet serves light and dark, and a figure of 2 000 points is some 50 kB.

mod axis;
mod bars;
mod calibration;
mod colormap;
mod error;
mod frame;
mod heatmap;
mod histogram;
mod layout;
mod legend;
mod line;
mod line_chart;
mod pen;
mod png;
mod scatter;
mod style;
mod ticks;
mod trajectories;

use std::path::Path;

pub use axis::{Axis, Scale};
pub use bars::Bars;
pub use calibration::{RankHistogram, Reliability, ReliabilityBin};
pub use colormap::Colormap;
pub use error::PlotError;
pub use heatmap::HeatMap;
pub use histogram::Histogram;
pub use layout::Layout;
pub use line::Line;
pub use line_chart::LineChart;
pub use scatter::Scatter;
pub use style::{Colour, stylesheet};
pub use trajectories::Trajectories;

use crate::WriteError;

/// A finished figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Svg {
    width: f64,
    height: f64,
    label: String,
    body: String,
}

impl Svg {
    pub(crate) fn new(width: f64, height: f64, label: String, body: String) -> Self {
        Self { width, height, label, body }
    }

    /// Natural width and height, px.
    pub fn size(&self) -> (f64, f64) {
        (self.width, self.height)
    }

    /// For a page that holds [`stylesheet`] already: an `<svg>` element without style.
    pub fn inline(&self) -> String {
        self.element("", "")
    }

    /// For a file of its own: with name space, style and a background that follows light or dark.
    pub fn standalone(&self) -> String {
        let background = r#"<rect class="paper" width="100%" height="100%" rx="6"/>"#;
        let head = format!("<style>{}</style>{background}", stylesheet());
        self.element(r#" xmlns="http://www.w3.org/2000/svg""#, &head)
    }

    /// Write [`standalone`](Self::standalone) to `path`, replacing it whole.
    ///
    /// # Errors
    /// [`WriteError`] with the path if the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), WriteError> {
        langevin_files::write_whole(path, self.standalone().as_bytes())
    }

    fn element(&self, attributes: &str, head: &str) -> String {
        let (width, height) = (pen::coordinate(self.width), pen::coordinate(self.height));
        let label = pen::escape(&self.label);
        format!(
            "<svg{attributes} class=\"lv\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"img\" aria-label=\"{label}\">{head}{}</svg>",
            self.body
        )
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Parses as XML, alone and inside a page, and refers to nothing outside itself.
    pub(crate) fn assert_sound(svg: &Svg) {
        for text in [svg.inline(), svg.standalone()] {
            roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert!(!text.contains("NaN") && !text.contains("inf"), "a coordinate is not finite");
            assert!(!text.contains("url("), "no reference, so no id that could collide");
            assert_eq!(
                text.matches("http").count(),
                text.matches(r#"xmlns="http://www.w3.org/2000/svg""#).count()
            );
        }
    }

    /// Points of a spiral: no two equal, well spread over [−1, 1]².
    pub(crate) fn spiral(n: usize) -> Vec<[f64; 2]> {
        (0..n)
            .map(|index| {
                let radius = ((index as f64 + 0.5) / n as f64).sqrt();
                // The golden angle, as in a sunflower: even cover at any n.
                let angle = 2.399_963 * index as f64;
                [radius * angle.cos(), radius * angle.sin()]
            })
            .collect()
    }

    #[test]
    fn labels_are_escaped_everywhere() {
        let svg = Scatter::new(Axis::linear("a < b & \"c\""), Axis::linear("<script>"))
            .series("x > y", &[[0.0, 0.0], [1.0, 1.0]])
            .series("other", &[[0.5, 0.5]])
            .layout(Layout::default().title("'<&>'"))
            .render()
            .unwrap();
        assert_sound(&svg);
        assert!(!svg.inline().contains("<script>"));
    }

    #[test]
    fn a_file_carries_its_style_and_a_page_only_once() {
        let svg = Scatter::new(Axis::linear("x"), Axis::linear("y"))
            .series("a", &spiral(10))
            .render()
            .unwrap();
        assert!(svg.standalone().contains("prefers-color-scheme"));
        assert!(!svg.inline().contains("<style>"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("figure.svg");
        svg.write(&path).unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), svg.standalone());
    }
}
