//! Short, nearly orthogonal bases.

use nalgebra::{Matrix3, Vector3};

use super::Lattice;

/// A basis vector is exchanged with the one before where that shortens its part orthogonal to the others to
/// less than √¾: the usual choice.
const DELTA: f64 = 0.75;

impl Lattice {
    /// A basis reduced after Lenstra, Lenstra and Lovász: the same points, with vectors so short that the 26
    /// cells around one hold the nearest image of every point in it.
    ///
    /// # Source
    /// Lenstra, Lenstra & Lovász (1982), Mathematische Annalen 261, 515–534, with δ = 3/4.
    #[must_use]
    pub fn lll(&self) -> Self {
        let mut rows: [Vector3<f64>; 3] = std::array::from_fn(|i| self.matrix.row(i).transpose());
        let mut k = 1;
        while k < 3 {
            for j in (0..k).rev() {
                let (_, mu) = gram_schmidt(&rows);
                rows[k] -= rows[j] * mu[(k, j)].round_ties_even();
            }
            let (squares, mu) = gram_schmidt(&rows);
            if squares[k] >= (DELTA - mu[(k, k - 1)].powi(2)) * squares[k - 1] {
                k += 1;
            } else {
                rows.swap(k, k - 1);
                k = (k - 1).max(1);
            }
        }
        let matrix = Matrix3::from_fn(|i, k| rows[i][k]);
        let inverse = matrix.try_inverse().expect("a change of basis keeps the volume");
        Self { matrix, inverse }
    }
}

/// Squared lengths of the orthogonalised rows, and the coefficients μ_ij = b_i · b*_j/|b*_j|².
fn gram_schmidt(rows: &[Vector3<f64>; 3]) -> (Vector3<f64>, Matrix3<f64>) {
    let (mut star, mut squares, mut mu) = (*rows, Vector3::zeros(), Matrix3::zeros());
    for i in 0..3 {
        for j in 0..i {
            mu[(i, j)] = rows[i].dot(&star[j]) / squares[j];
            let along = star[j] * mu[(i, j)];
            star[i] -= along;
        }
        squares[i] = star[i].norm_squared();
    }
    (squares, mu)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skewed_basis_of_a_cube_becomes_the_cube() {
        let cube = Lattice::from_parameters([4.0; 3], [90.0; 3]).unwrap();
        // The second basis cannot be shortened before its vectors are exchanged.
        let below = Matrix3::new(1.0, 0.0, 0.0, 7.0, 1.0, 0.0, -5.0, 3.0, 1.0);
        let above = Matrix3::new(1.0, 3.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0);
        for skew in [below, above] {
            let reduced = cube.changed(&skew).lll();
            assert!(reduced.lengths().iter().all(|l| (l - 4.0).abs() < 1e-9));
            assert!((reduced.volume() - 64.0).abs() < 1e-9);
        }
    }
}
