//! The pair block forward, on slices.

use super::messages::Messages;
use super::passes::Context;
use super::products::{First, Right};
use super::shape::Shape;
use crate::gemm::{Start, Strided};
use crate::isa::dispatch;
use crate::parallel::{Shared, for_blocks};
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
    let sizes = [most * h, most * h, most * h, most * shape.many_k(), most * s];
    let tasks = shape.tasks(0);
    for_blocks(tasks.count(), 1, shape.work(), |task, _| {
        let (samples, rows) = tasks.get(task);
        scratch::with_pieces(sizes, |[hidden, z, m, e, scalars]| {
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
