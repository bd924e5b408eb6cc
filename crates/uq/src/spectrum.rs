//! Spectra of fields: how much varies at which scale, and whether it is in the right place.

use std::f64::consts::PI;

use ndarray::{Array1, ArrayView2, ArrayView3};
use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

use crate::UqError;

/// What a field is multiplied with before it is transformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taper {
    /// Nothing: for periodic fields.
    None,
    /// `sin²(π i/n)` along both axes, divided by its root mean square: fields whose borders do not meet would
    /// otherwise leak power of the largest scales into all.
    Hann,
}

/// Radial power spectrum: the mean of `|FFT2(field − mean)|²` over rings of wavenumbers `round(|k|)`.
///
/// The transform is "ortho", scaled by `1/√(height · width)`. Wavenumbers count waves along the shorter side, also for
/// those along the longer one, so a ring holds one wavelength whatever the shape.
///
/// # Shapes and units
/// - `field`: `[height, width]`, any unit, no NaN
/// - returns `[min(height, width)/2 − 1]`, the unit squared, for `k = 1, 2, …`
///
/// # Errors
/// [`UqError::TooFew`] if a side is shorter than 4, [`UqError::NotFinite`] for a NaN or ±∞.
///
/// # Source
/// Harris et al. (2001), J. Hydrometeorol. 2, 406–418, for radially averaged spectra of precipitation.
pub fn radial_spectrum(field: ArrayView2<f64>, taper: Taper) -> Result<Array1<f64>, UqError> {
    let (height, width) = field.dim();
    let power: Vec<f64> = transformed(field, taper)?.iter().map(Complex::norm_sqr).collect();
    let (mut sums, mut counts) = (ring_sums(height, width), ring_sums(height, width));
    for_rings(height, width, |ring, cell| {
        sums[ring] += power[cell];
        counts[ring] += 1.0;
    });
    Ok(sums / counts)
}

/// Coherence of two stacks of fields per wavenumber: `Σ Re(A B*) / √(Σ|A|² Σ|B|²)` over the ring and the stack.
///
/// It is the correlation of the parts of both at that scale: 1 where patterns are in place, 0 where they are of
/// another realisation, whatever their power. NaN where one of them has no power.
///
/// # Shapes
/// - `a` and `b`: `[fields, height, width]`, no NaN
/// - returns `[min(height, width)/2 − 1]` for `k = 1, 2, …`, each in −1 to 1
///
/// # Errors
/// Those of [`radial_spectrum`]; [`UqError::ShapeMismatch`], [`UqError::Empty`] without fields.
pub fn coherence(
    a: ArrayView3<f64>,
    b: ArrayView3<f64>,
    taper: Taper,
) -> Result<Array1<f64>, UqError> {
    let (fields, height, width) = a.dim();
    UqError::shape("fields to compare with", b.shape(), a.shape())?;
    UqError::enough("fields", fields, 1)?;
    let [mut cross, mut of_a, mut of_b] = [0, 1, 2].map(|_| ring_sums(height, width));
    for (a, b) in a.outer_iter().zip(b.outer_iter()) {
        let (a, b) = (transformed(a, taper)?, transformed(b, taper)?);
        for_rings(height, width, |ring, cell| {
            // A ring holds every wave with its mirror image: the imaginary parts cancel.
            cross[ring] += (a[cell] * b[cell].conj()).re;
            of_a[ring] += a[cell].norm_sqr();
            of_b[ring] += b[cell].norm_sqr();
        });
    }
    Ok(cross / (of_a * of_b).sqrt())
}

/// Log-spectral distance in dB: `√(mean_k (10 log10(P_k/Q_k))²)`; 3 dB is a factor of 2 in power.
///
/// # Shapes and units
/// `spectrum` and `reference`: one power per wavenumber, the same unit. ∞ where one of them has no power.
///
/// # Errors
/// [`UqError::ShapeMismatch`], [`UqError::Empty`], [`UqError::OutOfRange`] for a power below 0 or NaN.
///
/// # Source
/// Rabiner & Juang (1993), Fundamentals of Speech Recognition, Eq. 4.36.
pub fn log_spectral_distance(spectrum: &[f64], reference: &[f64]) -> Result<f64, UqError> {
    UqError::enough("wavenumbers", spectrum.len(), 1)?;
    UqError::shape("reference powers", &[reference.len()], &[spectrum.len()])?;
    for &power in spectrum.iter().chain(reference) {
        UqError::range("a power", power, 0.0, f64::MAX)?;
    }
    let decibel = |(p, q): (&f64, &f64)| (10.0 * (p / q).log10()).powi(2);
    let squares = spectrum.iter().zip(reference).map(decibel);
    Ok((squares.sum::<f64>() / spectrum.len() as f64).sqrt())
}

/// Zeros for `k = 1` to `min(height, width)/2 − 1`.
fn ring_sums(height: usize, width: usize) -> Array1<f64> {
    Array1::zeros((height.min(width) / 2).saturating_sub(1))
}

/// Shows the place of each ring that is kept, `k − 1`, with the places of its waves.
fn for_rings(height: usize, width: usize, mut visit: impl FnMut(usize, usize)) {
    let shorter = height.min(width);
    let wave = |i: usize, n: usize| {
        let signed = if i <= n / 2 { i as f64 } else { i as f64 - n as f64 };
        signed * shorter as f64 / n as f64
    };
    for row in 0..height {
        for column in 0..width {
            let ring = wave(row, height).hypot(wave(column, width)).round() as usize;
            if (1..shorter / 2).contains(&ring) {
                visit(ring - 1, row * width + column);
            }
        }
    }
}

/// The field less `offset`, times `factor(row, column)`.
pub(crate) fn complex(
    field: ArrayView2<f64>,
    factor: impl Fn(usize, usize) -> f64,
    offset: f64,
) -> Result<Vec<Complex<f64>>, UqError> {
    if let Some(place) = field.iter().position(|value| !value.is_finite()) {
        let value = *field.iter().nth(place).expect("it was found there");
        return Err(UqError::NotFinite { what: "cell", place: place + 1, value });
    }
    let of = |((row, column), value): ((usize, usize), &f64)| {
        Complex::new((value - offset) * factor(row, column), 0.0)
    };
    Ok(field.indexed_iter().map(of).collect())
}

/// The two-dimensional transform of the tapered anomaly.
fn transformed(field: ArrayView2<f64>, taper: Taper) -> Result<Vec<Complex<f64>>, UqError> {
    let (height, width) = field.dim();
    UqError::enough("cells along the shorter side", height.min(width), 4)?;
    let window = |n: usize| -> Vec<f64> {
        match taper {
            Taper::None => vec![1.0; n],
            // The mean of sin⁴ is 3/8.
            Taper::Hann => {
                (0..n).map(|i| (PI * i as f64 / n as f64).sin().powi(2) / 0.375f64.sqrt()).collect()
            }
        }
    };
    let (down, across) = (window(height), window(width));
    let mean = field.sum() / field.len() as f64;
    let mut values = complex(field, |row, column| down[row] * across[column], mean)?;
    let mut planner = FftPlanner::new();
    planner.plan_fft_forward(width).process(&mut values);
    let mut turned = transposed(&values, height, width);
    planner.plan_fft_forward(height).process(&mut turned);
    let scale = 1.0 / ((height * width) as f64).sqrt();
    Ok(transposed(&turned, width, height).into_iter().map(|value| value * scale).collect())
}

fn transposed(values: &[Complex<f64>], height: usize, width: usize) -> Vec<Complex<f64>> {
    (0..width).flat_map(|j| (0..height).map(move |i| values[i * width + j])).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis, array};

    use super::*;
    use crate::seeded::SplitMix64;

    fn wave(height: usize, width: usize, ky: f64, kx: f64, phase: f64) -> Array2<f64> {
        Array2::from_shape_fn((height, width), |(i, j)| {
            let turns = ky * i as f64 / height as f64 + kx * j as f64 / width as f64;
            7.0 + (2.0 * PI * turns + phase).cos()
        })
    }

    /// cos has |F|² = hw/4 at two waves; by hand, 16 waves of an n = 16 grid lie in the ring 3 (2.5 ≤ |k| < 3.5):
    /// (±3, 0), (0, ±3), (±3, ±1), (±1, ±3), (±2, ±2).
    #[test]
    fn a_wave_is_in_its_ring() {
        let spectrum = radial_spectrum(wave(16, 16, 3.0, 0.0, 0.4).view(), Taper::None).unwrap();
        assert_eq!(spectrum.len(), 7);
        for (k, power) in spectrum.iter().enumerate() {
            let want = if k + 1 == 3 { 2.0 * 256.0 / 4.0 / 16.0 } else { 0.0 };
            assert!((power - want).abs() < 1e-10, "{}: {power}", k + 1);
        }
    }

    /// On a field twice as wide a wave of the same length has twice as many periods, and stays in its ring.
    #[test]
    fn rings_hold_one_wavelength() {
        let spectrum = radial_spectrum(wave(16, 32, 0.0, 10.0, 0.0).view(), Taper::None).unwrap();
        let largest = (0..7).max_by(|&a, &b| spectrum[a].total_cmp(&spectrum[b])).unwrap();
        assert_eq!(largest + 1, 5);
    }

    /// White noise of variance 1 has power 1 at every scale, tapered or not. Tolerance: a ring of k holds about 2πk
    /// waves, half of them independent, so over 40 fields 5 standard errors of the first (8 waves) are 5/√(4 · 40).
    /// The taper joins neighbouring waves, and takes the mean out of the first ring: it is left out.
    #[test]
    fn white_noise_is_flat() {
        let mut random = SplitMix64::new(8);
        for (taper, first) in [(Taper::None, 0), (Taper::Hann, 1)] {
            let mut sum = ring_sums(32, 32);
            for _ in 0..40 {
                let field =
                    Array2::from_shape_simple_fn((32, 32), || random.uniform() * 12f64.sqrt());
                sum += &radial_spectrum(field.view(), taper).unwrap();
            }
            for k in first..sum.len() {
                assert!((sum[k] / 40.0 - 1.0).abs() < 0.4, "{taper:?} {k}: {}", sum[k] / 40.0);
            }
        }
    }

    /// Half a wave across: the border leaks into small scales, which the taper prevents.
    #[test]
    fn taper_stops_leaks() {
        let field = wave(64, 64, 1.5, 0.0, 0.0);
        let plain = radial_spectrum(field.view(), Taper::None).unwrap();
        let tapered = radial_spectrum(field.view(), Taper::Hann).unwrap();
        assert!(plain[24] > 1e-4 * plain[0], "{plain}");
        assert!(tapered[24] < 1e-6 * tapered[0], "{tapered}");
        let error = radial_spectrum(array![[1.0, 2.0, 3.0]].view(), Taper::None).unwrap_err();
        assert!(matches!(error, UqError::TooFew { found: 1, minimum: 4, .. }), "{error}");
        let mut missing = field;
        missing[[0, 5]] = f64::NAN;
        let error = radial_spectrum(missing.view(), Taper::None).unwrap_err();
        assert!(error.to_string().starts_with("cell 6 is NaN"), "{error}");
    }

    /// Twice the field is coherent, its negative the opposite, a shift by a quarter of a wave neither.
    #[test]
    fn coherence_is_correlation_at_a_scale() {
        let a = wave(16, 16, 3.0, 0.0, 0.0);
        let stack = |field: &Array2<f64>| field.clone().insert_axis(Axis(0));
        let at =
            |b: &Array2<f64>| coherence(stack(&a).view(), stack(b).view(), Taper::None).unwrap()[2];
        assert!((at(&(2.0 * &a)) - 1.0).abs() < 1e-12);
        assert!((at(&-&a) + 1.0).abs() < 1e-12);
        assert!(at(&wave(16, 16, 3.0, 0.0, PI / 2.0)).abs() < 1e-12);
    }

    #[test]
    fn distance_in_decibel() {
        let distance = log_spectral_distance(&[10.0, 1.0], &[1.0, 1.0]).unwrap();
        assert!((distance - 50f64.sqrt()).abs() < 1e-12);
        assert_eq!(log_spectral_distance(&[0.0], &[1.0]), Ok(f64::INFINITY));
        assert!(log_spectral_distance(&[-1.0], &[1.0]).is_err());
    }
}
