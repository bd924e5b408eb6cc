//! How often it rains, and how much when it does.

use ndarray::ArrayView1;

use crate::UqError;
use crate::cells::{Real, check_weights};

/// Indices of wet days, hours or cells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WetDays {
    /// Weighted part of the values at or above the threshold; R01 at 1 mm/day.
    pub fraction: f64,
    /// Simple daily intensity index: weighted mean of those values; NaN if there are none.
    pub intensity: f64,
    /// The largest value; Rx1day of daily sums.
    pub maximum: f64,
}

/// Wet-day indices of precipitation.
///
/// # Shapes and units
/// - `values`: any number of days, cells or both, mm per day (or any unit); NaN is left out
/// - `threshold`: the same unit; 1 mm per day by convention; `weights`: one per value
///
/// # Errors
/// [`UqError::Empty`] if no value with a weight is left, [`UqError::ShapeMismatch`], [`UqError::OutOfRange`] if a
/// weight is below 0 or the threshold not finite.
///
/// # Source
/// Zhang et al. (2011), WIREs Clim. Change 2, 851–870, indices R1mm, SDII and Rx1day.
pub fn wet_days<T: Real>(
    values: ArrayView1<T>,
    threshold: f64,
    weights: Option<ArrayView1<f64>>,
) -> Result<WetDays, UqError> {
    UqError::range("the threshold", threshold, f64::MIN, f64::MAX)?;
    check_weights(weights, values.len())?;
    let (mut total, mut wet, mut sum, mut maximum) = (0.0, 0.0, 0.0, f64::NEG_INFINITY);
    for (place, &value) in values.iter().enumerate() {
        let (value, weight): (f64, f64) =
            (value.into(), weights.map_or(1.0, |weights| weights[place]));
        if value.is_nan() || weight == 0.0 {
            continue;
        }
        total += weight;
        maximum = value.max(maximum);
        if value >= threshold {
            wet += weight;
            sum += weight * value;
        }
    }
    if total == 0.0 {
        return Err(UqError::Empty { what: "values" });
    }
    Ok(WetDays { fraction: wet / total, intensity: sum / wet, maximum })
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn indices_by_hand() {
        let values = array![0.0f32, 0.5, 1.0, 4.0, f32::NAN];
        let got = wet_days(values.view(), 1.0, None).unwrap();
        assert_eq!(got, WetDays { fraction: 0.5, intensity: 2.5, maximum: 4.0 });
        let weights = array![1.0, 1.0, 3.0, 0.0, 1.0];
        let got = wet_days(values.view(), 1.0, Some(weights.view())).unwrap();
        assert_eq!(got, WetDays { fraction: 0.6, intensity: 1.0, maximum: 1.0 });
        let dry = wet_days(array![0.0].view(), 1.0, None).unwrap();
        assert!(dry.intensity.is_nan() && dry.fraction == 0.0);
        let none = wet_days(array![f64::NAN].view(), 1.0, None);
        assert_eq!(none, Err(UqError::Empty { what: "values" }));
    }
}
