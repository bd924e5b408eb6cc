//! Multi-head self-attention.

use candle_core::{Result, Tensor};
use langevin_core::config::require;
use langevin_kernels::{Activation, attention, attention_dual};

use crate::{Builder, Init, Layer, Linear};

/// `y = concat_h(softmax(q_h k_hᵀ / √d) v_h) W_oᵀ + b_o` with `q`, `k`, `v` affine in `x`, each
/// head with `d = width / heads` of their columns.
///
/// All tokens of a sample see one another, and their order is not seen: permuting the tokens
/// permutes the output. Samples of different lengths go in different batches.
///
/// # Shapes and units
/// `[B, L, width]` to the same; parameters `query`, `key`, `value`, `out`, each a [`Linear`] of
/// `[width, width]`. The key has no bias: it would add the same number to all scores of a query,
/// which the softmax removes.
///
/// # Source
/// Vaswani et al. (2017), arXiv:1706.03762, Sec. 3.2.2.
#[derive(Debug, Clone)]
pub struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    heads: usize,
    scale: f64,
}

impl Attention {
    /// `heads` heads that share `width` columns.
    ///
    /// # Errors
    /// [`crate::NnError::Setting`] unless `heads` divides `width`; those of [`Builder::parameter`].
    pub fn new(builder: &Builder, width: usize, heads: usize) -> crate::Result<Self> {
        let divides = |heads: usize| heads > 0 && width.is_multiple_of(heads);
        require("heads", heads, divides, &format!("a divisor of the width {width}"))?;
        let affine = |name| Linear::new(&builder.part(name), width, width, Activation::Identity);
        Ok(Self {
            query: affine("query")?,
            key: Linear::with_init(
                &builder.part("key"),
                width,
                width,
                Activation::Identity,
                Init::FanIn(width),
                None,
            )?,
            value: affine("value")?,
            out: affine("out")?,
            heads,
            scale: 1.0 / ((width / heads) as f64).sqrt(),
        })
    }

    /// `[B, L, width]` to `[B, heads, L, d]`.
    fn split(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, tokens, width) = x.dims3()?;
        x.reshape((batch, tokens, self.heads, width / self.heads))?.transpose(1, 2)
    }

    /// The inverse of [`Self::split`].
    fn join(x: &Tensor) -> Result<Tensor> {
        x.transpose(1, 2)?.flatten_from(2)
    }
}

impl Layer for Attention {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let part = |layer: &Linear| self.split(&layer.forward(x)?);
        let (q, k, v) = (part(&self.query)?, part(&self.key)?, part(&self.value)?);
        self.out.forward(&Self::join(&attention(&q, &k, &v, self.scale)?)?)
    }

    fn forward_dual(&self, x: &Tensor, dx: &Tensor) -> Result<(Tensor, Tensor)> {
        let part = |layer: &Linear| -> Result<(Tensor, Tensor)> {
            let (y, dy) = layer.forward_dual(x, dx)?;
            Ok((self.split(&y)?, self.split(&dy)?))
        };
        let ((q, dq), (k, dk), (v, dv)) =
            (part(&self.query)?, part(&self.key)?, part(&self.value)?);
        let (y, dy) = attention_dual((&q, &dq), (&k, &dk), (&v, &dv), self.scale)?;
        self.out.forward_dual(&Self::join(&y)?, &Self::join(&dy)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, build, check_layer, check_threads, normal};
    use crate::{NnError, ParamStore};
    use candle_core::{D, DType};
    use langevin_core::Seed;

    /// Head by head, by candle's own operations.
    fn composed(x: &Tensor, store: &ParamStore, heads: usize) -> Result<Tensor> {
        let affine = |x: &Tensor, name: &str| {
            let weight = store.get(&format!("{name}.weight")).expect("a weight");
            let y = x.broadcast_matmul(&weight.t()?)?;
            match store.get(&format!("{name}.bias")) {
                Some(bias) => y.broadcast_add(bias),
                None => Ok(y),
            }
        };
        let (q, k, v) = (affine(x, "query")?, affine(x, "key")?, affine(x, "value")?);
        let d = x.dim(2)? / heads;
        let mut parts = Vec::new();
        for head in 0..heads {
            let cut = |t: &Tensor| t.narrow(2, head * d, d)?.contiguous();
            let scores = (cut(&q)?.matmul(&cut(&k)?.t()?)? / (d as f64).sqrt())?.exp()?;
            let shares = scores.broadcast_div(&scores.sum_keepdim(D::Minus1)?)?;
            parts.push(shares.matmul(&cut(&v)?)?);
        }
        affine(&Tensor::cat(&parts, 2)?, "out")
    }

    #[test]
    fn value_is_candles_and_the_contract_holds() {
        for heads in [1, 2, 3] {
            let (store, layer) = build(DType::F64, |builder| Attention::new(builder, 6, heads));
            let x = normal(1, &[2, 4, 6]);
            let y = layer.forward(&x).unwrap();
            assert_close("attention", &y, &composed(&x, &store, heads).unwrap(), 1e-13);
            check_layer(&store, &layer, &x);
        }
    }

    #[test]
    fn permuting_the_tokens_permutes_the_output() {
        let (_, layer) = build(DType::F64, |builder| Attention::new(builder, 8, 2));
        let (x, order) =
            (normal(1, &[2, 4, 8]), Tensor::new(&[2u32, 0, 3, 1], &candle_core::Device::Cpu));
        let order = order.unwrap();
        let y = layer.forward(&x).unwrap().index_select(&order, 1).unwrap();
        let permuted = layer.forward(&x.index_select(&order, 1).unwrap()).unwrap();
        // The softmax sums in another order: a few roundings of numbers of order one.
        assert_close("permuted", &permuted, &y, 1e-14);
    }

    #[test]
    fn heads_must_share_the_width() {
        for heads in [0, 3] {
            let error = ParamStore::create(DType::F64, Seed(1), |builder| {
                Attention::new(builder, 8, heads)
            })
            .unwrap_err();
            assert!(matches!(error, NnError::Setting(_)));
            let expected = format!("heads: found {heads}, allowed: a divisor of the width 8");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn threads_change_nothing() {
        let (store, layer) = build(DType::F32, |builder| Attention::new(builder, 64, 4));
        check_threads(&store, &layer, &normal(1, &[3, 50, 64]));
    }
}
