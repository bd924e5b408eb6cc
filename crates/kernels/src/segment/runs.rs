//! Where each segment lies, and the sum over rows.

use crate::activation::{each_vector, load, store};
use crate::isa::Kernel;
use crate::real::Real;
use crate::simd::Simd;
use candle_core::{Result, bail};
use std::sync::Arc;

/// Runs of rows: segment `s` is rows `offsets[s]..offsets[s + 1]`.
#[derive(Debug, Clone)]
pub struct Segments {
    pub(super) offsets: Arc<[usize]>,
}

impl Segments {
    /// From `segments + 1` offsets, the first 0, none below the one before.
    ///
    /// # Errors
    /// If the offsets are not such a sequence.
    pub fn new(offsets: Vec<usize>) -> Result<Self> {
        if offsets.first() != Some(&0) || offsets.windows(2).any(|w| w[0] > w[1]) {
            bail!("segment offsets must begin at 0 and not decrease");
        }
        Ok(Self { offsets: offsets.into() })
    }

    /// From the segment of each row, in ascending order, and the number of segments.
    ///
    /// # Errors
    /// If the rows are not sorted or a segment is not below `count`.
    pub fn of_sorted(segment_of_row: &[u32], count: usize) -> Result<Self> {
        if segment_of_row.windows(2).any(|w| w[0] > w[1]) {
            bail!("rows are not sorted by segment");
        }
        if segment_of_row.last().is_some_and(|&s| s as usize >= count) {
            bail!("a row lies in segment {:?} of {count}", segment_of_row.last());
        }
        let mut offsets = vec![0; count + 1];
        segment_of_row.iter().for_each(|&s| offsets[s as usize + 1] += 1);
        (0..count).for_each(|s| offsets[s + 1] += offsets[s]);
        Ok(Self { offsets: offsets.into() })
    }

    /// Number of segments.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no segment.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows in all segments.
    pub fn rows(&self) -> usize {
        *self.offsets.last().expect("there is a first offset")
    }
}

/// `out = Σ rows`, rows given by an iterator of their numbers.
pub(super) struct SumRows<'a, T, I> {
    pub(super) x: &'a [T],
    pub(super) rows: I,
    pub(super) out: &'a mut [T],
}

impl<T: Real, I: Iterator<Item = usize> + Clone> Kernel<T> for SumRows<'_, T, I> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let f = self.out.len();
        let rows = self.x.len() / f.max(1);
        let (x, out) = (self.x.as_ptr(), self.out.as_mut_ptr());
        each_vector!(V, f, |j, n| {
            let mut sum = V::splat(T::ZERO);
            for row in self.rows.clone() {
                assert!(row < rows, "row outside the matrix");
                // SAFETY: the row exists and has columns j..j + n.
                sum = sum.add(unsafe { load::<V>(x.add(row * f + j), n) });
            }
            // SAFETY: out has f elements.
            unsafe { store(sum, out.add(j), n) };
        });
    }
}
