//! Copies of rows, with a sum over runs as adjoint.

use super::runs::SumRows;
use crate::isa::dispatch;
use crate::parallel::{Shared, for_blocks};
use crate::real::Real;
use crate::tensor::{View, by_dtype, dtype_of, same_dtype, slice_of, tensor, wants_gradient};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use std::sync::Arc;

/// Which row each output row copies, with the inverse for the adjoint.
#[derive(Debug, Clone)]
pub struct Gather {
    index: Arc<[u32]>,
    /// Output rows in order of their source, and where each source's run begins.
    order: Arc<[u32]>,
    offsets: Arc<[usize]>,
}

impl Gather {
    /// From the source row of each output row, all below `sources`.
    ///
    /// # Errors
    /// If an index is not below `sources`.
    pub fn new(index: Vec<u32>, sources: usize) -> Result<Self> {
        if let Some(bad) = index.iter().find(|&&i| i as usize >= sources) {
            bail!("row {bad} of {sources} cannot be gathered");
        }
        let mut offsets = vec![0; sources + 1];
        index.iter().for_each(|&i| offsets[i as usize + 1] += 1);
        (0..sources).for_each(|s| offsets[s + 1] += offsets[s]);
        // A counting sort keeps equal sources in the order of the output: a fixed order of sums.
        let mut next = offsets.clone();
        let mut order = vec![0; index.len()];
        for (row, &i) in index.iter().enumerate() {
            order[next[i as usize]] = row as u32;
            next[i as usize] += 1;
        }
        Ok(Self { index: index.into(), order: order.into(), offsets: offsets.into() })
    }
}

/// `y_r = x_{index[r]}`: `[sources, F]` → `[rows, F]`; linear, so its tangent is itself.
///
/// # Errors
/// If `x` does not have the gather's sources, or is not f32 or f64 on the CPU.
pub fn gather(x: &Tensor, gather: &Gather) -> Result<Tensor> {
    same_dtype(x, x)?;
    let (rows, _) = x.dims2()?;
    if rows != gather.offsets.len() - 1 {
        bail!("x has {rows} rows, the gather takes {}", gather.offsets.len() - 1);
    }
    x.contiguous()?.apply_op1(gather.clone())
}

impl CustomOp1 for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(op: &Gather, s: &CpuStorage, l: &Layout) -> Result<(CpuStorage, Shape)> {
            let x = slice_of::<T>(s, l)?;
            let (_, f) = l.shape().dims2()?;
            let rows = op.index.len();
            let mut y = vec![T::ZERO; rows * f];
            let shared = Shared::new(&mut y);
            for_blocks(rows, 1.max(16_384 / f.max(1)), rows * f, |_, block| {
                for row in block {
                    let from = op.index[row] as usize;
                    // SAFETY: rows are disjoint.
                    let to = unsafe { shared.part(row * f..(row + 1) * f) };
                    to.copy_from_slice(&x[from * f..(from + 1) * f]);
                }
            });
            Ok((T::storage(y), (rows, f).into()))
        }
        by_dtype!(dtype_of(storage), run(self, storage, layout))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        fn run<T: Real>(op: &Gather, x: &Tensor, grad: &Tensor) -> Result<Tensor> {
            let (sources, f) = x.dims2()?;
            let view = View::of(grad)?;
            let g = view.slice::<T>()?;
            let mut out = vec![T::ZERO; sources * f];
            let shared = Shared::new(&mut out);
            let block = (16_384 * sources / g.len().max(1)).clamp(1, 16_384);
            for_blocks(sources, block, g.len(), |_, block| {
                for s in block {
                    // SAFETY: sources are disjoint.
                    let out = unsafe { shared.part(s * f..(s + 1) * f) };
                    let rows =
                        op.order[op.offsets[s]..op.offsets[s + 1]].iter().map(|&r| r as usize);
                    dispatch(SumRows { x: g, rows, out });
                }
            });
            tensor(out, x.shape())
        }
        if !wants_gradient(x) {
            return Ok(None);
        }
        by_dtype!(x.dtype(), run(self, x, &grad.contiguous()?)).map(Some)
    }
}
