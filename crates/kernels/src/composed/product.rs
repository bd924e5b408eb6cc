//! Products with weights and of features, in the precision that was asked for.

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor};

use crate::precision::{Precision, precision};
use crate::tensor::slice_of;

/// `f(a, b)`, which is linear in both, of operands in the current [`Precision`].
pub(super) fn reduced(
    a: &Tensor,
    b: &Tensor,
    f: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    reduced_to(precision(), a, b, f)
}

fn reduced_to(
    precision: Precision,
    a: &Tensor,
    b: &Tensor,
    f: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    match precision {
        _ if a.dtype() != DType::F32 => f(a, b),
        Precision::F32 => f(a, b),
        Precision::Bf16 if a.device().is_cpu() => {
            // candle multiplies no bfloat16 there; what is rounded on the way is rounded on the way back.
            let rounded = |x: &Tensor| x.to_dtype(DType::BF16)?.to_dtype(DType::F32);
            rounded(&f(&rounded(a)?, &rounded(b)?)?)
        }
        Precision::Bf16 => {
            f(&a.to_dtype(DType::BF16)?, &b.to_dtype(DType::BF16)?)?.to_dtype(DType::F32)
        }
        // A GPU rounds by itself, on the way back the gradient of the product too.
        Precision::Tf32 if !a.device().is_cpu() => f(a, b),
        Precision::Tf32 => {
            let operand = |x: &Tensor| x.contiguous()?.apply_op1(Tf32 { value: true });
            f(&operand(a)?, &operand(b)?)?.apply_op1(Tf32 { value: false })
        }
    }
}

/// To the nearest number of 11 bits, of two the even one; infinities and NaN stay.
fn tf32(x: f32) -> f32 {
    const LOST: u32 = 13;
    let bits = x.to_bits();
    let half = (1 << (LOST - 1)) - 1 + (bits >> LOST & 1);
    if x.is_finite() { f32::from_bits((bits + half) >> LOST << LOST) } else { x }
}

/// Rounds values and lets gradients pass, or the other way round.
struct Tf32 {
    value: bool,
}

impl CustomOp1 for Tf32 {
    fn name(&self) -> &'static str {
        "tf32"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = slice_of::<f32>(storage, layout)?;
        let y = if self.value { x.iter().copied().map(tf32).collect() } else { x.to_vec() };
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let other = Self { value: !self.value };
        grad.contiguous()?.apply_op1_no_bwd(&other).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;
    use candle_core::Var;

    fn rounded(x: &Tensor, precision: Precision) -> Tensor {
        let to = |x: &Tensor, dtype| x.to_dtype(dtype).unwrap();
        match precision {
            Precision::F32 => to(x, DType::F64),
            Precision::Bf16 => to(&to(x, DType::BF16), DType::F64),
            Precision::Tf32 => {
                let values = x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
                let values: Vec<f64> = values.into_iter().map(|x| f64::from(tf32(x))).collect();
                Tensor::from_vec(values, x.dims(), x.device()).unwrap()
            }
        }
    }

    /// Values and gradients against products in double precision of operands that were rounded; bfloat16 rounds those
    /// products too.
    #[test]
    fn products_are_those_of_rounded_operands() {
        let (a, b) = (normal::<f32>(1, &[9, 40]), normal::<f32>(2, &[40, 7]));
        let g = normal::<f32>(3, &[9, 7]);
        let mut off = vec![];
        for precision in [Precision::F32, Precision::Tf32, Precision::Bf16] {
            let [av, bv] = [&a, &b].map(|x: &Tensor| Var::from_tensor(x).unwrap());
            let y = reduced_to(precision, &av, &bv, |a, b| a.matmul(b)).unwrap();
            assert_eq!(y.dtype(), DType::F32);
            let grads = (&y * &g).unwrap().sum_all().unwrap().backward().unwrap();
            let [ra, rb, rg] = [&a, &b, &g].map(|x| rounded(x, precision));
            let (at, bt) = (ra.t().unwrap(), rb.t().unwrap());
            for (name, got, want) in [
                ("product", &y, ra.matmul(&rb)),
                ("gradient of a", grads.get(&av).unwrap(), rg.matmul(&bt)),
                ("gradient of b", grads.get(&bv).unwrap(), at.matmul(&rg)),
            ] {
                let want = want.unwrap().to_dtype(DType::F32).unwrap();
                let (want, tolerance) = match precision {
                    // Where sums in another order fall on the other side of a half, 0.06 apart, one in 63 may.
                    Precision::Bf16 => (rounded(&want, precision), 2e-3),
                    _ => (want.to_dtype(DType::F64).unwrap(), 2e-6),
                };
                let far = mean_distance(&got.to_dtype(DType::F64).unwrap(), &want);
                assert!(far < tolerance, "{precision:?}, {name}: {far}");
            }
            let whole = a.matmul(&b).unwrap();
            off.push(mean_distance(&y, &whole));
        }
        assert!(off[0] == 0.0 && off[1] > 5e-4 && off[2] > 4.0 * off[1], "{off:?}");
    }

    fn mean_distance(a: &Tensor, b: &Tensor) -> f64 {
        let mean = (a - b).unwrap().abs().unwrap().mean_all().unwrap();
        mean.to_dtype(DType::F64).unwrap().to_scalar().unwrap()
    }

    #[test]
    fn eleven_bits_are_left() {
        let step = 2f32.powi(-10);
        for (x, want) in [
            (1.0, 1.0),
            (1.0 + 0.49 * step, 1.0),
            (1.0 + 0.5 * step, 1.0),
            (1.0 + 1.5 * step, 1.0 + 2.0 * step),
            (-3.0 - 1.2 * step, -3.0 - 2.0 * step),
            (f32::INFINITY, f32::INFINITY),
        ] {
            assert_eq!(tf32(x), want, "{x}");
        }
        assert!(tf32(f32::NAN).is_nan());
    }

    #[test]
    fn other_element_types_are_whole() {
        let (a, b) = (normal::<f64>(1, &[3, 4]), normal::<f64>(2, &[4, 5]));
        let y = reduced_to(Precision::Bf16, &a, &b, |a, b| a.matmul(b)).unwrap();
        assert_eq!(flat(&y), flat(&a.matmul(&b).unwrap()));
    }
}
