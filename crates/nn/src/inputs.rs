//! First features of points and of pairs of them, for networks on atoms.

use candle_core::{D, DType, Result, Tensor};

/// One-hot rows of classes `[B, n]`: `[B, n, K]`; a class from K on, as a mask, has a row of zeros.
///
/// # Errors
/// If `classes` are no `u32`.
pub fn one_hot(classes: &Tensor, count: usize, dtype: DType) -> Result<Tensor> {
    let all = Tensor::arange(0u32, count as u32, classes.device())?;
    classes.unsqueeze(D::Minus1)?.broadcast_eq(&all)?.to_dtype(dtype)
}

/// What is taken off a radial function, so that far from its centre it is 0 and no subnormal number: a product with one of
/// those takes a processor a hundred times as long.
const NOTHING: f64 = 1e-30;

/// Distances on a soft grid: `exp(−((d_ij − μ_k)/Δ)²)` with centres `μ_k = k Δ`, `Δ = reach/(count − 1)`.
///
/// A first layer that sees d² alone resolves bond lengths badly: they differ by a hundredth of the largest d².
///
/// # Shapes and units
/// `squared`: `[B, n, n, 1]`, the unit of `reach` squared; returns `[B, n, n, count]`
///
/// # Errors
/// If `squared` has another shape.
pub fn radial_basis(squared: &Tensor, count: usize, reach: f64) -> Result<Tensor> {
    let spacing = reach / (count - 1) as f64;
    let centres: Vec<f64> = (0..count).map(|k| k as f64).collect();
    let centres = Tensor::from_vec(centres, count, squared.device())?.to_dtype(squared.dtype())?;
    let distances = ((squared + 1e-12)?.sqrt()? / spacing)?;
    let values = distances.broadcast_sub(&centres)?.sqr()?.neg()?.exp()?;
    (values - NOTHING)?.relu()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    /// On a fine row of distances, in single precision, where some exponentials are subnormal.
    #[test]
    fn a_soft_grid_has_no_subnormal_numbers() {
        let squared: Vec<f32> = (0..6000).map(|i| (i as f32 * 1e-3).powi(2)).collect();
        let squared = Tensor::from_vec(squared, (6000, 1, 1, 1), &Device::Cpu).unwrap();
        let values = radial_basis(&squared, 16, 6.0).unwrap().flatten_all().unwrap();
        let values = values.to_vec1::<f32>().unwrap();
        assert!(values.iter().all(|x| *x == 0.0 || x.is_normal()));
        assert!(values.contains(&0.0));
        // At the fourth centre: 1 there, 1/e at its neighbours.
        let at = &values[16 * 1200..][..16];
        assert!((at[3] - 1.0).abs() < 1e-5 && (at[4] - (-1.0f32).exp()).abs() < 1e-4, "{at:?}");
    }
}
