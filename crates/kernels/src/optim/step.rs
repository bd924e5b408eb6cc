//! One step's arithmetic on slices.

use super::adamw::StepInfo;
use crate::activation::{each_vector, load, store};
use crate::isa::{Kernel, dispatch};
use crate::real::Real;
use crate::simd::Simd;

/// Step size and decay of one AdamW step; Loshchilov & Hutter (2019), Algorithm 2.
///
/// The weight decay is decoupled and multiplied by the learning rate, as in PyTorch:
/// `θ ← θ (1 − lr · weight_decay)` before the adaptive step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWParams {
    /// Learning rate of this step.
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
}

impl Default for AdamWParams {
    fn default() -> Self {
        Self { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 }
    }
}

/// The step's numbers, the same for every element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scalars {
    pub(crate) clip: f64,
    pub(crate) beta1: f64,
    pub(crate) beta2: f64,
    /// `1 − lr · weight_decay`
    pub(crate) shrink: f64,
    /// `lr / (1 − β1^t)`
    pub(crate) rate: f64,
    /// `1 / √(1 − β2^t)`
    pub(crate) root: f64,
    pub(crate) eps: f64,
}

impl Scalars {
    pub(super) fn at_step(p: AdamWParams, clip: f64, step: u64) -> Self {
        let t = step as f64;
        Self {
            clip,
            beta1: p.beta1,
            beta2: p.beta2,
            shrink: 1.0 - p.lr * p.weight_decay,
            rate: p.lr / (1.0 - p.beta1.powf(t)),
            root: 1.0 / (1.0 - p.beta2.powf(t)).sqrt(),
            eps: p.eps,
        }
    }
}

/// What a step is told.
pub(super) struct Told {
    pub(super) params: AdamWParams,
    /// Length that the gradient is clipped to.
    pub(super) max_norm: Option<f64>,
    /// Which step it is, counted from 1.
    pub(super) step: u64,
}

impl Told {
    /// As torch.nn.utils.clip_grad_norm_: 1e-6 guards the division.
    pub(super) fn info(&self, grad_norm: f64) -> StepInfo {
        let clip = self.max_norm.map_or(1.0, |max| (max / (grad_norm + 1e-6)).min(1.0));
        StepInfo { grad_norm, clip }
    }

    pub(super) fn scalars(&self, info: StepInfo) -> Scalars {
        Scalars::at_step(self.params, info.clip, self.step)
    }
}

/// One AdamW step on slices; `step` counts from 1 and includes this one.
///
/// `g` is multiplied by `clip` first.
///
/// # Panics
/// If the lengths differ.
pub fn adamw_slice<T: Real>(
    theta: &mut [T],
    g: &[T],
    (m, v): (&mut [T], &mut [T]),
    params: AdamWParams,
    clip: f64,
    step: u64,
) {
    assert!(theta.len() == g.len() && g.len() == m.len() && m.len() == v.len(), "lengths differ");
    dispatch(Step { theta, g, m, v, scalars: Scalars::at_step(params, clip, step) });
}

pub(super) struct Step<'a, T> {
    pub(super) theta: &'a mut [T],
    pub(super) g: &'a [T],
    pub(super) m: &'a mut [T],
    pub(super) v: &'a mut [T],
    pub(super) scalars: Scalars,
}

impl<T: Real> Kernel<T> for Step<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let of = |x: f64| V::splat(T::of(x));
        let s = self.scalars;
        let (clip, shrink, rate, root, eps) =
            (of(s.clip), of(s.shrink), of(s.rate), of(s.root), of(s.eps));
        let (rest1, beta2, rest2) = (of(1.0 - s.beta1), of(s.beta2), of(1.0 - s.beta2));
        let (theta, g) = (self.theta.as_mut_ptr(), self.g.as_ptr());
        let (m, v) = (self.m.as_mut_ptr(), self.v.as_mut_ptr());
        // SAFETY: all four slices are as long as theta; i + n stays inside.
        each_vector!(V, self.theta.len(), |i, n| unsafe {
            let g = load::<V>(g.add(i), n).mul(clip);
            let before = load::<V>(m.add(i), n);
            let m_new = g.sub(before).fma(rest1, before);
            let v_new = g.mul(g).fma(rest2, load::<V>(v.add(i), n).mul(beta2));
            store(m_new, m.add(i), n);
            store(v_new, v.add(i), n);
            let step = rate.mul(m_new).div(v_new.sqrt().fma(root, eps));
            store(load::<V>(theta.add(i), n).mul(shrink).sub(step), theta.add(i), n);
        });
    }
}

/// `ema ← ema + (1 − decay) (θ − ema)`.
pub(super) struct Average<'a, T> {
    pub(super) theta: &'a [T],
    pub(super) ema: &'a mut [T],
    pub(super) decay: f64,
}

impl<T: Real> Kernel<T> for Average<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let weight = V::splat(T::of(1.0 - self.decay));
        let (theta, ema) = (self.theta.as_ptr(), self.ema.as_mut_ptr());
        // SAFETY: both slices are that long.
        each_vector!(V, self.theta.len().min(self.ema.len()), |i, n| unsafe {
            let before = load::<V>(ema.add(i), n);
            store(load::<V>(theta.add(i), n).sub(before).fma(weight, before), ema.add(i), n);
        });
    }
}
