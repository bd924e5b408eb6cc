//! Work space of a block, kept per thread so that hot loops do not ask the allocator.

use crate::real::Real;
use std::any::Any;
use std::cell::RefCell;

/// Buffers kept per thread and element type; nesting deeper than this allocates.
const KEPT: usize = 8;

thread_local! {
    static FREE: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `f` with `len` elements of unspecified value.
///
/// The buffer is taken out of the thread's store for the time of the call, so a task that the
/// pool runs in the middle of `f` gets another one.
pub(crate) fn with<T: Real, R>(len: usize, f: impl FnOnce(&mut [T]) -> R) -> R {
    let mut buffer: Box<Vec<T>> = FREE
        .with_borrow_mut(|free| {
            let i = free.iter().rposition(|b| b.is::<Vec<T>>())?;
            free.swap_remove(i).downcast::<Vec<T>>().ok()
        })
        .unwrap_or_default();
    if buffer.len() < len {
        buffer.resize(len, T::ZERO);
    }
    let result = f(&mut buffer[..len]);
    FREE.with_borrow_mut(|free| {
        if free.len() < KEPT {
            free.push(buffer);
        }
    });
    result
}

/// As [`with`], in pieces of these sizes.
pub(crate) fn with_pieces<T: Real, R, const N: usize>(
    sizes: [usize; N],
    f: impl FnOnce([&mut [T]; N]) -> R,
) -> R {
    with(sizes.iter().sum(), |mut buffer| {
        f(sizes.map(|size| {
            let (piece, rest) = std::mem::take(&mut buffer).split_at_mut(size);
            buffer = rest;
            piece
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_buffers_are_distinct_and_reused() {
        let first = with::<f32, _>(100, |a| {
            a.fill(1.0);
            with::<f32, _>(100, |b| b.fill(2.0));
            with::<f64, _>(50, |c| c.fill(3.0));
            assert!(a.iter().all(|&x| x == 1.0));
            a.as_ptr()
        });
        let again = with::<f32, _>(10, |a| a.as_ptr());
        with_pieces::<f32, _, 3>([2, 0, 3], |pieces| {
            assert_eq!(pieces.map(|piece| piece.len()), [2, 0, 3]);
        });
        let _ = (first, again); // same storage when the store kept it; only distinctness is promised
    }
}
