//! One call of a kernel.

use candle_core::op::BackpropOp;
use candle_core::{DType, Device, Result, Shape, Storage, Tensor, bail};

use crate::tensor::same_dtype;

/// Threads of a block.
pub(super) const BLOCK: usize = 128;

/// Threads of a warp.
const WARP: usize = 32;

/// A kernel and its arguments, in the order of all sources: arrays that are read, (arrays that are written,) sizes,
/// numbers.
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) arrays: Vec<Tensor>,
    pub(super) sizes: Vec<usize>,
    pub(super) numbers: Vec<f64>,
    /// Threads that have something to do.
    pub(super) threads: usize,
    /// Whether those of a warp wait for each other.
    pub(super) warps: bool,
}

/// What a kernel wrote.
pub(super) struct Made {
    pub(super) storage: Storage,
    pub(super) shape: Shape,
}

impl Made {
    /// As a tensor without a graph.
    pub(super) fn tensor(self) -> Tensor {
        Tensor::from_storage(self.storage, self.shape, BackpropOp::none(), false)
    }
}

impl Call {
    /// Of arrays without gaps, or copies.
    ///
    /// # Errors
    /// If they cannot be copied.
    pub(super) fn new(name: &'static str, arrays: &[&Tensor], sizes: &[usize]) -> Result<Self> {
        let arrays = arrays.iter().map(|x| x.contiguous()).collect::<Result<_>>()?;
        Ok(Self { name, arrays, sizes: sizes.to_vec(), numbers: vec![], threads: 0, warps: false })
    }

    pub(super) fn numbers(mut self, numbers: &[f64]) -> Self {
        self.numbers = numbers.to_vec();
        self
    }

    /// What it writes, a thread for each element.
    ///
    /// # Errors
    /// Those of [`Call::run`].
    pub(super) fn make(mut self, shape: impl Into<Shape>) -> Result<Made> {
        let shape = shape.into();
        self.threads = shape.elem_count();
        let [storage] = self.run([shape.elem_count()])?;
        Ok(Made { storage, shape })
    }

    /// The arrays of one shape that it writes, a thread for an element of each.
    ///
    /// # Errors
    /// Those of [`Call::run`].
    pub(super) fn make_several<const N: usize>(mut self, shape: &Shape) -> Result<[Made; N]> {
        self.threads = shape.elem_count();
        let made = self.run([shape.elem_count(); N])?;
        Ok(made.map(|storage| Made { storage, shape: shape.clone() }))
    }

    /// What it writes, a warp for each of `rows`.
    ///
    /// # Errors
    /// Those of [`Call::run`].
    pub(super) fn make_by_rows<const N: usize>(
        mut self,
        rows: usize,
        shapes: [Shape; N],
    ) -> Result<[Made; N]> {
        self.threads = rows * WARP;
        self.warps = true;
        let lengths = std::array::from_fn(|i| shapes[i].elem_count());
        let mut shapes = shapes.into_iter();
        let made = self.run(lengths)?;
        Ok(made.map(|storage| Made { storage, shape: shapes.next().expect("as many") }))
    }

    /// The arrays of `lengths` that it writes.
    ///
    /// # Errors
    /// If element types differ, an array has more elements than 32 bits count, or the device fails.
    pub(super) fn run<const N: usize>(&self, lengths: [usize; N]) -> Result<[Storage; N]> {
        let dtype = self.check(&lengths)?;
        let made = self.launch(dtype, &lengths)?;
        Ok(made.try_into().unwrap_or_else(|_| unreachable!("a storage for each length")))
    }

    fn launch(&self, dtype: DType, lengths: &[usize]) -> Result<Vec<Storage>> {
        match self.arrays[0].device() {
            Device::Cpu => super::emulated::run(self, dtype, lengths),
            #[cfg(feature = "cuda")]
            Device::Cuda(device) => super::nvrtc::run(device, self, dtype, lengths),
            other => bail!("{} is no kernel of {:?}", self.name, other.location()),
        }
    }

    fn check(&self, lengths: &[usize]) -> Result<DType> {
        for array in &self.arrays {
            same_dtype(&self.arrays[0], array)?;
        }
        let read = self.arrays.iter().map(Tensor::elem_count);
        let most = read.chain(lengths.iter().copied()).max().unwrap_or(0).max(self.threads);
        if most > (u32::MAX >> 1) as usize {
            bail!("{} of {most} elements, allowed: at most 2^31", self.name);
        }
        Ok(self.arrays[0].dtype())
    }
}
