//! Transport between normal distributions, in closed form.

use crate::error::{TransportError, check_finite, check_length};
use nalgebra::{DMatrix, SymmetricEigen};

/// W₂² between N(m₁, S₁) and N(m₂, S₂): ‖m₁ − m₂‖² + tr(S₁ + S₂ − 2 (S₁^½ S₂ S₁^½)^½).
///
/// # Shapes and units
/// - means `[dim]`, covariances `[dim, dim]`, row-major, symmetric; singular ones are allowed
/// - returns the unit of the means, squared
///
/// # Errors
/// [`TransportError::ShapeMismatch`], [`TransportError::NonFinite`], [`TransportError::NotPositive`]
/// if a covariance has an eigenvalue below −1e-10 of its largest.
///
/// # Source
/// Dowson & Landau (1982), J. Multivariate Anal. 12, 450–455.
pub fn gaussian_wasserstein_squared(
    mean_1: &[f64],
    covariance_1: &[f64],
    mean_2: &[f64],
    covariance_2: &[f64],
) -> Result<f64, TransportError> {
    let dim = mean_1.len();
    check_length("mean_2", dim, mean_2.len())?;
    check_finite("mean_1", mean_1)?;
    check_finite("mean_2", mean_2)?;
    let root_1 = root("covariance_1", covariance_1, dim)?;
    let root_2 = root("covariance_2", covariance_2, dim)?;
    // tr (S₁^½ S₂ S₁^½)^½ is the sum of the singular values of S₂^½ S₁^½: no square root of a
    // squared matrix, which would lose half the digits.
    let cross: f64 = (&root_2 * &root_1).singular_values().iter().sum();
    let step: f64 = mean_1.iter().zip(mean_2).map(|(a, b)| (a - b).powi(2)).sum();
    let traces = root_1.norm_squared() + root_2.norm_squared();
    Ok(step + (traces - 2.0 * cross).max(0.0))
}

/// The symmetric square root of a covariance.
fn root(
    what: &'static str,
    covariance: &[f64],
    dim: usize,
) -> Result<DMatrix<f64>, TransportError> {
    check_length(what, dim * dim, covariance.len())?;
    check_finite(what, covariance)?;
    let matrix = DMatrix::from_row_slice(dim, dim, covariance);
    let eigen = SymmetricEigen::new((&matrix + matrix.transpose()) * 0.5);
    let (low, high) = (eigen.eigenvalues.min(), eigen.eigenvalues.max());
    if low < -1e-10 * high.abs() {
        return Err(TransportError::NotPositive { what, eigenvalue: low });
    }
    let roots = DMatrix::from_diagonal(&eigen.eigenvalues.map(|l| l.max(0.0).sqrt()));
    Ok(&eigen.eigenvectors * roots * eigen.eigenvectors.transpose())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hash_points;
    use crate::wasserstein::wasserstein_2;

    #[test]
    fn diagonal_and_equal_covariances_have_their_known_values() {
        let w = gaussian_wasserstein_squared;
        // Independent axes: Σ (σ₁ − σ₂)².
        let found = w(&[0.0, 1.0], &[4.0, 0.0, 0.0, 9.0], &[3.0, 1.0], &[1.0, 0.0, 0.0, 25.0]);
        assert!((found.unwrap() - (9.0 + 1.0 + 4.0)).abs() < 1e-13);
        let s = [2.0, 0.7, 0.7, 1.0];
        assert!(w(&[0.0, 0.0], &s, &[0.0, 0.0], &s).unwrap().abs() < 1e-14);
        // A point mass: the trace of the other covariance.
        let point = w(&[0.0, 0.0], &[0.0; 4], &[0.0, 0.0], &s).unwrap();
        assert!((point - 3.0).abs() < 1e-14);
        let error = w(&[0.0], &[-1.0], &[0.0], &[1.0]).unwrap_err();
        assert_eq!(error, TransportError::NotPositive { what: "covariance_1", eigenvalue: -1.0 });
    }

    /// Any cloud x and its image A x + t under a symmetric positive A: x ↦ A x + t is the gradient
    /// of a convex function, hence optimal, and its cost depends on mean and covariance only, as
    /// the closed form does. So the exact solver on the cloud must equal the closed form on its
    /// empirical moments.
    #[test]
    fn equals_the_exact_distance_under_a_symmetric_linear_map() {
        let (n, dim, a, t) = (300, 2, [1.5, 0.4, 0.4, 0.8], [0.5, -1.0]);
        let x = hash_points(1, n, dim);
        let y: Vec<f64> = x
            .chunks(2)
            .flat_map(|p| [a[0] * p[0] + a[1] * p[1] + t[0], a[2] * p[0] + a[3] * p[1] + t[1]])
            .collect();
        let moments = |p: &[f64]| {
            let mean: Vec<f64> =
                (0..dim).map(|k| p.iter().skip(k).step_by(dim).sum::<f64>() / n as f64).collect();
            let entry = |k: usize| {
                let (r, c) = (k / dim, k % dim);
                p.chunks(dim).map(|p| (p[r] - mean[r]) * (p[c] - mean[c])).sum::<f64>() / n as f64
            };
            let covariance: Vec<f64> = (0..dim * dim).map(entry).collect();
            (mean, covariance)
        };
        let ((m_1, s_1), (m_2, s_2)) = (moments(&x), moments(&y));
        let closed = gaussian_wasserstein_squared(&m_1, &s_1, &m_2, &s_2).unwrap();
        assert!((wasserstein_2(&x, &y, dim).unwrap().powi(2) - closed).abs() < 1e-13);
    }
}
