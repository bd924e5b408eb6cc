//! One number per category.

use super::axis::Axis;
use super::frame::{Aspect, Frame, Parts, undrawable_note};
use super::layout::Layout;
use super::legend::{Legend, Swatch};
use super::pen::Pen;
use super::style::Colour;
use super::{PlotError, Svg};

/// One number per category and series, standing on zero, with error bars if they are known.
#[derive(Debug, Clone, PartialEq)]
pub struct Bars {
    x: Axis,
    y: Axis,
    layout: Layout,
    categories: Vec<String>,
    series: Vec<(String, Vec<f64>, Vec<f64>)>,
}

impl Bars {
    /// An empty chart over these categories; `y` must be linear, since bars stand on zero.
    pub fn new<S: Into<String>>(x: Axis, y: Axis, categories: impl IntoIterator<Item = S>) -> Self {
        let categories = categories.into_iter().map(Into::into).collect();
        Self { x, y, layout: Layout::default(), categories, series: Vec::new() }
    }

    /// Add one value per category.
    pub fn series(self, name: impl Into<String>, values: &[f64]) -> Self {
        let errors = vec![0.0; values.len()];
        self.series_with_errors(name, values, &errors)
    }

    /// Add one value and one standard deviation per category.
    pub fn series_with_errors(
        mut self,
        name: impl Into<String>,
        values: &[f64],
        errors: &[f64],
    ) -> Self {
        self.series.push((name.into(), values.to_vec(), errors.to_vec()));
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
    /// [`PlotError::LengthMismatch`] if a series does not have one value per category,
    /// [`PlotError::NothingToDraw`], [`PlotError::BadLimits`].
    pub fn render(&self) -> Result<Svg, PlotError> {
        let figure = "bar chart";
        let (mut legend, mut notes) = (Legend::default(), Vec::new());
        for (index, (name, values, errors)) in self.series.iter().enumerate() {
            for (what, found) in [("bars", values.len()), ("errors", errors.len())] {
                if found != self.categories.len() {
                    let (series, expected) = (name.clone(), self.categories.len());
                    return Err(PlotError::LengthMismatch {
                        figure,
                        series,
                        what,
                        expected,
                        found,
                    });
                }
            }
            legend.add(name, Swatch::Box, Colour::nth(index));
            let missing = values.iter().filter(|v| !v.is_finite()).count();
            notes.extend(undrawable_note(name, missing, values.len()));
        }
        let ends = || {
            let pairs = self.series.iter().flat_map(|(_, values, sd)| values.iter().zip(sd));
            pairs.flat_map(|(v, sd)| [v - sd, v + sd])
        };
        // With zero among the values alone, a chart without a finite value would look empty, not wrong.
        self.y.range(figure, ends(), 0.0)?;
        let y = self.y.range(figure, ends().chain([0.0]), 0.06)?;
        let y = if ends().all(|v| v.is_nan() || v >= 0.0) && !self.y.has_limits() {
            super::axis::Range { lo: 0.0, ..y }
        } else {
            y
        };
        let last = self.categories.len() as f64 - 0.5;
        let x = self.x.clone().limits(-0.5, last).range(figure, [], 0.0)?;
        let parts = Parts {
            layout: &self.layout,
            x: (&self.x, x),
            y: (&self.y, y),
            aspect: Aspect::Free,
            right: 0.0,
            categories: Some(&self.categories),
        };
        let frame = Frame::new(parts, legend, notes);
        Ok(frame.draw(|frame, pen| self.draw_bars(frame, pen), |_, _| {}))
    }

    fn draw_bars(&self, frame: &Frame<'_>, pen: &mut Pen) {
        // Bars of a category share 70 % of its width, so that categories stay apart.
        let width = 0.7 / self.series.len() as f64;
        for (index, (_, values, errors)) in self.series.iter().enumerate() {
            let colour = Colour::nth(index);
            for (category, (&value, &error)) in values.iter().zip(errors).enumerate() {
                if !value.is_finite() {
                    continue;
                }
                let left = category as f64 - 0.35 + width * (index as f64 + 0.04);
                let [x, top] = frame.place([left, value.max(0.0)]);
                let [end, bottom] = frame.place([left + 0.92 * width, value.min(0.0)]);
                let class = format!("solid {}", colour.fill());
                pen.rect(&class, [x, top, end - x, (bottom - top).max(0.5)]);
                if error > 0.0 && error.is_finite() {
                    let middle = left + 0.46 * width;
                    let low = frame.place([middle, value - error]);
                    let high = frame.place([middle, value + error]);
                    pen.line(&format!("curve {}", Colour::Neutral.stroke()), low, high);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::svg::tests::assert_sound;

    fn elements() -> Bars {
        Bars::new(Axis::linear("element"), Axis::linear("share").unit("%"), ["H", "C", "N", "O"])
    }

    #[test]
    fn every_category_has_a_bar_per_series() {
        let svg = elements()
            .series("data", &[51.0, 35.0, 6.0, 8.0])
            .series_with_errors("samples", &[50.0, 36.0, f64::NAN, 8.5], &[1.0, 1.0, 0.3, 0.4])
            .render()
            .unwrap();
        assert_sound(&svg);
        assert_eq!(svg.inline().matches("<rect").count(), 2 + 7);
        assert!(svg.inline().contains("samples: 1 of 4 values cannot be drawn here"));
    }

    #[test]
    fn a_missing_bar_is_an_error() {
        let error = elements().series("data", &[1.0, 2.0]).render().unwrap_err();
        assert_eq!(error.to_string(), "bar chart, series \"data\": 2 bars for 4 values");
    }

    #[test]
    fn values_below_zero_hang_from_it() {
        let svg = elements().series("bias", &[-1.0, 2.0, -3.0, 0.0]).render().unwrap();
        assert_sound(&svg);
    }
}
