//! How exactly networks multiply where their operations are composed.

use std::sync::atomic::{AtomicU8, Ordering};

use candle_core::{D, Result, Tensor};

/// What operands of a network's products in single precision are rounded to. Sums, and all that is no product with
/// weights or of features, stay single; so do the weights themselves, which training steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// Not at all: 24 bits.
    #[default]
    F32,
    /// NVIDIA's TF32, 11 bits and the range of single precision. A GPU rounds every f32 product so but those of
    /// [`whole_product`].
    Tf32,
    /// bfloat16, 8 bits and the range of single precision; products are rounded to it too.
    Bf16,
}

const ALL: [Precision; 3] = [Precision::F32, Precision::Tf32, Precision::Bf16];

static CURRENT: AtomicU8 = AtomicU8::new(0);

/// From now on composed operations multiply so, in this whole process. The kernels of the CPU are always single.
pub fn set_precision(precision: Precision) {
    CURRENT.store(precision as u8, Ordering::Relaxed);
    candle_core::cuda::set_gemm_reduced_precision_f32(precision == Precision::Tf32);
}

/// What [`set_precision`] said last.
pub fn precision() -> Precision {
    ALL[usize::from(CURRENT.load(Ordering::Relaxed))]
}

/// `a b` of batches of small matrices, as the lattices of crystals, whole in every precision: what is squared six times
/// does not bear rounding.
///
/// # Shapes and units
/// - `a`: `[.., m, k]`; `b`: `[.., k, n]`; returns `[.., m, n]`
///
/// # Errors
/// If shapes or element types do not fit.
pub fn whole_product(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.device().is_cpu() || precision() != Precision::Tf32 {
        return a.matmul(b);
    }
    by_sums(a, b)
}

/// The product, of operations that no mode of a GPU rounds.
fn by_sums(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    a.unsqueeze(D::Minus1)?.broadcast_mul(&b.unsqueeze(b.rank() - 2)?)?.sum(a.rank() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn products_by_sums_are_products() {
        let (a, b) = (normal::<f64>(1, &[5, 4, 3]), normal::<f64>(2, &[5, 3, 6]));
        let want = a.matmul(&b).unwrap();
        assert_close("product", &by_sums(&a, &b).unwrap(), &want, 1e-14);
        check_adjoint(&[a, b], |t| by_sums(&t[0], &t[1]));
    }
}
