//! Row passes before the hidden vectors, forward and backward.

use super::passes::Context;
use super::shape::Chunk;
use crate::activation::{by_activation, each_vector, load, store};
use crate::isa::Kernel;
use crate::real::Real;
use crate::simd::{Simd, Twice};

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
