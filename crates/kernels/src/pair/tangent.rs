//! Value and tangent of a pair block together.

use super::passes::{Context, dot, gate};
use super::products::{First, Right};
use super::shape::Chunk;
use crate::activation::{each_vector, load, store};
use crate::gemm::{Start, Strided};
use crate::isa::{Kernel, dispatch};
use crate::parallel::{Shared, for_blocks};
use crate::real::Real;
use crate::scratch;
use crate::simd::Simd;

/// Tangents of the three inputs.
#[derive(Clone, Copy)]
pub(super) struct Tangents<'a, T> {
    pub(super) a: &'a [T],
    pub(super) b: &'a [T],
    pub(super) e: &'a [T],
}

/// `dh = σ'(z1) (da_i + db_j + de_ij C)`, over `slope`.
struct HiddenTangent<'a, T> {
    context: Context<'a, T>,
    tangents: Tangents<'a, T>,
    chunk: &'a Chunk,
    slope: &'a mut [T],
}

impl<T: Real> Kernel<T> for HiddenTangent<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let Context { shape, w, .. } = self.context;
        let (n, h, k) = (shape.n, shape.h, shape.k);
        let c = &w[shape.pieces().c];
        let mut r = 0;
        for i in self.chunk.i.clone() {
            let point = self.chunk.sample * n + i;
            let da = self.tangents.a[point * h..][..h].as_ptr();
            for j in self.chunk.j.clone().filter(|&j| j != i) {
                let db = self.tangents.b[(self.chunk.sample * n + j) * h..][..h].as_ptr();
                let de = &self.tangents.e[(point * n + j) * k..][..k];
                let slope = self.slope[r * h..][..h].as_mut_ptr();
                // SAFETY: all rows have h elements, C has k of them.
                each_vector!(V, h, |v, len| unsafe {
                    let mut dz = load::<V>(da.add(v), len).add(load(db.add(v), len));
                    for (f, &de) in de.iter().enumerate() {
                        dz = V::splat(de).fma(load(c.as_ptr().add(f * h + v), len), dz);
                    }
                    store(dz.mul(load(slope.add(v), len)), slope.add(v), len);
                });
                r += 1;
            }
        }
    }
}

/// From `z2` (in `m`) and its tangent (in `dm`): tangents of the sums and scalars.
struct MessagesTangent<'a, T> {
    context: Context<'a, T>,
    chunk: &'a Chunk,
    m: &'a mut [T],
    dm: &'a mut [T],
    dsum: &'a mut [T],
    dhead: &'a mut [T],
}

impl<T: Real> Kernel<T> for MessagesTangent<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let Context { shape, activation, w, .. } = self.context;
        let (n, h, s) = (shape.n, shape.h, shape.s);
        let pieces = shape.pieces();
        let mut r = 0;
        for (row, i) in self.chunk.i.clone().enumerate() {
            for j in self.chunk.j.clone().filter(|&j| j != i) {
                let (m, dm) =
                    (self.m[r * h..][..h].as_mut_ptr(), self.dm[r * h..][..h].as_mut_ptr());
                // SAFETY: all rows have h elements.
                unsafe {
                    each_vector!(V, h, |v, len| {
                        let (value, slope) =
                            activation.value_and_derivative(load::<V>(m.add(v), len));
                        store(value, m.add(v), len);
                        store(slope.mul(load(dm.add(v), len)), dm.add(v), len);
                    });
                    for f in 0..s {
                        self.dhead[(row * n + j) * s + f] =
                            dot::<V>(w[pieces.w3.start + f * h..][..h].as_ptr(), dm, h);
                    }
                    if shape.sum {
                        let one = V::splat(T::ONE);
                        let (mut open, mut opens) = (one, V::splat(T::ZERO));
                        if shape.gate {
                            open = gate::<V>(self.context, m);
                            let along = dot::<V>(w[pieces.wg.clone()].as_ptr(), dm, h);
                            opens = open.mul(one.sub(open)).mul(V::splat(along));
                        }
                        let dsum = self.dsum[row * h..][..h].as_mut_ptr();
                        each_vector!(V, h, |v, len| {
                            let before = load(dsum.add(v), len);
                            let d = open.fma(load(dm.add(v), len), before);
                            store(opens.fma(load(m.add(v), len), d), dsum.add(v), len);
                        });
                    }
                }
                r += 1;
            }
        }
    }
}

/// The tangent of [`super::forward::forward`]'s result.
pub(super) fn tangent<T: Real>(context: Context<'_, T>, tangents: Tangents<'_, T>) -> [Vec<T>; 2] {
    let shape = context.shape;
    let (n, h, s) = (shape.n, shape.h, shape.s);
    let pieces = shape.pieces();
    let mut out = [vec![T::ZERO; shape.sum_len()], vec![T::ZERO; shape.head_len()]];
    let [dsum, dhead] = out.each_mut().map(|part| Shared::new(part));
    let first = First::new(context);
    let second = Right::new(Strided::transposed(&context.w[pieces.w2], h), h, h);
    let b2 = &context.w[pieces.b2];
    let size = shape.chunk_pairs() * h;
    let sizes = [size, size, size, size, shape.chunk_pairs() * shape.many_k()];
    let tasks = shape.tasks(0);
    for_blocks(tasks.count(), 1, shape.work(), |task, _| {
        let (samples, rows) = tasks.get(task);
        scratch::with_pieces(sizes, |[hidden, slope, m, dm, e]| {
            for chunk in samples.flat_map(|sample| shape.chunks(sample, rows.clone())) {
                let chunk = &chunk;
                let (pairs, i) = (chunk.pairs(), chunk.rows(n));
                let len = pairs * h;
                let (hidden, slope) = (&mut hidden[..len], &mut slope[..len]);
                let (m, dm) = (&mut m[..len], &mut dm[..len]);
                first.layer(chunk, &mut e[..pairs * shape.many_k()], hidden, Some(&mut *slope));
                dispatch(HiddenTangent { context, tangents, chunk, slope });
                second.times(hidden, m, Start::Columns(b2));
                second.times(slope, dm, Start::Zero);
                let sums = if shape.sum { i.start * h..i.end * h } else { 0..0 };
                // SAFETY: a row i of a sample belongs to one task.
                let (dsum, dhead) =
                    unsafe { (dsum.part(sums), dhead.part(i.start * n * s..i.end * n * s)) };
                dispatch(MessagesTangent { context, chunk, m, dm, dsum, dhead });
            }
        });
    });
    out
}
