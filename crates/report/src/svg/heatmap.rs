//! A field on a regular grid.

use super::axis::{Axis, Range};
use super::colormap::Colormap;
use super::frame::{
    Aspect, Frame, OVERHANG, Parts, label_width, mark_count, tick_label, upright_lines,
};
use super::layout::{Layout, wrapped};
use super::legend::Legend;
use super::pen::{Anchor, Pen, UPRIGHT_LINE};
use super::png::{self, TRANSPARENT};
use super::{PlotError, Svg};

/// A field on a regular grid, with a colour bar; NaN (land mask, no data) is grey.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatMap {
    x: Axis,
    y: Axis,
    value: Axis,
    layout: Layout,
    aspect: Aspect,
    colormap: Colormap,
    rows: usize,
    columns: usize,
    values: Vec<f64>,
}

/// Colours of a picture; one entry of the palette is left for "no data".
const LEVELS: usize = 255;
const BAR_WIDTH: f64 = 12.0;

impl HeatMap {
    /// `values[row * columns + column]`, row 0 at the lower end of `y`, column 0 at that of `x`.
    ///
    /// The limits of `x` and `y` are the outer edges of the grid; without limits an axis counts
    /// cells. Limits of the `value` axis bound the colours, and values beyond them take the end
    /// colours; its scale is that of the colour bar.
    ///
    /// # Errors
    /// [`PlotError::GridShape`] if the grid is empty or `values` does not fill it.
    pub fn new(
        [x, y, value]: [Axis; 3],
        [rows, columns]: [usize; 2],
        values: &[f64],
    ) -> Result<Self, PlotError> {
        if rows == 0 || columns == 0 || rows * columns != values.len() {
            return Err(PlotError::GridShape { rows, columns, values: values.len() });
        }
        let cells = |axis: Axis, count: usize| {
            if axis.has_limits() { axis } else { axis.limits(0.0, count as f64) }
        };
        Ok(Self {
            x: cells(x, columns),
            y: cells(y, rows),
            value,
            layout: Layout { width: 440.0, height: 360.0, title: None },
            aspect: Aspect::Equal,
            colormap: Colormap::default(),
            rows,
            columns,
            values: values.to_vec(),
        })
    }

    /// Estimated density of `points` on a grid of `[rows, columns]`, per unit area.
    ///
    /// Both axes need limits; points outside count in the total, so the density is that of all
    /// points.
    ///
    /// # Errors
    /// [`PlotError::GridShape`] for an empty grid, [`PlotError::BadLimits`], and
    /// [`PlotError::NothingToDraw`] without points or without limits.
    pub fn density(
        [x, y]: [Axis; 2],
        [rows, columns]: [usize; 2],
        points: &[[f64; 2]],
    ) -> Result<Self, PlotError> {
        let across = x.range("heat map", points.iter().map(|p| p[0]), 0.0)?;
        let up = y.range("heat map", points.iter().map(|p| p[1]), 0.0)?;
        let area = across.span() * up.span() / (rows * columns).max(1) as f64;
        let mut values = vec![0.0; rows * columns];
        for point in points {
            let column = across.fraction(point[0]) * columns as f64;
            let row = up.fraction(point[1]) * rows as f64;
            if (0.0..columns as f64).contains(&column) && (0.0..rows as f64).contains(&row) {
                values[row as usize * columns + column as usize] +=
                    1.0 / (points.len() as f64 * area);
            }
        }
        let x = x.limits(across.value(0.0), across.value(1.0));
        let y = y.limits(up.value(0.0), up.value(1.0));
        Self::new([x, y, Axis::linear("density")], [rows, columns], &values)
    }

    /// Another colour map; [`Colormap::Diverging`] puts zero in its middle unless limits are set.
    pub fn colormap(mut self, colormap: Colormap) -> Self {
        self.colormap = colormap;
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

    /// Draw.
    ///
    /// # Errors
    /// [`PlotError::NothingToDraw`] if no value has a colour, [`PlotError::BadLimits`].
    pub fn render(&self) -> Result<Svg, PlotError> {
        let x = self.x.range("heat map", [], 0.0)?;
        let y = self.y.range("heat map", [], 0.0)?;
        let colours = self.colours()?;
        let ticks = colours.ticks(5);
        let missing = self.values.iter().filter(|&&v| !self.value.scale.holds(v)).count();
        let note = format!("no value in {missing} of {} cells (grey)", self.values.len());
        let notes = if missing > 0 { vec![note] } else { Vec::new() };
        let mut parts = Parts {
            layout: &self.layout,
            x: (&self.x, x),
            y: (&self.y, y),
            aspect: self.aspect,
            right: 16.0 + BAR_WIDTH + 8.0 + label_width(&ticks) + 28.0,
            categories: None,
        };
        parts.right += UPRIGHT_LINE * (upright_lines(&parts, &self.value.text()) - 1) as f64;
        let frame = Frame::new(parts, Legend::default(), notes);
        Ok(frame.draw(
            |frame, pen| {
                let [left, bottom] = frame.place([x.value(0.0), y.value(0.0)]);
                let [end, top] = frame.place([x.value(1.0), y.value(1.0)]);
                let field = [left, top, end - left, bottom - top];
                if missing > 0 {
                    pen.rect("missing", field);
                }
                pen.image(field, &self.picture(&colours));
            },
            |frame, pen| self.bar(frame, pen, &colours),
        ))
    }

    /// Range of the colours.
    fn colours(&self) -> Result<Range, PlotError> {
        let range = self.value.range("heat map", self.values.iter().copied(), 0.0)?;
        if self.colormap == Colormap::Diverging && !self.value.has_limits() {
            let reach = range.lo.abs().max(range.hi.abs());
            return Ok(Range { lo: -reach, hi: reach, ..range });
        }
        Ok(range)
    }

    fn palette(&self) -> Vec<[u8; 3]> {
        let last = (LEVELS - 1) as f64;
        (0..LEVELS).map(|level| self.colormap.rgb(level as f64 / last)).collect()
    }

    fn picture(&self, colours: &Range) -> String {
        let index = |value: f64| match colours.fraction(value) {
            fraction if fraction.is_nan() => TRANSPARENT,
            fraction => (fraction.clamp(0.0, 1.0) * (LEVELS - 1) as f64).round() as u8,
        };
        let rows = self.values.chunks(self.columns).rev();
        let indices: Vec<u8> = rows.flatten().map(|&value| index(value)).collect();
        png::data_uri(self.columns, self.rows, &indices, &self.palette())
    }

    fn bar(&self, frame: &Frame<'_>, pen: &mut Pen, colours: &Range) {
        let [left, top, width, height] = frame.plot;
        let x = left + width + 16.0;
        let levels: Vec<u8> = (0..LEVELS as u8).rev().collect();
        let gradient = png::data_uri(1, LEVELS, &levels, &self.palette());
        pen.image([x, top, BAR_WIDTH, height], &gradient);
        let ticks = colours.ticks(mark_count(height, 42.0));
        for tick in &ticks {
            let y = top + height * (1.0 - colours.fraction(tick.value));
            tick_label(pen, [x + BAR_WIDTH + 6.0, y + 4.0], Anchor::Start, tick);
        }
        let label = x + BAR_WIDTH + 8.0 + label_width(&ticks) + 20.0;
        let text = self.value.text();
        pen.upright_text([label, top + height / 2.0], &wrapped(&text, height + OVERHANG));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::svg::tests::{assert_sound, spiral};

    fn axes() -> [Axis; 3] {
        [
            Axis::linear("lon").unit("°E"),
            Axis::linear("lat").unit("°N"),
            Axis::linear("T").unit("K"),
        ]
    }

    #[test]
    fn a_field_of_16_384_cells_is_small() {
        let values: Vec<f64> = (0..128 * 128).map(|i| (f64::from(i) / 900.0).sin()).collect();
        let svg = HeatMap::new(axes(), [128, 128], &values).unwrap().render().unwrap();
        assert_sound(&svg);
        assert!(svg.inline().len() < 40_000, "{}", svg.inline().len());
    }

    #[test]
    fn masked_cells_are_grey_and_counted() {
        let values = [1.0, f64::NAN, 3.0, 4.0];
        let svg = HeatMap::new(axes(), [2, 2], &values).unwrap().render().unwrap();
        assert_sound(&svg);
        assert!(svg.inline().contains(r#"class="missing""#));
        assert!(svg.inline().contains("no value in 1 of 4 cells"));
    }

    #[test]
    fn a_diverging_map_is_centred_on_zero() {
        let map = HeatMap::new(axes(), [1, 2], &[-1.0, 3.0]).unwrap();
        let range = map.colormap(Colormap::Diverging).colours().unwrap();
        assert_eq!((range.lo, range.hi), (-3.0, 3.0));
    }

    #[test]
    fn a_density_integrates_to_one() {
        let side = || Axis::linear("x").limits(-1.25, 1.25);
        let map = HeatMap::density([side(), side()], [20, 25], &spiral(1000)).unwrap();
        let mass = map.values.iter().sum::<f64>() * 2.5 * 2.5 / 500.0;
        assert!((mass - 1.0).abs() < 1e-12);
        assert_sound(&map.render().unwrap());
    }

    #[test]
    fn wrong_shape_is_named() {
        assert_eq!(
            HeatMap::new(axes(), [2, 3], &[0.0; 5]).unwrap_err().to_string(),
            "heat map: 5 values do not fill a grid of 2 rows and 3 columns"
        );
    }
}
