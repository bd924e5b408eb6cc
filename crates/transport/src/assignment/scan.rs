//! The row scans that assignment spends its time in.
//!
//! Minima run in eight lanes, a form the compiler turns into vector instructions; the lowest index
//! wins ties, so the result does not depend on the vector width.

use crate::simd::dispatched;

const LANES: usize = 8;
/// Long enough to spread the cost of merging the lanes, short enough for a cheap second look.
const BLOCK: usize = 64;

#[inline(always)]
fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

#[inline(always)]
fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// Smallest and second smallest value of a row, and where the smallest first occurs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TwoSmallest {
    pub(crate) first: f64,
    pub(crate) argument: usize,
    pub(crate) second: f64,
}

dispatched! {
    /// The two smallest of `cost[j] − v[j]`.
    pub(crate) fn two_smallest(cost: &[f64], v: &[f64]) -> TwoSmallest = two_smallest_body
}

#[inline(always)]
fn two_smallest_body(cost: &[f64], v: &[f64]) -> TwoSmallest {
    let (mut first, mut second) = ([f64::INFINITY; LANES], [f64::INFINITY; LANES]);
    // Chunk numbers ride along as f64, in lanes of the same width as the values.
    let (mut chunk_of, mut chunk) = ([0.0; LANES], 0.0);
    let (costs, costs_rest) = cost.as_chunks::<LANES>();
    let (vs, vs_rest) = v.as_chunks::<LANES>();
    for (c, v) in costs.iter().zip(vs) {
        for l in 0..LANES {
            let r = c[l] - v[l];
            second[l] = smaller(second[l], larger(r, first[l]));
            chunk_of[l] = if r < first[l] { chunk } else { chunk_of[l] };
            first[l] = smaller(r, first[l]);
        }
        chunk += 1.0;
    }
    let (mut least, mut argument, mut next) = (f64::INFINITY, usize::MAX, f64::INFINITY);
    for l in 0..LANES {
        let j = chunk_of[l] as usize * LANES + l;
        next = smaller(next, larger(first[l], least));
        if first[l] < least || (first[l] == least && j < argument) {
            (least, argument) = (first[l], j);
        }
    }
    for l in 0..LANES {
        next = smaller(next, second[l]);
    }
    for (k, (c, v)) in costs_rest.iter().zip(vs_rest).enumerate() {
        let r = c - v;
        next = smaller(next, larger(r, least));
        if r < least {
            (least, argument) = (r, costs.len() * LANES + k);
        }
    }
    TwoSmallest { first: least, argument, second: next }
}

dispatched! {
    /// One relaxation of Dijkstra's algorithm: `distance[j] = min(distance[j], cost[j] − v[j] + base)`,
    /// with `parent[j] = row` wherever that was smaller. Returns the smallest distance and its
    /// column. A settled column is hidden from it by `v = −∞` and `distance = +∞`.
    pub(crate) fn relax(
        cost: &[f64],
        v: &[f64],
        base: f64,
        row: u64,
        distance: &mut [f64],
        parent: &mut [u64],
    ) -> (f64, usize) = relax_body
}

#[inline(always)]
fn relax_body(
    cost: &[f64],
    v: &[f64],
    base: f64,
    row: u64,
    distance: &mut [f64],
    parent: &mut [u64],
) -> (f64, usize) {
    let (mut least, mut argument) = (f64::INFINITY, usize::MAX);
    let whole = cost.len() / BLOCK * BLOCK;
    let (costs, costs_rest) = cost.as_chunks::<BLOCK>();
    let (vs, vs_rest) = v.as_chunks::<BLOCK>();
    let (distances, distances_rest) = distance.as_chunks_mut::<BLOCK>();
    let (parents, parents_rest) = parent.as_chunks_mut::<BLOCK>();
    let blocks = costs.iter().zip(vs).zip(distances.iter_mut()).zip(parents.iter_mut());
    let mut best_block = usize::MAX;
    for (block, (((c, v), d), p)) in blocks.enumerate() {
        for k in 0..BLOCK {
            let r = (c[k] - v[k]) + base;
            p[k] = if r < d[k] { row } else { p[k] };
            d[k] = smaller(r, d[k]);
        }
        let mut lanes = [f64::INFINITY; LANES];
        for d in d.as_chunks::<LANES>().0 {
            for l in 0..LANES {
                lanes[l] = smaller(d[l], lanes[l]);
            }
        }
        let four: [f64; 4] = std::array::from_fn(|l| smaller(lanes[l], lanes[l + 4]));
        let here = smaller(smaller(four[0], four[2]), smaller(four[1], four[3]));
        if here < least {
            (least, best_block) = (here, block);
        }
    }
    if let Some(block) = distances.get(best_block) {
        let k = block.iter().position(|d| *d == least).expect("the block's own minimum");
        argument = best_block * BLOCK + k;
    }
    let rest = costs_rest.iter().zip(vs_rest).zip(distances_rest).zip(parents_rest);
    for (k, (((c, v), d), p)) in rest.enumerate() {
        let r = (c - v) + base;
        *p = if r < *d { row } else { *p };
        *d = smaller(r, *d);
        if *d < least {
            (least, argument) = (*d, whole + k);
        }
    }
    (least, argument)
}

dispatched! {
    /// Lowers `least[j]` to `cost[j]` where that is smaller.
    pub(crate) fn lower(cost: &[f64], least: &mut [f64]) = lower_body
}

#[inline(always)]
fn lower_body(cost: &[f64], least: &mut [f64]) {
    for (&c, least) in cost.iter().zip(least) {
        *least = smaller(c, *least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Level;

    fn rows(n: usize) -> (Vec<f64>, Vec<f64>) {
        // Rounded to whole numbers, so that ties occur in every row.
        let c = (0..n).map(|j| ((j * 37 % 101) as f64 / 10.0).round()).collect();
        let v = (0..n).map(|j| -((j * 17 % 13) as f64 / 10.0).round()).collect();
        (c, v)
    }

    #[test]
    fn two_smallest_equals_a_sort_at_every_level() {
        for n in [1, 2, 7, 8, 9, 40, 101, 300] {
            let (c, v) = rows(n);
            let reduced: Vec<f64> = c.iter().zip(&v).map(|(c, v)| c - v).collect();
            let mut sorted = reduced.clone();
            sorted.sort_by(f64::total_cmp);
            let argument = reduced.iter().position(|r| *r == sorted[0]).unwrap();
            let second = sorted.get(1).copied().unwrap_or(f64::INFINITY);
            for level in Level::all() {
                let expected = TwoSmallest { first: sorted[0], argument, second };
                assert_eq!(two_smallest(level, &c, &v), expected, "n = {n}, {level:?}");
            }
        }
    }

    #[test]
    fn relaxing_hides_settled_columns_and_breaks_ties_low() {
        for n in [1, 8, 9, 40, 64, 101, 300] {
            let (c, mut v) = rows(n);
            let settled = n / 2;
            v[settled] = f64::NEG_INFINITY;
            for level in Level::all() {
                let mut d: Vec<f64> = (0..n).map(|j| (j % 5) as f64 + 1.0).collect();
                d[settled] = f64::INFINITY;
                let before = d.clone();
                let mut parent = vec![7; n];
                let (least, argument) = relax(level, &c, &v, 0.5, 3, &mut d, &mut parent);
                let smallest = d.iter().copied().fold(f64::INFINITY, f64::min);
                assert_eq!(least, smallest);
                assert!(
                    least == f64::INFINITY || d.iter().position(|x| *x == least) == Some(argument)
                );
                for j in 0..n {
                    assert_eq!(d[j], before[j].min(c[j] - v[j] + 0.5));
                    assert_eq!(parent[j], if d[j] < before[j] { 3 } else { 7 });
                }
            }
        }
    }
}
