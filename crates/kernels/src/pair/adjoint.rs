//! The pair block backward, on slices.

use super::hidden::HiddenAdjoint;
use super::messages::MessagesAdjoint;
use super::passes::{AddRows, Context};
use super::products::{First, Right, add_outer};
use super::shape::{Chunk, SUMMED, Shape};
use crate::gemm::{Start, Strided, packed_len};
use crate::isa::dispatch;
use crate::linear::passes::{column_sums, merge};
use crate::parallel::{Shared, map_blocks};
use crate::real::Real;
use crate::scratch;

/// Gradients of `[a; b]`, `e` (if `wanted`, else nothing) and the packed weights from those of the sums and scalars.
///
/// `kept` is what the forward pass kept; if nothing, it is computed again.
pub(super) fn adjoint<T: Real>(
    context: Context<'_, T>,
    grads: [&[T]; 2],
    kept: &[T],
    wanted: bool,
) -> [Vec<T>; 3] {
    let adjoint = Adjoint::new(context, grads, kept, wanted);
    let shape = context.shape;
    let Shape { batch, n, h, .. } = shape;
    let (k, pieces) = (adjoint.k, shape.pieces());
    let mut da = vec![T::ZERO; batch * n * h];
    let mut de = vec![T::ZERO; batch * n * n * k];
    // b_j gathers from every part of its sample's rows i: one copy per part, merged below.
    let mut db_parts = vec![T::ZERO; shape.parts() * batch * n * h];
    let (da_all, de_all) = (Shared::new(&mut da), Shared::new(&mut de));
    let db_all = Shared::new(&mut db_parts);
    let tasks = shape.tasks(SUMMED);
    let dw = map_blocks(tasks.count(), 1, shape.work(), |task, _| {
        let (samples, rows) = tasks.get(task);
        let mut dw = vec![T::ZERO; pieces.len];
        scratch::with_pieces(adjoint.sizes(), |mut room| {
            for chunk in samples.flat_map(|sample| shape.chunks(sample, rows.clone())) {
                let i = chunk.rows(n);
                let part = (task % shape.parts() * batch + chunk.sample) * n * h;
                // SAFETY: a row i of a sample, and a part of its b, belong to one task.
                let points = unsafe {
                    [
                        da_all.part(i.start * h..i.end * h),
                        db_all.part(part..part + n * h),
                        de_all.part(i.start * n * k..i.end * n * k),
                    ]
                };
                adjoint.chunk(&chunk, &mut room, points, &mut dw);
            }
        });
        dw
    });
    let mut dw = merge(dw, pieces.len);
    // b1 is added to every pair, like a_i: its gradient is the sum of theirs.
    dw[pieces.b1].copy_from_slice(&column_sums(&da, h));
    let mut dab = da;
    let whole = batch * n * h;
    let mut db = db_parts[..whole.min(db_parts.len())].to_vec();
    for part in db_parts.chunks_exact(whole.max(1)).skip(1) {
        db.iter_mut().zip(part).for_each(|(d, &p)| *d += p);
    }
    dab.extend(db);
    [dab, de, dw]
}

/// What all chunks share.
struct Adjoint<'a, T> {
    context: Context<'a, T>,
    /// Gradients of the sums and of the scalars.
    grads: [&'a [T]; 2],
    kept: &'a [T],
    /// Width of the gradient of `e`: 0 if nobody asks.
    k: usize,
    first: First<'a, T>,
    /// `W2` forward and back.
    second: [Right<T>; 2],
    /// `C` back, if features are many and their gradient is asked for.
    first_back: Option<Right<T>>,
    /// The scalars' weights back, if these are many.
    third_back: Option<Right<T>>,
}

impl<'a, T: Real> Adjoint<'a, T> {
    fn new(context: Context<'a, T>, grads: [&'a [T]; 2], kept: &'a [T], wanted: bool) -> Self {
        let shape = context.shape;
        let Shape { h, k, s, .. } = shape;
        let (w, pieces) = (context.w, shape.pieces());
        let w2 = &w[pieces.w2];
        let first_back = || Right::new(Strided::transposed(&w[pieces.c], h), h, k);
        let third_back = || Right::new(Strided::rows(&w[pieces.w3], h), s, h);
        Self {
            context,
            grads,
            kept,
            k: if wanted { k } else { 0 },
            first: First::new(context),
            second: [Strided::transposed(w2, h), Strided::rows(w2, h)].map(|b| Right::new(b, h, h)),
            first_back: (wanted && shape.many_features()).then(first_back),
            third_back: shape.many_scalars().then(third_back),
        }
    }

    /// Of the work space of [`Adjoint::chunk`].
    fn sizes(&self) -> [usize; 9] {
        let shape = self.context.shape;
        let (most, h) = (shape.chunk_pairs(), shape.h);
        let messages = if shape.many_scalars() { most } else { 1 };
        let each = most * shape.s.max(self.k);
        let e = most * shape.many_k();
        [
            most * h,
            most * h,
            most * h,
            most * h,
            messages * h,
            messages * h,
            e,
            each,
            packed_len(most, h),
        ]
    }

    /// Adds a chunk's part: to its rows of `da`, its sample's `db` and the weights' `dw`; its rows of `de` are set.
    fn chunk(&self, chunk: &Chunk, room: &mut [&mut [T]; 9], points: [&mut [T]; 3], dw: &mut [T]) {
        let context = self.context;
        let shape = context.shape;
        let (Shape { n, h, s, .. }, pieces) = (shape, shape.pieces());
        let [sum_grad, head_grad] = self.grads;
        let [da, db, de] = points;
        let [hidden, slope, z, g, m, from_scalars, e, each, packed] = room;
        let pairs = chunk.pairs();
        let len = pairs * h;
        let (hidden, slope, g) = (&mut hidden[..len], &mut slope[..len], &mut g[..len]);
        let e = &mut e[..pairs * shape.many_k()];
        self.first.layer(chunk, e, hidden, Some(&mut *slope));
        let z = if self.kept.is_empty() {
            let b2 = &context.w[pieces.b2.clone()];
            self.second[0].times(hidden, &mut z[..len], Start::Columns(b2));
            &z[..len]
        } else {
            &self.kept[chunk.first_pair(n) * h..][..len]
        };
        let scalars = &mut each[..pairs * s];
        if let Some(third) = &self.third_back {
            chunk.gather(head_grad, n, s, scalars);
            third.times(scalars, &mut from_scalars[..len], Start::Zero);
        }
        let (m, from_scalars) = (&mut **m, &**from_scalars);
        dispatch(MessagesAdjoint {
            context,
            chunk,
            z,
            m,
            from_scalars,
            g: &mut *g,
            sum_grad,
            head_grad,
            dw,
        });
        if self.third_back.is_some() {
            add_outer((scalars, &m[..len]), pairs, packed, &mut dw[pieces.w3]);
            dispatch(AddRows { rows: scalars, to: &mut dw[pieces.b3] });
        }
        add_outer((g, hidden), pairs, packed, &mut dw[pieces.w2]);
        // The hidden vectors are no longer needed: their gradient goes there.
        self.second[1].times(g, hidden, Start::Zero);
        dispatch(HiddenAdjoint {
            context,
            chunk,
            g: &mut *hidden,
            slope,
            da,
            db,
            de: &mut *de,
            dw,
        });
        if shape.many_features() {
            add_outer((e, hidden), pairs, packed, &mut dw[pieces.c]);
        }
        if let Some(back) = &self.first_back {
            let each = &mut each[..pairs * self.k];
            back.times(hidden, each, Start::Zero);
            chunk.scatter(each, n, self.k, de);
        }
    }
}
