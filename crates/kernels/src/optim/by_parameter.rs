//! What the optimiser keeps on the CPU: of each parameter its own.

use super::BLOCK;
use super::adamw::{Moments, ParamState, StepInfo};
use super::norm::global_norm;
use super::step::{Average, Scalars, Step, Told};
use crate::isa::dispatch;
use crate::parallel::{Shared, for_blocks};
use crate::real::Real;
use crate::tensor::{View, slice_of};
use candle_core::{CpuStorage, DType, Device, InplaceOp1, Layout, Result, Tensor, Var, bail};
use std::sync::Mutex;

/// Moments and averages per parameter, in order.
#[derive(Debug, Clone)]
pub(super) struct ByParameter(pub(super) Vec<Moments>);

impl ByParameter {
    /// No moments yet; each average starts at the parameter's value.
    ///
    /// # Errors
    /// If a parameter is not f32 or f64.
    pub(super) fn new(vars: &[Var], averages: usize) -> Result<Self> {
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
        vars.iter().map(of).collect::<Result<_>>().map(Self)
    }

    /// One step along `grads`, then all averages; nothing if the gradient's length is not finite.
    ///
    /// # Errors
    /// If a gradient cannot be read.
    pub(super) fn step(
        &mut self,
        vars: &[Var],
        grads: &[Option<Tensor>],
        told: &Told,
        decays: &[f64],
    ) -> Result<StepInfo> {
        let whole = |grad: &Option<Tensor>| grad.as_ref().map(Tensor::contiguous).transpose();
        let grads: Vec<Option<Tensor>> = grads.iter().map(whole).collect::<Result<_>>()?;
        let info = told.info(global_norm(&grads)?);
        if !info.grad_norm.is_finite() {
            return Ok(info);
        }
        let scalars = told.scalars(info);
        for ((var, state), grad) in vars.iter().zip(&mut self.0).zip(&grads) {
            match state {
                Moments::F32(state) => update(var, grad.as_ref(), state, scalars, decays)?,
                Moments::F64(state) => update(var, grad.as_ref(), state, scalars, decays)?,
            }
        }
        Ok(info)
    }

    /// Average `index` of each parameter, without its shape.
    ///
    /// # Errors
    /// None of its own.
    pub(super) fn average(&self, index: usize) -> Result<Vec<Tensor>> {
        let of = |moments: &Moments| match moments {
            Moments::F32(state) => Tensor::new(&state.ema[index][..], &Device::Cpu),
            Moments::F64(state) => Tensor::new(&state.ema[index][..], &Device::Cpu),
        };
        self.0.iter().map(of).collect()
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
