//! Is the stated uncertainty the real one? Reliability diagrams and rank histograms.

use super::axis::Axis;
use super::frame::{Aspect, Frame, Parts};
use super::layout::Layout;
use super::legend::{Legend, Swatch};
use super::pen::PathData;
use super::style::Colour;
use super::{PlotError, Svg};

/// 97.5 % point of the standard normal: bands and bars hold 95 %.
const Z95: f64 = 1.959_964;

/// Forecasts of similar probability, and how often the event came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReliabilityBin {
    /// Mean forecast probability in the bin, 0 to 1.
    pub forecast: f64,
    /// Share of cases in which the event was observed, 0 to 1.
    pub observed: f64,
    /// Number of cases; 0 leaves the bin out.
    pub count: u64,
}

impl ReliabilityBin {
    /// 95 % interval of the observed share (Wilson 1927), which stays inside [0, 1].
    fn interval(&self) -> [f64; 2] {
        let (n, p, z2) = (self.count as f64, self.observed, Z95 * Z95);
        let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = Z95 / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
        [centre - half, centre + half]
    }
}

/// Observed frequency against forecast probability; on the diagonal a forecast means what it says.
///
/// Bars are 95 % Wilson intervals; the area of a dot grows with its number of cases.
#[derive(Debug, Clone, PartialEq)]
pub struct Reliability {
    layout: Layout,
    series: Vec<(String, Vec<ReliabilityBin>)>,
}

impl Default for Reliability {
    fn default() -> Self {
        Self { layout: Layout { width: 380.0, height: 380.0, title: None }, series: Vec::new() }
    }
}

impl Reliability {
    /// An empty diagram.
    pub fn new() -> Self {
        Self::default()
    }

    /// Add a forecast.
    pub fn series(mut self, name: impl Into<String>, bins: &[ReliabilityBin]) -> Self {
        self.series.push((name.into(), bins.to_vec()));
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
    /// [`PlotError::NothingToDraw`] if no bin holds a case.
    pub fn render(&self) -> Result<Svg, PlotError> {
        let x_axis = Axis::linear("forecast probability");
        let y_axis = Axis::linear("observed frequency");
        let shown = |bin: &&ReliabilityBin| {
            bin.count > 0 && bin.forecast.is_finite() && bin.observed.is_finite()
        };
        let bins = || self.series.iter().flat_map(|series| &series.1);
        if bins().filter(shown).count() == 0 {
            let (figure, axis) = ("reliability diagram", y_axis.text());
            return Err(PlotError::NothingToDraw { figure, axis, values: bins().count() });
        }
        let unit = |axis: &Axis| axis.clone().limits(-0.02, 1.02).range("reliability", [], 0.0);
        let mut legend = Legend::default();
        for (index, (name, _)) in self.series.iter().enumerate() {
            legend.add(name, Swatch::Curve { dashed: false }, Colour::nth(index));
        }
        let parts = Parts {
            layout: &self.layout,
            x: (&x_axis, unit(&x_axis)?),
            y: (&y_axis, unit(&y_axis)?),
            aspect: Aspect::Equal,
            right: 0.0,
            categories: None,
        };
        let frame = Frame::new(parts, legend, Vec::new());
        Ok(frame.draw(
            |frame, pen| {
                let diagonal = format!("thin dashed {}", Colour::Neutral.stroke());
                pen.line(&diagonal, frame.place([0.0, 0.0]), frame.place([1.0, 1.0]));
                for (index, (_, bins)) in self.series.iter().enumerate() {
                    let stroke = Colour::nth(index).stroke();
                    let bins: Vec<_> = bins.iter().filter(shown).collect();
                    let most = bins.iter().map(|bin| bin.count).max().unwrap_or(1) as f64;
                    let mut data = PathData::default();
                    data.polyline(bins.iter().map(|b| frame.place([b.forecast, b.observed])));
                    pen.path(&format!("curve {stroke}"), &data);
                    for bin in bins {
                        let [low, high] = bin.interval();
                        let (low, high) =
                            (frame.place([bin.forecast, low]), frame.place([bin.forecast, high]));
                        pen.line(&format!("thin {stroke}"), low, high);
                        let width = 4.0 + 7.0 * (bin.count as f64 / most).sqrt();
                        let class = format!(r#"class="dots {stroke}" stroke-width="{width:.1}""#);
                        let place = frame.place([bin.forecast, bin.observed]);
                        pen.group(&class, |pen| pen.dots([place]));
                    }
                }
            },
            |_, _| {},
        ))
    }
}

/// How often the observation fell in each rank among the ensemble members; flat is calibrated.
///
/// The band holds 95 % of each count if all ranks are equally likely and cases independent.
#[derive(Debug, Clone, PartialEq)]
pub struct RankHistogram {
    layout: Layout,
    counts: Vec<u64>,
}

impl RankHistogram {
    /// `counts[r]` cases with r members below the observation: m + 1 counts for m members.
    pub fn new(counts: &[u64]) -> Self {
        Self { layout: Layout::default(), counts: counts.to_vec() }
    }

    /// Size and title.
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// Draw.
    ///
    /// # Errors
    /// [`PlotError::NothingToDraw`] if there is no case.
    pub fn render(&self) -> Result<Svg, PlotError> {
        let x_axis = Axis::linear("members below the observation");
        let y_axis = Axis::linear("cases");
        let (figure, ranks) = ("rank histogram", self.counts.len());
        let total: u64 = self.counts.iter().sum();
        if total == 0 {
            return Err(PlotError::NothingToDraw { figure, axis: y_axis.text(), values: ranks });
        }
        let share = 1.0 / ranks as f64;
        let expected = total as f64 * share;
        let half = Z95 * (expected * (1.0 - share)).sqrt();
        let most = self.counts.iter().copied().max().unwrap_or(0) as f64;
        let top = 1.06 * most.max(expected + half);
        let x = x_axis.clone().limits(-0.5, ranks as f64 - 0.5).range(figure, [], 0.0)?;
        let y = y_axis.clone().limits(0.0, top).range(figure, [], 0.0)?;
        let mut legend = Legend::default();
        legend.add("observed", Swatch::Box, Colour::Blue);
        legend.add("calibrated, 95 %", Swatch::Box, Colour::Neutral);
        let parts = Parts {
            layout: &self.layout,
            x: (&x_axis, x),
            y: (&y_axis, y),
            aspect: Aspect::Free,
            right: 0.0,
            categories: None,
        };
        let frame = Frame::new(parts, legend, Vec::new());
        Ok(frame.draw(
            |frame, pen| {
                for (rank, &count) in self.counts.iter().enumerate() {
                    let [left, top] = frame.place([rank as f64 - 0.45, count as f64]);
                    let [right, bottom] = frame.place([rank as f64 + 0.45, 0.0]);
                    let class = format!("solid {}", Colour::Blue.fill());
                    pen.rect(&class, [left, top, right - left, bottom - top]);
                }
                let [left, _, width, _] = frame.plot;
                let row = |cases: f64| frame.place([0.0, cases])[1];
                let (high, low) = (row(expected + half), row((expected - half).max(0.0)));
                let class = format!("soft {}", Colour::Neutral.fill());
                pen.rect(&class, [left, high, width, low - high]);
                let stroke = Colour::Neutral.stroke();
                for (cases, dash) in [(high, ""), (low, ""), (row(expected), " dashed")] {
                    let class = format!("thin {stroke}{dash}");
                    pen.line(&class, [left, cases], [left + width, cases]);
                }
            },
            |_, _| {},
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::svg::tests::assert_sound;

    #[test]
    fn wilson_interval_matches_a_published_value() {
        // Newcombe (1998), Statist. Med. 17, 857–872, Table I: 81 of 263 gives 0.2553 to 0.3662.
        let bin = ReliabilityBin { forecast: 0.3, observed: 81.0 / 263.0, count: 263 };
        let [low, high] = bin.interval();
        assert!((low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5, "{low} {high}");
    }

    #[test]
    fn empty_bins_are_left_out() {
        let bin = |forecast, observed, count| ReliabilityBin { forecast, observed, count };
        let bins = [bin(0.1, 0.08, 400), bin(0.5, f64::NAN, 0), bin(0.9, 0.95, 30)];
        let svg = Reliability::new().series("rain > 1 mm/h", &bins).render().unwrap();
        assert_sound(&svg);
        assert_eq!(svg.inline().matches("h0\"").count(), 2);
        assert!(Reliability::new().series("none", &[bin(0.5, f64::NAN, 0)]).render().is_err());
    }

    #[test]
    fn rank_histogram_has_a_bar_per_rank() {
        let svg = RankHistogram::new(&[12, 9, 11, 10, 8, 30]).render().unwrap();
        assert_sound(&svg);
        // Two swatches, six bars, one band.
        assert_eq!(svg.inline().matches("<rect").count(), 9);
        assert_eq!(
            RankHistogram::new(&[0, 0]).render().unwrap_err().to_string(),
            "rank histogram: none of 2 values on the axis \"cases\" can be drawn"
        );
    }
}
