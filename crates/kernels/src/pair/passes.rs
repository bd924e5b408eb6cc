//! Row passes over a chunk: all that is not a matrix product.

use super::shape::{Chunk, Shape};
use crate::activation::{Activation, by_activation, each_vector, load, store};
use crate::isa::Kernel;
use crate::math;
use crate::real::Real;
use crate::simd::{Simd, Twice};

/// What every pass needs to know.
#[derive(Clone, Copy)]
pub(super) struct Context<'a, T> {
    pub(super) shape: Shape,
    pub(super) activation: Activation,
    pub(super) a: &'a [T],
    pub(super) b: &'a [T],
    pub(super) e: &'a [T],
    /// Packed weights.
    pub(super) w: &'a [T],
}

/// `Σ x_i y_i` over `len` elements.
///
/// # Safety
/// Both pointers must be valid for `len` elements.
#[inline(always)]
pub(super) unsafe fn dot<V: Simd>(x: *const V::E, y: *const V::E, len: usize) -> V::E {
    let mut sum = V::splat(V::E::ZERO);
    // SAFETY: the caller's; lanes behind the end are zero in both.
    each_vector!(V, len, |i, n| unsafe {
        sum = load::<V>(x.add(i), n).fma(load(y.add(i), n), sum)
    });
    sum.sum()
}

/// `h = σ(a_i + b1 + b_j + e_ij C)`, and `slope = σ'` if there is room for it.
pub(super) struct Hidden<'a, T> {
    pub(super) context: Context<'a, T>,
    pub(super) chunk: &'a Chunk,
    /// Where there are many features, `b1 + e_ij C` before.
    pub(super) hidden: &'a mut [T],
    pub(super) slope: Option<&'a mut [T]>,
}

impl<T: Real> Kernel<T> for Hidden<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(mut self) {
        let Context { shape, activation, a, b, e, w } = self.context;
        let (n, h, k) = (shape.n, shape.h, shape.k);
        let pieces = shape.pieces();
        let (c, b1) = (&w[pieces.c], w[pieces.b1].as_ptr());
        let many = shape.many_features();
        let mut r = 0;
        for i in self.chunk.i.clone() {
            let point = self.chunk.sample * n + i;
            let a = &a[point * h..][..h];
            for j in self.chunk.j.clone().filter(|&j| j != i) {
                let b = &b[(self.chunk.sample * n + j) * h..][..h];
                let e = if many { &[] } else { &e[(point * n + j) * k..][..k] };
                let hidden = self.hidden[r * h..][..h].as_mut_ptr();
                let before = if many { hidden.cast_const() } else { b1 };
                let slope = self.slope.as_mut().map(|s| s[r * h..][..h].as_mut_ptr());
                // SAFETY: all rows have h elements, C has k of them.
                by_activation!(activation, |sigma| {
                    each_vector!(Twice<V>, h, |v, len| unsafe {
                        let a: Twice<V> = load(a.as_ptr().add(v), len);
                        let start = a.add(load(before.add(v), len));
                        let mut z = start.add(load(b.as_ptr().add(v), len));
                        for (f, &e) in e.iter().enumerate() {
                            z = Twice::splat(e).fma(load(c.as_ptr().add(f * h + v), len), z);
                        }
                        let (value, derivative) = sigma.value_and_derivative(z);
                        store(value, hidden.add(v), len);
                        if let Some(slope) = slope {
                            store(derivative, slope.add(v), len);
                        }
                    })
                });
                r += 1;
            }
        }
    }
}

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

/// `1 / (1 + exp(−w_g · m − b_g))` in all lanes.
///
/// # Safety
/// `m` must be valid for h elements.
#[inline(always)]
pub(super) unsafe fn gate<V: Simd>(context: Context<'_, V::E>, m: *const V::E) -> V {
    let pieces = context.shape.pieces();
    let wg = context.w[pieces.wg].as_ptr();
    // SAFETY: the caller's, and w_g has h elements.
    let s = unsafe { dot::<V>(wg, m, context.shape.h) } + context.w[pieces.bg.start];
    math::sigmoid(V::splat(s))
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

/// Adds rows, one behind the other, to one row.
pub(super) struct AddRows<'a, T> {
    pub(super) rows: &'a [T],
    pub(super) to: &'a mut [T],
}

impl<T: Real> Kernel<T> for AddRows<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let (width, to) = (self.to.len(), self.to.as_mut_ptr());
        // SAFETY: each row is as long as the one they are added to.
        each_vector!(V, width, |v, len| unsafe {
            let mut sum = load::<V>(to.add(v), len);
            for row in self.rows.chunks_exact(width) {
                sum = sum.add(load(row.as_ptr().add(v), len));
            }
            store(sum, to.add(v), len);
        });
    }
}

/// From the gradient of `h` and σ'(z1): gradients of `a`, `b`, `e`, `C`.
///
/// Where there are many features, those of `e` and `C` are left to products with that of z1, which is then in `g`.
pub(super) struct HiddenAdjoint<'a, T> {
    pub(super) context: Context<'a, T>,
    pub(super) chunk: &'a Chunk,
    pub(super) g: &'a mut [T],
    pub(super) slope: &'a [T],
    /// Gradient of the chunk's rows of `a`, `[i.len(), h]`; added to.
    pub(super) da: &'a mut [T],
    /// Gradient of the sample's `b`, `[n, h]`; added to.
    pub(super) db: &'a mut [T],
    /// Gradient of the chunk's rows of `e`, `[i.len(), n, k]`; nothing if nobody asks.
    pub(super) de: &'a mut [T],
    pub(super) dw: &'a mut [T],
}

impl<T: Real> Kernel<T> for HiddenAdjoint<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let Context { shape, e, w, .. } = self.context;
        let (n, h) = (shape.n, shape.h);
        let many = shape.many_features();
        let k = if many { 0 } else { shape.k };
        let pieces = shape.pieces();
        assert!(self.dw.len() >= pieces.len && w.len() >= pieces.len, "packed weights too short");
        let (c, dc) = (w[pieces.c.clone()].as_ptr(), self.dw[pieces.c].as_mut_ptr());
        let mut r = 0;
        for (row, i) in self.chunk.i.clone().enumerate() {
            let point = self.chunk.sample * n + i;
            let da = self.da[row * h..][..h].as_mut_ptr();
            for j in self.chunk.j.clone().filter(|&j| j != i) {
                let (g, slope) =
                    (self.g[r * h..][..h].as_mut_ptr(), self.slope[r * h..][..h].as_ptr());
                let db = self.db[j * h..][..h].as_mut_ptr();
                let e = &e[(point * n + j) * k..][..k];
                // SAFETY: all rows have h elements, C and its gradient k of them.
                unsafe {
                    each_vector!(V, h, |v, len| {
                        let grad = load::<V>(g.add(v), len).mul(load(slope.add(v), len));
                        store(grad.add(load(da.add(v), len)), da.add(v), len);
                        store(grad.add(load(db.add(v), len)), db.add(v), len);
                        if many {
                            store(grad, g.add(v), len);
                        }
                        for (f, &e) in e.iter().enumerate() {
                            let dc = dc.add(f * h + v);
                            store(V::splat(e).fma(grad, load(dc, len)), dc, len);
                        }
                    });
                    let asked = if self.de.is_empty() { 0 } else { k };
                    for f in 0..asked {
                        let mut sum = V::splat(T::ZERO);
                        each_vector!(V, h, |v, len| {
                            let grad = load::<V>(g.add(v), len).mul(load(slope.add(v), len));
                            sum = grad.fma(load(c.add(f * h + v), len), sum);
                        });
                        self.de[(row * n + j) * k + f] = sum.sum();
                    }
                }
                r += 1;
            }
        }
    }
}
