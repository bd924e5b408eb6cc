//! Squared distance on the flat torus of period 1.

use super::CostMatrix;
use crate::error::{TransportError, count_points};

impl CostMatrix {
    /// Squared geodesic distances on the flat torus [0, 1)^dim: each coordinate difference is
    /// taken to its nearest image, then the squares are added.
    ///
    /// # Shapes and units
    /// - `x`: `[n, dim]`, `y`: `[m, dim]`, row-major, in periods; values outside [0, 1) wrap
    /// - returns `[n, m]`, periods squared, at most `dim / 4`
    ///
    /// # Errors
    /// As [`CostMatrix::squared_euclidean`].
    pub fn squared_torus(x: &[f64], y: &[f64], dim: usize) -> Result<Self, TransportError> {
        let (n, m) = (count_points("x", x, dim)?, count_points("y", y, dim)?);
        Ok(Self::from_rows(n, m, |i, row| {
            let x = &x[i * dim..][..dim];
            for (out, y) in row.iter_mut().zip(y.chunks_exact(dim)) {
                *out = x.iter().zip(y).map(|(a, b)| (a - b - (a - b).round()).powi(2)).sum();
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_image_is_taken() {
        let cost = CostMatrix::squared_torus(&[0.05, 0.5], &[0.95, 0.6, 7.05, -2.5], 2).unwrap();
        assert!((cost.row(0)[0] - (0.01 + 0.01)).abs() < 1e-15);
        assert!(cost.row(0)[1] < 1e-28);
    }
}
