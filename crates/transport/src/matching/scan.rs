//! Vector loops over one row of reduced costs.

use crate::simd::dispatched;

dispatched! {
    /// `minima[g]` becomes the least of itself and `values[g]`, `values[g + G]`, `values[g + 2 G]`, …
    /// for `G = minima.len()`.
    pub(super) fn group_minima(values: &[f64], minima: &mut [f64]) = group_minima_body
}

#[inline(always)]
fn group_minima_body(values: &[f64], minima: &mut [f64]) {
    for chunk in values.chunks(minima.len()) {
        for (least, &value) in minima.iter_mut().zip(chunk) {
            *least = if value < *least { value } else { *least };
        }
    }
}

dispatched! {
    /// Appends every `(value, index)` with `value ≤ limit`, by rising index.
    pub(super) fn at_most(values: &[f64], limit: f64, found: &mut Vec<(f64, u32)>) = at_most_body
}

#[inline(always)]
fn at_most_body(values: &[f64], limit: f64, found: &mut Vec<(f64, u32)>) {
    // Hits are rare, so whole blocks are tested without a branch per value.
    const BLOCK: usize = 32;
    let (blocks, rest) = values.as_chunks::<BLOCK>();
    for (b, block) in blocks.iter().enumerate() {
        if block.iter().fold(false, |hit, &value| hit | (value <= limit)) {
            push_hits(block, b * BLOCK, limit, found);
        }
    }
    push_hits(rest, blocks.len() * BLOCK, limit, found);
}

#[inline(always)]
fn push_hits(values: &[f64], first: usize, limit: f64, found: &mut Vec<(f64, u32)>) {
    for (k, &value) in values.iter().enumerate() {
        if value <= limit {
            found.push((value, (first + k) as u32));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Level;

    #[test]
    fn every_level_equals_the_plain_loops() {
        for n in [1, 7, 16, 33, 500] {
            let values: Vec<f64> = (0..n).map(|j| ((j * 37) % 101) as f64).collect();
            for level in Level::all() {
                let mut minima = vec![f64::INFINITY; 7];
                group_minima(level, &values, &mut minima);
                for (g, least) in minima.iter().enumerate() {
                    let group = values.iter().skip(g).step_by(7);
                    assert_eq!(*least, group.copied().fold(f64::INFINITY, f64::min));
                }
                let mut found = Vec::new();
                at_most(level, &values, 30.0, &mut found);
                let expected: Vec<(f64, u32)> = (0..n)
                    .map(|j| (values[j], j as u32))
                    .filter(|(value, _)| *value <= 30.0)
                    .collect();
                assert_eq!(found, expected);
            }
        }
    }
}
