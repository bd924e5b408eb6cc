//! Two-dimensional convolution: patches of a block of pixels, then one matrix product.

use crate::gemm::{Pack, Product, Start, Strided, packed_len};
use crate::isa::{Kernel, dispatch};
use crate::linear::passes::merge;
use crate::parallel::{Shared, for_blocks, map_blocks};
use crate::real::Real;
use crate::scratch;
use crate::simd::Simd;
use crate::tensor::{View, by_dtype, dtype_of, same_dtype, slice_of, tensor, wants_gradient};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use std::ops::Range;

/// Output pixels per task; with 32 channels and a 3 × 3 kernel their patches are 288 KiB of f32.
const PIXELS: usize = 256;

/// Stride and zero padding, the same in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2d {
    /// Distance between the inputs of neighbouring outputs; at least 1.
    pub stride: usize,
    /// Zeros on each side.
    pub padding: usize,
}

/// `y[o, p, q] = b_o + Σ_{c,i,j} w[o, c, i, j] x[c, p·stride + i − padding, q·stride + j − padding]`.
///
/// Linear in `x`: the tangent of the value along `dx` is `conv2d(dx, w, None, ..)`.
///
/// # Shapes and units
/// - `x`: `[B, C, H, W]`; `w`: `[O, C, h, w]`; `b`: `[O]`
/// - returns `[B, O, (H + 2·padding − h)/stride + 1, (W + 2·padding − w)/stride + 1]`
///
/// # Errors
/// If shapes or element types do not fit, or a tensor is not f32 or f64 on the CPU.
pub fn conv2d(x: &Tensor, w: &Tensor, b: Option<&Tensor>, conv: Conv2d) -> Result<Tensor> {
    same_dtype(x, w)?;
    let ((_, channels, height, width), (outs, w_channels, kh, kw)) = (x.dims4()?, w.dims4()?);
    let Conv2d { stride, padding } = conv;
    if channels != w_channels {
        bail!("x has {channels} channels, w takes {w_channels}");
    }
    if stride == 0 || kh == 0 || kw == 0 || kh > height + 2 * padding || kw > width + 2 * padding {
        bail!("a {kh} × {kw} kernel with stride {stride}, padding {padding} on {height} × {width}");
    }
    let b = match b {
        Some(b) if b.dims() != [outs] => bail!("w gives {outs} channels, b has {:?}", b.dims()),
        Some(b) => {
            same_dtype(x, b)?;
            b.contiguous()?
        }
        None => Tensor::zeros(outs, x.dtype(), x.device())?,
    };
    x.contiguous()?.apply_op3(&w.contiguous()?, &b, conv)
}

/// One image as patches: which input pixel each (channel, kernel cell, output pixel) sees.
#[derive(Clone, Copy, Debug)]
struct Patches {
    channels: usize,
    /// Input height and width.
    input: (usize, usize),
    /// Output height and width.
    output: (usize, usize),
    kernel: (usize, usize),
    stride: usize,
    /// Zeros above and left; negative crops.
    before: (isize, isize),
}

impl Patches {
    fn inner(self) -> usize {
        self.channels * self.kernel.0 * self.kernel.1
    }

    fn pixels(self) -> usize {
        self.output.0 * self.output.1
    }

    /// Row `k` of the patch matrix for some pixels of one output row, `to[0]` being `columns.start`.
    #[inline(always)]
    fn run<V: Simd>(self, x: &[V::E], k: usize, row: usize, columns: Range<usize>, to: &mut [V::E]) {
        let (kh, kw) = self.kernel;
        let (c, ky, kx) = (k / (kh * kw), k / kw % kh, k % kw);
        let (height, width) = self.input;
        let y = (row * self.stride + ky) as isize - self.before.0;
        let to = &mut to[..columns.len()];
        if y < 0 || y >= height as isize {
            return to.fill(V::E::ZERO);
        }
        let line = &x[(c * height + y as usize) * width..][..width];
        let offset = kx as isize - self.before.1;
        if self.stride == 1 {
            let first = columns.start as isize + offset;
            let inside = first >= 0 && first as usize + to.len() <= width;
            if inside && to.len() == 2 * V::LANES {
                // SAFETY: both hold two vectors.
                unsafe {
                    let (from, to) = (line.as_ptr().add(first as usize), to.as_mut_ptr());
                    V::load(from).store(to);
                    V::load(from.add(V::LANES)).store(to.add(V::LANES));
                }
                return;
            }
            let skip = first.min(0).unsigned_abs().min(to.len());
            let end = ((width as isize - first).max(0) as usize).clamp(skip, to.len());
            to[..skip].fill(V::E::ZERO);
            if end > skip {
                let from = (first + skip as isize) as usize;
                to[skip..end].copy_from_slice(&line[from..from + end - skip]);
            }
            to[end..].fill(V::E::ZERO);
        } else {
            for (to, column) in to.iter_mut().zip(columns) {
                let at = (column * self.stride) as isize + offset;
                *to = if at >= 0 && at < width as isize { line[at as usize] } else { V::E::ZERO };
            }
        }
    }
}

/// Patches of a block of pixels as a right matrix: `[panel][k][2 · LANES]`.
struct PackPatches<'a, T> {
    patches: Patches,
    x: &'a [T],
    pixels: Range<usize>,
    to: &'a mut [T],
}

impl<T: Real> Kernel<T> for PackPatches<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let (panel_width, inner) = (2 * V::LANES, self.patches.inner());
        let line = self.patches.output.1;
        for (panel, to) in self.to.chunks_exact_mut(inner * panel_width).enumerate() {
            let first = self.pixels.start + panel * panel_width;
            let last = (first + panel_width).min(self.pixels.end);
            if first >= last {
                break;
            }
            if last - first < panel_width {
                to.fill(T::ZERO);
            }
            for (k, to) in to.chunks_exact_mut(panel_width).enumerate() {
                let mut at = first;
                while at < last {
                    let (row, column) = (at / line, at % line);
                    let end = line.min(column + last - at);
                    self.patches.run::<V>(self.x, k, row, column..end, &mut to[at - first..]);
                    at += end - column;
                }
            }
        }
    }
}

/// Patches of a block of pixels as a left matrix: row `k`, one column per pixel.
struct RowPatches<'a, T> {
    patches: Patches,
    x: &'a [T],
    pixels: Range<usize>,
    to: &'a mut [T],
}

impl<T: Real> Kernel<T> for RowPatches<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let line = self.patches.output.1;
        for (k, to) in self.to.chunks_exact_mut(self.pixels.len()).enumerate() {
            let mut at = self.pixels.start;
            while at < self.pixels.end {
                let (row, column) = (at / line, at % line);
                let end = line.min(column + self.pixels.end - at);
                self.patches.run::<V>(self.x, k, row, column..end, &mut to[at - self.pixels.start..]);
                at += end - column;
            }
        }
    }
}

/// `y = w ⋆ x + b` for every image of a batch.
fn correlate<T: Real>(p: Patches, batch: usize, outs: usize, x: &[T], w: &[T], b: Option<&[T]>) -> Vec<T> {
    let (inner, pixels) = (p.inner(), p.pixels());
    let image = p.channels * p.input.0 * p.input.1;
    let blocks = pixels.div_ceil(PIXELS);
    let mut y = vec![T::ZERO; batch * outs * pixels];
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
    fn patches(self, x: &[usize], w: &[usize]) -> Patches {
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
    fn input_gradient<T: Real>(self, x: &[usize], w_shape: &[usize], w: &[T], g: &[T]) -> Vec<T> {
        let p = self.patches(x, w_shape);
        let (outs, (kh, kw)) = (w_shape[0], p.kernel);
        let cells = kh * kw;
        let mut turned = vec![T::ZERO; w.len()];
        for o in 0..outs {
            for c in 0..p.channels {
                for cell in 0..cells {
                    turned[(c * outs + o) * cells + cells - 1 - cell] = w[(o * p.channels + c) * cells + cell];
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
            for (from, to) in g.chunks_exact(p.pixels()).zip(spaced.chunks_exact_mut(grid.0 * grid.1)) {
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
    fn weight_gradient<T: Real>(self, x_shape: &[usize], w_shape: &[usize], x: &[T], g: &[T]) -> Vec<T> {
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
fn channel_sums<T: Real>(g: &[T], outs: usize, pixels: usize) -> Vec<T> {
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

impl CustomOp3 for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn cpu_fwd(
        &self,
        sx: &CpuStorage,
        lx: &Layout,
        sw: &CpuStorage,
        lw: &Layout,
        sb: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(
            conv: Conv2d,
            x: (&CpuStorage, &Layout),
            w: (&CpuStorage, &Layout),
            b: (&CpuStorage, &Layout),
        ) -> Result<(CpuStorage, Shape)> {
            let p = conv.patches(x.1.dims(), w.1.dims());
            let (batch, outs) = (x.1.dims()[0], w.1.dims()[0]);
            let (x, w, b) = (slice_of::<T>(x.0, x.1)?, slice_of(w.0, w.1)?, slice_of(b.0, b.1)?);
            let y = correlate(p, batch, outs, x, w, Some(b));
            Ok((T::storage(y), (batch, outs, p.output.0, p.output.1).into()))
        }
        by_dtype!(dtype_of(sx), run(*self, (sx, lx), (sw, lw), (sb, lb)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        fn run<T: Real>(conv: Conv2d, x: &Tensor, w: &Tensor, b: &Tensor, grad: &Tensor) -> Result<[Option<Tensor>; 3]> {
            let (xv, wv, gv) = (View::of(x)?, View::of(w)?, View::of(grad)?);
            let (xs, ws, g) = (xv.slice::<T>()?, wv.slice::<T>()?, gv.slice::<T>()?);
            let p = conv.patches(x.dims(), w.dims());
            let dx = wants_gradient(x)
                .then(|| tensor(conv.input_gradient(x.dims(), w.dims(), ws, g), x.shape()));
            let dw = wants_gradient(w)
                .then(|| tensor(conv.weight_gradient(x.dims(), w.dims(), xs, g), w.shape()));
            let db = wants_gradient(b)
                .then(|| tensor(channel_sums(g, w.dims()[0], p.pixels()), b.shape()));
            Ok([dx.transpose()?, dw.transpose()?, db.transpose()?])
        }
        let [dx, dw, db] = by_dtype!(x.dtype(), run(*self, x, w, b, &grad.contiguous()?))?;
        Ok((dx, dw, db))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::on_each;
    use crate::testing::*;
    use candle_core::{DType, Var};

    const CASES: [(usize, usize, usize, usize, usize); 6] = [
        // height, width, kernel, stride, padding
        (5, 7, 3, 1, 1),
        (20, 40, 3, 1, 1),
        (6, 5, 1, 1, 0),
        (7, 9, 3, 2, 1),
        (8, 8, 2, 2, 0),
        (4, 4, 1, 1, 2),
    ];

    #[test]
    fn values_are_candles() {
        on_each(|_| {
            for (h, w, k, stride, padding) in CASES {
                let conv = Conv2d { stride, padding };
                let (x, w, b) = (normal::<f64>(1, &[2, 3, h, w]), normal::<f64>(2, &[5, 3, k, k]), normal::<f64>(3, &[5]));
                let expected = x.conv2d(&w, padding, stride, 1, 1).unwrap();
                let expected = expected.broadcast_add(&b.reshape((1, 5, 1, 1)).unwrap()).unwrap();
                assert_close("f64", &conv2d(&x, &w, Some(&b), conv).unwrap(), &expected, 1e-13);
                let [x, w, b] = [x, w, b].map(|t| t.to_dtype(DType::F32).unwrap());
                let y = conv2d(&x, &w, Some(&b), conv).unwrap().to_dtype(DType::F64).unwrap();
                assert_close("f32", &y, &expected, 1e-5);
            }
        });
    }

    #[test]
    fn adjoint() {
        on_each(|_| {
            for (h, w, k, stride, padding) in CASES {
                let t = [normal::<f64>(1, &[2, 2, h, w]), normal::<f64>(2, &[3, 2, k, k]), normal::<f64>(3, &[3])];
                check_adjoint(&t, |t| conv2d(&t[0], &t[1], Some(&t[2]), Conv2d { stride, padding }));
            }
        });
    }

    #[test]
    fn threads_and_batch_change_nothing() {
        let (x, w) = (normal::<f32>(1, &[5, 8, 20, 20]), normal::<f32>(2, &[16, 8, 3, 3]));
        let conv = Conv2d { stride: 1, padding: 1 };
        check_threads(|| {
            let vars = [&x, &w].map(|t| Var::from_tensor(t).unwrap());
            let y = conv2d(&vars[0], &vars[1], None, conv).unwrap();
            let grads = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            let mut all = vec![y.detach()];
            all.extend(vars.iter().map(|v| grads.get(v).unwrap().clone()));
            all
        });
        let whole = conv2d(&x, &w, None, conv).unwrap();
        let one = conv2d(&x.narrow(0, 3, 1).unwrap(), &w, None, conv).unwrap();
        assert_eq!(flat(&one), flat(&whole.narrow(0, 3, 1).unwrap()));
    }
}
