//! Pointwise functions.

use candle_core::{Result, Tensor};

use crate::activation::Activation;
use crate::twins;

/// λ and α of SELU's fixed point with mean 0 and variance 1.
const SELU: (f64, f64) = (1.050_700_987_355_480_5, 1.673_263_242_354_377_2);

/// `σ(z)`, differentiable.
pub(crate) fn value(activation: Activation, z: &Tensor) -> Result<Tensor> {
    match activation {
        Activation::Identity => Ok(z.clone()),
        _ if twins::here(z) => twins::value(activation, z),
        Activation::Silu => z.silu(),
        Activation::Selu => z.elu(SELU.1)? * SELU.0,
        // The gradients of candle's own have constants in single precision.
        Activation::Gelu => z * normal_cdf(z)?,
        Activation::GeluTanh => {
            let inner = ((z.sqr()? * 0.044_715)? + 1.0)? * root_of_two_over_pi();
            z * (((z * inner?)?.tanh()? + 1.0)? * 0.5)?
        }
        Activation::Tanh => z.tanh(),
        Activation::Sigmoid => sigmoid(z),
        // Of −|z|, so that the exponential stays finite.
        Activation::Softplus => z.relu()? + (z.abs()?.neg()?.exp()? + 1.0)?.log()?,
    }
}

/// `σ'(z)`, without a graph.
pub(crate) fn derivative(activation: Activation, z: &Tensor) -> Result<Tensor> {
    let z = &z.detach();
    match activation {
        Activation::Identity => z.ones_like(),
        _ if twins::here(z) => twins::slope(activation, z),
        Activation::Silu => {
            let s = sigmoid(z)?;
            let rest = (1.0 - &s)?;
            &s + ((z * &s)? * rest)?
        }
        Activation::Selu => {
            let positive = z.gt(0.0)?.to_dtype(z.dtype())?;
            let below = ((z.minimum(0.0)?.exp()? * SELU.1)? * (1.0 - &positive)?)?;
            (positive + below)? * SELU.0
        }
        Activation::Gelu => {
            let pdf = ((z.sqr()? * -0.5)?.exp()? / std::f64::consts::TAU.sqrt())?;
            normal_cdf(z)? + (z * pdf)?
        }
        Activation::GeluTanh => {
            let root = root_of_two_over_pi();
            let z2 = z.sqr()?;
            let t = ((z * root)? * ((&z2 * 0.044_715)? + 1.0)?)?.tanh()?;
            let inner = ((&z2 * (3.0 * 0.044_715))? + 1.0)? * root;
            let cdf = ((&t + 1.0)? * 0.5)?;
            cdf + (((z * 0.5)? * (1.0 - t.sqr()?)?)? * inner?)?
        }
        Activation::Tanh => 1.0 - z.tanh()?.sqr()?,
        Activation::Sigmoid => {
            let s = sigmoid(z)?;
            &s * (1.0 - &s)?
        }
        Activation::Softplus => sigmoid(z),
    }
}

/// `Φ(z) = (1 + erf(z/√2)) / 2`.
fn normal_cdf(z: &Tensor) -> Result<Tensor> {
    ((z / std::f64::consts::SQRT_2)?.erf()? + 1.0)? * 0.5
}

fn root_of_two_over_pi() -> f64 {
    (2.0 / std::f64::consts::PI).sqrt()
}

/// `1 / (1 + e^−z)` by the hyperbolic tangent, which never overflows.
pub(super) fn sigmoid(z: &Tensor) -> Result<Tensor> {
    ((z * 0.5)?.tanh()? + 1.0)? * 0.5
}
