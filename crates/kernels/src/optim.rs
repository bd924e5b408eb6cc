//! AdamW, exponential moving averages and the gradient norm, in one pass over the parameters.

use crate::activation::{each_vector, load, store};
use crate::isa::{Kernel, dispatch};
use crate::parallel::{Shared, for_blocks, map_blocks};
use crate::real::Real;
use crate::simd::Simd;
use crate::tensor::{View, by_dtype, slice_of};
use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, DType, InplaceOp1, Layout, Result, Tensor, Var, bail};
use std::sync::Mutex;

/// Elements per task and per partial sum of the gradient norm.
const BLOCK: usize = 16_384;

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

/// What the optimiser remembers of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Moments {
    /// Of an f32 parameter.
    F32(ParamState<f32>),
    /// Of an f64 parameter.
    F64(ParamState<f64>),
}

/// Moments and averages of one parameter, element by element.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParamState<T> {
    /// First moment `m`.
    pub m: Vec<T>,
    /// Second moment `v`.
    pub v: Vec<T>,
    /// One moving average of the parameter per decay.
    pub ema: Vec<Vec<T>>,
}

/// AdamW over a list of parameters, with gradient clipping and moving averages.
///
/// The whole state is in public fields: copy them out to save, put them back to go on with the
/// same bits.
#[derive(Debug, Clone)]
pub struct AdamW {
    /// Steps taken.
    pub step: u64,
    /// Per parameter, in the order given to [`AdamW::new`].
    pub states: Vec<Moments>,
    vars: Vec<Var>,
    averages: usize,
}

/// What a step found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepInfo {
    /// Euclidean norm of all gradients before clipping.
    pub grad_norm: f64,
    /// Factor that clipping applied; 1 if none.
    pub clip: f64,
}

impl AdamW {
    /// No moments yet; each average starts at the parameter's value.
    ///
    /// # Errors
    /// If a parameter is not f32 or f64 on the CPU.
    pub fn new(vars: Vec<Var>, averages: usize) -> Result<Self> {
        fn fresh<T: Real>(var: &Var, averages: usize) -> Result<ParamState<T>> {
            let view = View::of(var)?;
            let values = view.slice::<T>()?;
            let zeros = vec![T::ZERO; values.len()];
            Ok(ParamState { m: zeros.clone(), v: zeros, ema: vec![values.to_vec(); averages] })
        }
        let states = vars
            .iter()
            .map(|var| match var.dtype() {
                DType::F32 => fresh(var, averages).map(Moments::F32),
                DType::F64 => fresh(var, averages).map(Moments::F64),
                other => bail!("AdamW takes f32 or f64 parameters, got {other:?}"),
            })
            .collect::<Result<_>>()?;
        Ok(Self { step: 0, states, vars, averages })
    }

    /// The parameters, in order.
    pub fn vars(&self) -> &[Var] {
        &self.vars
    }

    /// One step: clip to `max_norm`, AdamW in place, then `ema ← decay · ema + (1 − decay) · θ`.
    ///
    /// `decays` holds one decay per average. A parameter without a gradient is left alone, but its
    /// averages still move. If the norm is not finite nothing is changed; the caller sees it in
    /// [`StepInfo::grad_norm`].
    ///
    /// # Errors
    /// If `decays` or the gradients do not fit.
    pub fn step(
        &mut self,
        grads: &GradStore,
        params: AdamWParams,
        max_norm: Option<f64>,
        decays: &[f64],
    ) -> Result<StepInfo> {
        let grads: Vec<Option<Tensor>> = self.vars.iter().map(|v| grads.get(v).cloned()).collect();
        self.step_with(&grads, params, max_norm, decays)
    }

    /// As [`AdamW::step`] with one gradient per parameter, in order.
    ///
    /// # Errors
    /// As [`AdamW::step`].
    pub fn step_with(
        &mut self,
        grads: &[Option<Tensor>],
        params: AdamWParams,
        max_norm: Option<f64>,
        decays: &[f64],
    ) -> Result<StepInfo> {
        if decays.len() != self.averages || grads.len() != self.vars.len() {
            bail!(
                "{} parameters with {} averages, got {} gradients and {} decays",
                self.vars.len(),
                self.averages,
                grads.len(),
                decays.len()
            );
        }
        let grads: Vec<Option<Tensor>> =
            grads.iter().map(|g| g.as_ref().map(Tensor::contiguous).transpose()).collect::<Result<_>>()?;
        let grad_norm = global_norm(&grads)?;
        // As torch.nn.utils.clip_grad_norm_: 1e-6 guards the division.
        let clip = max_norm.map_or(1.0, |max| (max / (grad_norm + 1e-6)).min(1.0));
        let info = StepInfo { grad_norm, clip };
        if !grad_norm.is_finite() {
            return Ok(info);
        }
        self.step += 1;
        let scalars = Scalars::at_step(params, clip, self.step);
        for ((var, state), grad) in self.vars.iter().zip(&mut self.states).zip(&grads) {
            if let Some(grad) = grad
                && (grad.dims() != var.dims() || grad.dtype() != var.dtype())
            {
                bail!("gradient {:?} for a parameter {:?}", grad.shape(), var.shape());
            }
            match state {
                Moments::F32(state) => update(var, grad.as_ref(), state, scalars, decays)?,
                Moments::F64(state) => update(var, grad.as_ref(), state, scalars, decays)?,
            }
        }
        Ok(info)
    }
}

/// Euclidean norm of a list of tensors: f64 sums over blocks of 16 384, added in order.
///
/// # Errors
/// If a tensor is not f32 or f64 on the CPU.
pub fn global_norm(tensors: &[Option<Tensor>]) -> Result<f64> {
    fn squares<T: Real>(tensor: &Tensor) -> Result<f64> {
        let view = View::of(tensor)?;
        let values = view.slice::<T>()?;
        let blocks = map_blocks(values.len(), BLOCK, values.len(), |_, r| dispatch(SquareSum(&values[r])));
        Ok(blocks.into_iter().sum())
    }
    let mut total = 0.0;
    for tensor in tensors.iter().flatten() {
        total += by_dtype!(tensor.dtype(), squares(tensor))?;
    }
    Ok(total.sqrt())
}

/// Sum of squares in double precision, eight chains side by side.
struct SquareSum<'a, T>(&'a [T]);

impl<T: Real> Kernel<T> for SquareSum<'_, T> {
    type Output = f64;
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) -> f64 {
        let mut sums = [0.0f64; 16];
        let chunks = self.0.chunks_exact(16);
        let rest = chunks.remainder();
        for chunk in chunks {
            for i in 0..16 {
                sums[i] += chunk[i].f64() * chunk[i].f64();
            }
        }
        for (sum, x) in sums.iter_mut().zip(rest) {
            *sum += x.f64() * x.f64();
        }
        sums.iter().sum()
    }
}

/// The step's numbers, the same for every element.
#[derive(Debug, Clone, Copy)]
struct Scalars {
    clip: f64,
    beta1: f64,
    beta2: f64,
    /// `1 − lr · weight_decay`
    shrink: f64,
    /// `lr / (1 − β1^t)`
    rate: f64,
    /// `1 / √(1 − β2^t)`
    root: f64,
    eps: f64,
}

impl Scalars {
    fn at_step(p: AdamWParams, clip: f64, step: u64) -> Self {
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

struct Step<'a, T> {
    theta: &'a mut [T],
    g: &'a [T],
    m: &'a mut [T],
    v: &'a mut [T],
    scalars: Scalars,
}

impl<T: Real> Kernel<T> for Step<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let of = |x: f64| V::splat(T::of(x));
        let s = self.scalars;
        let (clip, shrink, rate, root, eps) = (of(s.clip), of(s.shrink), of(s.rate), of(s.root), of(s.eps));
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
struct Average<'a, T> {
    theta: &'a [T],
    ema: &'a mut [T],
    decay: f64,
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

/// Writes a parameter's storage in place.
struct InPlace<'a, T> {
    grad: Option<&'a [T]>,
    /// In-place operations get `&self`; the state behind it changes.
    state: Mutex<&'a mut ParamState<T>>,
    scalars: Scalars,
    decays: &'a [f64],
}

fn update<T: Real>(
    var: &Var,
    grad: Option<&Tensor>,
    state: &mut ParamState<T>,
    scalars: Scalars,
    decays: &[f64],
) -> Result<()> {
    let len = var.elem_count();
    let fits = |v: &Vec<T>| v.len() == len;
    if !(fits(&state.m) && fits(&state.v) && state.ema.len() == decays.len() && state.ema.iter().all(fits)) {
        bail!("optimiser state does not fit a parameter of {len} elements");
    }
    let view = grad.map(View::of).transpose()?;
    let grad = view.as_ref().map(View::slice).transpose()?;
    var.inplace_op1(&InPlace { grad, state: Mutex::new(state), scalars, decays })
}

impl<T: Real> InplaceOp1 for InPlace<'_, T> {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let len = slice_of::<T>(storage, layout)?.len();
        let start = layout.start_offset();
        let theta = &mut T::slice_mut(storage)?[start..start + len];
        let mut state = self.state.lock().expect("no other thread steps this parameter");
        let state = &mut **state;
        let (theta, m, v) = (Shared::new(theta), Shared::new(&mut state.m), Shared::new(&mut state.v));
        let averages: Vec<_> = state.ema.iter_mut().map(|e| Shared::new(e)).collect();
        for_blocks(len, BLOCK, 8 * len, |_, r| {
            // SAFETY: blocks are disjoint, and each array is touched by its own block only.
            unsafe {
                let theta = theta.part(r.clone());
                if let Some(g) = self.grad {
                    let (m, v) = (m.part(r.clone()), v.part(r.clone()));
                    dispatch(Step { theta, g: &g[r.clone()], m, v, scalars: self.scalars });
                }
                for (ema, &decay) in averages.iter().zip(self.decays) {
                    dispatch(Average { theta, ema: ema.part(r.clone()), decay });
                }
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::on_each;
    use crate::testing::*;

    /// torch.optim.AdamW's update, written out in double precision.
    fn reference(theta: &mut f64, m: &mut f64, v: &mut f64, g: f64, p: AdamWParams, t: i32) {
        *theta *= 1.0 - p.lr * p.weight_decay;
        *m = p.beta1 * *m + (1.0 - p.beta1) * g;
        *v = p.beta2 * *v + (1.0 - p.beta2) * g * g;
        let m_hat = *m / (1.0 - p.beta1.powi(t));
        let v_hat = *v / (1.0 - p.beta2.powi(t));
        *theta -= p.lr * m_hat / (v_hat.sqrt() + p.eps);
    }

    #[test]
    fn steps_follow_the_algorithm() {
        let params = AdamWParams { lr: 0.01, weight_decay: 0.1, ..Default::default() };
        on_each(|_| {
            let mut theta: Vec<f64> = numbers(1, 37);
            let (mut m, mut v) = (vec![0.0; 37], vec![0.0; 37]);
            let (mut theta_r, mut m_r, mut v_r) = (theta.clone(), m.clone(), v.clone());
            for t in 1..=20 {
                let g: Vec<f64> = numbers(t, 37);
                adamw_slice(&mut theta, &g, (&mut m, &mut v), params, 1.0, t);
                for i in 0..37 {
                    reference(&mut theta_r[i], &mut m_r[i], &mut v_r[i], g[i], params, t as i32);
                }
            }
            for i in 0..37 {
                assert!((theta[i] - theta_r[i]).abs() < 1e-14, "{} ≠ {}", theta[i], theta_r[i]);
            }
        });
    }

    fn train(steps: u64, resume_at: Option<u64>) -> Vec<f64> {
        let vars: Vec<Var> = [&[70, 300][..], &[300]]
            .iter()
            .map(|shape| Var::from_tensor(&normal::<f32>(shape.len() as u64, shape)).unwrap())
            .collect();
        let mut adam = AdamW::new(vars, 2).unwrap();
        for step in 0..steps {
            if resume_at == Some(step) {
                let copies = adam.vars().iter().map(|v| Var::from_tensor(&v.copy().unwrap()).unwrap());
                let mut other = AdamW::new(copies.collect(), 2).unwrap();
                other.states = adam.states.clone();
                other.step = adam.step;
                adam = other;
            }
            let w = crate::silu(adam.vars()[0].as_tensor()).unwrap();
            let loss = w.broadcast_mul(adam.vars()[1].as_tensor()).unwrap().sqr().unwrap().sum_all().unwrap();
            let info = adam.step(&loss.backward().unwrap(), Default::default(), Some(1.0), &[0.9, 0.999]).unwrap();
            assert!(info.grad_norm > 1.0 && info.clip < 1.0);
        }
        let mut all: Vec<f64> = adam.vars().iter().flat_map(|v| flat(v)).collect();
        for state in &adam.states {
            let Moments::F32(state) = state else { panic!("f32 parameters") };
            all.extend(state.ema.iter().flatten().map(|&x| f64::from(x)));
        }
        all
    }

    #[test]
    fn resumed_state_and_threads_change_nothing() {
        let whole = train(5, None);
        assert_eq!(whole, train(5, Some(3)));
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(whole, pool.install(|| train(5, None)), "{threads} threads");
        }
    }

    #[test]
    fn averages_and_norm() {
        let var = Var::from_tensor(&normal::<f64>(1, &[3])).unwrap();
        let start = flat(&var);
        let mut adam = AdamW::new(vec![var], 1).unwrap();
        let g = Tensor::new(&[3.0f64, 0.0, 4.0], &candle_core::Device::Cpu).unwrap();
        let info = adam.step_with(&[Some(g)], Default::default(), Some(10.0), &[0.75]).unwrap();
        assert_eq!(info, StepInfo { grad_norm: 5.0, clip: 1.0 });
        let now = flat(&adam.vars()[0]);
        let Moments::F64(state) = &adam.states[0] else { panic!("f64 parameter") };
        for i in 0..3 {
            assert!((state.ema[0][i] - (0.75 * start[i] + 0.25 * now[i])).abs() < 1e-15);
        }
    }

    #[test]
    fn a_gradient_that_is_not_finite_changes_nothing() {
        let var = Var::from_tensor(&normal::<f32>(1, &[2])).unwrap();
        let before = flat(&var);
        let mut adam = AdamW::new(vec![var], 0).unwrap();
        let g = Tensor::new(&[f32::NAN, 1.0], &candle_core::Device::Cpu).unwrap();
        let info = adam.step_with(&[Some(g)], Default::default(), None, &[]).unwrap();
        assert!(info.grad_norm.is_nan() && adam.step == 0);
        assert_eq!(flat(&adam.vars()[0]), before);
    }
}
