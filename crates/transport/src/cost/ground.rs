//! Costs between points, computed when they are looked at: n² pairs without n² memory.

use super::CostView;
use super::euclidean::{squared_distances, transpose};
use crate::error::{TransportError, check_finite};
use crate::simd::{Level, dispatched};

/// The cost of moving a unit of mass from one point to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ground {
    /// ‖x − y‖: the cost of W₁.
    Euclidean,
    /// ‖x − y‖²: the cost of W₂².
    SquaredEuclidean,
    /// ‖x − y‖^p with p ≥ 1: the cost of W_p^p.
    Power(f64),
}

impl Ground {
    /// The exponent p of ‖x − y‖^p.
    pub fn exponent(self) -> f64 {
        match self {
            Self::Euclidean => 1.0,
            Self::SquaredEuclidean => 2.0,
            Self::Power(p) => p,
        }
    }

    pub(crate) fn check(self) -> Result<(), TransportError> {
        match self {
            Self::Power(p) if !(p.is_finite() && p >= 1.0) => Err(TransportError::OutOfRange {
                what: "exponent p",
                value: p,
                range: "finite and at least 1",
            }),
            _ => Ok(()),
        }
    }

    #[inline]
    fn of_square(self, square: f64) -> f64 {
        match self {
            Self::SquaredEuclidean => square,
            Self::Euclidean => square.sqrt(),
            Self::Power(p) => square.powf(0.5 * p),
        }
    }
}

/// A cost matrix by rows, stored or computed. `reduced_row` and `cost` agree to the last bit.
pub(crate) trait CostRows: Sync {
    fn rows(&self) -> usize;
    fn columns(&self) -> usize;
    fn cost(&self, row: usize, column: usize) -> f64;
    /// `out[j] = cost(row, j) − v[j]`.
    fn reduced_row(&self, level: Level, row: usize, v: &[f64], out: &mut [f64]) {
        self.reduced_part(level, row, 0, v, out);
    }
    /// `out[k] = cost(row, start + k) − v[start + k]`.
    fn reduced_part(&self, level: Level, row: usize, start: usize, v: &[f64], out: &mut [f64]);
}

impl CostRows for CostView<'_> {
    fn rows(&self) -> usize {
        CostView::rows(self)
    }

    fn columns(&self) -> usize {
        CostView::columns(self)
    }

    #[inline]
    fn cost(&self, row: usize, column: usize) -> f64 {
        self.as_slice()[row * CostView::columns(self) + column]
    }

    fn reduced_part(&self, level: Level, row: usize, start: usize, v: &[f64], out: &mut [f64]) {
        let end = start + out.len();
        subtract(level, &self.row(row)[start..end], &v[start..end], out);
    }
}

/// The costs between two clouds of points.
#[derive(Debug, Clone)]
pub(crate) struct PointRows {
    x: Vec<f64>,
    /// Targets by point, for single costs, and by coordinate, for rows.
    y: Vec<f64>,
    y_t: Vec<f64>,
    dim: usize,
    ground: Ground,
}

impl PointRows {
    /// `x`: `[n, dim]`, `y`: `[m, dim]`, already checked.
    pub(crate) fn new(x: Vec<f64>, y: Vec<f64>, dim: usize, ground: Ground) -> Self {
        let y_t = transpose(&y, dim);
        Self { x, y, y_t, dim, ground }
    }

    /// The same costs with rows and columns exchanged.
    pub(crate) fn transposed(&self) -> Self {
        Self::new(self.y.clone(), self.x.clone(), self.dim, self.ground)
    }

    /// Every `stride`-th source and target.
    pub(crate) fn thinned(&self, stride: usize) -> Self {
        let thin =
            |p: &[f64]| p.chunks_exact(self.dim).step_by(stride).flatten().copied().collect();
        Self::new(thin(&self.x), thin(&self.y), self.dim, self.ground)
    }

    /// Every `stride`-th source, all targets.
    pub(crate) fn with_thinned_rows(&self, stride: usize) -> Self {
        Self { x: self.thinned(stride).x, ..self.clone() }
    }

    /// Mean cost of a matching once both clouds are moved to the same centre of mass: a scale for
    /// differences of cost that a common displacement does not inflate.
    pub(crate) fn centred_mean_cost(&self, column_of_row: &[usize]) -> f64 {
        let (n, dim) = (column_of_row.len(), self.dim);
        let step = |i: usize, k: usize| self.y[column_of_row[i] * dim + k] - self.x[i * dim + k];
        let mean: Vec<f64> =
            (0..dim).map(|k| (0..n).map(|i| step(i, k)).sum::<f64>() / n as f64).collect();
        let square = |i| (0..dim).map(|k| (step(i, k) - mean[k]).powi(2)).sum();
        (0..n).map(|i| self.ground.of_square(square(i))).sum::<f64>() / n as f64
    }

    /// Fails if the bounding box of both clouds is so large that a cost overflows.
    pub(crate) fn check_overflow(&self) -> Result<(), TransportError> {
        let square: f64 = (0..self.dim)
            .map(|k| {
                let coordinate = self.x.iter().chain(&self.y).skip(k).step_by(self.dim);
                let (low, high) = coordinate
                    .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), c| (l.min(*c), h.max(*c)));
                (high - low).powi(2)
            })
            .sum();
        check_finite("largest cost", &[self.ground.of_square(square)])
    }
}

impl CostRows for PointRows {
    fn rows(&self) -> usize {
        self.x.len() / self.dim
    }

    fn columns(&self) -> usize {
        self.y.len() / self.dim
    }

    #[inline]
    fn cost(&self, row: usize, column: usize) -> f64 {
        let (x, y) =
            (&self.x[row * self.dim..][..self.dim], &self.y[column * self.dim..][..self.dim]);
        let square = x.iter().zip(y).fold(0.0, |s, (a, b)| s + (a - b) * (a - b));
        self.ground.of_square(square)
    }

    fn reduced_part(&self, level: Level, row: usize, start: usize, v: &[f64], out: &mut [f64]) {
        let x = &self.x[row * self.dim..][..self.dim];
        let (m, end) = (self.columns(), start + out.len());
        if self.dim == 2 && self.ground == Ground::SquaredEuclidean {
            let (y_0, y_1) = (&self.y_t[start..end], &self.y_t[m + start..m + end]);
            planar(level, [x[0], x[1]], y_0, y_1, &v[start..end], out);
            return;
        }
        squared_distances(level, x, &self.y_t, start, out);
        match self.ground {
            Ground::SquaredEuclidean => {}
            Ground::Euclidean => square_roots(level, out),
            Ground::Power(_) => out.iter_mut().for_each(|c| *c = self.ground.of_square(*c)),
        }
        subtract_in_place(level, &v[start..end], out);
    }
}

dispatched! {
    fn subtract(cost: &[f64], v: &[f64], out: &mut [f64]) = subtract_body
}

#[inline(always)]
fn subtract_body(cost: &[f64], v: &[f64], out: &mut [f64]) {
    for ((out, c), v) in out.iter_mut().zip(cost).zip(v) {
        *out = c - v;
    }
}

dispatched! {
    fn subtract_in_place(v: &[f64], out: &mut [f64]) = subtract_in_place_body
}

#[inline(always)]
fn subtract_in_place_body(v: &[f64], out: &mut [f64]) {
    for (out, v) in out.iter_mut().zip(v) {
        *out -= v;
    }
}

dispatched! {
    fn square_roots(out: &mut [f64]) = square_roots_body
}

#[inline(always)]
fn square_roots_body(out: &mut [f64]) {
    for out in out {
        *out = out.sqrt();
    }
}

dispatched! {
    /// Two dimensions in one pass: distance and potential together.
    fn planar(x: [f64; 2], y_0: &[f64], y_1: &[f64], v: &[f64], out: &mut [f64]) = planar_body
}

#[inline(always)]
fn planar_body(x: [f64; 2], y_0: &[f64], y_1: &[f64], v: &[f64], out: &mut [f64]) {
    for (((out, a), b), v) in out.iter_mut().zip(y_0).zip(y_1).zip(v) {
        let (a, b) = (x[0] - a, x[1] - b);
        *out = (a * a + b * b) - v;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hash_points;

    #[test]
    fn rows_agree_with_single_costs_to_the_last_bit() {
        for dim in [1, 2, 3, 7] {
            for ground in [Ground::Euclidean, Ground::SquaredEuclidean, Ground::Power(3.0)] {
                let (n, m) = (3, 530);
                let (x, y) = (hash_points(1, n, dim), hash_points(2, m, dim));
                let rows = PointRows::new(x, y, dim, ground);
                let v = hash_points(3, m, 1);
                for level in Level::all() {
                    let mut out = vec![0.0; m - 5];
                    for i in 0..n {
                        rows.reduced_part(level, i, 5, &v, &mut out);
                        for j in 5..m {
                            assert_eq!(out[j - 5], rows.cost(i, j) - v[j]);
                        }
                    }
                }
            }
        }
    }
}
