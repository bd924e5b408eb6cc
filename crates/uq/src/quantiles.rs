//! Quantiles of all values of a field or a record, and their ratios.

use ndarray::ArrayView1;

use crate::UqError;
use crate::cells::Real;

/// Exact quantiles, linear between order statistics: `x_(i)` at the probability `(i − 1)/(n − 1)`.
///
/// # Shapes and units
/// `values`: any number, any unit; NaN is left out. Returns one per probability, the same unit.
///
/// # Errors
/// [`UqError::Empty`] if no value is left, [`UqError::OutOfRange`] for a probability outside 0 to 1.
///
/// # Source
/// Hyndman & Fan (1996), Am. Stat. 50, 361–365, definition 7.
pub fn quantiles<T: Real>(
    values: ArrayView1<T>,
    probabilities: &[f64],
) -> Result<Vec<f64>, UqError> {
    for &p in probabilities {
        UqError::range("a probability", p, 0.0, 1.0)?;
    }
    let valid = values.iter().map(|&x| -> f64 { x.into() }).filter(|x| !x.is_nan());
    let mut sorted: Vec<f64> = valid.collect();
    UqError::enough("values", sorted.len(), 1)?;
    sorted.sort_unstable_by(f64::total_cmp);
    Ok(probabilities.iter().map(|&p| of_sorted(&sorted, p)).collect())
}

/// The quantile of values that rise, of which there is one at least.
pub(crate) fn of_sorted(sorted: &[f64], p: f64) -> f64 {
    let place = p * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let part = place - below as f64;
    // An infinite neighbour must not spoil a quantile that is the order statistic itself.
    if part == 0.0 { sorted[below] } else { sorted[below] + part * (sorted[above] - sorted[below]) }
}

/// Quantiles of a forecast over those of the observations: 1 if the tail is as heavy, NaN where both are 0.
///
/// # Shapes and units
/// `forecast` and `observed`: any numbers of values, the same unit. Returns one ratio per probability.
///
/// # Errors
/// Those of [`quantiles`].
pub fn quantile_ratios<T: Real>(
    forecast: ArrayView1<T>,
    observed: ArrayView1<T>,
    probabilities: &[f64],
) -> Result<Vec<f64>, UqError> {
    let forecast = quantiles(forecast, probabilities)?;
    let observed = quantiles(observed, probabilities)?;
    Ok(forecast.iter().zip(observed).map(|(x, y)| x / y).collect())
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn order_statistics_by_hand() {
        let values = array![3.0f32, f32::NAN, 1.0, 2.0, 10.0];
        let got = quantiles(values.view(), &[0.0, 0.5, 0.9, 1.0]).unwrap();
        for (got, want) in got.iter().zip([1.0, 2.5, 3.0 + 0.7 * 7.0, 10.0]) {
            assert!((got - want).abs() < 1e-12, "{got} {want}");
        }
        let ratios = quantile_ratios(array![2.0, 4.0].view(), array![1.0, 8.0].view(), &[0.0, 1.0]);
        assert_eq!(ratios, Ok(vec![2.0, 0.5]));
        let infinite = array![1.0, 2.0, f64::INFINITY];
        assert_eq!(quantiles(infinite.view(), &[0.5]), Ok(vec![2.0]));
        let error = quantiles(array![f64::NAN].view(), &[0.5]).unwrap_err();
        assert_eq!(error, UqError::Empty { what: "values" });
        assert!(quantiles(values.view(), &[1.1]).is_err());
    }
}
