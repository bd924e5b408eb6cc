//! The optimiser: its state and one step over all parameters.

use super::BLOCK;
use super::flat::Flat;
use super::norm::global_norm;
use super::step::{AdamWParams, Average, Scalars, Step};
use crate::isa::dispatch;
use crate::parallel::{Shared, for_blocks};
use crate::real::Real;
use crate::tensor::{View, slice_of};
use crate::twins;
use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, DType, Device, InplaceOp1, Layout, Result, Tensor, Var, bail};
use std::borrow::Cow;
use std::sync::Mutex;

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
/// It steps where the parameters lie. Values that they are given from outside count from the next [`AdamW::restore`] on. Its memory, read by [`AdamW::states`] and put back by [`AdamW::restore`] with
/// [`AdamW::step`], goes on on any device, on the same one with the same bits.
#[derive(Debug, Clone)]
pub struct AdamW {
    /// Steps taken.
    pub step: u64,
    vars: Vec<Var>,
    memory: Memory,
    averages: usize,
}

/// Moments and averages.
#[derive(Debug, Clone)]
enum Memory {
    /// Per parameter, in the order given to [`AdamW::new`].
    Cpu(Vec<Moments>),
    Gpu(Flat),
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
    /// If a parameter is not f32 or f64.
    pub fn new(vars: Vec<Var>, averages: usize) -> Result<Self> {
        fn fresh<T: Real>(var: &Var, averages: usize) -> Result<ParamState<T>> {
            let view = View::of(var)?;
            let values = view.slice::<T>()?;
            let zeros = vec![T::ZERO; values.len()];
            Ok(ParamState { m: zeros.clone(), v: zeros, ema: vec![values.to_vec(); averages] })
        }
        let of = |var: &Var| match var.dtype() {
            DType::F32 => fresh(var, averages).map(Moments::F32),
            DType::F64 => fresh(var, averages).map(Moments::F64),
            other => bail!("AdamW takes f32 or f64 parameters, got {other:?}"),
        };
        let memory = if vars.first().is_some_and(|var| twins::here(var)) {
            Memory::Gpu(Flat::new(&vars, averages)?)
        } else {
            Memory::Cpu(vars.iter().map(of).collect::<Result<_>>()?)
        };
        Ok(Self { step: 0, vars, memory, averages })
    }

    /// The parameters, in order.
    pub fn vars(&self) -> &[Var] {
        &self.vars
    }

    /// Their values on the CPU, in order; the parameters themselves if they lie there.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn weights(&self) -> Result<Vec<Tensor>> {
        match &self.memory {
            Memory::Cpu(_) => Ok(self.vars.iter().map(|var| var.as_tensor().clone()).collect()),
            Memory::Gpu(flat) => self.in_shape(flat.values()?),
        }
    }

    /// Average `index` of the parameters on the CPU, in order.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn average(&self, index: usize) -> Result<Vec<Tensor>> {
        let of = |moments: &Moments| match moments {
            Moments::F32(state) => Tensor::new(&state.ema[index][..], &Device::Cpu),
            Moments::F64(state) => Tensor::new(&state.ema[index][..], &Device::Cpu),
        };
        self.in_shape(match &self.memory {
            Memory::Cpu(states) => states.iter().map(of).collect::<Result<_>>()?,
            Memory::Gpu(flat) => flat.average(index)?,
        })
    }

    fn in_shape(&self, flat: Vec<Tensor>) -> Result<Vec<Tensor>> {
        flat.iter().zip(&self.vars).map(|(values, var)| values.reshape(var.shape())).collect()
    }

    /// What is remembered of each parameter, in order.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn states(&self) -> Result<Cow<'_, [Moments]>> {
        match &self.memory {
            Memory::Cpu(states) => Ok(states.into()),
            Memory::Gpu(flat) => flat.moments().map(Cow::Owned),
        }
    }

    /// Puts back `step` and what is remembered of each parameter, and takes over values that parameters were given from
    /// outside.
    ///
    /// # Errors
    /// If it does not fit the parameters.
    pub fn restore(&mut self, step: u64, states: Vec<Moments>) -> Result<()> {
        fn fits<T>(state: &ParamState<T>, length: usize, averages: usize) -> bool {
            let mut lists = [&state.m, &state.v].into_iter().chain(&state.ema);
            state.ema.len() == averages && lists.all(|list| list.len() == length)
        }
        let fits = |(state, var): (&Moments, &Var)| match (state, var.dtype()) {
            (Moments::F32(state), DType::F32) => fits(state, var.elem_count(), self.averages),
            (Moments::F64(state), DType::F64) => fits(state, var.elem_count(), self.averages),
            _ => false,
        };
        if states.len() != self.vars.len() || !states.iter().zip(&self.vars).all(fits) {
            bail!("optimiser state does not fit {} parameters", self.vars.len());
        }
        match &mut self.memory {
            Memory::Cpu(own) => *own = states,
            Memory::Gpu(flat) => {
                flat.reload(&self.vars)?;
                flat.restore(&states)?;
            }
        }
        self.step = step;
        Ok(())
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
        for (var, grad) in self.vars.iter().zip(grads) {
            if let Some(grad) = grad
                && (grad.dims() != var.dims() || grad.dtype() != var.dtype())
            {
                bail!("gradient {:?} for a parameter {:?}", grad.shape(), var.shape());
            }
        }
        let clipped = Clipped { params, max_norm, step: self.step + 1 };
        let info = match &mut self.memory {
            Memory::Cpu(states) => clipped.on_cpu(&self.vars, states, grads, decays)?,
            Memory::Gpu(flat) => {
                let gradient = flat.gradient(grads)?;
                let single = twins::square_sum(&gradient)?.sqrt();
                // Squares in single precision end where the CPU's, in double, do not.
                let norm = if single.is_finite() { single } else { global_norm(grads)? };
                let info = clipped.info(norm);
                if info.grad_norm.is_finite() {
                    flat.step(&self.vars, &gradient, clipped.scalars(info), decays)?;
                }
                info
            }
        };
        self.step += u64::from(info.grad_norm.is_finite());
        Ok(info)
    }
}

/// What a step is told.
struct Clipped {
    params: AdamWParams,
    max_norm: Option<f64>,
    /// Which one it is, counted from 1.
    step: u64,
}

impl Clipped {
    /// As torch.nn.utils.clip_grad_norm_: 1e-6 guards the division.
    fn info(&self, grad_norm: f64) -> StepInfo {
        let clip = self.max_norm.map_or(1.0, |max| (max / (grad_norm + 1e-6)).min(1.0));
        StepInfo { grad_norm, clip }
    }

    fn scalars(&self, info: StepInfo) -> Scalars {
        Scalars::at_step(self.params, info.clip, self.step)
    }

    fn on_cpu(
        &self,
        vars: &[Var],
        states: &mut [Moments],
        grads: &[Option<Tensor>],
        decays: &[f64],
    ) -> Result<StepInfo> {
        let whole = |grad: &Option<Tensor>| grad.as_ref().map(Tensor::contiguous).transpose();
        let grads: Vec<Option<Tensor>> = grads.iter().map(whole).collect::<Result<_>>()?;
        let info = self.info(global_norm(&grads)?);
        if !info.grad_norm.is_finite() {
            return Ok(info);
        }
        let scalars = self.scalars(info);
        for ((var, state), grad) in vars.iter().zip(states).zip(&grads) {
            match state {
                Moments::F32(state) => update(var, grad.as_ref(), state, scalars, decays)?,
                Moments::F64(state) => update(var, grad.as_ref(), state, scalars, decays)?,
            }
        }
        Ok(info)
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
        let (theta, m, v) =
            (Shared::new(theta), Shared::new(&mut state.m), Shared::new(&mut state.v));
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
