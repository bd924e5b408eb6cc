//! Between candle's tensors and slices.

use crate::real::Real;
use candle_core::{CpuStorage, DType, Device, Layout, Result, Shape, Storage, Tensor, bail};
use std::ops::Deref;

/// A contiguous CPU tensor, open for reading.
pub(crate) struct View<'a> {
    // candle's lock guard, whose type it does not export.
    storage: Box<dyn Deref<Target = Storage> + 'a>,
    start: usize,
    len: usize,
}

impl<'a> View<'a> {
    /// # Errors
    /// If the tensor has gaps or is not on the CPU.
    pub(crate) fn of(tensor: &'a Tensor) -> Result<Self> {
        let (storage, layout) = tensor.storage_and_layout();
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("a kernel needs a contiguous tensor, got {:?}", layout);
        };
        Ok(Self { start, len: end - start, storage: Box::new(storage) })
    }

    /// # Errors
    /// If the element type is another, or the tensor is not on the CPU.
    pub(crate) fn slice<T: Real>(&self) -> Result<&[T]> {
        match &**self.storage {
            Storage::Cpu(storage) => Ok(&T::slice(storage)?[self.start..self.start + self.len]),
            _ => bail!("this kernel runs on the CPU only"),
        }
    }
}

/// The elements of a storage under a contiguous layout.
pub(crate) fn slice_of<'a, T: Real>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&T::slice(storage)?[start..end]),
        None => bail!("a kernel needs a contiguous tensor, got {layout:?}"),
    }
}

/// A storage's element type.
pub(crate) fn dtype_of(storage: &CpuStorage) -> DType {
    use candle_core::backend::BackendStorage;
    storage.dtype()
}

/// A new CPU tensor.
pub(crate) fn tensor<T: Real>(values: Vec<T>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &Device::Cpu)
}

/// Whether candle will ask for this tensor's gradient.
///
/// A gradient that is asked for must be given (candle panics otherwise), one that is not costs a
/// product for nothing.
pub(crate) fn wants_gradient(tensor: &Tensor) -> bool {
    tensor.track_op()
}

/// The length of the last dimension and the number of rows before it.
///
/// # Errors
/// For a scalar.
pub(crate) fn rows_of(tensor: &Tensor) -> Result<(usize, usize)> {
    match tensor.dims() {
        [] => bail!("a scalar has no last dimension"),
        [rows @ .., width] => Ok((rows.iter().product(), *width)),
    }
}

/// # Errors
/// If the two element types differ, or are not f32 or f64.
pub(crate) fn same_dtype(first: &Tensor, second: &Tensor) -> Result<DType> {
    let dtype = first.dtype();
    if second.dtype() != dtype {
        bail!("element types differ: {dtype:?} and {:?}", second.dtype());
    }
    if !matches!(dtype, DType::F32 | DType::F64) {
        bail!("kernels take f32 or f64, got {dtype:?}");
    }
    Ok(dtype)
}

/// Calls a function generic over the element type with the type of a [`DType`].
macro_rules! by_dtype {
    ($dtype:expr, $f:ident($($arg:expr),* $(,)?)) => {
        match $dtype {
            candle_core::DType::F32 => $f::<f32>($($arg),*),
            candle_core::DType::F64 => $f::<f64>($($arg),*),
            other => Err(candle_core::Error::Msg(format!("kernels take f32 or f64, got {other:?}")).bt()),
        }
    };
}
pub(crate) use by_dtype;
