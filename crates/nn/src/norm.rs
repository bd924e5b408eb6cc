//! Normalisation of each row, with learned scale and shift.

use candle_core::Tensor;
use langevin_kernels::{layer_norm, layer_norm_dual, rms_norm, rms_norm_dual};

use crate::{Builder, Init, Layer, Result};

/// `y = w (x − mean x) / √(var x + eps) + b` over the last axis.
///
/// # Shapes and units
/// `[.., width]` to the same; parameters `weight` (starts at 1), `bias` (starts at 0): `[width]`.
///
/// # Source
/// Ba, Kiros & Hinton (2016), arXiv:1607.06450, Eq. 4.
#[derive(Debug, Clone)]
pub struct LayerNorm {
    weight: Option<Tensor>,
    bias: Option<Tensor>,
    eps: f64,
}

impl LayerNorm {
    /// With learned scale and shift. `eps` is added to the variance: 1e-5 is usual.
    ///
    /// # Errors
    /// Those of [`Builder::parameter`].
    pub fn new(builder: &Builder, width: usize, eps: f64) -> Result<Self> {
        let bias = Some(builder.parameter("bias", &[width], Init::Zeros)?);
        Ok(Self { bias, ..Self::unshifted(builder, width, eps)? })
    }

    /// With a learned scale only.
    ///
    /// # Errors
    /// Those of [`Builder::parameter`].
    pub fn unshifted(builder: &Builder, width: usize, eps: f64) -> Result<Self> {
        let weight = Some(builder.parameter("weight", &[width], Init::Ones)?);
        Ok(Self { weight, ..Self::plain(eps) })
    }

    /// Without parameters: for layers whose scale and shift come from the time or a condition.
    pub fn plain(eps: f64) -> Self {
        Self { weight: None, bias: None, eps }
    }
}

impl Layer for LayerNorm {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        layer_norm(x, self.weight.as_ref(), self.bias.as_ref(), self.eps)
    }

    fn forward_dual(&self, x: &Tensor, dx: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
        layer_norm_dual(x, dx, self.weight.as_ref(), self.bias.as_ref(), self.eps)
    }
}

/// `y = w x / √(mean x² + eps)` over the last axis: no mean is taken off, so a vector keeps its
/// direction.
///
/// # Shapes and units
/// `[.., width]` to the same; parameter `weight` (starts at 1): `[width]`.
///
/// # Source
/// Zhang & Sennrich (2019), arXiv:1910.07467, Eq. 4.
#[derive(Debug, Clone)]
pub struct RmsNorm {
    weight: Option<Tensor>,
    eps: f64,
}

impl RmsNorm {
    /// With a learned scale. `eps` is added to the mean square: 1e-6 is usual.
    ///
    /// # Errors
    /// Those of [`Builder::parameter`].
    pub fn new(builder: &Builder, width: usize, eps: f64) -> Result<Self> {
        let weight = Some(builder.parameter("weight", &[width], Init::Ones)?);
        Ok(Self { weight, eps })
    }

    /// Without a parameter, as [`LayerNorm::plain`].
    pub fn plain(eps: f64) -> Self {
        Self { weight: None, eps }
    }
}

impl Layer for RmsNorm {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        rms_norm(x, self.weight.as_ref(), self.eps)
    }

    fn forward_dual(&self, x: &Tensor, dx: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
        rms_norm_dual(x, dx, self.weight.as_ref(), self.eps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ParamStore;
    use crate::testing::{assert_close, build, check_layer, check_threads, normal};
    use candle_core::{D, DType};
    use langevin_core::Seed;

    const WIDTH: usize = 6;
    // Large beside the rows' variance of about 1: a norm that forgot it would be far off.
    const EPS: f64 = 0.1;

    /// The norm by candle's own operations, with the parameters that `store` has.
    fn composed(x: &Tensor, store: &ParamStore, centred: bool) -> Tensor {
        let mean = x.mean_keepdim(D::Minus1).unwrap();
        let x = if centred { x.broadcast_sub(&mean).unwrap() } else { x.clone() };
        let square = x.sqr().unwrap().mean_keepdim(D::Minus1).unwrap();
        let mut y = x.broadcast_div(&(square + EPS).unwrap().sqrt().unwrap()).unwrap();
        if let Some(weight) = store.get("weight") {
            y = y.broadcast_mul(weight).unwrap();
        }
        if let Some(bias) = store.get("bias") {
            y = y.broadcast_add(bias).unwrap();
        }
        y
    }

    fn check(centred: bool, parameters: usize, (store, layer): (ParamStore, impl Layer)) {
        assert_eq!(store.count(), parameters * WIDTH);
        let x = (normal(1, &[3, 2, WIDTH]) + 1.5).unwrap();
        let y = layer.forward(&x).unwrap();
        assert_close("norm", &y, &composed(&x, &store, centred), 1e-13);
        check_layer(&store, &layer, &x);
    }

    #[test]
    fn values_are_candles_and_the_contract_holds() {
        let f64 = DType::F64;
        check(true, 2, build(f64, |builder| LayerNorm::new(builder, WIDTH, EPS)));
        check(true, 1, build(f64, |builder| LayerNorm::unshifted(builder, WIDTH, EPS)));
        check(true, 0, build(f64, |_| Ok(LayerNorm::plain(EPS))));
        check(false, 1, build(f64, |builder| RmsNorm::new(builder, WIDTH, EPS)));
        check(false, 0, build(f64, |_| Ok(RmsNorm::plain(EPS))));
    }

    /// A fresh layer normalises and does nothing else.
    #[test]
    fn a_fresh_layer_has_scale_one_and_no_shift() {
        let x = normal(1, &[3, WIDTH]);
        let fresh = |build: &dyn Fn(&Builder) -> Result<Box<dyn Layer>>| {
            ParamStore::create(DType::F64, Seed(1), build).unwrap().1.forward(&x).unwrap()
        };
        let layer = fresh(&|builder| Ok(Box::new(LayerNorm::new(builder, WIDTH, EPS)?)));
        assert_close("layer", &layer, &LayerNorm::plain(EPS).forward(&x).unwrap(), 0.0);
        let rms = fresh(&|builder| Ok(Box::new(RmsNorm::new(builder, WIDTH, EPS)?)));
        assert_close("rms", &rms, &RmsNorm::plain(EPS).forward(&x).unwrap(), 0.0);
    }

    #[test]
    fn threads_change_nothing() {
        let x = normal(1, &[1000, 65]);
        let (store, layer) = build(DType::F32, |builder| LayerNorm::new(builder, 65, 1e-5));
        check_threads(&store, &layer, &x);
        let (store, layer) = build(DType::F32, |builder| RmsNorm::new(builder, 65, 1e-6));
        check_threads(&store, &layer, &x);
    }
}
