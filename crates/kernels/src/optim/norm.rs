//! The norm of all gradients, in a fixed order.

use super::BLOCK;
use crate::isa::{Kernel, dispatch};
use crate::parallel::map_blocks;
use crate::real::Real;
use crate::simd::Simd;
use crate::tensor::{View, by_dtype};
use candle_core::{Device, Result, Tensor};

/// Euclidean norm of a list of tensors: f64 sums over blocks of 16 384, added in order.
///
/// # Errors
/// If a tensor is not f32 or f64.
pub fn global_norm(tensors: &[Option<Tensor>]) -> Result<f64> {
    fn squares<T: Real>(tensor: &Tensor) -> Result<f64> {
        let view = View::of(tensor)?;
        let values = view.slice::<T>()?;
        let blocks =
            map_blocks(values.len(), BLOCK, values.len(), |_, r| dispatch(SquareSum(&values[r])));
        Ok(blocks.into_iter().sum())
    }
    let mut total = 0.0;
    for tensor in tensors.iter().flatten() {
        let tensor = &tensor.to_device(&Device::Cpu)?;
        total += by_dtype!(tensor.dtype(), squares(tensor))?;
    }
    Ok(total.sqrt())
}

/// Sum of squares in double precision, eight chains side by side.
struct SquareSum<'a, T>(&'a [T]);

impl<T: Real> Kernel<T> for SquareSum<'_, T> {
    type Output = f64;
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) -> f64 {
        let mut sums = [0.0f64; 16];
        let chunks = self.0.chunks_exact(16);
        let rest = chunks.remainder();
        for chunk in chunks {
            for i in 0..16 {
                sums[i] += chunk[i].f64() * chunk[i].f64();
            }
        }
        for (sum, x) in sums.iter_mut().zip(rest) {
            *sum += x.f64() * x.f64();
        }
        sums.iter().sum()
    }
}
