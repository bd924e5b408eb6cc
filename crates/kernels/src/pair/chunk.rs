//! A task's chunks, forward and backward, on slices.

use super::passes::{Context, Hidden, HiddenAdjoint, Messages, MessagesAdjoint};
use super::shape::SUMMED;
use crate::gemm::{Pack, Product, Start, Strided, packed_len};
use crate::isa::dispatch;
use crate::linear::passes::merge;
use crate::parallel::{Shared, for_blocks, map_blocks};
use crate::real::Real;
use crate::scratch;

/// `c = x W2ᵀ (+ b2)` for the rows of a chunk.
pub(super) fn second_layer<T: Real>(
    c: &mut [T],
    x: &[T],
    packed: &[T],
    h: usize,
    start: Start<'_, T>,
) {
    let rows = x.len() / h.max(1);
    dispatch(Product { a: Strided::rows(x, h), packed, c, ldc: h, rows, inner: h, cols: h, start });
}

/// Sums (`[B, n, h]`) and scalars (`[B, n, n, s]`), one behind the other.
///
/// `kept` has room for `z2` of every pair, or is empty.
pub(super) fn forward<T: Real>(context: Context<'_, T>, kept: &mut [T]) -> Vec<T> {
    let keep = !kept.is_empty();
    let kept = Shared::new(kept);
    let shape = context.shape;
    let (n, h, s) = (shape.n, shape.h, shape.s);
    let pieces = shape.pieces();
    let mut out = vec![T::ZERO; shape.sum_len() + shape.head_len()];
    let (sum, head) = out.split_at_mut(shape.sum_len());
    let (sum, head) = (Shared::new(sum), Shared::new(head));
    scratch::with(packed_len(h, h), |packed| {
        let w2 = Strided::transposed(&context.w[pieces.w2], h);
        dispatch(Pack { b: w2, inner: h, cols: h, to: packed });
        let (packed, b2) = (&*packed, &context.w[pieces.b2]);
        let tasks = shape.tasks(0);
        for_blocks(tasks.count(), 1, shape.work(), |task, _| {
            let (samples, rows) = tasks.get(task);
            scratch::with((2 * shape.chunk_pairs() + 1) * h, |buffer| {
                let (hidden, rest) = buffer.split_at_mut(shape.chunk_pairs() * h);
                let (z, m) = rest.split_at_mut(shape.chunk_pairs() * h);
                for chunk in samples.flat_map(|sample| shape.chunks(sample, rows.clone())) {
                    let len = chunk.pairs() * h;
                    let hidden = &mut hidden[..len];
                    let z = if keep {
                        let first = chunk.first_pair(n) * h;
                        // SAFETY: a pair belongs to one chunk.
                        unsafe { kept.part(first..first + len) }
                    } else {
                        &mut z[..len]
                    };
                    dispatch(Hidden { context, chunk: &chunk, hidden: &mut *hidden, slope: None });
                    second_layer(z, hidden, packed, h, Start::Columns(b2));
                    let first = chunk.sample * n + chunk.i.start;
                    let last = chunk.sample * n + chunk.i.end;
                    let sums = if shape.sum { first * h..last * h } else { 0..0 };
                    // SAFETY: a row i of a sample belongs to one task.
                    let (sum, head) =
                        unsafe { (sum.part(sums), head.part(first * n * s..last * n * s)) };
                    dispatch(Messages { context, chunk: &chunk, z, m, sum, head });
                }
            });
        });
    });
    out
}

/// Gradients of `[a; b]`, `e` and the packed weights from those of [`forward`]'s result.
///
/// `kept` is what [`forward`] kept; if nothing, it is computed again.
pub(super) fn adjoint<T: Real>(context: Context<'_, T>, grad: &[T], kept: &[T]) -> [Vec<T>; 3] {
    let shape = context.shape;
    let (batch, n, h, k) = (shape.batch, shape.n, shape.h, shape.k);
    let pieces = shape.pieces();
    let (sum_grad, head_grad) = grad.split_at(shape.sum_len());
    let mut da = vec![T::ZERO; batch * n * h];
    let mut de = vec![T::ZERO; batch * n * n * k];
    // b_j gathers from every part of its sample's rows i: one copy per part, merged below.
    let mut db_parts = vec![T::ZERO; shape.parts() * batch * n * h];
    let (da_all, de_all) = (Shared::new(&mut da), Shared::new(&mut de));
    let db_all = Shared::new(&mut db_parts);
    let dw = scratch::with(2 * packed_len(h, h), |packed| {
        let (packed_t, packed) = packed.split_at_mut(packed_len(h, h));
        let (w2, b2) = (&context.w[pieces.w2.clone()], &context.w[pieces.b2.clone()]);
        dispatch(Pack { b: Strided::transposed(w2, h), inner: h, cols: h, to: packed_t });
        dispatch(Pack { b: Strided::rows(w2, h), inner: h, cols: h, to: packed });
        let (packed_t, packed) = (&*packed_t, &*packed);
        let tasks = shape.tasks(SUMMED);
        map_blocks(tasks.count(), 1, shape.work(), |task, _| {
            let (samples, rows) = tasks.get(task);
            let mut dw = vec![T::ZERO; pieces.len];
            let size = shape.chunk_pairs() * h;
            scratch::with(4 * size + h + packed_len(shape.chunk_pairs(), h), |buffer| {
                let (hidden, rest) = buffer.split_at_mut(size);
                let (slope, rest) = rest.split_at_mut(size);
                let (z, rest) = rest.split_at_mut(size);
                let (g, rest) = rest.split_at_mut(size);
                let (m, right) = rest.split_at_mut(h);
                for chunk in samples.flat_map(|sample| shape.chunks(sample, rows.clone())) {
                    let chunk = &chunk;
                    let pairs = chunk.pairs();
                    let len = pairs * h;
                    let (hidden, slope) = (&mut hidden[..len], &mut slope[..len]);
                    let g = &mut g[..len];
                    dispatch(Hidden {
                        context,
                        chunk,
                        hidden: &mut *hidden,
                        slope: Some(&mut *slope),
                    });
                    let z = if kept.is_empty() {
                        let z = &mut z[..len];
                        second_layer(z, hidden, packed_t, h, Start::Columns(b2));
                        &*z
                    } else {
                        &kept[chunk.first_pair(n) * h..][..len]
                    };
                    dispatch(MessagesAdjoint {
                        context,
                        chunk,
                        z,
                        m: &mut *m,
                        g: &mut *g,
                        sum_grad,
                        head_grad,
                        dw: &mut dw,
                    });
                    let by_rows = Strided::rows(&*hidden, h);
                    dispatch(Pack { b: by_rows, inner: pairs, cols: h, to: right });
                    dispatch(Product {
                        a: Strided::transposed(&*g, h),
                        packed: &*right,
                        c: &mut dw[pieces.w2.clone()],
                        ldc: h,
                        rows: h,
                        inner: pairs,
                        cols: h,
                        start: Start::Add,
                    });
                    // The hidden vectors are no longer needed: their gradient goes there.
                    second_layer(hidden, g, packed, h, Start::Zero);
                    let first = chunk.sample * n + chunk.i.start;
                    let last = chunk.sample * n + chunk.i.end;
                    let part = (task % shape.parts() * batch + chunk.sample) * n * h;
                    // SAFETY: a row i of a sample, and a part of its b, belong to one task.
                    let (da, de, db) = unsafe {
                        (
                            da_all.part(first * h..last * h),
                            de_all.part(first * n * k..last * n * k),
                            db_all.part(part..part + n * h),
                        )
                    };
                    dispatch(HiddenAdjoint {
                        context,
                        chunk,
                        g: hidden,
                        slope,
                        da,
                        db,
                        de,
                        dw: &mut dw,
                    });
                }
            });
            dw
        })
    });
    let mut dw = merge(dw, pieces.len);
    // b1 is added to every pair, like a_i: its gradient is the sum of theirs.
    let db1 = crate::linear::passes::column_sums(&da, h);
    dw[pieces.b1].copy_from_slice(&db1);
    let mut dab = da;
    let whole = batch * n * h;
    let mut db = db_parts[..whole.min(db_parts.len())].to_vec();
    for part in db_parts.chunks_exact(whole.max(1)).skip(1) {
        db.iter_mut().zip(part).for_each(|(d, &p)| *d += p);
    }
    dab.extend(db);
    [dab, de, dw]
}
