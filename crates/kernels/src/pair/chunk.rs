//! A task's chunks, forward and backward, on slices.

use super::passes::{AddRows, Context, HiddenAdjoint, Messages, MessagesAdjoint};
use super::products::{First, Right, add_outer};
use super::shape::{SUMMED, Shape};
use crate::gemm::{Start, Strided, packed_len};
use crate::isa::dispatch;
use crate::linear::passes::merge;
use crate::parallel::{Shared, for_blocks, map_blocks};
use crate::real::Real;
use crate::scratch;

/// Sums (`[B, n, h]`) and scalars (`[B, n, n, s]`).
///
/// `kept` has room for `z2` of every pair, or is empty.
pub(super) fn forward<T: Real>(context: Context<'_, T>, kept: &mut [T]) -> [Vec<T>; 2] {
    let keep = !kept.is_empty();
    let kept = Shared::new(kept);
    let shape = context.shape;
    let Shape { n, h, s, .. } = shape;
    let pieces = shape.pieces();
    let mut out = [vec![T::ZERO; shape.sum_len()], vec![T::ZERO; shape.head_len()]];
    let [sum, head] = out.each_mut().map(|part| Shared::new(part));
    let first = First::new(context);
    let second = Right::new(Strided::transposed(&context.w[pieces.w2], h), h, h);
    let third = || Right::new(Strided::transposed(&context.w[pieces.w3], h), h, s);
    let third = shape.many_scalars().then(third);
    let (b2, b3) = (&context.w[pieces.b2], &context.w[pieces.b3]);
    let most = shape.chunk_pairs();
    let sizes = [most * h, most * h, most * h, First::<T>::room(shape), most * s];
    let tasks = shape.tasks(0);
    for_blocks(tasks.count(), 1, shape.work(), |task, _| {
        let (samples, rows) = tasks.get(task);
        scratch::with(sizes.iter().sum(), |buffer| {
            let [hidden, z, m, e, scalars] = split(buffer, sizes);
            for chunk in samples.flat_map(|sample| shape.chunks(sample, rows.clone())) {
                let (pairs, i) = (chunk.pairs(), chunk.rows(n));
                let hidden = &mut hidden[..pairs * h];
                let z = if keep {
                    let first = chunk.first_pair(n) * h;
                    // SAFETY: a pair belongs to one chunk.
                    unsafe { kept.part(first..first + pairs * h) }
                } else {
                    &mut z[..pairs * h]
                };
                first.layer(&chunk, &mut e[..pairs * shape.many_k()], hidden, None);
                second.times(hidden, z, Start::Columns(b2));
                let sums = if shape.sum { i.start * h..i.end * h } else { 0..0 };
                // SAFETY: a row i of a sample belongs to one task.
                let (sum, head) =
                    unsafe { (sum.part(sums), head.part(i.start * n * s..i.end * n * s)) };
                dispatch(Messages { context, chunk: &chunk, z, m, sum, head: &mut *head });
                if let Some(third) = &third {
                    let scalars = &mut scalars[..pairs * s];
                    third.times(&m[..pairs * h], scalars, Start::Columns(b3));
                    chunk.scatter(scalars, n, s, head);
                }
            }
        });
    });
    out
}

/// Gradients of `[a; b]`, `e` (if `wanted`, else nothing) and the packed weights from those of the sums and scalars.
///
/// `kept` is what [`forward`] kept; if nothing, it is computed again.
pub(super) fn adjoint<T: Real>(
    context: Context<'_, T>,
    [sum_grad, head_grad]: [&[T]; 2],
    kept: &[T],
    wanted: bool,
) -> [Vec<T>; 3] {
    let shape = context.shape;
    let Shape { batch, n, h, s, .. } = shape;
    let pieces = shape.pieces();
    // Width of the gradient of `e`.
    let k = if wanted { shape.k } else { 0 };
    let mut da = vec![T::ZERO; batch * n * h];
    let mut de = vec![T::ZERO; batch * n * n * k];
    // b_j gathers from every part of its sample's rows i: one copy per part, merged below.
    let mut db_parts = vec![T::ZERO; shape.parts() * batch * n * h];
    let (da_all, de_all) = (Shared::new(&mut da), Shared::new(&mut de));
    let db_all = Shared::new(&mut db_parts);
    let (w2, b2) = (&context.w[pieces.w2.clone()], &context.w[pieces.b2.clone()]);
    let first = First::new(context);
    let second = Right::new(Strided::transposed(w2, h), h, h);
    let second_back = Right::new(Strided::rows(w2, h), h, h);
    let first_back = || Right::new(Strided::transposed(&context.w[pieces.c.clone()], h), h, k);
    let first_back = (wanted && shape.many_features()).then(first_back);
    let third_back = || Right::new(Strided::rows(&context.w[pieces.w3.clone()], h), s, h);
    let third_back = shape.many_scalars().then(third_back);
    let most = shape.chunk_pairs();
    let messages = if third_back.is_some() { most } else { 1 };
    let sizes = [
        most * h,
        most * h,
        most * h,
        most * h,
        messages * h,
        messages * h,
        First::<T>::room(shape),
        most * s.max(k),
        packed_len(most, h),
    ];
    let tasks = shape.tasks(SUMMED);
    let dw = map_blocks(tasks.count(), 1, shape.work(), |task, _| {
        let (samples, rows) = tasks.get(task);
        let mut dw = vec![T::ZERO; pieces.len];
        scratch::with(sizes.iter().sum(), |buffer| {
            let [hidden, slope, z, g, m, from_scalars, e, each, room] = split(buffer, sizes);
            for chunk in samples.flat_map(|sample| shape.chunks(sample, rows.clone())) {
                let chunk = &chunk;
                let (pairs, i) = (chunk.pairs(), chunk.rows(n));
                let len = pairs * h;
                let (hidden, slope) = (&mut hidden[..len], &mut slope[..len]);
                let (g, e) = (&mut g[..len], &mut e[..pairs * shape.many_k()]);
                first.layer(chunk, e, hidden, Some(&mut *slope));
                let z = if kept.is_empty() {
                    let z = &mut z[..len];
                    second.times(hidden, z, Start::Columns(b2));
                    &*z
                } else {
                    &kept[chunk.first_pair(n) * h..][..len]
                };
                let scalars = &mut each[..pairs * s];
                if let Some(third) = &third_back {
                    chunk.gather(head_grad, n, s, scalars);
                    third.times(scalars, &mut from_scalars[..len], Start::Zero);
                }
                dispatch(MessagesAdjoint {
                    context,
                    chunk,
                    z,
                    m: &mut *m,
                    from_scalars,
                    g: &mut *g,
                    sum_grad,
                    head_grad,
                    dw: &mut dw,
                });
                if third_back.is_some() {
                    add_outer((scalars, &m[..len]), pairs, room, &mut dw[pieces.w3.clone()]);
                    dispatch(AddRows { rows: scalars, to: &mut dw[pieces.b3.clone()] });
                }
                add_outer((g, hidden), pairs, room, &mut dw[pieces.w2.clone()]);
                // The hidden vectors are no longer needed: their gradient goes there.
                second_back.times(g, hidden, Start::Zero);
                let part = (task % shape.parts() * batch + chunk.sample) * n * h;
                // SAFETY: a row i of a sample, and a part of its b, belong to one task.
                let (da, de, db) = unsafe {
                    (
                        da_all.part(i.start * h..i.end * h),
                        de_all.part(i.start * n * k..i.end * n * k),
                        db_all.part(part..part + n * h),
                    )
                };
                dispatch(HiddenAdjoint {
                    context,
                    chunk,
                    g: &mut *hidden,
                    slope,
                    da,
                    db,
                    de: &mut *de,
                    dw: &mut dw,
                });
                if shape.many_features() {
                    add_outer((e, hidden), pairs, room, &mut dw[pieces.c.clone()]);
                }
                if let Some(back) = &first_back {
                    let each = &mut each[..pairs * k];
                    back.times(hidden, each, Start::Zero);
                    chunk.scatter(each, n, k, de);
                }
            }
        });
        dw
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

/// A work space in pieces.
pub(super) fn split<T, const N: usize>(mut buffer: &mut [T], sizes: [usize; N]) -> [&mut [T]; N] {
    sizes.map(|size| {
        let (piece, rest) = std::mem::take(&mut buffer).split_at_mut(size);
        buffer = rest;
        piece
    })
}
