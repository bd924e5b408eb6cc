//! What a network is told of every atom before it looks at pairs.

use candle_core::{DType, Device, Tensor};
use langevin_core::{Condition, Times};
use langevin_kernels::to_points;
use langevin_nn::TimeFeatures;

/// Features of the time and the condition, the same for all atoms of a sample: `[B, n, width]`.
pub(super) fn shared(
    time: &TimeFeatures,
    t: &Times,
    condition: &Condition,
    (atoms, dtype): (usize, DType),
    device: &Device,
) -> langevin_core::Result<Tensor> {
    let mut features = time.of(t, dtype, device)?;
    if let Some(condition) = condition.input(dtype)? {
        features = Tensor::cat(&[&features, &condition], 1)?;
    }
    Ok(to_points(&features, atoms)?)
}
