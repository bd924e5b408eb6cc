//! The patch matrix of an image, laid out as the product wants it.

use crate::isa::Kernel;
use crate::real::Real;
use crate::simd::Simd;
use std::ops::Range;

/// One image as patches: which input pixel each (channel, kernel cell, output pixel) sees.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patches {
    pub(super) channels: usize,
    /// Input height and width.
    pub(super) input: (usize, usize),
    /// Output height and width.
    pub(super) output: (usize, usize),
    pub(super) kernel: (usize, usize),
    pub(super) stride: usize,
    /// Zeros above and left; negative crops.
    pub(super) before: (isize, isize),
}

impl Patches {
    pub(super) fn inner(self) -> usize {
        self.channels * self.kernel.0 * self.kernel.1
    }

    pub(super) fn pixels(self) -> usize {
        self.output.0 * self.output.1
    }

    /// Row `k` of the patch matrix for some pixels of one output row, `to[0]` being `columns.start`.
    #[inline(always)]
    fn run<V: Simd>(
        self,
        x: &[V::E],
        k: usize,
        row: usize,
        columns: Range<usize>,
        to: &mut [V::E],
    ) {
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
pub(super) struct PackPatches<'a, T> {
    pub(super) patches: Patches,
    pub(super) x: &'a [T],
    pub(super) pixels: Range<usize>,
    pub(super) to: &'a mut [T],
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
pub(super) struct RowPatches<'a, T> {
    pub(super) patches: Patches,
    pub(super) x: &'a [T],
    pub(super) pixels: Range<usize>,
    pub(super) to: &'a mut [T],
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
                self.patches.run::<V>(
                    self.x,
                    k,
                    row,
                    column..end,
                    &mut to[at - self.pixels.start..],
                );
                at += end - column;
            }
        }
    }
}
