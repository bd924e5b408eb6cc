//! The reduced cell of Niggli: one choice of cell for each lattice.

use nalgebra::Matrix3;

use super::{Lattice, Mapping};

/// Rounds after which a cell counts as reduced: a few are needed, and near the borders between types
/// rounding could turn two steps into a circle.
const ROUNDS: usize = 100;

/// `a`, `b`, `c`: squared lengths; `xi`, `eta`, `zeta`: twice the products b·c, a·c, a·b.
struct Form {
    a: f64,
    b: f64,
    c: f64,
    xi: f64,
    eta: f64,
    zeta: f64,
}

impl Form {
    fn of(g: &Matrix3<f64>) -> Self {
        let (xi, eta, zeta) = (2.0 * g[(1, 2)], 2.0 * g[(0, 2)], 2.0 * g[(0, 1)]);
        Self { a: g[(0, 0)], b: g[(1, 1)], c: g[(2, 2)], xi, eta, zeta }
    }
}

impl Lattice {
    /// The cell of Niggli, right-handed, with tolerance ε = 10⁻⁵ V^(1/3) on the metric.
    ///
    /// A symmetric lattice has many such cells, which differ in how they lie among the atoms. Of those with these
    /// lengths within the factor 1 + ε, and these angles within 1°, it is the first of this lattice's hand in the
    /// order of [`Lattice::mappings`], as pymatgen's is: what holds within a tolerance along each axis hangs on it.
    ///
    /// # Source
    /// Grosse-Kunstleve, Sauter & Adams (2004), Acta Cryst. A60, 1–6, steps A1 to A8, from an LLL-reduced
    /// basis, with the tolerance that pymatgen chose for it.
    #[must_use]
    pub fn niggli(&self) -> Self {
        let start = self.lll();
        let eps = 1e-5 * self.volume().cbrt();
        let mut change = Matrix3::identity();
        let mut metric = start.matrix * start.matrix.transpose();
        for _ in 0..ROUNDS {
            let Some(step) = round(&mut metric, &mut change, eps) else { break };
            apply(&step, &mut metric, &mut change);
        }
        let reduced = start.changed(&change);
        let equal = self.mappings(&reduced, 1, eps, 1.0);
        let hand = self.matrix.determinant().signum();
        let alike = |cell: &&Mapping| cell.lattice.matrix.determinant().signum() == hand;
        let first = equal.iter().find(alike).or(equal.first());
        first.map_or(reduced, |mapping| mapping.lattice).right_handed()
    }
}

/// New vectors: the columns of `step` in terms of the old ones.
fn apply(step: &Matrix3<f64>, metric: &mut Matrix3<f64>, change: &mut Matrix3<f64>) {
    *metric = step.transpose() * *metric * step;
    *change = step.transpose() * *change;
}

/// One round: the vectors are ordered, their signs chosen; then the step that remains, if one does.
fn round(metric: &mut Matrix3<f64>, change: &mut Matrix3<f64>, e: f64) -> Option<Matrix3<f64>> {
    let Form { a, b, xi, eta, .. } = Form::of(metric);
    if b + e < a || ((a - b).abs() < e && xi.abs() > eta.abs() + e) {
        // A1
        let step = Matrix3::new(0.0, -1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, -1.0);
        apply(&step, metric, change);
    }
    let Form { b, c, eta, zeta, .. } = Form::of(metric);
    if c + e < b || ((b - c).abs() < e && eta.abs() > zeta.abs() + e) {
        // A2
        return Some(Matrix3::new(-1.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, -1.0, 0.0));
    }
    apply(&signs(metric, e), metric, change);
    last_steps(&Form::of(metric), e)
}

/// A3 and A4: all angles acute, or none.
fn signs(metric: &Matrix3<f64>, e: f64) -> Matrix3<f64> {
    let Form { xi, eta, zeta, .. } = Form::of(metric);
    let sign = |x: f64| if x.abs() < e { 0.0 } else { x.signum() };
    let [l, m, n] = [sign(xi), sign(eta), sign(zeta)];
    if l * m * n == 1.0 {
        return Matrix3::from_diagonal(&[l, m, n].into());
    }
    let mut flips = [l, m, n].map(|s| if s == 1.0 { -1.0 } else { 1.0 });
    if flips.iter().product::<f64>() == -1.0 {
        // A right angle may be turned freely.
        if let Some(free) = [n, m, l].iter().position(|&s| s == 0.0) {
            flips[2 - free] = -1.0;
        }
    }
    Matrix3::from_diagonal(&flips.into())
}

/// A5 to A8: one vector is shortened by the others.
fn last_steps(&Form { a, b, xi, eta, zeta, .. }: &Form, e: f64) -> Option<Matrix3<f64>> {
    let within = |x: f64| x.abs() < e;
    let mut step = Matrix3::identity();
    if xi.abs() > b + e || (within(xi - b) && 2.0 * eta < zeta - e) || (within(xi + b) && zeta < -e)
    {
        step[(1, 2)] = -xi.signum();
    } else if eta.abs() > a + e
        || (within(a - eta) && 2.0 * xi < zeta - e)
        || (within(a + eta) && zeta < -e)
    {
        step[(0, 2)] = -eta.signum();
    } else if zeta.abs() > a + e
        || (within(a - zeta) && 2.0 * xi < eta - e)
        || (within(a + zeta) && eta < -e)
    {
        step[(0, 1)] = -zeta.signum();
    } else {
        let sum = xi + eta + zeta + a + b;
        if !(sum < -e || (within(sum) && e < zeta + 2.0 * (a + eta))) {
            return None;
        }
        (step[(0, 2)], step[(1, 2)]) = (1.0, 1.0);
    }
    Some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(lattice: &Lattice) -> [f64; 6] {
        let (l, a) = (lattice.lengths(), lattice.angles());
        [l[0], l[1], l[2], a[0], a[1], a[2]]
    }

    /// The example of Grosse-Kunstleve et al. (2004), section 4: (9, 27, 4, −5, −4, −22) reduces to
    /// (4, 9, 9, 9, 3, 4), after Křivý & Gruber (1976).
    #[test]
    fn the_published_example_is_reduced() {
        let [a, b, c]: [f64; 3] = [3.0, 27f64.sqrt(), 2.0];
        let angle = |twice: f64, x: f64, y: f64| (twice / (2.0 * x * y)).acos().to_degrees();
        let angles = [angle(-5.0, b, c), angle(-4.0, a, c), angle(-22.0, a, b)];
        let reduced = Lattice::from_parameters([a, b, c], angles).unwrap().niggli();
        let g = reduced.matrix * reduced.matrix.transpose();
        let Form { a, b, c, xi, eta, zeta } = Form::of(&g);
        for (got, want) in [a, b, c, xi, eta, zeta].iter().zip([4.0, 9.0, 9.0, 9.0, 3.0, 4.0]) {
            assert!((got - want).abs() < 1e-9, "{got} {want}");
        }
    }

    #[test]
    fn every_basis_of_a_lattice_reduces_to_the_same_cell() {
        let lattice = Lattice::from_parameters([3.1, 4.7, 5.9], [77.0, 101.0, 84.0]).unwrap();
        let changes = [
            Matrix3::new(1.0, 2.0, 0.0, 0.0, 1.0, -3.0, 0.0, 0.0, 1.0),
            Matrix3::new(0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0),
            Matrix3::new(1.0, 0.0, 0.0, -4.0, 1.0, 0.0, 2.0, 5.0, 1.0),
            Matrix3::new(-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 1.0, 0.0, -1.0),
        ];
        let first = sorted(&lattice.niggli());
        for change in changes {
            let reduced = lattice.changed(&change).niggli();
            for (got, want) in sorted(&reduced).iter().zip(first) {
                assert!((got - want).abs() < 1e-9, "{got} {want}");
            }
            assert!((reduced.volume() - lattice.volume()).abs() < 1e-9);
            assert!(reduced.matrix.determinant() > 0.0);
        }
    }
}
