//! The optimiser: its state and one step over all parameters.

use super::BLOCK;
use super::norm::global_norm;
use super::step::{AdamWParams, Average, Scalars, Step};
use crate::isa::dispatch;
use crate::parallel::{Shared, for_blocks};
use crate::real::Real;
use crate::tensor::{View, slice_of};
use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, DType, Device, InplaceOp1, Layout, Result, Tensor, Var, bail};
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
/// It steps on the CPU wherever the parameters lie, so that a run goes on on any device.
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
    /// The parameters on the CPU, where they are stepped: themselves if they lie there.
    masters: Vec<Var>,
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
    /// If a parameter is not f32 or f64.
    pub fn new(vars: Vec<Var>, averages: usize) -> Result<Self> {
        fn fresh<T: Real>(var: &Var, averages: usize) -> Result<ParamState<T>> {
            let view = View::of(var)?;
            let values = view.slice::<T>()?;
            let zeros = vec![T::ZERO; values.len()];
            Ok(ParamState { m: zeros.clone(), v: zeros, ema: vec![values.to_vec(); averages] })
        }
        let masters = vars.iter().map(on_cpu).collect::<Result<Vec<_>>>()?;
        let states = masters
            .iter()
            .map(|var| match var.dtype() {
                DType::F32 => fresh(var, averages).map(Moments::F32),
                DType::F64 => fresh(var, averages).map(Moments::F64),
                other => bail!("AdamW takes f32 or f64 parameters, got {other:?}"),
            })
            .collect::<Result<_>>()?;
        Ok(Self { step: 0, states, vars, masters, averages })
    }

    /// The parameters, in order.
    pub fn vars(&self) -> &[Var] {
        &self.vars
    }

    /// Their values on the CPU, in order.
    pub fn masters(&self) -> &[Var] {
        &self.masters
    }

    /// Takes over values that parameters were given from outside.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn reload(&mut self) -> Result<()> {
        self.masters = self.vars.iter().map(on_cpu).collect::<Result<_>>()?;
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
        let grads: Vec<Option<Tensor>> = grads
            .iter()
            .map(|g| g.as_ref().map(|g| g.to_device(&Device::Cpu)?.contiguous()).transpose())
            .collect::<Result<_>>()?;
        let grad_norm = global_norm(&grads)?;
        // As torch.nn.utils.clip_grad_norm_: 1e-6 guards the division.
        let clip = max_norm.map_or(1.0, |max| (max / (grad_norm + 1e-6)).min(1.0));
        let info = StepInfo { grad_norm, clip };
        if !grad_norm.is_finite() {
            return Ok(info);
        }
        self.step += 1;
        let scalars = Scalars::at_step(params, clip, self.step);
        for ((var, state), grad) in self.masters.iter().zip(&mut self.states).zip(&grads) {
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
        for (var, master) in self.vars.iter().zip(&self.masters) {
            if !var.device().is_cpu() {
                var.set(&master.to_device(var.device())?)?;
            }
        }
        Ok(info)
    }
}

/// The variable itself, or a copy where it lies elsewhere.
fn on_cpu(var: &Var) -> Result<Var> {
    if var.device().is_cpu() {
        return Ok(var.clone());
    }
    Var::from_tensor(&var.as_tensor().to_device(&Device::Cpu)?)
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
    if !(fits(&state.m)
        && fits(&state.v)
        && state.ema.len() == decays.len()
        && state.ema.iter().all(fits))
    {
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
