//! Scores of one forecast: errors and correlations over cells.

use ndarray::ArrayView1;

use crate::UqError;
use crate::cells::{Real, check_weights};

/// Weighted mean of `value(forecast, observed, cell)` over the cells where it is not NaN.
fn mean_of<T: Real>(
    forecast: ArrayView1<T>,
    observed: ArrayView1<T>,
    weights: Option<ArrayView1<f64>>,
    value: impl Fn(f64, f64) -> f64,
) -> Result<f64, UqError> {
    UqError::enough("cells", forecast.len(), 1)?;
    UqError::shape("observations", observed.shape(), forecast.shape())?;
    check_weights(weights, forecast.len())?;
    let (mut sum, mut total) = (0.0, 0.0);
    for cell in 0..forecast.len() {
        let value = value(forecast[cell].into(), observed[cell].into());
        let weight = weights.map_or(1.0, |weights| weights[cell]);
        if !value.is_nan() && weight > 0.0 {
            sum += weight * value;
            total += weight;
        }
    }
    Ok(sum / total)
}

/// Mean of `x − y` over cells, weighted; above 0 where the forecast is too high.
///
/// # Shapes and units
/// `forecast`, `observed` and `weights`: `[cells]`; returns the unit of the forecast. Cells with a NaN are left out.
///
/// # Errors
/// [`UqError::ShapeMismatch`], [`UqError::Empty`], [`UqError::OutOfRange`] if a weight is below 0 or not finite.
pub fn bias<T: Real>(
    forecast: ArrayView1<T>,
    observed: ArrayView1<T>,
    weights: Option<ArrayView1<f64>>,
) -> Result<f64, UqError> {
    mean_of(forecast, observed, weights, |x, y| x - y)
}

/// Mean of `|x − y|` over cells, weighted. Shapes and errors are those of [`bias`].
///
/// # Errors
/// Those of [`bias`].
pub fn mae<T: Real>(
    forecast: ArrayView1<T>,
    observed: ArrayView1<T>,
    weights: Option<ArrayView1<f64>>,
) -> Result<f64, UqError> {
    mean_of(forecast, observed, weights, |x, y| (x - y).abs())
}

/// Mean of `(x − y)²` over cells, weighted; average this over times and take the root last. Shapes are those of
/// [`bias`], the unit is squared.
///
/// # Errors
/// Those of [`bias`].
pub fn mse<T: Real>(
    forecast: ArrayView1<T>,
    observed: ArrayView1<T>,
    weights: Option<ArrayView1<f64>>,
) -> Result<f64, UqError> {
    mean_of(forecast, observed, weights, |x, y| (x - y).powi(2))
}

/// Root of [`mse`].
///
/// # Errors
/// Those of [`bias`].
pub fn rmse<T: Real>(
    forecast: ArrayView1<T>,
    observed: ArrayView1<T>,
    weights: Option<ArrayView1<f64>>,
) -> Result<f64, UqError> {
    Ok(mse(forecast, observed, weights)?.sqrt())
}

/// Weighted sums of `x`, `y`, `x²`, `y²`, `xy` and of the weights, over cells where both are valid.
fn products(pairs: impl Iterator<Item = (f64, f64)>, weights: Option<ArrayView1<f64>>) -> Products {
    let mut sums = Products::default();
    for (cell, (x, y)) in pairs.enumerate() {
        let weight = weights.map_or(1.0, |weights| weights[cell]);
        if !x.is_nan() && !y.is_nan() && weight > 0.0 {
            sums.weight += weight;
            sums.x += weight * x;
            sums.y += weight * y;
            sums.xx += weight * x * x;
            sums.yy += weight * y * y;
            sums.xy += weight * x * y;
        }
    }
    sums
}

#[derive(Debug, Default)]
struct Products {
    weight: f64,
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

/// Anomaly correlation, uncentred: `Σ w f'o' / √(Σ w f'² Σ w o'²)` with anomalies `f' = f − c` and `o' = o − c` to the
/// climatology `c`; computed per time, then averaged. NaN if one of the anomalies is 0 everywhere.
///
/// # Shapes
/// `forecast`, `observed`, `climatology` and `weights`: `[cells]`. Cells with a NaN are left out.
///
/// # Errors
/// Those of [`bias`].
///
/// # Source
/// Rasp et al. (2024), J. Adv. Model. Earth Syst. 16, e2023MS004019, Eq. 10.
pub fn anomaly_correlation<T: Real>(
    forecast: ArrayView1<T>,
    observed: ArrayView1<T>,
    climatology: ArrayView1<T>,
    weights: Option<ArrayView1<f64>>,
) -> Result<f64, UqError> {
    UqError::enough("cells", forecast.len(), 1)?;
    UqError::shape("observations", observed.shape(), forecast.shape())?;
    UqError::shape("climatologies", climatology.shape(), forecast.shape())?;
    check_weights(weights, forecast.len())?;
    let anomaly = |field: &ArrayView1<T>, cell: usize| -> f64 {
        field[cell].into() - climatology[cell].into()
    };
    let pairs =
        (0..forecast.len()).map(|cell| (anomaly(&forecast, cell), anomaly(&observed, cell)));
    let sums = products(pairs, weights);
    Ok(sums.xy / (sums.xx * sums.yy).sqrt())
}

/// Pearson's correlation over cells, weighted; NaN if one of the fields is constant.
///
/// # Shapes
/// `forecast`, `observed` and `weights`: `[cells]`. Cells with a NaN are left out.
///
/// # Errors
/// Those of [`bias`].
pub fn pearson<T: Real>(
    forecast: ArrayView1<T>,
    observed: ArrayView1<T>,
    weights: Option<ArrayView1<f64>>,
) -> Result<f64, UqError> {
    UqError::enough("cells", forecast.len(), 1)?;
    UqError::shape("observations", observed.shape(), forecast.shape())?;
    check_weights(weights, forecast.len())?;
    let pairs = |a: f64, b: f64| {
        let pair = move |(x, y): (&T, &T)| ((*x).into() - a, (*y).into() - b);
        forecast.iter().zip(observed.iter()).map(pair)
    };
    // In two passes, or temperatures in K would lose half their digits to the mean.
    let first = products(pairs(0.0, 0.0), weights);
    let sums = products(pairs(first.x / first.weight, first.y / first.weight), weights);
    Ok(sums.xy / (sums.xx * sums.yy).sqrt())
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    /// By hand: differences 1, −2, missing, 4 with weights 1, 1, 1, 2.
    #[test]
    fn errors_by_hand() {
        let (x, y) = (array![2.0f32, 1.0, f32::NAN, 5.0], array![1.0f32, 3.0, 0.0, 1.0]);
        assert_eq!(bias(x.view(), y.view(), None), Ok(1.0));
        assert_eq!(mae(x.view(), y.view(), None), Ok(7.0 / 3.0));
        assert_eq!(rmse(x.view(), y.view(), None), Ok(7f64.sqrt()));
        let weights = array![1.0, 1.0, 1.0, 2.0];
        assert_eq!(bias(x.view(), y.view(), Some(weights.view())), Ok(7.0 / 4.0));
        let error = mae(x.view(), array![1.0f32].view(), None).unwrap_err();
        assert!(matches!(error, UqError::ShapeMismatch { .. }), "{error}");
    }

    /// By hand: anomalies (1, 2) and (2, 1) to a climatology of (10, 20) have 4/5; correlation −1.
    #[test]
    fn anomalies_are_not_centred() {
        let (f, o, c) = (array![11.0, 22.0], array![12.0, 21.0], array![10.0, 20.0]);
        let acc = anomaly_correlation(f.view(), o.view(), c.view(), None).unwrap();
        assert!((acc - 0.8).abs() < 1e-15);
        let (f, o) = (&f - &c, &o - &c);
        assert!((pearson(f.view(), o.view(), None).unwrap() + 1.0).abs() < 1e-15);
    }

    #[test]
    fn correlation_knows_no_offset_and_no_scale() {
        let x = array![271.3, 288.9, 265.1, 301.7, 280.0];
        let y = x.mapv(|x| 1e5 - 3.0 * x);
        assert!((pearson(x.view(), y.view(), None).unwrap() + 1.0).abs() < 1e-12);
        assert!(pearson(x.view(), array![1.0, 1.0, 1.0, 1.0, 1.0].view(), None).unwrap().is_nan());
        // A weight of 0 removes the cell that spoils the line.
        let mut spoiled = y.clone();
        spoiled[2] = 0.0;
        let weights = array![1.0, 2.0, 0.0, 1.0, 1.0];
        let got = pearson(x.view(), spoiled.view(), Some(weights.view())).unwrap();
        assert!((got + 1.0).abs() < 1e-12, "{got}");
    }
}
