//! What is known about the clean end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{Tensor, Var};
use langevin_kernels::backward;

use crate::{Estimate, Result, State, Times};

/// What is known about the clean state `x_0` when shown `x_t`; the condition is already bound.
///
/// Implementations are pure and treat the samples of a batch independently. Both are checked by
/// `testing::contract::denoiser`, which every implementation runs in its own tests. They are made of
/// differentiable tensor operations, so that guidance and likelihood can ask for [`vjp`].
pub trait Denoiser: Send + Sync {
    /// `E[x_0 | x_t]` on flat factors, the mean displacement on curved ones, log-probabilities on
    /// categories; one `t` per sample.
    ///
    /// # Errors
    /// [`crate::Error::NonFinite`] with the sample's index if the network returns NaN or ±∞.
    fn denoise(&self, x_t: &State, t: &Times) -> Result<Estimate>;

    /// The same for samples `rows` of the batch that conditions are bound to; `x_t` holds these alone.
    ///
    /// Solvers that let finished samples leave the batch ask this way. Whoever is bound to something per
    /// sample must answer it; the default is for those who are not.
    ///
    /// # Errors
    /// As [`Denoiser::denoise`].
    fn denoise_rows(&self, x_t: &State, t: &Times, rows: &[usize]) -> Result<Estimate> {
        let _ = rows;
        self.denoise(x_t, t)
    }

    /// The same denoiser, told what was estimated on the step before; nothing if it does not look at that.
    ///
    /// The loop of samplers asks. A denoiser around another one passes it on.
    fn recalling<'a>(&'a self, previous: &Estimate) -> Option<Box<dyn Denoiser + 'a>> {
        let _ = previous;
        None
    }
}

/// Whoever points to a denoiser is one.
macro_rules! pointers {
    ($($pointer:ty),*) => {$(
        impl<D: Denoiser + ?Sized> Denoiser for $pointer {
            fn denoise(&self, x_t: &State, t: &Times) -> Result<Estimate> {
                (**self).denoise(x_t, t)
            }

            fn denoise_rows(&self, x_t: &State, t: &Times, rows: &[usize]) -> Result<Estimate> {
                (**self).denoise_rows(x_t, t, rows)
            }

            fn recalling<'a>(&'a self, previous: &Estimate) -> Option<Box<dyn Denoiser + 'a>> {
                (**self).recalling(previous)
            }
        }
    )*};
}

pointers!(&D, Box<D>, Arc<D>);

/// A shared count of the samples that denoisers were asked about.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<AtomicU64>);

impl Tally {
    /// Samples denoised so far.
    pub fn evaluations(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A denoiser that adds the samples it is asked about to a tally.
pub struct Counted<D> {
    inner: D,
    tally: Tally,
}

impl<D: Denoiser> Counted<D> {
    /// `inner`, counted in `tally`.
    pub fn new(inner: D, tally: &Tally) -> Self {
        Self { inner, tally: tally.clone() }
    }
}

impl<D: Denoiser> Denoiser for Counted<D> {
    fn denoise(&self, x_t: &State, t: &Times) -> Result<Estimate> {
        self.tally.0.fetch_add(t.len() as u64, Ordering::Relaxed);
        self.inner.denoise(x_t, t)
    }

    fn denoise_rows(&self, x_t: &State, t: &Times, rows: &[usize]) -> Result<Estimate> {
        self.tally.0.fetch_add(t.len() as u64, Ordering::Relaxed);
        self.inner.denoise_rows(x_t, t, rows)
    }

    fn recalling<'a>(&'a self, previous: &Estimate) -> Option<Box<dyn Denoiser + 'a>> {
        let inner = self.inner.recalling(previous)?;
        Some(Box::new(Counted { inner, tally: self.tally.clone() }))
    }
}

/// `f(x)` and the product of each cotangent with its Jacobian, `c ↦ cᵀ ∂f/∂x`.
///
/// Parts that are not floating (classes) have no cotangent and give zeros.
///
/// # Errors
/// Those of `f`.
pub fn vjp(
    x: &State,
    cotangents: &[State],
    f: impl Fn(&State) -> Result<State>,
) -> Result<(State, Vec<State>)> {
    let vars: Vec<Option<Var>> = x
        .parts()
        .iter()
        .map(|part| part.dtype().is_float().then(|| Var::from_tensor(&part.detach())).transpose())
        .collect::<candle_core::Result<_>>()?;
    let pick = |(part, var): (&Tensor, &Option<Var>)| {
        var.as_ref().map_or_else(|| part.clone(), |var| var.as_tensor().clone())
    };
    let value = f(&State::new(x.parts().iter().zip(&vars).map(pick).collect()))?;
    let mut pullbacks = Vec::with_capacity(cotangents.len());
    for cotangent in cotangents {
        let mut total: Option<Tensor> = None;
        for (part, c) in value.parts().iter().zip(cotangent.parts()) {
            if part.dtype().is_float() {
                let inner = (part * c)?.sum_all()?;
                total = Some(total.map_or(Ok(inner.clone()), |sum| sum + &inner)?);
            }
        }
        let gradients = total.map(|total| backward(&total)).transpose()?;
        let pullback = |(part, var): (&Tensor, &Option<Var>)| -> Result<Tensor> {
            let gradient = var.as_ref().and_then(|var| gradients.as_ref()?.get(var.as_tensor()));
            Ok(gradient.map_or_else(|| part.zeros_like(), |g| Ok(g.clone()))?)
        };
        pullbacks.push(State::new(
            x.parts().iter().zip(&vars).map(pullback).collect::<Result<Vec<_>>>()?,
        ));
    }
    Ok((value.detach(), pullbacks))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn vjp_of_a_square_is_twice_the_cotangent_times_x() {
        let x = State::single(Tensor::new(&[[1.0, -2.0]], &Device::Cpu).unwrap());
        let c = State::single(Tensor::new(&[[3.0, 0.5]], &Device::Cpu).unwrap());
        let square = |x: &State| x.map(|part| Ok(part.sqr()?));
        let (value, pullbacks) = vjp(&x, &[c], square).unwrap();
        assert_eq!(value.part(0).to_vec2::<f64>().unwrap(), [[1.0, 4.0]]);
        assert_eq!(pullbacks[0].part(0).to_vec2::<f64>().unwrap(), [[6.0, -2.0]]);
    }
}
