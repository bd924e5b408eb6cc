//! What all layers of one input have in common.

use candle_core::{Result, Tensor};
use langevin_kernels::Activation;

/// A differentiable map of one tensor, and its exact derivative along a direction.
///
/// Implementations are pure and treat the samples along the first axis independently, so that a
/// sample has the same bits whatever its batch. The layers of this crate run
/// `testing::check_layer`, which checks both, the gradients of all parameters and the tangent.
pub trait Layer: std::fmt::Debug + Send + Sync {
    /// `f(x)`, differentiable.
    ///
    /// # Errors
    /// If the shape or the element type of `x` does not fit.
    fn forward(&self, x: &Tensor) -> Result<Tensor>;

    /// `(f(x), ∂f/∂x · dx)`: the same value, and its tangent along `dx`.
    ///
    /// Only the value has a graph. The objectives that need tangents (consistency models, flow
    /// maps) stop the gradient there, and a graph would keep every activation alive twice.
    ///
    /// # Errors
    /// As [`Layer::forward`], or if `dx` differs from `x` in shape or element type.
    fn forward_dual(&self, x: &Tensor, dx: &Tensor) -> Result<(Tensor, Tensor)>;
}

/// The pointwise function, where it is not fused into the layer before it.
impl Layer for Activation {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.apply(x)
    }

    fn forward_dual(&self, x: &Tensor, dx: &Tensor) -> Result<(Tensor, Tensor)> {
        self.dual(x, dx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ParamStore;
    use crate::testing::{check_layer, normal};
    use candle_core::DType;
    use langevin_core::Seed;

    #[test]
    fn activations_keep_the_contract() {
        let (store, ()) = ParamStore::create(DType::F64, Seed(1), |_| Ok(())).unwrap();
        for activation in [Activation::Silu, Activation::Gelu, Activation::Identity] {
            check_layer(&store, &activation, &normal(1, &[3, 7]));
        }
    }
}
