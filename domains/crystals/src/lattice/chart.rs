//! The shape of a cell as six numbers without bounds.

use nalgebra::{Matrix3, SymmetricEigen};

use super::{Lattice, LatticeError};

/// Six coordinates of ½ ln(L Lᵀ), in which every value is a cell (where it has [`LEAST_VOLUME`](super::LEAST_VOLUME)) and every cell one value up to rotation.
///
/// With S = ½ ln(L Lᵀ), rows of L being the vectors in Å:
/// `k = (S₀₁, S₀₂, S₁₂, (S₀₀ − S₁₁)/2, (S₀₀ + S₁₁ − 2 S₂₂)/6, tr S/3)`; the last is the logarithm of the edge of
/// the cube of the same volume.
///
/// # Source
/// The polar decomposition of CrystalFlow, Luo et al. (2025), arXiv:2412.11693.
pub type LogCoordinates = [f64; 6];

impl Lattice {
    /// Where the shape of the cell lies in the chart.
    pub fn log_coordinates(&self) -> LogCoordinates {
        let gram = self.matrix * self.matrix.transpose();
        let s = of_eigenvalues(gram, |eigenvalue| 0.5 * eigenvalue.ln());
        let (d0, d1, d2) = (s[(0, 0)], s[(1, 1)], s[(2, 2)]);
        let trace = d0 + d1 + d2;
        let shear = [s[(0, 1)], s[(0, 2)], s[(1, 2)]];
        [shear[0], shear[1], shear[2], (d0 - d1) / 2.0, (d0 + d1 - 2.0 * d2) / 6.0, trace / 3.0]
    }

    /// The cell there, by the symmetric matrix L = exp S.
    ///
    /// # Errors
    /// [`LatticeError`] where the cell has less than [`LEAST_VOLUME`](super::LEAST_VOLUME), or is too large or flat for a double.
    pub fn from_log_coordinates(k: LogCoordinates) -> Result<Self, LatticeError> {
        if let Some(&bad) = k.iter().find(|x| !x.is_finite()) {
            return Err(LatticeError::NotFinite(bad));
        }
        let [a, b, c, d, e, f] = k;
        let s = Matrix3::new(d + e + f, a, b, a, e + f - d, c, b, c, f - 2.0 * e);
        let matrix = of_eigenvalues(s, f64::exp);
        Self::new(std::array::from_fn(|i| std::array::from_fn(|j| matrix[(i, j)])))
    }
}

/// `f` of a symmetric matrix.
fn of_eigenvalues(matrix: Matrix3<f64>, f: impl Fn(f64) -> f64) -> Matrix3<f64> {
    let SymmetricEigen { eigenvectors, eigenvalues } = SymmetricEigen::new(matrix);
    eigenvectors * Matrix3::from_diagonal(&eigenvalues.map(f)) * eigenvectors.transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chart_keeps_lengths_and_angles() {
        let (lengths, angles) = ([3.0, 4.5, 7.25], [81.0, 97.0, 118.0]);
        let lattice = Lattice::from_parameters(lengths, angles).unwrap();
        let k = lattice.log_coordinates();
        assert!((k[5] - lattice.volume().ln() / 3.0).abs() < 1e-12);
        let back = Lattice::from_log_coordinates(k).unwrap();
        for i in 0..3 {
            assert!((back.lengths()[i] - lengths[i]).abs() < 1e-9);
            assert!((back.angles()[i] - angles[i]).abs() < 1e-9);
        }
        // A cube is its edge alone; one number more or less is another cell.
        let cube = Lattice::from_parameters([4.0; 3], [90.0; 3]).unwrap().log_coordinates();
        for (x, want) in cube.iter().zip([0.0, 0.0, 0.0, 0.0, 0.0, 4f64.ln()]) {
            assert!((x - want).abs() < 1e-12);
        }
    }

    #[test]
    fn any_six_numbers_are_a_cell_until_doubles_end() {
        let k = [0.3, -0.2, 0.5, 0.1, -0.4, 1.2];
        let again = Lattice::from_log_coordinates(k).unwrap().log_coordinates();
        assert!(again.iter().zip(k).all(|(a, b)| (a - b).abs() < 1e-12));
        let none = |k| Lattice::from_log_coordinates(k).unwrap_err();
        assert!(matches!(none([f64::NAN, 0.0, 0.0, 0.0, 0.0, 1.0]), LatticeError::NotFinite(_)));
        assert!(matches!(none([0.0, 0.0, 0.0, 0.0, 0.0, -9.0]), LatticeError::Volume(_)));
    }
}
