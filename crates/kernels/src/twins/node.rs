//! What a kernel wrote as a node of candle's graph.

use std::sync::{Mutex, PoisonError};

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Storage, Tensor, bail,
};

use super::call::Made;
use crate::backward::given;
use crate::tensor::wants_gradient;

/// What an adjoint is asked.
pub(super) struct Back<'a, const N: usize> {
    /// The node's value.
    pub(super) y: &'a Tensor,
    /// Its gradient, without gaps.
    pub(super) g: &'a Tensor,
    /// Which inputs' gradients are asked for.
    pub(super) wanted: [bool; N],
}

/// A node whose value is there already.
struct Node<F> {
    name: &'static str,
    made: Mutex<Option<Made>>,
    adjoint: F,
}

/// Gradients of `N` inputs, those that are asked for.
pub(super) trait Adjoint<const N: usize>:
    Fn(Back<N>) -> Result<[Option<Tensor>; N]> + Send + Sync + 'static
{
}

impl<const N: usize, F> Adjoint<N> for F where
    F: Fn(Back<N>) -> Result<[Option<Tensor>; N]> + Send + Sync + 'static
{
}

impl Made {
    fn node<F>(self, name: &'static str, adjoint: F) -> Node<F> {
        Node { name, made: Mutex::new(Some(self)), adjoint }
    }

    /// As what `name` gives of one input.
    ///
    /// # Errors
    /// None of its own.
    pub(super) fn of_one(
        self,
        name: &'static str,
        x: &Tensor,
        adjoint: impl Adjoint<1>,
    ) -> Result<Tensor> {
        x.apply_op1(self.node(name, adjoint))
    }

    /// As what `name` gives of two inputs.
    ///
    /// # Errors
    /// None of its own.
    pub(super) fn of_two(
        self,
        name: &'static str,
        [x, y]: [&Tensor; 2],
        adjoint: impl Adjoint<2>,
    ) -> Result<Tensor> {
        x.apply_op2(y, self.node(name, adjoint))
    }

    /// As what `name` gives of three inputs.
    ///
    /// # Errors
    /// None of its own.
    pub(super) fn of_three(
        self,
        name: &'static str,
        [x, y, z]: [&Tensor; 3],
        adjoint: impl Adjoint<3>,
    ) -> Result<Tensor> {
        x.apply_op3(y, z, self.node(name, adjoint))
    }
}

impl<F> Node<F> {
    fn made(&self) -> Result<(Storage, Shape)> {
        match self.made.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(Made { storage, shape }) => Ok((storage, shape)),
            None => bail!("the value of {} is taken once", self.name),
        }
    }

    fn on_cpu(&self) -> Result<(CpuStorage, Shape)> {
        match self.made()? {
            (Storage::Cpu(storage), shape) => Ok((storage, shape)),
            _ => bail!("{} was made on another device", self.name),
        }
    }

    #[cfg(feature = "cuda")]
    fn on_gpu(&self) -> Result<(CudaStorage, Shape)> {
        match self.made()? {
            (Storage::Cuda(storage), shape) => Ok((storage, shape)),
            _ => bail!("{} was made on another device", self.name),
        }
    }

    fn back<const N: usize>(
        &self,
        inputs: [&Tensor; N],
        y: &Tensor,
        g: &Tensor,
    ) -> Result<[Option<Tensor>; N]>
    where
        F: Adjoint<N>,
    {
        let wanted = inputs.map(wants_gradient);
        let mut grads = (self.adjoint)(Back { y, g: &g.contiguous()?, wanted })?;
        for (grad, input) in grads.iter_mut().zip(inputs) {
            *grad = match grad.take() {
                Some(grad) if wants_gradient(input) => given(input, grad)?,
                _ => None,
            };
        }
        Ok(grads)
    }
}

impl<F: Adjoint<1>> CustomOp1 for Node<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.on_cpu()
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        self.on_gpu()
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        self.back([x], y, g).map(|[dx]| dx)
    }
}

impl<F: Adjoint<2>> CustomOp2 for Node<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.on_cpu()
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.on_gpu()
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        y: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        self.back([a, b], y, g).map(|[da, db]| (da, db))
    }
}

impl<F: Adjoint<3>> CustomOp3 for Node<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.on_cpu()
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.on_gpu()
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        c: &Tensor,
        y: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        self.back([a, b, c], y, g).map(|[da, db, dc]| (da, db, dc))
    }
}
