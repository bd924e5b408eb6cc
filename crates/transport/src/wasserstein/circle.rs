//! Exact transport on the circle: transport on the line after the best cut.

use super::line::{Quantiles, check_exponent, distance_power};
use crate::error::TransportError;

/// W_p^p between two weighted sets of angles on the circle of circumference 1.
///
/// With quantile functions continued by F⁻¹(t + 1) = F⁻¹(t) + 1, it is the minimum over θ of
/// ∫₀¹ |F⁻¹(t) − G⁻¹(t − θ)|^p dt, which is convex and piecewise linear in θ. The minimum is found
/// exactly, by following the lines on both sides to where they meet.
///
/// # Shapes and units
/// - `x`: `[n]` with weights `a`, `y`: `[m]` with weights `b`, in turns, any real number (wrapped);
///   `None` is equal weights. Returns turns to the power `p`, at most 2⁻ᵖ
///
/// # Errors
/// As [`crate::wasserstein_line`].
///
/// # Source
/// Delon, Salomon & Sobolevski (2010), SIAM J. Appl. Math. 70, 2239–2258.
pub fn wasserstein_circle(
    x: &[f64],
    a: Option<&[f64]>,
    y: &[f64],
    b: Option<&[f64]>,
    p: f64,
) -> Result<f64, TransportError> {
    check_exponent(p)?;
    let wrap = |angles: &[f64]| -> Vec<f64> { angles.iter().map(|c| c - c.floor()).collect() };
    let cuts =
        Cuts { x: Quantiles::new("x", &wrap(x), a)?, y: Quantiles::new("y", &wrap(y), b)?, p };
    // At θ = ∓1 every displacement points one way, so the minimum lies between.
    let (mut low, mut high) = (-1.0, 1.0);
    let mut best = f64::min(cuts.value(low), cuts.value(high));
    let (mut low_line, mut high_line) = (cuts.line(low, Side::Right), cuts.line(high, Side::Left));
    // Every step removes a linear piece; bisection in between bounds their number.
    for step in 0..400 {
        if low_line.1 >= 0.0 || high_line.1 <= 0.0 {
            break;
        }
        let meet = (high_line.0 - low_line.0 + low_line.1 * low - high_line.1 * high)
            / (low_line.1 - high_line.1);
        let middle = 0.5 * (low + high);
        let theta = if step % 2 == 0 { meet } else { middle };
        let predicted = low_line.0 + low_line.1 * (meet - low);
        if !(theta > low && theta < high) {
            break;
        }
        let value = cuts.value(theta);
        best = best.min(value);
        // The minimum is between the lines' meeting point and the best value seen.
        if best - predicted <= 1e-16 {
            break;
        }
        let (left, right) = (cuts.line(theta, Side::Left), cuts.line(theta, Side::Right));
        if left.1 <= 0.0 && right.1 >= 0.0 {
            break;
        }
        if right.1 < 0.0 {
            (low, low_line) = (theta, right);
        } else {
            (high, high_line) = (theta, left);
        }
    }
    Ok(best)
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Side {
    Left,
    Right,
}

struct Cuts {
    x: Quantiles,
    y: Quantiles,
    p: f64,
}

/// The continued quantile function at any level, right-continuous or left-continuous.
fn at_level(q: &Quantiles, t: f64, side: Side) -> f64 {
    let turns = t.floor();
    let within = t - turns;
    let k = match side {
        Side::Right => q.ends.partition_point(|end| *end <= within),
        Side::Left if within == 0.0 => return q.values[q.values.len() - 1] + turns - 1.0,
        Side::Left => q.ends.partition_point(|end| *end < within),
    };
    if k < q.values.len() { q.values[k] + turns } else { q.values[0] + turns + 1.0 }
}

impl Cuts {
    /// The integral, summed between the levels where either quantile function steps.
    fn value(&self, theta: f64) -> f64 {
        let shifted = self.y.ends.iter().map(|end| end + theta - (end + theta).floor());
        let mut levels: Vec<f64> = self.x.ends.iter().copied().chain(shifted).collect();
        levels.push(0.0);
        levels.push(1.0);
        levels.sort_unstable_by(f64::total_cmp);
        let step = |pair: &[f64]| {
            let (length, middle) = (pair[1] - pair[0], 0.5 * (pair[0] + pair[1]));
            if length <= 0.0 {
                return 0.0;
            }
            let x = at_level(&self.x, middle, Side::Right);
            let y = at_level(&self.y, middle - theta, Side::Right);
            length * distance_power(x - y, self.p)
        };
        levels.windows(2).map(step).sum()
    }

    /// Value and one-sided slope in θ: each step of G⁻¹ moves along F⁻¹ and takes with it the
    /// difference between its two values' costs.
    fn line(&self, theta: f64, side: Side) -> (f64, f64) {
        let (y, m) = (&self.y, self.y.values.len());
        let slope = (0..m).map(|j| {
            let x = at_level(&self.x, y.ends[j] + theta, side);
            let next = if j + 1 < m { y.values[j + 1] } else { y.values[0] + 1.0 };
            distance_power(x - y.values[j], self.p) - distance_power(x - next, self.p)
        });
        (self.value(theta), slope.sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::CostMatrix;
    use crate::network_simplex::network_simplex;
    use crate::testing::{hash_points, hash_weights};

    fn arc(a: f64, b: f64) -> f64 {
        let d = (a - b).rem_euclid(1.0);
        d.min(1.0 - d)
    }

    /// Equal weights: the optimum is one of the n cyclic shifts of the sorted order.
    #[test]
    fn equals_the_best_of_all_cuts() {
        for n in [1, 2, 5, 24] {
            let (mut x, mut y) = (hash_points(1, n, 1), hash_points(2, n, 1));
            x.sort_by(f64::total_cmp);
            y.sort_by(f64::total_cmp);
            for p in [1.0, 2.0, 3.0] {
                let cut = |k: usize| {
                    (0..n).map(|i| arc(x[i], y[(i + k) % n]).powf(p)).sum::<f64>() / n as f64
                };
                let best = (0..n).map(cut).fold(f64::INFINITY, f64::min);
                let found = wasserstein_circle(&x, None, &y, None, p).unwrap();
                assert!((found - best).abs() < 1e-14, "n {n}, p {p}: {found} {best}");
            }
        }
    }

    #[test]
    fn equals_the_network_simplex_on_weights() {
        for seed in 0..8 {
            let (n, m) = (9 + seed as usize, 23);
            let (x, y) = (hash_points(seed, n, 1), hash_points(seed + 50, m, 1));
            let (a, b) = (hash_weights(seed + 100, n), hash_weights(seed + 150, m));
            for p in [1.0, 2.0] {
                let costs = x.iter().flat_map(|x| y.iter().map(move |y| arc(*x, *y).powf(p)));
                let cost = CostMatrix::new(costs.collect(), n, m).unwrap();
                let plan = network_simplex(&a, &b, cost.view()).unwrap();
                let found = wasserstein_circle(&x, Some(&a), &y, Some(&b), p).unwrap();
                assert!((found - plan.cost).abs() < 1e-13, "seed {seed}, p {p}");
            }
        }
    }

    #[test]
    fn a_rotation_by_a_third_costs_a_third() {
        let x = hash_points(3, 50, 1);
        let y: Vec<f64> = x.iter().map(|c| c * 0.1 + 1.0 / 3.0 + 7.0).collect();
        let x: Vec<f64> = x.iter().map(|c| c * 0.1).collect();
        let found = wasserstein_circle(&x, None, &y, None, 1.0).unwrap();
        assert!((found - 1.0 / 3.0).abs() < 1e-14);
    }
}
