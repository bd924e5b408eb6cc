//! Spectra along circles of latitude.

use std::f64::consts::PI;

use ndarray::{Array2, ArrayView2};
use rustfft::FftPlanner;

use crate::UqError;
use crate::spectrum::complex;

/// Mean of the polar and the equatorial radius in m, the value of WeatherBench 2.
const EARTH_RADIUS: f64 = 6_367_500.0;

/// Zonal power spectrum of each latitude: `S_0 = C |F_0|²`, `S_k = 2 C |F_k|²` with `F_k = Σ_l f_l e^(−2πikl/L) / L` and
/// the circumference `C = 2πR cos(latitude)`.
///
/// `Σ_k S_k = C mean(f²)`; for even `L` the wave of length 2 is counted twice, as its source does.
///
/// # Shapes and units
/// - `field`: `[latitudes, longitudes]`, any unit, no NaN, all around the globe; `latitudes`: degrees
/// - returns `[latitudes, longitudes/2 + 1]`, the unit squared times m, for `k = 0, 1, …`
///
/// # Errors
/// [`UqError::ShapeMismatch`], [`UqError::Empty`], [`UqError::NotFinite`], [`UqError::OutOfRange`] for a latitude
/// beyond ±90.
///
/// # Source
/// Rasp et al. (2024), J. Adv. Model. Earth Syst. 16, e2023MS004019.
pub fn zonal_spectrum(field: ArrayView2<f64>, latitudes: &[f64]) -> Result<Array2<f64>, UqError> {
    let (height, width) = field.dim();
    UqError::enough("cells", height * width, 1)?;
    UqError::shape("latitudes", &[latitudes.len()], &[height])?;
    for &latitude in latitudes {
        UqError::range("a latitude in degrees", latitude, -90.0, 90.0)?;
    }
    let mut values = complex(field, |_, _| 1.0, 0.0)?;
    FftPlanner::new().plan_fft_forward(width).process(&mut values);
    Ok(Array2::from_shape_fn((height, width / 2 + 1), |(row, k)| {
        let circumference = 2.0 * PI * EARTH_RADIUS * latitudes[row].to_radians().cos();
        let sides = if k == 0 { 1.0 } else { 2.0 };
        let f = values[row * width + k] / width as f64;
        sides * circumference * f.norm_sqr()
    }))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    /// Parseval: for odd L the sum over k is the circumference times the mean square.
    #[test]
    fn zonal_power_adds_up() {
        let field = array![[1.0, 4.0, -2.0, 0.5, 3.0], [1.0, 1.0, 1.0, 1.0, 1.0]];
        let spectrum = zonal_spectrum(field.view(), &[60.0, -90.0]).unwrap();
        let want = PI * EARTH_RADIUS * (1.0 + 16.0 + 4.0 + 0.25 + 9.0) / 5.0;
        assert!((spectrum.row(0).sum() / want - 1.0).abs() < 1e-12);
        // A circle of latitude at the pole has no length.
        assert!(spectrum.row(1).sum().abs() < 1e-6);
        assert!(zonal_spectrum(field.view(), &[60.0]).is_err());
    }
}
