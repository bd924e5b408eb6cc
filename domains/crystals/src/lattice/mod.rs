//! Lattices: three vectors, their lengths and angles, and the reduced forms of them.

mod chart;
mod lll;
mod mapping;
mod niggli;

use nalgebra::Matrix3;

use crate::geometry::{Vec3, dot, norm};

pub use chart::LogCoordinates;
pub use mapping::Mapping;

/// Below this volume, in Å³, three vectors are taken for a plane: no crystal has an atom in so little.
pub const LEAST_VOLUME: f64 = 0.1;

/// Three vectors in Å that span a volume.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lattice {
    /// Rows a, b, c.
    matrix: Matrix3<f64>,
    /// Its inverse.
    inverse: Matrix3<f64>,
}

/// Why three vectors, or six parameters, are no lattice.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LatticeError {
    /// They must be finite.
    #[error("found a cell with {0}, allowed: finite numbers")]
    NotFinite(f64),
    /// Lengths are above zero.
    #[error("found a length of {0} Å, allowed: more than 0")]
    Length(f64),
    /// Angles are between 0° and 180°, and each is less than the sum of the others.
    #[error("found the angles {0:?}°, allowed: those of three vectors that are not in one plane")]
    Angles(Vec3),
    /// A cell without volume.
    #[error("found a cell of {0:.2e} Å³, allowed: at least {LEAST_VOLUME} Å³")]
    Volume(f64),
}

impl Lattice {
    /// Of the vectors a, b, c in Å.
    ///
    /// # Errors
    /// [`LatticeError::NotFinite`], [`LatticeError::Volume`].
    pub fn new(vectors: [Vec3; 3]) -> Result<Self, LatticeError> {
        Self::at_least(vectors, LEAST_VOLUME)
    }

    /// Of vectors that span more than `least` Å³.
    fn at_least(vectors: [Vec3; 3], least: f64) -> Result<Self, LatticeError> {
        if let Some(&bad) = vectors.iter().flatten().find(|x| !x.is_finite()) {
            return Err(LatticeError::NotFinite(bad));
        }
        let matrix = Matrix3::from_fn(|i, k| vectors[i][k]);
        let volume = matrix.determinant().abs();
        let inverse = matrix.try_inverse().filter(|_| volume >= least);
        let inverse = inverse.ok_or(LatticeError::Volume(volume))?;
        Ok(Self { matrix, inverse })
    }

    /// Of the lengths a, b, c in Å and the angles α, β, γ in degrees; c is along z, a in the plane of x
    /// and z.
    ///
    /// # Errors
    /// [`LatticeError`].
    pub fn from_parameters(lengths: Vec3, angles: Vec3) -> Result<Self, LatticeError> {
        if let Some(&bad) = lengths.iter().chain(&angles).find(|x| !x.is_finite()) {
            return Err(LatticeError::NotFinite(bad));
        }
        if let Some(&bad) = lengths.iter().find(|&&x| x <= 0.0) {
            return Err(LatticeError::Length(bad));
        }
        let [alpha, beta, gamma] = angles.map(f64::to_radians);
        // The angle of the reciprocal lattice between a* and b*.
        let cos_star = (alpha.cos() * beta.cos() - gamma.cos()) / (alpha.sin() * beta.sin());
        // One part in 10¹⁰ beyond 1 is rounding of angles as files write them.
        let possible = angles.iter().all(|&x| x > 0.0 && x < 180.0);
        if !possible || cos_star.abs() >= 1.0 + 1e-10 {
            return Err(LatticeError::Angles(angles));
        }
        let star = cos_star.clamp(-1.0, 1.0).acos();
        let [a, b, c] = lengths;
        Self::new([
            [a * beta.sin(), 0.0, a * beta.cos()],
            [-b * alpha.sin() * star.cos(), b * alpha.sin() * star.sin(), b * alpha.cos()],
            [0.0, 0.0, c],
        ])
    }

    /// The vectors a, b, c.
    pub fn vectors(&self) -> [Vec3; 3] {
        std::array::from_fn(|i| std::array::from_fn(|k| self.matrix[(i, k)]))
    }

    /// Lengths of a, b, c in Å.
    pub fn lengths(&self) -> Vec3 {
        self.vectors().map(|v| norm(&v))
    }

    /// Angles α = ∠(b, c), β = ∠(a, c), γ = ∠(a, b) in degrees.
    pub fn angles(&self) -> Vec3 {
        let (v, l) = (self.vectors(), self.lengths());
        let angle = |i: usize, j: usize| {
            (dot(&v[i], &v[j]) / (l[i] * l[j])).clamp(-1.0, 1.0).acos().to_degrees()
        };
        [angle(1, 2), angle(0, 2), angle(0, 1)]
    }

    /// Volume of the cell in Å³.
    pub fn volume(&self) -> f64 {
        self.matrix.determinant().abs()
    }

    /// Lengths of the reciprocal vectors 2π/d in 1/Å.
    pub fn reciprocal_lengths(&self) -> Vec3 {
        std::array::from_fn(|k| std::f64::consts::TAU * self.inverse.column(k).norm())
    }

    /// `frac · matrix`, in Å.
    pub fn cartesian(&self, frac: &Vec3) -> Vec3 {
        times(frac, &self.matrix)
    }

    /// `cart · matrix⁻¹`.
    pub fn fractional(&self, cart: &Vec3) -> Vec3 {
        times(cart, &self.inverse)
    }

    /// With all lengths times `factor`, which is above zero.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        Self { matrix: self.matrix * factor, inverse: self.inverse / factor }
    }

    /// The lattice with the rows `change · matrix`; `change` is invertible.
    #[must_use]
    pub fn changed(&self, change: &Matrix3<f64>) -> Self {
        let matrix = change * self.matrix;
        let inverse = matrix.try_inverse().expect("a change of basis is invertible");
        Self { matrix, inverse }
    }

    /// The same lattice by right-handed vectors: −1 maps it on itself and turns its hand.
    #[must_use]
    pub fn right_handed(&self) -> Self {
        if self.matrix.determinant() > 0.0 { *self } else { self.changed(&-Matrix3::identity()) }
    }

    /// The lattice of the mean lengths and mean angles of two; nothing where these make no cell.
    pub fn mean(&self, other: &Self) -> Option<Self> {
        let half = |a: Vec3, b: Vec3| std::array::from_fn(|k| (a[k] + b[k]) / 2.0);
        let lengths = half(self.lengths(), other.lengths());
        Self::from_parameters(lengths, half(self.angles(), other.angles())).ok()
    }
}

/// Row times matrix.
fn times(row: &Vec3, matrix: &Matrix3<f64>) -> Vec3 {
    std::array::from_fn(|k| (0..3).map(|i| row[i] * matrix[(i, k)]).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: Vec3, b: Vec3) -> bool {
        (0..3).all(|k| (a[k] - b[k]).abs() < 1e-9)
    }

    #[test]
    fn parameters_and_vectors_are_the_same_lattice() {
        let (lengths, angles) = ([3.0, 4.5, 7.25], [81.0, 97.0, 118.0]);
        let lattice = Lattice::from_parameters(lengths, angles).unwrap();
        assert!(close(lattice.lengths(), lengths) && close(lattice.angles(), angles));
        let again = Lattice::new(lattice.vectors()).unwrap();
        let point = [0.1, 0.7, -1.2];
        assert!(close(again.fractional(&lattice.cartesian(&point)), point));
        // a* = 2π b × c/V.
        let [_, b, c] = lattice.vectors();
        let cross =
            [b[1] * c[2] - b[2] * c[1], b[2] * c[0] - b[0] * c[2], b[0] * c[1] - b[1] * c[0]];
        let star = std::f64::consts::TAU * norm(&cross) / lattice.volume();
        assert!((lattice.reciprocal_lengths()[0] - star).abs() < 1e-12);
    }

    #[test]
    fn what_spans_no_volume_is_told() {
        let parameters = |l, a| Lattice::from_parameters(l, a).unwrap_err().to_string();
        assert_eq!(
            parameters([0.0, 1.0, 1.0], [90.0; 3]),
            "found a length of 0 Å, allowed: more than 0"
        );
        let plane = parameters([3.0; 3], [120.0, 120.0, 121.0]);
        assert!(plane.starts_with("found the angles [120.0, 120.0, 121.0]°"), "{plane}");
        assert!(parameters([3.0; 3], [f64::NAN, 90.0, 90.0]).contains("finite"));
        let flat = Lattice::new([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 1e-9]]);
        assert!(matches!(flat, Err(LatticeError::Volume(_))));
    }
}
