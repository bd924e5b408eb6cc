//! The affine layer.

use candle_core::Tensor;
use langevin_kernels::{Activation, linear_act, linear_act_dual};

use crate::{Builder, Init, Result};

/// `y = act(x Wᵀ + b)`, one fused operation.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
    activation: Activation,
}

impl Linear {
    /// A layer from `inputs` to `outputs`, initialised as PyTorch does.
    ///
    /// # Errors
    /// Those of [`Builder::parameter`].
    pub fn new(
        builder: &Builder,
        inputs: usize,
        outputs: usize,
        activation: Activation,
    ) -> Result<Self> {
        let weight = builder.parameter("weight", &[outputs, inputs], Init::FanIn(inputs))?;
        let bias = builder.parameter("bias", &[outputs], Init::FanIn(inputs))?;
        Ok(Self { weight, bias, activation })
    }

    /// `[.., inputs]` to `[.., outputs]`.
    ///
    /// # Errors
    /// If the last axis does not fit.
    pub fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        linear_act(x, &self.weight, Some(&self.bias), self.activation)
    }

    /// Value at `x` and its tangent along `dx`.
    ///
    /// # Errors
    /// If the last axis does not fit.
    pub fn forward_dual(&self, x: &Tensor, dx: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
        linear_act_dual(x, dx, &self.weight, Some(&self.bias), self.activation)
    }
}
