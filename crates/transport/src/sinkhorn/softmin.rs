//! The one step of the log-domain iteration: a soft minimum over each row.

use crate::simd::{Level, dispatched};
use crate::vector_exp::exp_nonpositive;
use rayon::prelude::*;

const LANES: usize = 8;

/// `out[i] = −ε log Σ_j exp(h_j − cost(i, j) / ε)` for a row-major `[rows, h.len()]` cost; rows in
/// parallel, each with a fixed order of summation.
pub(super) fn softmin(level: Level, cost: &[f64], h: &[f64], epsilon: f64, out: &mut [f64]) {
    let m = h.len();
    let one = |buffer: &mut Vec<f64>, (row, out): (&[f64], &mut f64)| {
        buffer.resize(m, 0.0);
        *out = -epsilon * log_sum_exp(level, row, h, 1.0 / epsilon, buffer);
    };
    // Below this, starting a parallel job costs more than the rows.
    if cost.len() < 1 << 15 {
        let mut buffer = Vec::new();
        cost.chunks_exact(m).zip(out).for_each(|pair| one(&mut buffer, pair));
    } else {
        cost.par_chunks_exact(m).zip(out).for_each_init(Vec::new, one);
    }
}

dispatched! {
    /// log Σ_j exp(h_j − rate · cost_j), with the largest exponent taken out.
    fn log_sum_exp(cost: &[f64], h: &[f64], rate: f64, buffer: &mut [f64]) -> f64 = log_sum_exp_body
}

#[inline(always)]
fn log_sum_exp_body(cost: &[f64], h: &[f64], rate: f64, buffer: &mut [f64]) -> f64 {
    for ((z, c), h) in buffer.iter_mut().zip(cost).zip(h) {
        *z = h - rate * c;
    }
    let (chunks, rest) = buffer.as_chunks::<LANES>();
    let mut largest = [f64::NEG_INFINITY; LANES];
    for chunk in chunks {
        for l in 0..LANES {
            largest[l] = if chunk[l] > largest[l] { chunk[l] } else { largest[l] };
        }
    }
    let largest = largest.iter().chain(rest).fold(f64::NEG_INFINITY, |m, z| m.max(*z));
    let mut sums = [0.0; LANES];
    for chunk in chunks {
        for l in 0..LANES {
            sums[l] += exp_nonpositive(chunk[l] - largest);
        }
    }
    let tail: f64 = rest.iter().map(|z| exp_nonpositive(z - largest)).sum();
    largest + (sums.iter().sum::<f64>() + tail).ln()
}

dispatched! {
    /// `row[j] = weight · exp(shift + h_j − rate · cost_j)`, exponents above 0 cut to 0: at the
    /// optimum no entry of a plan exceeds its row's mass.
    pub(super) fn plan_row(cost: &[f64], h: &[f64], rate: f64, shift: f64, weight: f64, row: &mut [f64]) = plan_row_body
}

#[inline(always)]
fn plan_row_body(cost: &[f64], h: &[f64], rate: f64, shift: f64, weight: f64, row: &mut [f64]) {
    for ((p, c), h) in row.iter_mut().zip(cost).zip(h) {
        let z = shift + (h - rate * c);
        *p = weight * exp_nonpositive(if z < 0.0 { z } else { 0.0 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hash_points;

    #[test]
    fn every_level_equals_the_plain_formula() {
        for m in [1, 8, 13, 200] {
            let (cost, mut h) = (hash_points(1, m, 1), hash_points(2, m, 1));
            if m > 1 {
                h[1] = f64::NEG_INFINITY; // a target without mass
            }
            let plain: f64 =
                cost.iter().zip(&h).map(|(c, h)| (h - 50.0 * c).exp()).sum::<f64>().ln();
            let mut bits = Vec::new();
            for level in Level::all() {
                let mut buffer = vec![0.0; m];
                let found = log_sum_exp(level, &cost, &h, 50.0, &mut buffer);
                assert!((found - plain).abs() < 1e-13 * plain.abs().max(1.0));
                bits.push(found.to_bits());
            }
            assert!(bits.iter().all(|b| *b == bits[0]));
        }
    }
}
