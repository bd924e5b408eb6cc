//! Matrix products of a chunk's rows with weights that all chunks share.

use super::hidden::Hidden;
use super::passes::Context;
use super::shape::{Chunk, Shape};
use crate::gemm::{Pack, Product, Start, Strided, packed_len};
use crate::isa::dispatch;
use crate::real::Real;

/// A right matrix, packed once for all chunks.
pub(super) struct Right<T> {
    packed: Vec<T>,
    inner: usize,
    cols: usize,
}

impl<T: Real> Right<T> {
    /// `b`, of `inner` rows and `cols` columns.
    pub(super) fn new(b: Strided<'_, T>, inner: usize, cols: usize) -> Self {
        let mut packed = vec![T::ZERO; packed_len(inner, cols)];
        dispatch(Pack { b, inner, cols, to: &mut packed });
        Self { packed, inner, cols }
    }

    /// `c = start + x b` for the rows of `x`, `c` as long as these need it.
    pub(super) fn times(&self, x: &[T], c: &mut [T], start: Start<'_, T>) {
        let Self { ref packed, inner, cols } = *self;
        let (a, rows) = (Strided::rows(x, inner), x.len() / inner.max(1));
        dispatch(Product { a, packed, c, ldc: cols, rows, inner, cols, start });
    }
}

/// `c += leftᵀ right` for rows of `pairs` pairs; there is `room` for the right one, packed.
pub(super) fn add_outer<T: Real>(
    (left, right): (&[T], &[T]),
    pairs: usize,
    room: &mut [T],
    c: &mut [T],
) {
    let (rows, cols) = (left.len() / pairs.max(1), right.len() / pairs.max(1));
    dispatch(Pack { b: Strided::rows(right, cols), inner: pairs, cols, to: &mut *room });
    let (a, packed, start) = (Strided::transposed(left, rows), &*room, Start::Add);
    dispatch(Product { a, packed, c, ldc: cols, rows, inner: pairs, cols, start });
}

/// The weights behind and before a chunk's hidden vectors.
pub(super) struct First<'a, T> {
    context: Context<'a, T>,
    /// `C`, if features are many.
    c: Option<Right<T>>,
}

impl<'a, T: Real> First<'a, T> {
    pub(super) fn new(context: Context<'a, T>) -> Self {
        let Shape { h, k, .. } = context.shape;
        let c = || Right::new(Strided::rows(&context.w[context.shape.pieces().c], h), k, h);
        Self { context, c: context.shape.many_features().then(c) }
    }

    /// `hidden`, and `slope` if there is room for it; features of the chunk's pairs in `e`, if they are many.
    pub(super) fn layer(
        &self,
        chunk: &Chunk,
        e: &mut [T],
        hidden: &mut [T],
        slope: Option<&mut [T]>,
    ) {
        let Self { context, ref c } = *self;
        let Shape { n, k, .. } = context.shape;
        if let Some(c) = c {
            chunk.gather(context.e, n, k, e);
            let b1 = &context.w[context.shape.pieces().b1];
            c.times(e, hidden, Start::Columns(b1));
        }
        dispatch(Hidden { context, chunk, hidden, slope });
    }
}
