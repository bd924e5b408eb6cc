//! Forward pass and gradients on slices.

use super::Conv2d;
use super::patches::{PackPatches, Patches, RowPatches};
use crate::gemm::{Pack, Product, Start, Strided, packed_len};
use crate::isa::dispatch;
use crate::linear::passes::merge;
use crate::parallel::{Shared, for_blocks, map_blocks, unwritten};
use crate::real::Real;
use crate::scratch;

/// Output pixels per task; with 32 channels and a 3 × 3 kernel their patches are 288 KiB of f32.
const PIXELS: usize = 256;

/// `y = w ⋆ x + b` for every image of a batch.
pub(super) fn correlate<T: Real>(
    p: Patches,
    batch: usize,
    outs: usize,
    x: &[T],
    w: &[T],
    b: Option<&[T]>,
) -> Vec<T> {
    let (inner, pixels) = (p.inner(), p.pixels());
    let image = p.channels * p.input.0 * p.input.1;
    let blocks = pixels.div_ceil(PIXELS);
    // SAFETY: the tasks cover every pixel of every channel.
    let mut y = unsafe { unwritten(batch * outs * pixels) };
    let shared = Shared::new(&mut y);
    for_blocks(batch * blocks, 1, batch * pixels * inner * outs / 8, |task, _| {
        let (sample, block) = (task / blocks, task % blocks);
        let range = block * PIXELS..((block + 1) * PIXELS).min(pixels);
        scratch::with(packed_len(inner, PIXELS) + outs * range.len(), |buffer| {
            let (packed, out) = buffer.split_at_mut(packed_len(inner, PIXELS));
            let x = &x[sample * image..][..image];
            dispatch(PackPatches { patches: p, x, pixels: range.clone(), to: packed });
            dispatch(Product {
                a: Strided::rows(w, inner),
                packed,
                c: out,
                ldc: range.len(),
                rows: outs,
                inner,
                cols: range.len(),
                start: b.map_or(Start::Zero, Start::Rows),
            });
            for o in 0..outs {
                let at = (sample * outs + o) * pixels;
                // SAFETY: an image's block of pixels belongs to one task.
                let to = unsafe { shared.part(at + range.start..at + range.end) };
                to.copy_from_slice(&out[o * range.len()..(o + 1) * range.len()]);
            }
        });
    });
    y
}

impl Conv2d {
    pub(super) fn patches(self, x: &[usize], w: &[usize]) -> Patches {
        let out = |size: usize, kernel: usize| (size + 2 * self.padding - kernel) / self.stride + 1;
        Patches {
            channels: x[1],
            input: (x[2], x[3]),
            output: (out(x[2], w[2]), out(x[3], w[3])),
            kernel: (w[2], w[3]),
            stride: self.stride,
            before: (self.padding as isize, self.padding as isize),
        }
    }

    /// The gradient of x: the output's gradient, spread to the input's grid, correlated with the
    /// kernel turned by 180°.
    pub(super) fn input_gradient<T: Real>(
        self,
        x: &[usize],
        w_shape: &[usize],
        w: &[T],
        g: &[T],
    ) -> Vec<T> {
        let p = self.patches(x, w_shape);
        let (outs, (kh, kw)) = (w_shape[0], p.kernel);
        let cells = kh * kw;
        let mut turned = vec![T::ZERO; w.len()];
        for o in 0..outs {
            for c in 0..p.channels {
                for cell in 0..cells {
                    turned[(c * outs + o) * cells + cells - 1 - cell] =
                        w[(o * p.channels + c) * cells + cell];
                }
            }
        }
        let spread = |size: usize| (size - 1) * self.stride + 1;
        let grid = (spread(p.output.0), spread(p.output.1));
        let mut spaced = Vec::new();
        let g = if self.stride == 1 {
            g
        } else {
            spaced.resize(g.len() / p.pixels() * grid.0 * grid.1, T::ZERO);
            for (from, to) in
                g.chunks_exact(p.pixels()).zip(spaced.chunks_exact_mut(grid.0 * grid.1))
            {
                for (i, &g) in from.iter().enumerate() {
                    to[i / p.output.1 * self.stride * grid.1 + i % p.output.1 * self.stride] = g;
                }
            }
            &spaced
        };
        let back = Patches {
            channels: outs,
            input: grid,
            output: p.input,
            kernel: p.kernel,
            stride: 1,
            before: ((kh - 1) as isize - p.before.0, (kw - 1) as isize - p.before.1),
        };
        correlate(back, x[0], p.channels, g, &turned, None)
    }

    /// The gradient of w: patches times the output's gradient, block by block, merged in order.
    pub(super) fn weight_gradient<T: Real>(
        self,
        x_shape: &[usize],
        w_shape: &[usize],
        x: &[T],
        g: &[T],
    ) -> Vec<T> {
        let p = self.patches(x_shape, w_shape);
        let (batch, outs, inner, pixels) = (x_shape[0], w_shape[0], p.inner(), p.pixels());
        let image = p.channels * p.input.0 * p.input.1;
        // At most 32 partial gradients, whatever the pool.
        let per_task = batch.div_ceil(32).max(1);
        let parts = map_blocks(batch, per_task, batch * pixels * inner * outs / 8, |_, samples| {
            let mut sum = vec![T::ZERO; inner * outs];
            scratch::with(inner * PIXELS + packed_len(PIXELS, outs), |buffer| {
                let (left, right) = buffer.split_at_mut(inner * PIXELS);
                for sample in samples {
                    let x = &x[sample * image..][..image];
                    let g = &g[sample * outs * pixels..][..outs * pixels];
                    for first in (0..pixels).step_by(PIXELS) {
                        let range = first..(first + PIXELS).min(pixels);
                        let count = range.len();
                        let left = &mut left[..inner * count];
                        dispatch(RowPatches { patches: p, x, pixels: range, to: left });
                        let turned = Strided::transposed(&g[first..], pixels);
                        dispatch(Pack { b: turned, inner: count, cols: outs, to: right });
                        dispatch(Product {
                            a: Strided::rows(left, count),
                            packed: right,
                            c: &mut sum,
                            ldc: outs,
                            rows: inner,
                            inner: count,
                            cols: outs,
                            start: Start::Add,
                        });
                    }
                }
            });
            sum
        });
        let sum = merge(parts, inner * outs);
        (0..outs * inner).map(|i| sum[i % inner * outs + i / inner]).collect()
    }
}

/// `Σ` over samples and pixels of each channel.
pub(super) fn channel_sums<T: Real>(g: &[T], outs: usize, pixels: usize) -> Vec<T> {
    let mut sums = vec![T::ZERO; outs];
    for (i, image) in g.chunks_exact(pixels.max(1)).enumerate() {
        // Sixteen chains side by side: a fixed order that vector instructions can follow.
        let mut lanes = [T::ZERO; 16];
        let chunks = image.chunks_exact(16);
        let rest = chunks.remainder();
        for chunk in chunks {
            for l in 0..16 {
                lanes[l] += chunk[l];
            }
        }
        rest.iter().zip(&mut lanes).for_each(|(&g, l)| *l += g);
        sums[i % outs] += lanes.into_iter().reduce(|a, b| a + b).unwrap_or(T::ZERO);
    }
    sums
}
