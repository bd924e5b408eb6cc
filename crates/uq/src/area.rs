//! How much of the sphere a cell covers.

use ndarray::{Array1, Array2};

use crate::UqError;

/// Where the cells of the first and last latitude end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// At the poles: a global grid, whether its latitudes include the poles or are Gaussian.
    Global,
    /// Half a cell beyond the outer latitudes, but not beyond the poles: a region.
    Regional,
}

/// Weights of latitudes, in their order, with mean 1: `w_j ∝ |sin b_{j+1} − sin b_j|` with bounds `b` halfway between
/// latitudes.
///
/// # Shapes and units
/// `latitudes`: `[height]`, degrees, rising or falling; returns `[height]`.
///
/// # Errors
/// [`UqError::TooFew`] or [`UqError::Empty`] if a region has fewer than two latitudes or the globe none,
/// [`UqError::OutOfRange`] beyond ±90 or NaN, [`UqError::NotMonotone`].
///
/// # Source
/// Rasp et al. (2024), J. Adv. Model. Earth Syst. 16, e2023MS004019, Eq. 3, for the globe.
pub fn latitude_weights(latitudes: &[f64], extent: Extent) -> Result<Array1<f64>, UqError> {
    let minimum = if extent == Extent::Regional { 2 } else { 1 };
    UqError::enough("latitudes", latitudes.len(), minimum)?;
    for &latitude in latitudes {
        UqError::range("a latitude in degrees", latitude, -90.0, 90.0)?;
    }
    let rising = latitudes[0] < latitudes[latitudes.len() - 1];
    let wrong =
        latitudes.windows(2).position(|pair| pair[0] == pair[1] || (pair[0] < pair[1]) != rising);
    if let Some(place) = wrong {
        let (value, before) = (latitudes[place + 1], latitudes[place]);
        return Err(UqError::NotMonotone { what: "latitude", place: place + 2, value, before });
    }
    let (first, last) = (latitudes[0], latitudes[latitudes.len() - 1]);
    let (start, end) = match extent {
        Extent::Global if rising => (-90.0, 90.0),
        Extent::Global => (90.0, -90.0),
        Extent::Regional => {
            let n = latitudes.len();
            let beyond = |outer: f64, inner: f64| outer + (outer - inner) / 2.0;
            (beyond(first, latitudes[1]), beyond(last, latitudes[n - 2]))
        }
    };
    let middles = latitudes.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0);
    let bounds: Vec<f64> = std::iter::once(start)
        .chain(middles)
        .chain(std::iter::once(end))
        .map(|bound| bound.clamp(-90.0, 90.0).to_radians().sin())
        .collect();
    let areas: Array1<f64> = bounds.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    let mean = areas.sum() / areas.len() as f64;
    Ok(areas / mean)
}

/// Weights of the cells of a grid of latitudes and equally spaced longitudes, with mean 1.
///
/// # Shapes and units
/// `latitudes`: `[height]`, degrees; returns `[height, width]`.
///
/// # Errors
/// Those of [`latitude_weights`]; [`UqError::Empty`] if `width` is 0.
pub fn cell_weights(
    latitudes: &[f64],
    width: usize,
    extent: Extent,
) -> Result<Array2<f64>, UqError> {
    UqError::enough("longitudes", width, 1)?;
    let weights = latitude_weights(latitudes, extent)?;
    Ok(Array2::from_shape_fn((latitudes.len(), width), |(row, _)| weights[row]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: &Array1<f64>, want: &[f64]) {
        assert_eq!(got.len(), want.len());
        for (a, b) in got.iter().zip(want) {
            assert!((a - b).abs() < 1e-14, "{got} {want:?}");
        }
    }

    /// By hand: poles included, the polar caps end at 45 degrees; areas 1 − √½, 2√½, 1 − √½, mean 2/3.
    #[test]
    fn globe_by_hand() {
        let root = 0.5f64.sqrt();
        let want = [1.5 * (1.0 - root), 3.0 * root, 1.5 * (1.0 - root)];
        close(&latitude_weights(&[-90.0, 0.0, 90.0], Extent::Global).unwrap(), &want);
        close(&latitude_weights(&[-30.0], Extent::Global).unwrap(), &[1.0]);
        // Halfway from −10 to 50 is 20 degrees.
        let s = 20f64.to_radians().sin();
        close(&latitude_weights(&[50.0, -10.0], Extent::Global).unwrap(), &[1.0 - s, 1.0 + s]);
    }

    /// A region ends half a cell beyond; two cells of 10 degrees from the equator.
    #[test]
    fn region_by_hand() {
        let sin = |degrees: f64| degrees.to_radians().sin();
        let (a, b) = (sin(10.0), sin(20.0) - sin(10.0));
        let want = [2.0 * a / (a + b), 2.0 * b / (a + b)];
        close(&latitude_weights(&[5.0, 15.0], Extent::Regional).unwrap(), &want);
        close(&latitude_weights(&[15.0, 5.0], Extent::Regional).unwrap(), &[want[1], want[0]]);
        // With poles included the outer bounds stay on the sphere, so both extents agree.
        let latitudes = [-90.0, -45.0, 0.0, 45.0, 90.0];
        let global = latitude_weights(&latitudes, Extent::Global).unwrap();
        close(&latitude_weights(&latitudes, Extent::Regional).unwrap(), global.as_slice().unwrap());
        let cells = cell_weights(&[5.0, 15.0], 3, Extent::Regional).unwrap();
        assert_eq!(cells.dim(), (2, 3));
        assert!((cells.mean().unwrap() - 1.0).abs() < 1e-14);
    }

    #[test]
    fn bad_latitudes_are_named() {
        let error = latitude_weights(&[0.0, 10.0, 5.0], Extent::Global).unwrap_err();
        assert_eq!(
            error,
            UqError::NotMonotone { what: "latitude", place: 3, value: 5.0, before: 10.0 }
        );
        assert!(latitude_weights(&[10.0, 10.0], Extent::Global).is_err());
        let error = latitude_weights(&[0.0, 91.0], Extent::Global).unwrap_err();
        assert!(matches!(error, UqError::OutOfRange { value: 91.0, .. }), "{error}");
        let error = latitude_weights(&[0.0], Extent::Regional).unwrap_err();
        assert_eq!(error.to_string(), "1 latitudes are fewer than the 2 that are needed");
        assert!(cell_weights(&[0.0], 0, Extent::Global).is_err());
    }
}
