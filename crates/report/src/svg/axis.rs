//! An axis: what it measures, on which scale, between which limits.

use super::PlotError;
use super::ticks::{self, Tick};

/// Scale of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences, equal distances.
    Linear,
    /// Equal ratios, equal distances; positive values only.
    Log,
}

impl Scale {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Log => "log",
        }
    }

    /// Whether `value` has a place on this scale.
    pub(crate) fn holds(self, value: f64) -> bool {
        value.is_finite() && (self == Self::Linear || value > 0.0)
    }

    pub(crate) fn forward(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log => value.log10(),
        }
    }

    pub(crate) fn backward(self, place: f64) -> f64 {
        match self {
            Self::Linear => place,
            Self::Log => 10f64.powf(place),
        }
    }
}

/// An axis with its label, unit, scale and, if not taken from the values, its limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    label: String,
    unit: Option<String>,
    pub(crate) scale: Scale,
    limits: Option<(f64, f64)>,
}

impl Axis {
    /// A linear axis.
    pub fn linear(label: impl Into<String>) -> Self {
        Self { label: label.into(), unit: None, scale: Scale::Linear, limits: None }
    }

    /// A logarithmic axis; values that are not positive are noted under the figure.
    pub fn log(label: impl Into<String>) -> Self {
        Self { scale: Scale::Log, ..Self::linear(label) }
    }

    /// Unit, shown in brackets after the label.
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// Fixed limits; what lies outside is cut off.
    pub fn limits(mut self, lo: f64, hi: f64) -> Self {
        self.limits = Some((lo, hi));
        self
    }

    /// Label and unit as shown: `time (ps)`.
    pub(crate) fn text(&self) -> String {
        match &self.unit {
            Some(unit) => format!("{} ({unit})", self.label),
            None => self.label.clone(),
        }
    }

    pub(crate) fn has_limits(&self) -> bool {
        self.limits.is_some()
    }

    /// Fixed limits, or those of the drawable `values`, widened by the fraction `margin` at both ends.
    pub(crate) fn range(
        &self,
        figure: &'static str,
        values: impl IntoIterator<Item = f64>,
        margin: f64,
    ) -> Result<Range, PlotError> {
        let scale = self.scale;
        if let Some((lo, hi)) = self.limits {
            if !scale.holds(lo) || !scale.holds(hi) || lo >= hi {
                let axis = self.text();
                return Err(PlotError::BadLimits { axis, lo, hi, scale: scale.name() });
            }
            return Ok(Range { scale, lo: scale.forward(lo), hi: scale.forward(hi) });
        }
        let (mut lo, mut hi, mut count) = (f64::INFINITY, f64::NEG_INFINITY, 0);
        for value in values {
            count += 1;
            if scale.holds(value) {
                let place = scale.forward(value);
                (lo, hi) = (lo.min(place), hi.max(place));
            }
        }
        if lo > hi {
            return Err(PlotError::NothingToDraw { figure, axis: self.text(), values: count });
        }
        // A span lost in rounding cannot be marked: widen it as if all values were equal.
        if hi - lo <= 1e-9 * lo.abs().max(hi.abs()) {
            let half = if lo == 0.0 { 0.5 } else { 0.1 * lo.abs().max(1e-9) };
            return Ok(Range { scale, lo: lo - half, hi: hi + half });
        }
        let margin = margin * (hi - lo);
        Ok(Range { scale, lo: lo - margin, hi: hi + margin })
    }
}

/// Limits of an axis in scaled units (log₁₀ of the value on a log axis).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    pub(crate) scale: Scale,
    pub(crate) lo: f64,
    pub(crate) hi: f64,
}

impl Range {
    pub(crate) fn span(&self) -> f64 {
        self.hi - self.lo
    }

    /// Same centre, at least this wide.
    pub(crate) fn widened_to(self, span: f64) -> Self {
        let more = (span - self.span()).max(0.0) / 2.0;
        Self { lo: self.lo - more, hi: self.hi + more, ..self }
    }

    /// Place of `value` between the limits, 0 to 1; NaN if it has none.
    pub(crate) fn fraction(&self, value: f64) -> f64 {
        if !self.scale.holds(value) {
            return f64::NAN;
        }
        (self.scale.forward(value) - self.lo) / self.span()
    }

    /// The value at a fraction of the way.
    pub(crate) fn value(&self, fraction: f64) -> f64 {
        self.scale.backward(self.lo + fraction * self.span())
    }

    pub(crate) fn ticks(&self, target: usize) -> Vec<Tick> {
        let (lo, hi) = (self.value(0.0), self.value(1.0));
        match self.scale {
            Scale::Linear => ticks::linear(lo, hi, target),
            Scale::Log => ticks::logarithmic(lo, hi, target),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_ignores_what_cannot_be_drawn() {
        let values = [f64::NAN, 1.0, -5.0, f64::INFINITY, 100.0];
        let range = Axis::log("loss").range("line chart", values, 0.0).unwrap();
        assert_eq!((range.lo, range.hi), (0.0, 2.0));
        assert!(range.fraction(-5.0).is_nan());
        assert!((range.fraction(10.0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn equal_values_still_get_an_axis() {
        for value in [0.0, 7.0, -1e-6, 1e12] {
            let range = Axis::linear("x").range("scatter", [value; 3], 0.05).unwrap();
            assert!(range.lo < value && value < range.hi && range.ticks(5).len() >= 2, "{value}");
        }
    }

    #[test]
    fn errors_name_the_axis() {
        let axis = Axis::log("time").unit("ps");
        assert_eq!(
            axis.range("scatter", [-1.0, 0.0], 0.0).unwrap_err().to_string(),
            "scatter: none of 2 values on the axis \"time (ps)\" can be drawn"
        );
        assert_eq!(
            axis.limits(0.0, 1.0).range("scatter", [], 0.0).unwrap_err().to_string(),
            "axis \"time (ps)\": limits 0 and 1 are not an increasing pair on a log scale"
        );
    }
}
