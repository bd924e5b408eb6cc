//! What a network is told of every atom before it looks at pairs.

use candle_core::{D, DType, Device, Result, Tensor};
use langevin_core::{Condition, State, Times};
use langevin_nn::TimeFeatures;

/// Features of the time and the condition, the same for all atoms of a sample: `[B, n, width]`.
pub(super) fn shared(
    time: &TimeFeatures,
    t: &Times,
    condition: &Condition,
    atoms: usize,
    dtype: DType,
) -> langevin_core::Result<Tensor> {
    let mut features = time.of(t, dtype)?;
    if let Some(condition) = condition.input(dtype)? {
        features = Tensor::cat(&[&features, &condition], 1)?;
    }
    Ok(to_atoms(&features, atoms)?)
}

/// Features of samples `[B, width]`, the same for all atoms: `[B, n, width]`.
pub(super) fn to_atoms(features: &Tensor, atoms: usize) -> Result<Tensor> {
    let (batch, width) = features.dims2()?;
    features.unsqueeze(1)?.broadcast_as((batch, atoms, width))?.contiguous()
}

/// One-hot rows of the species: `[B, n, elements]`.
pub(super) fn one_hot(x: &State, elements: usize, dtype: DType) -> Result<Tensor> {
    let species = x.part(1);
    let classes = Tensor::arange(0u32, elements as u32, species.device())?;
    species.unsqueeze(D::Minus1)?.broadcast_eq(&classes)?.to_dtype(dtype)
}

/// Distances on a soft grid: `exp(−((d_ij − μ_k)/Δ)²)` with centres `μ_k = k Δ`, `Δ = reach/(count − 1)`.
///
/// A first layer that sees d² alone resolves bond lengths badly: they differ by a hundredth of the largest d².
///
/// # Shapes and units
/// `squared`: `[B, n, n, 1]`, the unit of `reach` squared; returns `[B, n, n, count]`
pub(super) fn radial_basis(squared: &Tensor, count: usize, reach: f64) -> Result<Tensor> {
    let spacing = reach / (count - 1) as f64;
    let centres: Vec<f64> = (0..count).map(|k| k as f64).collect();
    let centres = Tensor::from_vec(centres, count, &Device::Cpu)?.to_dtype(squared.dtype())?;
    let distances = ((squared + 1e-12)?.sqrt()? / spacing)?;
    distances.broadcast_sub(&centres)?.sqr()?.neg()?.exp()
}
