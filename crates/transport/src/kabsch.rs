//! The rigid motion that best superposes one set of points on another.

use crate::error::{TransportError, check_finite, check_length, count_points};
use nalgebra::{DMatrix, Matrix3};

/// A rotation and a translation: y ≈ R x + t.
#[derive(Debug, Clone, PartialEq)]
pub struct RigidMotion {
    /// R, `[dim, dim]`, row-major, orthogonal.
    pub rotation: Vec<f64>,
    /// t, `[dim]`.
    pub translation: Vec<f64>,
    /// Root of the weighted mean of ‖R x + t − y‖².
    pub rmsd: f64,
}

impl RigidMotion {
    /// R x + t for every point of `[n, dim]`.
    pub fn apply(&self, points: &[f64]) -> Vec<f64> {
        let dim = self.translation.len();
        let moved = points.chunks_exact(dim).flat_map(|x| {
            (0..dim).map(move |r| {
                let row = &self.rotation[r * dim..][..dim];
                row.iter().zip(x).map(|(a, b)| a * b).sum::<f64>() + self.translation[r]
            })
        });
        moved.collect()
    }
}

/// The R and t that minimise Σ w_i ‖R x_i + t − y_i‖².
///
/// R has determinant +1 unless `reflections` are allowed. Where the optimum is not unique (points
/// on a line, say), one of the optima is returned.
///
/// # Shapes and units
/// - `x`, `y`: `[n, dim]`, row-major, the same unit; `weights`: `[n]`, `None` is equal
///
/// # Errors
/// [`TransportError::Empty`], [`TransportError::ShapeMismatch`], [`TransportError::NonFinite`],
/// [`TransportError::NegativeWeight`], [`TransportError::OutOfRange`] if all weights are zero.
///
/// # Source
/// Kabsch (1976), Acta Cryst. A 32, 922–923; any dimension: Umeyama (1991), IEEE Trans. Pattern
/// Anal. Mach. Intell. 13, 376–380.
pub fn kabsch(
    x: &[f64],
    y: &[f64],
    dim: usize,
    weights: Option<&[f64]>,
    reflections: bool,
) -> Result<RigidMotion, TransportError> {
    let n = count_points("x", x, dim)?;
    check_length("y", x.len(), y.len())?;
    check_finite("y", y)?;
    let w = relative_weights(n, weights)?;
    let centre = |p: &[f64]| -> Vec<f64> {
        (0..dim).map(|k| (0..n).map(|i| w[i] * p[i * dim + k]).sum()).collect()
    };
    let (x_centre, y_centre) = (centre(x), centre(y));
    // Covariance Σ w (y − ȳ)(x − x̄)ᵀ = U S Vᵀ; the best R is U diag(1, …, 1, ±1) Vᵀ.
    let covariance = |r: usize, c: usize| -> f64 {
        let term =
            |i: usize| w[i] * (y[i * dim + r] - y_centre[r]) * (x[i * dim + c] - x_centre[c]);
        (0..n).map(term).sum()
    };
    let rotation = if dim == 3 {
        rotation_3(Matrix3::from_fn(covariance), reflections)
    } else {
        rotation_any(DMatrix::from_fn(dim, dim, covariance), reflections)
    };
    let rotated = |r: usize| -> f64 { (0..dim).map(|c| rotation[r * dim + c] * x_centre[c]).sum() };
    let translation: Vec<f64> = (0..dim).map(|r| y_centre[r] - rotated(r)).collect();
    let mut motion = RigidMotion { rotation, translation, rmsd: 0.0 };
    // Measured on the points: the formula from the singular values cancels near a perfect fit.
    let moved = motion.apply(x);
    let square =
        |i: usize| (0..dim).map(|k| (moved[i * dim + k] - y[i * dim + k]).powi(2)).sum::<f64>();
    motion.rmsd = (0..n).map(|i| w[i] * square(i)).sum::<f64>().sqrt();
    Ok(motion)
}

fn relative_weights(n: usize, weights: Option<&[f64]>) -> Result<Vec<f64>, TransportError> {
    let Some(weights) = weights else { return Ok(vec![1.0 / n as f64; n]) };
    check_length("weights", n, weights.len())?;
    check_finite("weights", weights)?;
    if let Some(index) = weights.iter().position(|w| *w < 0.0) {
        return Err(TransportError::NegativeWeight {
            what: "weights",
            index,
            value: weights[index],
        });
    }
    let value: f64 = weights.iter().sum();
    if !(value > 0.0 && value.is_finite()) {
        let range = "positive and finite";
        return Err(TransportError::OutOfRange { what: "sum of weights", value, range });
    }
    Ok(weights.iter().map(|w| w / value).collect())
}

fn rotation_3(covariance: Matrix3<f64>, reflections: bool) -> Vec<f64> {
    let svd = covariance.svd(true, true);
    let (mut u, v_t) = (svd.u.expect("asked for"), svd.v_t.expect("asked for"));
    if !reflections && (u * v_t).determinant() < 0.0 {
        let weakest = svd.singular_values.imin();
        u.column_mut(weakest).neg_mut();
    }
    (u * v_t).transpose().as_slice().to_vec()
}

fn rotation_any(covariance: DMatrix<f64>, reflections: bool) -> Vec<f64> {
    let svd = covariance.svd(true, true);
    let (mut u, v_t) = (svd.u.expect("asked for"), svd.v_t.expect("asked for"));
    if !reflections && (&u * &v_t).determinant() < 0.0 {
        let weakest = svd.singular_values.imin();
        u.column_mut(weakest).neg_mut();
    }
    (u * v_t).transpose().as_slice().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{hash_points, hash_weights};

    /// A proper orthogonal matrix from rotations in every coordinate plane.
    fn rotation(dim: usize) -> Vec<f64> {
        let mut r = DMatrix::<f64>::identity(dim, dim);
        for p in 0..dim {
            for q in p + 1..dim {
                let (s, c) = (0.7 + p as f64 - 0.4 * q as f64).sin_cos();
                let mut plane = DMatrix::identity(dim, dim);
                (plane[(p, p)], plane[(q, q)], plane[(p, q)], plane[(q, p)]) = (c, c, -s, s);
                r *= plane;
            }
        }
        r.transpose().as_slice().to_vec()
    }

    fn motion(dim: usize) -> RigidMotion {
        let translation = (0..dim).map(|k| 1.0 + k as f64).collect();
        RigidMotion { rotation: rotation(dim), translation, rmsd: 0.0 }
    }

    fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < tolerance, "{found:?} {expected:?}");
        }
    }

    #[test]
    fn a_known_motion_is_recovered_in_every_dimension() {
        for dim in 1..=6 {
            let (x, known) = (hash_points(1, 12, dim), motion(dim));
            let w = hash_weights(2, 12);
            for weights in [None, Some(&w[..])] {
                let found = kabsch(&x, &known.apply(&x), dim, weights, false).unwrap();
                assert_close(&found.rotation, &known.rotation, 1e-12);
                assert_close(&found.translation, &known.translation, 1e-12);
                assert!(found.rmsd < 1e-13);
            }
        }
    }

    #[test]
    fn a_mirror_image_is_matched_only_with_reflections() {
        for dim in [2, 3, 4] {
            let x = hash_points(1, 12, dim);
            let y: Vec<f64> =
                x.iter().enumerate().map(|(k, c)| if k % dim == 0 { -c } else { *c }).collect();
            assert!(kabsch(&x, &y, dim, None, true).unwrap().rmsd < 1e-13);
            let proper = kabsch(&x, &y, dim, None, false).unwrap();
            let r = DMatrix::from_row_slice(dim, dim, &proper.rotation);
            assert!((r.determinant() - 1.0).abs() < 1e-12);
            assert!(proper.rmsd > 0.1);
        }
    }

    /// In the plane the best angle is known: tan φ = Σ x × y / Σ x · y about the centres.
    #[test]
    fn noisy_points_in_the_plane_take_the_known_angle() {
        let (x, noise) = (hash_points(1, 20, 2), hash_points(2, 20, 2));
        let y: Vec<f64> =
            motion(2).apply(&x).iter().zip(&noise).map(|(y, e)| y + 0.3 * e).collect();
        let mean = |p: &[f64], k: usize| p.iter().skip(k).step_by(2).sum::<f64>() / 20.0;
        let (mut cross, mut dot) = (0.0, 0.0);
        for (a, b) in x.chunks(2).zip(y.chunks(2)) {
            let (a, b) = (
                [a[0] - mean(&x, 0), a[1] - mean(&x, 1)],
                [b[0] - mean(&y, 0), b[1] - mean(&y, 1)],
            );
            cross += a[0] * b[1] - a[1] * b[0];
            dot += a[0] * b[0] + a[1] * b[1];
        }
        let (s, c) = f64::atan2(cross, dot).sin_cos();
        let found = kabsch(&x, &y, 2, None, false).unwrap();
        assert_close(&found.rotation, &[c, -s, s, c], 1e-12);
    }
}
