//! Numbers as files store them, and what they mean.

use netcdf::types::{FloatType, NcVariableType};
use netcdf::{AttributeValue, Variable};

/// How stored numbers become values: `stored · scale + offset`, some of them standing for nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Packing {
    scale: f64,
    offset: f64,
    fill: Option<f64>,
    missing: Option<f64>,
    /// Stored numbers outside are missing.
    valid: [f64; 2],
    /// What is added to negative stored numbers: those of a type without a sign.
    unsigned: f64,
}

/// A number of an attribute, the first of several.
fn number(value: AttributeValue) -> Option<f64> {
    Some(match value {
        AttributeValue::Uchar(x) => f64::from(x),
        AttributeValue::Schar(x) => f64::from(x),
        AttributeValue::Ushort(x) => f64::from(x),
        AttributeValue::Short(x) => f64::from(x),
        AttributeValue::Uint(x) => f64::from(x),
        AttributeValue::Int(x) => f64::from(x),
        AttributeValue::Ulonglong(x) => x as f64,
        AttributeValue::Longlong(x) => x as f64,
        AttributeValue::Float(x) => f64::from(x),
        AttributeValue::Double(x) => x,
        _ => return None,
    })
}

/// Two numbers of an attribute.
fn pair(value: AttributeValue) -> Option<[f64; 2]> {
    let all: Vec<f64> = match value {
        AttributeValue::Uchars(x) => x.into_iter().map(f64::from).collect(),
        AttributeValue::Schars(x) => x.into_iter().map(f64::from).collect(),
        AttributeValue::Ushorts(x) => x.into_iter().map(f64::from).collect(),
        AttributeValue::Shorts(x) => x.into_iter().map(f64::from).collect(),
        AttributeValue::Uints(x) => x.into_iter().map(f64::from).collect(),
        AttributeValue::Ints(x) => x.into_iter().map(f64::from).collect(),
        AttributeValue::Floats(x) => x.into_iter().map(f64::from).collect(),
        AttributeValue::Doubles(x) => x,
        _ => return None,
    };
    <[f64; 2]>::try_from(all).ok()
}

impl Packing {
    /// That of a variable, by its attributes.
    ///
    /// # Source
    /// CF 1.11, sections 2.5 and 8.1; `_Unsigned` as NetCDF-3 files use it.
    pub(super) fn of(variable: &Variable) -> Self {
        let of = |name: &str| variable.attribute_value(name).and_then(Result::ok);
        let one = |name: &str| of(name).and_then(number);
        // A mark may have more digits than the numbers that it marks.
        let single = variable.vartype() == NcVariableType::Float(FloatType::F32);
        let mark = |name: &str| one(name).map(|x| if single { f64::from(x as f32) } else { x });
        let mut valid = [f64::NEG_INFINITY, f64::INFINITY];
        if let Some(range) = of("valid_range").and_then(pair) {
            valid = range;
        }
        valid = [one("valid_min").unwrap_or(valid[0]), one("valid_max").unwrap_or(valid[1])];
        let unsigned = super::roles::text(variable, "_Unsigned").is_some_and(|text| text == "true");
        Self {
            scale: one("scale_factor").unwrap_or(1.0),
            offset: one("add_offset").unwrap_or(0.0),
            fill: mark("_FillValue"),
            missing: mark("missing_value"),
            valid,
            unsigned: if unsigned { (variable.vartype().size() as f64 * 8.0).exp2() } else { 0.0 },
        }
    }

    /// What a stored number means, in single precision; NaN if nothing.
    pub(super) fn value(&self, stored: f64) -> f32 {
        self.number(stored) as f32
    }

    /// What a stored number means; NaN if nothing.
    pub(super) fn number(&self, stored: f64) -> f64 {
        let is = |mark: Option<f64>| mark == Some(stored);
        if is(self.fill) || is(self.missing) || stored.is_nan() {
            return f64::NAN;
        }
        if !(self.valid[0]..=self.valid[1]).contains(&stored) {
            return f64::NAN;
        }
        let stored = if stored < 0.0 { stored + self.unsigned } else { stored };
        stored * self.scale + self.offset
    }
}
