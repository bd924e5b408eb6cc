//! The convolution of a field on a grid.

use candle_core::Tensor;
use langevin_core::config::require;
use langevin_kernels::{Conv2d as Window, conv2d};

use crate::{Builder, Init, Layer, Result};

/// `y[o, p, q] = b_o + Σ_{c,i,j} w[o, c, i, j] x[c, p·stride + i − pad, q·stride + j − pad]`, with
/// zeros outside the grid.
///
/// # Shapes and units
/// `[B, inputs, H, W]` to `[B, outputs, (H + 2·padding − size)/stride + 1, …]`, the same for `W`;
/// parameters `weight`: `[outputs, inputs, size, size]`, `bias`: `[outputs]`.
///
/// # Source
/// As `torch.nn.Conv2d`, whose initial law it has.
#[derive(Debug, Clone)]
pub struct Conv2d {
    weight: Tensor,
    bias: Tensor,
    window: Window,
}

impl Conv2d {
    /// Square windows of `size` × `size` grid cells.
    ///
    /// # Errors
    /// [`crate::NnError::Setting`] if `size` or the stride is 0; those of [`Builder::parameter`].
    pub fn new(
        builder: &Builder,
        inputs: usize,
        outputs: usize,
        size: usize,
        window: Window,
    ) -> Result<Self> {
        let law = Init::FanIn(inputs * size * size);
        Self::with_init(builder, inputs, outputs, size, window, law)
    }

    /// As [`Conv2d::new`], with weight and bias from this law ([`Init::Zeros`]: the last layer of a
    /// residual branch).
    ///
    /// # Errors
    /// As [`Conv2d::new`].
    pub fn with_init(
        builder: &Builder,
        inputs: usize,
        outputs: usize,
        size: usize,
        window: Window,
        law: Init,
    ) -> Result<Self> {
        require("size", size, |n| n >= 1, "at least 1")?;
        require("stride", window.stride, |n| n >= 1, "at least 1")?;
        let weight = builder.parameter("weight", &[outputs, inputs, size, size], law)?;
        let bias = builder.parameter("bias", &[outputs], law)?;
        Ok(Self { weight, bias, window })
    }
}

impl Layer for Conv2d {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        conv2d(x, &self.weight, Some(&self.bias), self.window)
    }

    fn forward_dual(&self, x: &Tensor, dx: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
        if x.dims() != dx.dims() {
            candle_core::bail!("tangent {:?} of an input {:?}", dx.dims(), x.dims());
        }
        // Linear in x: the tangent is the same map without the bias, kept off the graph.
        let tangent = conv2d(&dx.detach(), &self.weight.detach(), None, self.window)?;
        Ok((self.forward(x)?, tangent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ParamStore;
    use crate::testing::{assert_close, build, check_layer, check_threads, normal};
    use candle_core::DType;
    use langevin_core::Seed;

    #[test]
    fn value_is_candles_and_the_contract_holds() {
        let x = normal(1, &[2, 3, 5, 4]);
        for (size, stride, padding) in [(3, 1, 1), (2, 2, 0), (1, 1, 0)] {
            let window = Window { stride, padding };
            let (store, layer) =
                build(DType::F64, |builder| Conv2d::new(builder, 3, 2, size, window));
            let (weight, bias) = (store.get("weight").unwrap(), store.get("bias").unwrap());
            let plain = x.conv2d(weight, padding, stride, 1, 1).unwrap();
            let plain = plain.broadcast_add(&bias.reshape((1, 2, 1, 1)).unwrap()).unwrap();
            assert_close("conv2d", &layer.forward(&x).unwrap(), &plain, 1e-13);
            check_layer(&store, &layer, &x);
        }
    }

    #[test]
    fn impossible_windows_are_named() {
        for (size, stride, expected) in [
            (0, 1, "size: found 0, allowed: at least 1"),
            (3, 0, "stride: found 0, allowed: at least 1"),
        ] {
            let error = ParamStore::create(DType::F64, Seed(1), |builder| {
                Conv2d::new(builder, 1, 1, size, Window { stride, padding: 0 })
            })
            .unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn threads_change_nothing() {
        let window = Window { stride: 1, padding: 1 };
        let (store, layer) = build(DType::F32, |builder| Conv2d::new(builder, 8, 16, 3, window));
        check_threads(&store, &layer, &normal(1, &[3, 8, 20, 20]));
    }
}
