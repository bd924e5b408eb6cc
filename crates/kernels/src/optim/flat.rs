//! What the optimiser keeps where parameters lie on a GPU: one array for all of them, so that a step is a few kernels.

use candle_core::{DType, Device, Result, Tensor, Var};

use super::adamw::{Moments, ParamState, StepInfo};
use super::norm::global_norm;
use super::step::Told;
use crate::real::Real;
use crate::twins;

/// Parameters, moments and averages, each behind one another in one array on the device.
#[derive(Debug, Clone)]
pub(super) struct Flat {
    theta: Tensor,
    m: Tensor,
    v: Tensor,
    ema: Vec<Tensor>,
    /// Elements of each parameter.
    lengths: Vec<usize>,
    /// Which parameters had a gradient last, and 1 or 0 for each of their elements.
    has: (Vec<bool>, Tensor),
}

impl Flat {
    /// No moments yet; each average starts at the parameters' values.
    ///
    /// # Errors
    /// If parameters have different element types.
    pub(super) fn new(vars: &[Var], averages: usize) -> Result<Self> {
        let values: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
        let theta = behind_one_another(&values)?;
        let zeros = theta.zeros_like()?;
        Ok(Self {
            m: zeros.clone(),
            v: zeros,
            ema: vec![theta.clone(); averages],
            lengths: vars.iter().map(|var| var.elem_count()).collect(),
            has: (vec![true; vars.len()], theta.ones_like()?),
            theta,
        })
    }

    /// All gradients behind one another, zeros for those that are not there.
    ///
    /// # Errors
    /// If element types differ.
    fn gradient(&mut self, grads: &[Option<Tensor>]) -> Result<Tensor> {
        let there: Vec<bool> = grads.iter().map(Option::is_some).collect();
        let constant = |value: f64, length: usize| {
            Tensor::full(value, length, self.theta.device())?.to_dtype(self.theta.dtype())
        };
        if there != self.has.0 {
            let parts = there.iter().zip(&self.lengths);
            let parts: Vec<Tensor> = parts
                .map(|(&there, &length)| constant(f64::from(u8::from(there)), length))
                .collect::<Result<_>>()?;
            self.has = (there, Tensor::cat(&parts, 0)?);
        }
        let grads: Vec<Tensor> = grads
            .iter()
            .zip(&self.lengths)
            .map(|(grad, &length)| grad.clone().map_or_else(|| constant(0.0, length), Ok))
            .collect::<Result<_>>()?;
        behind_one_another(&grads)
    }

    /// One step along `grads`, then all averages, and the parameters take their new values; nothing if the gradient's
    /// length is not finite.
    ///
    /// # Errors
    /// If the device fails.
    pub(super) fn step(
        &mut self,
        vars: &[Var],
        grads: &[Option<Tensor>],
        told: &Told,
        decays: &[f64],
    ) -> Result<StepInfo> {
        let gradient = self.gradient(grads)?;
        let single = twins::square_sum(&gradient)?.sqrt();
        // Squares in single precision end where the CPU's, in double, do not.
        let info = told.info(if single.is_finite() { single } else { global_norm(grads)? });
        if !info.grad_norm.is_finite() {
            return Ok(info);
        }
        let scalars = told.scalars(info);
        let before = [&self.theta, &self.m, &self.v];
        [self.theta, self.m, self.v] = twins::adamw(before, [&gradient, &self.has.1], scalars)?;
        for (ema, &decay) in self.ema.iter_mut().zip(decays) {
            *ema = twins::average(&self.theta, ema, decay)?;
        }
        for (var, value) in vars.iter().zip(self.parts(&self.theta)?) {
            var.set(&value.reshape(var.shape())?)?;
        }
        Ok(info)
    }

    /// Takes over the values of parameters.
    ///
    /// # Errors
    /// If element types differ.
    pub(super) fn reload(&mut self, vars: &[Var]) -> Result<()> {
        let values: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
        self.theta = behind_one_another(&values)?;
        Ok(())
    }

    /// Moments and averages of each parameter, on the CPU.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(super) fn moments(&self) -> Result<Vec<Moments>> {
        fn read<T: Real>(flat: &Flat) -> Result<Vec<ParamState<T>>> {
            let of = |all: &Tensor| all.to_vec1::<T>();
            let (m, v) = (of(&flat.m)?, of(&flat.v)?);
            let ema = flat.ema.iter().map(of).collect::<Result<Vec<_>>>()?;
            let mut start = 0;
            let part = |&length: &usize| {
                let range = start..start + length;
                start += length;
                let cut = |all: &Vec<T>| all[range.clone()].to_vec();
                ParamState { m: cut(&m), v: cut(&v), ema: ema.iter().map(cut).collect() }
            };
            Ok(flat.lengths.iter().map(part).collect())
        }
        Ok(match self.theta.dtype() {
            DType::F32 => read(self)?.into_iter().map(Moments::F32).collect(),
            _ => read(self)?.into_iter().map(Moments::F64).collect(),
        })
    }

    /// Takes over moments and averages that fit the parameters.
    ///
    /// # Errors
    /// If the device fails.
    pub(super) fn restore(&mut self, states: &[Moments]) -> Result<()> {
        fn join<T: Real>(flat: &mut Flat, states: &[&ParamState<T>]) -> Result<()> {
            let device = flat.theta.device().clone();
            let join = |list: &dyn Fn(&ParamState<T>) -> &Vec<T>| {
                let all: Vec<T> = states.iter().flat_map(|state| list(state).clone()).collect();
                let length = all.len();
                Tensor::from_vec(all, length, &device)
            };
            (flat.m, flat.v) = (join(&|state| &state.m)?, join(&|state| &state.v)?);
            let averages = 0..flat.ema.len();
            flat.ema = averages.map(|i| join(&|state| &state.ema[i])).collect::<Result<_>>()?;
            Ok(())
        }
        let (mut single, mut double) = (vec![], vec![]);
        for state in states {
            match state {
                Moments::F32(state) => single.push(state),
                Moments::F64(state) => double.push(state),
            }
        }
        if single.is_empty() { join(self, &double) } else { join(self, &single) }
    }

    /// Average `index` of each parameter, on the CPU and without its shape.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn average(&self, index: usize) -> Result<Vec<Tensor>> {
        self.own_parts(&self.ema[index])
    }

    /// The values of each parameter, on the CPU and without its shape.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(super) fn values(&self) -> Result<Vec<Tensor>> {
        self.own_parts(&self.theta)
    }

    /// Parts on the CPU that hold no more than their numbers: candle copies all that a view is of.
    fn own_parts(&self, all: &Tensor) -> Result<Vec<Tensor>> {
        let parts = self.parts(&all.to_device(&Device::Cpu)?)?;
        parts.iter().map(Tensor::force_contiguous).collect()
    }

    fn parts(&self, all: &Tensor) -> Result<Vec<Tensor>> {
        let mut start = 0;
        let part = |&length: &usize| {
            let part = all.narrow(0, start, length);
            start += length;
            part
        };
        self.lengths.iter().map(part).collect()
    }
}

fn behind_one_another(tensors: &[Tensor]) -> Result<Tensor> {
    let flat = tensors.iter().map(|x| x.detach().flatten_all()).collect::<Result<Vec<_>>>()?;
    match &flat[..] {
        // Of one candle would give the tensor itself, which others write.
        [only] => only.force_contiguous(),
        _ => Tensor::cat(&flat, 0),
    }
}
