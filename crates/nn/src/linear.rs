//! The affine layer.

use candle_core::Tensor;
use langevin_kernels::{Activation, linear_act, linear_act_dual};

use crate::{Builder, Init, Layer, Result};

/// `y = act(x Wᵀ + b)`, one fused operation.
///
/// # Shapes and units
/// `[.., inputs]` to `[.., outputs]`; parameters `weight`: `[outputs, inputs]`, `bias`:
/// `[outputs]`.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
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
        let law = Init::FanIn(inputs);
        Self::with_init(builder, inputs, outputs, activation, law, Some(law))
    }

    /// A layer whose weight and bias start from these laws; without a bias if that law is `None`.
    ///
    /// # Errors
    /// Those of [`Builder::parameter`].
    pub fn with_init(
        builder: &Builder,
        inputs: usize,
        outputs: usize,
        activation: Activation,
        weight: Init,
        bias: Option<Init>,
    ) -> Result<Self> {
        let weight = builder.parameter("weight", &[outputs, inputs], weight)?;
        let bias = bias.map(|law| builder.parameter("bias", &[outputs], law)).transpose()?;
        Ok(Self { weight, bias, activation })
    }
}

impl Layer for Linear {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        linear_act(x, &self.weight, self.bias.as_ref(), self.activation)
    }

    fn forward_dual(&self, x: &Tensor, dx: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
        linear_act_dual(x, dx, &self.weight, self.bias.as_ref(), self.activation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, build, check_layer, check_threads, normal};
    use candle_core::DType;

    #[test]
    fn value_is_candles_and_the_contract_holds() {
        let x = normal(1, &[3, 2, 5]);
        for bias in [None, Some(Init::Zeros)] {
            let (store, layer) = build(DType::F64, |builder| {
                Linear::with_init(builder, 5, 4, Activation::Silu, Init::FanIn(5), bias)
            });
            let weight = store.get("weight").unwrap().t().unwrap();
            let mut z = x.broadcast_matmul(&weight).unwrap();
            if let Some(bias) = store.get("bias") {
                z = z.broadcast_add(bias).unwrap();
            }
            assert_close("silu(x Wᵀ + b)", &layer.forward(&x).unwrap(), &z.silu().unwrap(), 1e-13);
            check_layer(&store, &layer, &x);
        }
    }

    #[test]
    fn threads_change_nothing() {
        let (store, layer) =
            build(DType::F32, |builder| Linear::new(builder, 64, 96, Activation::Silu));
        check_threads(&store, &layer, &normal(1, &[500, 64]));
    }
}
