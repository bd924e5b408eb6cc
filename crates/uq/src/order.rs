//! Members of many cells sorted at once.

use std::array::from_fn;

use crate::cells::{LANES, Lanes};

/// Above this many members comparing and exchanging all cells alike, `m log² m`, costs more than sorting one cell
/// after another, `m log m` with branches.
const NETWORK: usize = 512;

/// How the members of each cell are brought into rising order.
pub(crate) enum Order {
    /// Pairs of members to be compared and exchanged, the same for all cells, so without branches.
    Network(Vec<(u32, u32)>),
    /// One cell after another.
    Columns,
}

impl Order {
    /// The order for this many members.
    pub(crate) fn of(members: usize) -> Self {
        if members > NETWORK { Self::Columns } else { Self::Network(merge_exchange(members)) }
    }

    /// Sorts every cell of `[members][LANES]`; a cell with a NaN comes out in any order.
    pub(crate) fn sort(&self, block: &mut [Lanes]) {
        match self {
            Self::Network(pairs) => {
                for &(low, high) in pairs {
                    let (head, tail) = block.split_at_mut(high as usize);
                    let (low, high) = (&mut head[low as usize], &mut tail[0]);
                    // Not f64::min and whole rows at once: single instructions, no branches; NaN needs no care here.
                    let (x, y) = (*low, *high);
                    *low = from_fn(|lane| if y[lane] < x[lane] { y[lane] } else { x[lane] });
                    *high = from_fn(|lane| if x[lane] > y[lane] { x[lane] } else { y[lane] });
                }
            }
            Self::Columns => {
                let mut column = vec![0.0; block.len()];
                for lane in 0..LANES {
                    for (to, row) in column.iter_mut().zip(block.iter()) {
                        *to = row[lane];
                    }
                    column.sort_unstable_by(f64::total_cmp);
                    for (row, from) in block.iter_mut().zip(&column) {
                        row[lane] = *from;
                    }
                }
            }
        }
    }
}

/// Batcher's merge exchange for any `n`: Knuth, The Art of Computer Programming 3, section 5.2.2, Algorithm M.
fn merge_exchange(n: usize) -> Vec<(u32, u32)> {
    let mut pairs = Vec::new();
    let top = n.next_power_of_two() / 2;
    let mut p = top;
    while p > 0 {
        let (mut q, mut r, mut d) = (top, 0, p);
        loop {
            for i in 0..n.saturating_sub(d) {
                if i & p == r {
                    pairs.push((i as u32, (i + d) as u32));
                }
            }
            if q == p {
                break;
            }
            d = q - p;
            q /= 2;
            r = p;
        }
        p /= 2;
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A network that sorts every sequence of zeros and ones sorts everything (Knuth, section 5.3.4, Theorem Z).
    #[test]
    fn networks_sort_all_zeros_and_ones() {
        for n in 1..=13usize {
            let pairs = merge_exchange(n);
            for bits in 0..1u32 << n {
                let mut values: Vec<u32> = (0..n).map(|i| bits >> i & 1).collect();
                for &(low, high) in &pairs {
                    if values[high as usize] < values[low as usize] {
                        values.swap(low as usize, high as usize);
                    }
                }
                assert!(values.is_sorted(), "{n} {bits:b}");
            }
        }
    }

    #[test]
    fn both_ways_sort_large_ensembles_alike() {
        let members = 300;
        let value = |m: usize, lane: usize| ((m * 7919 + lane * 104_729) % 1009) as f64;
        let rows: Vec<Lanes> =
            (0..members).map(|m| std::array::from_fn(|lane| value(m, lane))).collect();
        let (mut network, mut columns) = (rows.clone(), rows);
        Order::Network(merge_exchange(members)).sort(&mut network);
        Order::Columns.sort(&mut columns);
        assert_eq!(network, columns);
        assert!(network.windows(2).all(|w| (0..LANES).all(|lane| w[0][lane] <= w[1][lane])));
        assert!(matches!(Order::of(NETWORK + 1), Order::Columns));
    }
}
