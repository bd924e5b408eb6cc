//! Squared great-circle distance on the unit sphere.

use super::CostMatrix;
use crate::error::{TransportError, count_points};

impl CostMatrix {
    /// Squared great-circle distances between unit vectors of R³.
    ///
    /// The angle is atan2(‖x × y‖, x·y): accurate at 0 and at π, where arccos is not. Only the
    /// directions matter, so inputs need not be normalised to the last digit.
    ///
    /// # Shapes and units
    /// - `x`: `[n, 3]`, `y`: `[m, 3]`, row-major
    /// - returns `[n, m]`, radians squared, at most π²
    ///
    /// # Errors
    /// As [`CostMatrix::squared_euclidean`].
    pub fn squared_great_circle(x: &[f64], y: &[f64]) -> Result<Self, TransportError> {
        let (n, m) = (count_points("x", x, 3)?, count_points("y", y, 3)?);
        Ok(Self::from_rows(n, m, |i, row| {
            let a = &x[3 * i..][..3];
            for (out, b) in row.iter_mut().zip(y.chunks_exact(3)) {
                let cross = [
                    a[1] * b[2] - a[2] * b[1],
                    a[2] * b[0] - a[0] * b[2],
                    a[0] * b[1] - a[1] * b[0],
                ];
                let sine = cross.iter().map(|c| c * c).sum::<f64>().sqrt();
                let cosine: f64 = a.iter().zip(b).map(|(p, q)| p * q).sum();
                *out = sine.atan2(cosine).powi(2);
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    #[test]
    fn right_angles_antipodes_and_tiny_angles_are_exact() {
        let y = [0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 1.0, 1e-9, 0.0, 1.0, 0.0, 0.0];
        let cost = CostMatrix::squared_great_circle(&[1.0, 0.0, 0.0], &y).unwrap();
        let expected = [PI * PI / 4.0, PI * PI, 1e-18, 0.0];
        for (found, expected) in cost.row(0).iter().zip(expected) {
            assert!((found - expected).abs() <= 1e-14 * expected, "{found} {expected}");
        }
    }
}
