//! Sums of the gradients of shards, in a fixed order.

use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

use crate::activation::{each_vector, load, store};
use crate::isa::{Kernel, dispatch};
use crate::parallel::unwritten;
use crate::real::Real;
use crate::simd::Simd;
use crate::tensor::{View, by_dtype, tensor};
use crate::turn::in_turn;

/// `((g_0 + g_1) + g_2) + …` of each parameter over the parts that have its gradient, side by side.
///
/// # Shapes and units
/// - parts of equally many parameters, whose gradients have one shape each
///
/// # Errors
/// If shapes or element types differ, or a tensor is not f32 or f64.
pub fn sum_in_order(parts: Vec<Vec<Option<Tensor>>>) -> Result<Vec<Option<Tensor>>> {
    let count = parts.first().map_or(0, Vec::len);
    if parts.iter().any(|part| part.len() != count) {
        bail!("parts have gradients of different numbers of parameters");
    }
    let of = |index: usize| {
        let found: Vec<&Tensor> = parts.iter().filter_map(|part| part[index].as_ref()).collect();
        match found[..] {
            [] => Ok(None),
            [only] => Ok(Some(only.clone())),
            [first, ref others @ ..] if !first.device().is_cpu() => {
                in_turn(|| others.iter().try_fold(first.clone(), |sum, term| sum + *term)).map(Some)
            }
            [first, ..] => by_dtype!(first.dtype(), sum(&found)).map(Some),
        }
    };
    (0..count).into_par_iter().map(of).collect()
}

fn sum<T: Real>(terms: &[&Tensor]) -> Result<Tensor> {
    let shape = terms[0].shape();
    if let Some(other) = terms.iter().find(|term| term.shape() != shape) {
        bail!("gradients of one parameter have shapes {shape:?} and {:?}", other.shape());
    }
    let whole = terms.iter().map(|term| term.contiguous()).collect::<Result<Vec<_>>>()?;
    let views = whole.iter().map(View::of).collect::<Result<Vec<_>>>()?;
    let slices = views.iter().map(View::slice::<T>).collect::<Result<Vec<_>>>()?;
    // SAFETY: the kernel writes every element.
    let mut out = unsafe { unwritten(shape.elem_count()) };
    dispatch(Sum { terms: &slices, out: &mut out });
    tensor(out, shape)
}

/// `out = Σ terms`, which are as long.
struct Sum<'a, T> {
    terms: &'a [&'a [T]],
    out: &'a mut [T],
}

impl<T: Real> Kernel<T> for Sum<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let len = self.terms.iter().map(|term| term.len()).fold(self.out.len(), usize::min);
        let out = self.out.as_mut_ptr();
        // SAFETY: i + n stays within all of them.
        each_vector!(V, len, |i, n| unsafe {
            let mut sum = load::<V>(self.terms[0].as_ptr().add(i), n);
            for term in &self.terms[1..] {
                sum = sum.add(load(term.as_ptr().add(i), n));
            }
            store(sum, out.add(i), n);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::numbers;
    use candle_core::Device;

    /// The bits of one addition after the other, and gradients that some or all parts lack.
    #[test]
    fn sums_are_those_of_candle_in_order() {
        let of = |seed: u64, len: usize| {
            Tensor::from_vec(numbers::<f32>(seed, len), len, &Device::Cpu).unwrap()
        };
        for len in [1, 15, 16, 37, 1000] {
            let parts: Vec<Vec<Option<Tensor>>> = (0..4)
                .map(|part| vec![Some(of(part, len)), None, (part == 2).then(|| of(9, len))])
                .collect();
            let mut expected = of(0, len);
            for part in 1..4 {
                expected = (expected + of(part, len)).unwrap();
            }
            let found = sum_in_order(parts).unwrap();
            let bits = |tensor: &Option<Tensor>| tensor.as_ref().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(bits(&found[0]), expected.to_vec1::<f32>().unwrap());
            assert!(found[1].is_none());
            assert_eq!(bits(&found[2]), of(9, len).to_vec1::<f32>().unwrap());
        }
    }

    #[test]
    fn other_shapes_are_refused() {
        let zeros = |len: usize| {
            vec![Some(Tensor::zeros(len, candle_core::DType::F64, &Device::Cpu).unwrap())]
        };
        assert!(sum_in_order(vec![zeros(3), zeros(4)]).is_err());
        assert!(sum_in_order(vec![zeros(3), vec![]]).is_err());
        assert!(sum_in_order(vec![]).unwrap().is_empty());
    }
}
