//! The distribution of one number.

use super::axis::Axis;
use super::frame::{Aspect, Frame, Parts, undrawable_note};
use super::layout::Layout;
use super::legend::{Legend, Swatch};
use super::pen::PathData;
use super::style::Colour;
use super::{PlotError, Svg};

/// Distributions of one number as densities, so that series of different size can be compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    x: Axis,
    layout: Layout,
    bins: Option<usize>,
    series: Vec<(String, Vec<f64>)>,
    curves: Vec<(String, Vec<[f64; 2]>)>,
}

impl Histogram {
    /// An empty histogram over `x`, which must be linear for bins of equal width to look equal.
    pub fn new(x: Axis) -> Self {
        let layout = Layout::default();
        Self { x, layout, bins: None, series: Vec::new(), curves: Vec::new() }
    }

    /// Add samples.
    pub fn samples(mut self, name: impl Into<String>, samples: &[f64]) -> Self {
        self.series.push((name.into(), samples.to_vec()));
        self
    }

    /// Add a density `[x, p(x)]` drawn as a dashed curve.
    pub fn curve(mut self, name: impl Into<String>, density: &[[f64; 2]]) -> Self {
        self.curves.push((name.into(), density.to_vec()));
        self
    }

    /// Number of bins over the axis, at least 1; else by the rule of Freedman and Diaconis (1981).
    pub fn bins(mut self, bins: usize) -> Self {
        self.bins = Some(bins.max(1));
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
    /// [`PlotError::NothingToDraw`] without a finite sample, [`PlotError::BadLimits`].
    pub fn render(&self) -> Result<Svg, PlotError> {
        let figure = "histogram";
        let samples = || self.series.iter().flat_map(|series| series.1.iter().copied());
        let x = self.x.range(figure, samples(), 0.0)?;
        let (lo, hi) = (x.value(0.0), x.value(1.0));
        let bins = self.bins.unwrap_or_else(|| self.freedman_diaconis(lo, hi));
        let densities: Vec<Vec<f64>> =
            self.series.iter().map(|series| density(&series.1, lo, hi, bins)).collect();
        let (mut legend, mut notes) = (Legend::default(), Vec::new());
        for (index, (name, values)) in self.series.iter().enumerate() {
            legend.add(name, Swatch::Box, Colour::nth(index));
            let missing = values.iter().filter(|v| !v.is_finite()).count();
            notes.extend(undrawable_note(name, missing, values.len()));
        }
        for (name, _) in &self.curves {
            legend.add(name, Swatch::Curve { dashed: true }, Colour::Neutral);
        }
        let y_axis = Axis::linear("density");
        let heights = densities.iter().flatten().copied();
        let curves = self.curves.iter().flat_map(|curve| curve.1.iter().map(|p| p[1]));
        let top = heights.chain(curves).filter(|v| v.is_finite()).fold(0.0, f64::max);
        // No sample inside fixed limits: an empty plot is then the truth.
        let top = if top > 0.0 { 1.06 * top } else { 1.0 };
        let y = y_axis.clone().limits(0.0, top).range(figure, [], 0.0)?;
        let parts = Parts {
            layout: &self.layout,
            x: (&self.x, x),
            y: (&y_axis, y),
            aspect: Aspect::Free,
            right: 0.0,
            categories: None,
        };
        let frame = Frame::new(parts, legend, notes);
        Ok(frame.draw(
            |frame, pen| {
                let edge = |index: usize| lo + (hi - lo) * index as f64 / bins as f64;
                for (index, heights) in densities.iter().enumerate() {
                    let mut steps = vec![[lo, 0.0]];
                    for (bin, &height) in heights.iter().enumerate() {
                        steps.push([edge(bin), height]);
                        steps.push([edge(bin + 1), height]);
                    }
                    steps.push([hi, 0.0]);
                    let mut data = PathData::default();
                    data.polyline(steps.into_iter().map(|p| frame.place(p)));
                    let colour = Colour::nth(index);
                    // Later series lie on top, so they hide less.
                    let shade = if index == 0 { "tint" } else { "soft" };
                    pen.path(&format!("area {shade} {}", colour.fill()), &data);
                    pen.path(&format!("thin {}", colour.stroke()), &data);
                }
                for (_, curve) in &self.curves {
                    let mut data = PathData::default();
                    data.polyline(curve.iter().map(|&p| frame.place(p)));
                    pen.path(&format!("curve dashed {}", Colour::Neutral.stroke()), &data);
                }
            },
            |_, _| {},
        ))
    }

    /// Bin width 2 IQR n^(−1/3), the narrowest of all series; between 8 and 80 bins.
    fn freedman_diaconis(&self, lo: f64, hi: f64) -> usize {
        let width = self.series.iter().filter_map(|(_, values)| {
            let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
            sorted.sort_unstable_by(f64::total_cmp);
            let quartile = |share: f64| sorted.get((share * sorted.len() as f64) as usize).copied();
            let width = 2.0 * (quartile(0.75)? - quartile(0.25)?) / (sorted.len() as f64).cbrt();
            (width > 0.0).then_some(width)
        });
        let narrowest = width.fold(f64::INFINITY, f64::min);
        ((hi - lo) / narrowest).ceil().clamp(8.0, 80.0) as usize
    }
}

/// Density per bin; the upper limit belongs to the last bin. Samples outside count in the total.
fn density(values: &[f64], lo: f64, hi: f64, bins: usize) -> Vec<f64> {
    let finite = values.iter().filter(|v| v.is_finite()).count();
    let each = bins as f64 / ((hi - lo) * finite.max(1) as f64);
    let mut heights = vec![0.0; bins];
    for &value in values.iter().filter(|v| (lo..=hi).contains(*v)) {
        let bin = ((value - lo) / (hi - lo) * bins as f64) as usize;
        heights[bin.min(bins - 1)] += each;
    }
    heights
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::svg::tests::assert_sound;

    #[test]
    fn density_integrates_to_one_and_the_largest_sample_counts() {
        let heights = density(&[0.0, 0.1, 0.5, 1.0, f64::NAN], 0.0, 1.0, 4);
        assert!((heights.iter().sum::<f64>() / 4.0 - 1.0).abs() < 1e-12);
        assert_eq!(heights, [2.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn samples_and_their_theory_are_drawn_together() {
        let samples: Vec<f64> = (0..500).map(|i| (f64::from(i) * 0.37).sin()).collect();
        let curve: Vec<[f64; 2]> = (-9..=9).map(|i| [f64::from(i) / 10.0, 0.3]).collect();
        let histogram = Histogram::new(Axis::linear("torsion").unit("rad"))
            .samples("samples", &samples)
            .curve("theory", &curve);
        let svg = histogram.render().unwrap();
        assert_sound(&svg);
        assert!(svg.inline().contains("torsion (rad)") && svg.inline().contains("theory"));
    }

    #[test]
    fn a_constant_has_a_histogram() {
        let svg = Histogram::new(Axis::linear("x")).samples("", &[3.0; 20]).render().unwrap();
        assert_sound(&svg);
    }
}
