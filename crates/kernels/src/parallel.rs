//! Fixed blocks on whatever rayon pool the caller runs in.
//!
//! The partition depends on the problem, never on the number of threads, and what several blocks
//! contribute to one number is merged in block order: 1, 2 or 64 threads give the same bits.
//! A caller chooses the threads by `pool.install(|| ...)`.

use rayon::prelude::*;
use std::marker::PhantomData;
use std::ops::Range;

/// Below this many elementary operations a second thread costs more than it saves (a rayon
/// hand-over is a few microseconds).
const WORTH_SHARING: usize = 1 << 16;

/// `count` items in blocks of `block`: `f(index of block, its items)`, in any order, once each.
///
/// `work` is the rough number of elementary operations in all; small work stays on this thread.
pub fn for_blocks(count: usize, block: usize, work: usize, f: impl Fn(usize, Range<usize>) + Sync) {
    let blocks = count.div_ceil(block.max(1));
    let run = |i: usize| f(i, i * block..count.min((i + 1) * block));
    if blocks <= 1 || work < WORTH_SHARING || rayon::current_num_threads() == 1 {
        (0..blocks).for_each(run);
    } else {
        (0..blocks).into_par_iter().for_each(run);
    }
}

/// As [`for_blocks`], collecting each block's result in block order.
pub fn map_blocks<R: Send>(
    count: usize,
    block: usize,
    work: usize,
    f: impl Fn(usize, Range<usize>) -> R + Sync,
) -> Vec<R> {
    let blocks = count.div_ceil(block.max(1));
    let run = |i: usize| f(i, i * block..count.min((i + 1) * block));
    if blocks <= 1 || work < WORTH_SHARING || rayon::current_num_threads() == 1 {
        (0..blocks).map(run).collect()
    } else {
        (0..blocks).into_par_iter().map(run).collect()
    }
}

/// A mutable slice that blocks write disjoint parts of.
pub(crate) struct Shared<'a, T> {
    start: *mut T,
    len: usize,
    life: PhantomData<&'a mut [T]>,
}

// SAFETY: the only access is `part`, whose callers promise disjoint ranges.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), life: PhantomData }
    }

    /// # Safety
    /// No two live parts may overlap.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn part(&self, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.len, "part outside its slice");
        // SAFETY: inside the slice by the check, disjoint from other parts by contract.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}

/// A vector for results, without the pass that would fill it with zeros first.
///
/// # Safety
/// Every element must be written before any is read. In tests the vector holds NaN, which an
/// element that was not written would show.
#[allow(clippy::uninit_vec)]
pub(crate) unsafe fn unwritten<T: crate::Real>(len: usize) -> Vec<T> {
    if cfg!(test) {
        return vec![T::of(f64::NAN); len];
    }
    let mut values = Vec::with_capacity(len);
    // SAFETY: the capacity is there, and the caller writes before reading; every bit pattern is a
    // valid f32 or f64.
    unsafe { values.set_len(len) };
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_once_for_any_pool() {
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut hits = vec![0u32; 1003];
            let shared = Shared::new(&mut hits);
            pool.install(|| {
                for_blocks(1003, 10, usize::MAX, |i, range| {
                    assert_eq!(range.start, i * 10);
                    // SAFETY: blocks are disjoint.
                    unsafe { shared.part(range) }.iter_mut().for_each(|h| *h += 1);
                });
            });
            assert!(hits.iter().all(|&h| h == 1));
            let sums = pool.install(|| map_blocks(1003, 10, usize::MAX, |_, r| r.sum::<usize>()));
            assert_eq!(sums.len(), 101);
            assert_eq!(sums.iter().sum::<usize>(), 1002 * 1003 / 2);
        }
    }

    #[test]
    fn nothing_to_do() {
        for_blocks(0, 8, 0, |_, _| panic!("there is no block"));
        assert!(map_blocks(0, 8, 0, |i, _| i).is_empty());
    }
}
