//! The optimiser: its state and one step over all parameters.

use super::by_parameter::ByParameter;
use super::flat::Flat;
use super::step::{AdamWParams, Told};
use crate::twins;
use candle_core::backprop::GradStore;
use candle_core::{DType, Result, Tensor, Var, bail};
use std::borrow::Cow;

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
/// It steps where the parameters lie, on a GPU from values of its own: who sets parameters from outside restores after
/// it. Its memory, read by [`AdamW::states`] and put back by [`AdamW::restore`] with [`AdamW::step`], goes on on any device,
/// on the same one with the same bits.
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
    Cpu(ByParameter),
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
        let memory = if vars.first().is_some_and(|var| twins::here(var)) {
            Memory::Gpu(Flat::new(&vars, averages)?)
        } else {
            Memory::Cpu(ByParameter::new(&vars, averages)?)
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
        self.in_shape(match &self.memory {
            Memory::Cpu(own) => own.average(index)?,
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
            Memory::Cpu(own) => Ok(Cow::Borrowed(&own.0)),
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
            Memory::Cpu(own) => own.0 = states,
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
        let told = Told { params, max_norm, step: self.step + 1 };
        let info = match &mut self.memory {
            Memory::Cpu(own) => own.step(&self.vars, grads, &told, decays)?,
            Memory::Gpu(flat) => flat.step(&self.vars, grads, &told, decays)?,
        };
        self.step += u64::from(info.grad_norm.is_finite());
        Ok(info)
    }
}
