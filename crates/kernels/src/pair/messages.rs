//! Row passes behind the messages' pre-activations, forward and backward.

use super::passes::{Context, dot, gate};
use super::shape::Chunk;
use crate::activation::{by_activation, each_vector, load, store};
use crate::isa::Kernel;
use crate::real::Real;
use crate::simd::{Simd, Twice};

/// From `z2`: `m = σ(z2)`, the gated sum and the per-pair scalars.
pub(super) struct Messages<'a, T> {
    pub(super) context: Context<'a, T>,
    pub(super) chunk: &'a Chunk,
    pub(super) z: &'a [T],
    /// Room for one message, or for all of them where there are many scalars, made of them later.
    pub(super) m: &'a mut [T],
    /// Sums of the chunk's rows `i`, `[i.len(), h]`; added to.
    pub(super) sum: &'a mut [T],
    /// Scalars of the chunk's rows `i`, `[i.len(), n, s]`; not touched where there are many.
    pub(super) head: &'a mut [T],
}

impl<T: Real> Kernel<T> for Messages<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let Context { shape, activation, w, .. } = self.context;
        let (n, h) = (shape.n, shape.h);
        let (s, stride) = if shape.many_scalars() { (0, h) } else { (shape.s, 0) };
        let pieces = shape.pieces();
        let mut r = 0;
        for (row, i) in self.chunk.i.clone().enumerate() {
            for j in self.chunk.j.clone().filter(|&j| j != i) {
                let (z, m) =
                    (self.z[r * h..][..h].as_ptr(), self.m[r * stride..][..h].as_mut_ptr());
                // SAFETY: z, m, the sum's row and each weight row have h elements.
                unsafe {
                    by_activation!(activation, |sigma| {
                        each_vector!(Twice<V>, h, |v, len| {
                            store(sigma.value(load::<Twice<V>>(z.add(v), len)), m.add(v), len);
                        })
                    });
                    for f in 0..s {
                        let w3 = w[pieces.w3.start + f * h..][..h].as_ptr();
                        self.head[(row * n + j) * s + f] =
                            dot::<V>(w3, m, h) + w[pieces.b3.start + f];
                    }
                    if shape.sum {
                        let one = V::splat(T::ONE);
                        let gate = if shape.gate { gate::<V>(self.context, m) } else { one };
                        let sum = self.sum[row * h..][..h].as_mut_ptr();
                        each_vector!(V, h, |v, len| {
                            let new = gate.fma(load(m.add(v), len), load(sum.add(v), len));
                            store(new, sum.add(v), len);
                        });
                    }
                }
                r += 1;
            }
        }
    }
}

/// From `z2` and the outputs' gradients: the gradient of `z2` (in `g`), and the gradients of the
/// weights behind it.
pub(super) struct MessagesAdjoint<'a, T> {
    pub(super) context: Context<'a, T>,
    pub(super) chunk: &'a Chunk,
    pub(super) z: &'a [T],
    /// Room for one message, or for all of them where there are many scalars.
    pub(super) m: &'a mut [T],
    /// What arrives at each message from its scalars where they are many, else nothing.
    pub(super) from_scalars: &'a [T],
    pub(super) g: &'a mut [T],
    /// Gradient of the sums, all of them.
    pub(super) sum_grad: &'a [T],
    /// Gradient of the scalars, all of them.
    pub(super) head_grad: &'a [T],
    /// Gradients of the packed weights; added to.
    pub(super) dw: &'a mut [T],
}

impl<T: Real> Kernel<T> for MessagesAdjoint<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let Context { shape, activation, w, .. } = self.context;
        let (n, h, s) = (shape.n, shape.h, shape.s);
        let many = shape.many_scalars();
        let stride = if many { h } else { 0 };
        let pieces = shape.pieces();
        let dw = self.dw.as_mut_ptr();
        assert!(self.dw.len() >= pieces.len && w.len() >= pieces.len, "packed weights too short");
        let mut r = 0;
        for i in self.chunk.i.clone() {
            let point = self.chunk.sample * n + i;
            for j in self.chunk.j.clone().filter(|&j| j != i) {
                let (z, m) =
                    (self.z[r * h..][..h].as_ptr(), self.m[r * stride..][..h].as_mut_ptr());
                let g = self.g[r * h..][..h].as_mut_ptr();
                let from_scalars = self.from_scalars[r * stride..][..stride].as_ptr();
                let summed = shape.sum;
                // SAFETY: z, m, g, the sum's row and each weight row have h elements, and the
                // pieces lie in dw and w.
                unsafe {
                    // First m and σ'(z2), the latter where the gradient will be.
                    by_activation!(activation, |sigma| {
                        each_vector!(Twice<V>, h, |v, len| {
                            let (value, slope) =
                                sigma.value_and_derivative(load::<Twice<V>>(z.add(v), len));
                            store(value, m.add(v), len);
                            store(slope, g.add(v), len);
                        })
                    });
                    let mut open = V::splat(T::ZERO);
                    let mut through_gate = V::splat(T::ZERO);
                    let sum_grad =
                        if summed { self.sum_grad[point * h..][..h].as_ptr() } else { m };
                    if summed {
                        open = V::splat(T::ONE);
                        if shape.gate {
                            let along = V::splat(dot::<V>(sum_grad, m, h));
                            let gate = gate::<V>(self.context, m);
                            (open, through_gate) = (gate, along.mul(gate).mul(open.sub(gate)));
                            *dw.add(pieces.bg.start) += through_gate.first();
                        }
                    }
                    let head = &self.head_grad[(point * n + j) * s..][..s];
                    let head = if many { &[] } else { head };
                    for (f, &head) in head.iter().enumerate() {
                        *dw.add(pieces.b3.start + f) += head;
                    }
                    each_vector!(V, h, |v, len| {
                        let message = load::<V>(m.add(v), len);
                        let mut grad = V::splat(T::ZERO);
                        if many {
                            grad = load(from_scalars.add(v), len);
                        }
                        if summed {
                            grad = open.fma(load(sum_grad.add(v), len), grad);
                            if shape.gate {
                                let at = pieces.wg.start + v;
                                grad = through_gate.fma(load(w.as_ptr().add(at), len), grad);
                                let before = load(dw.add(at), len);
                                store(through_gate.fma(message, before), dw.add(at), len);
                            }
                        }
                        for (f, &head) in head.iter().enumerate() {
                            let (head, at) = (V::splat(head), pieces.w3.start + f * h + v);
                            grad = head.fma(load(w.as_ptr().add(at), len), grad);
                            store(head.fma(message, load(dw.add(at), len)), dw.add(at), len);
                        }
                        let grad = grad.mul(load(g.add(v), len));
                        store(grad, g.add(v), len);
                        let at = pieces.b2.start + v;
                        store(grad.add(load(dw.add(at), len)), dw.add(at), len);
                    });
                }
                r += 1;
            }
        }
    }
}
