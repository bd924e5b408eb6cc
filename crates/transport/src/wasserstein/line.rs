//! Exact transport on the line: the sorted coupling is optimal for every convex cost.

use crate::error::{TransportError, check_finite, check_length};

/// W_p^p between two weighted sets of numbers, ∫₀¹ |F⁻¹(t) − G⁻¹(t)|^p dt.
///
/// # Shapes and units
/// - `x`: `[n]` with weights `a`, `y`: `[m]` with weights `b`; `None` is equal weights. Weights are
///   divided by their sum. Returns the unit of `x` to the power `p`
///
/// # Errors
/// [`TransportError::Empty`], [`TransportError::ShapeMismatch`], [`TransportError::NonFinite`],
/// [`TransportError::NegativeWeight`], [`TransportError::OutOfRange`] if `p < 1` or all weights
/// are zero.
pub fn wasserstein_line(
    x: &[f64],
    a: Option<&[f64]>,
    y: &[f64],
    b: Option<&[f64]>,
    p: f64,
) -> Result<f64, TransportError> {
    check_exponent(p)?;
    let (x, y) = (Quantiles::new("x", x, a)?, Quantiles::new("y", y, b)?);
    let (mut i, mut j, mut t, mut sum) = (0, 0, 0.0, 0.0);
    while i < x.values.len() && j < y.values.len() {
        let end = f64::min(x.ends[i], y.ends[j]);
        sum += (end - t) * distance_power(x.values[i] - y.values[j], p);
        t = end;
        // Both advance on a tie: an empty step between equal ends would add nothing.
        let (x_done, y_done) = (x.ends[i] <= end, y.ends[j] <= end);
        i += usize::from(x_done);
        j += usize::from(y_done);
    }
    Ok(sum)
}

#[inline]
pub(super) fn distance_power(delta: f64, p: f64) -> f64 {
    if p == 2.0 {
        delta * delta
    } else if p == 1.0 {
        delta.abs()
    } else {
        delta.abs().powf(p)
    }
}

pub(super) fn check_exponent(p: f64) -> Result<(), TransportError> {
    if p.is_finite() && p >= 1.0 {
        Ok(())
    } else {
        Err(TransportError::OutOfRange {
            what: "exponent p",
            value: p,
            range: "finite and at least 1",
        })
    }
}

/// Sorted values, each with the level at which its step of the quantile function ends.
#[derive(Debug)]
pub(super) struct Quantiles {
    pub(super) values: Vec<f64>,
    /// Rising, the last exactly 1.
    pub(super) ends: Vec<f64>,
}

impl Quantiles {
    pub(super) fn new(
        what: &'static str,
        values: &[f64],
        weights: Option<&[f64]>,
    ) -> Result<Self, TransportError> {
        let n = values.len();
        if n == 0 {
            return Err(TransportError::Empty { what });
        }
        check_finite(what, values)?;
        let Some(weights) = weights else {
            let mut sorted = values.to_vec();
            sorted.sort_unstable_by(f64::total_cmp);
            // One division per end: equal sizes get equal ends to the last bit.
            return Ok(Self {
                values: sorted,
                ends: (1..=n).map(|k| k as f64 / n as f64).collect(),
            });
        };
        check_length(what, n, weights.len())?;
        check_finite(what, weights)?;
        if let Some(index) = weights.iter().position(|w| *w < 0.0) {
            return Err(TransportError::NegativeWeight { what, index, value: weights[index] });
        }
        let sum: f64 = weights.iter().sum();
        if !(sum > 0.0 && sum.is_finite()) {
            return Err(TransportError::OutOfRange {
                what: "sum of weights",
                value: sum,
                range: "positive and finite",
            });
        }
        let mut order: Vec<usize> = (0..n).filter(|&k| weights[k] > 0.0).collect();
        order.sort_by(|&k, &l| values[k].total_cmp(&values[l]));
        let mut ends: Vec<f64> = order
            .iter()
            .scan(0.0, |t, &k| {
                *t += weights[k] / sum;
                Some(f64::min(*t, 1.0))
            })
            .collect();
        *ends.last_mut().expect("some weight is positive") = 1.0;
        Ok(Self { values: order.iter().map(|&k| values[k]).collect(), ends })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Ground;
    use crate::testing::{hash_points, hash_weights};
    use crate::wasserstein::transport_clouds;

    #[test]
    fn equals_the_network_simplex() {
        let (n, m) = (40, 70);
        let (x, y) = (hash_points(1, n, 1), hash_points(2, m, 1));
        let (a, b) = (hash_weights(3, n), hash_weights(4, m));
        for p in [1.0, 2.0, 3.5] {
            let plan = transport_clouds(&x, &a, &y, &b, 1, Ground::Power(p)).unwrap();
            let line = wasserstein_line(&x, Some(&a), &y, Some(&b), p).unwrap();
            assert!((line - plan.cost).abs() < 1e-13);
        }
    }

    #[test]
    fn equal_weights_need_no_weights() {
        let (x, y) = (hash_points(1, 30, 1), hash_points(2, 45, 1));
        let (a, b) = (vec![7.0; 30], vec![0.1; 45]);
        let with = wasserstein_line(&x, Some(&a), &y, Some(&b), 2.0).unwrap();
        let without = wasserstein_line(&x, None, &y, None, 2.0).unwrap();
        assert!((with - without).abs() < 1e-14);
        assert_eq!(wasserstein_line(&x, None, &x, None, 1.0).unwrap(), 0.0);
    }
}
