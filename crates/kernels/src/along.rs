//! A sparse matrix along one axis of a field: interpolation, means of cells, sums of noise.

use crate::composed;
use crate::parallel::{Shared, for_blocks};
use crate::real::Real;
use crate::tensor::{View, by_dtype, dtype_of, same_dtype, slice_of, tensor, wants_gradient};
use crate::twins::Entries;
use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor, bail};
use std::sync::{Arc, Mutex, PoisonError};

/// A matrix with few entries in a row, and its transpose for the adjoint.
#[derive(Debug, Clone)]
pub struct SparseRows {
    forward: Arc<Rows>,
    adjoint: Arc<Rows>,
}

/// Entries row by row.
#[derive(Debug)]
struct Rows {
    /// Where each row's entries begin, and one more.
    offsets: Vec<usize>,
    entries: Vec<(u32, f64)>,
    sources: usize,
    /// The same where it was asked for last.
    there: Mutex<Option<Entries>>,
}

impl Rows {
    fn of(rows: &[Vec<(usize, f64)>], sources: usize) -> Self {
        let mut offsets = vec![0];
        offsets.extend(rows.iter().scan(0, |end, row| {
            *end += row.len();
            Some(*end)
        }));
        let entries = rows.iter().flatten().map(|&(i, weight)| (i as u32, weight)).collect();
        Self { offsets, entries, sources, there: Mutex::default() }
    }

    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    fn row(&self, j: usize) -> &[(u32, f64)] {
        &self.entries[self.offsets[j]..self.offsets[j + 1]]
    }

    /// As arrays of the element type and on the device of `like`.
    fn entries(&self, like: &Tensor) -> Result<Entries> {
        /// Whole numbers up to here are exact in single precision.
        const EXACT: usize = 1 << 24;
        let mut there = self.there.lock().unwrap_or_else(PoisonError::into_inner);
        let alike = |x: &Tensor| x.dtype() == like.dtype() && x.device().same_device(like.device());
        if let Some(entries) = there.as_ref().filter(|entries| alike(&entries.arrays[0])) {
            return Ok(entries.clone());
        }
        if self.entries.len().max(self.sources) > EXACT {
            bail!(
                "a matrix of {} entries and {} columns, allowed: at most 2^24",
                self.entries.len(),
                self.sources
            );
        }
        let array = |values: Vec<f64>| {
            let length = values.len();
            Tensor::from_vec(values, length, &Device::Cpu)?
                .to_dtype(like.dtype())?
                .to_device(like.device())
        };
        let offsets = array(self.offsets.iter().map(|&offset| offset as f64).collect())?;
        let columns = array(self.entries.iter().map(|&(column, _)| f64::from(column)).collect())?;
        let weights = array(self.entries.iter().map(|&(_, weight)| weight).collect())?;
        let entries = Entries { arrays: [offsets, columns, weights], rows: self.len() };
        Ok(there.insert(entries).clone())
    }
}

impl SparseRows {
    /// Row `j` of the matrix has the entries `rows[j]`: columns below `sources` with their values.
    ///
    /// # Errors
    /// If a column is not below `sources`.
    pub fn new(rows: &[Vec<(usize, f64)>], sources: usize) -> Result<Self> {
        let mut transposed = vec![Vec::new(); sources];
        for (j, row) in rows.iter().enumerate() {
            for &(i, weight) in row {
                let Some(column) = transposed.get_mut(i) else {
                    bail!("column {i} of a matrix with {sources}");
                };
                column.push((j, weight));
            }
        }
        let adjoint = Rows::of(&transposed, rows.len());
        Ok(Self { forward: Arc::new(Rows::of(rows, sources)), adjoint: Arc::new(adjoint) })
    }

    /// Rows of the matrix: the length of the axis after it.
    #[allow(clippy::len_without_is_empty, reason = "a matrix of no rows is a mistake")]
    pub fn len(&self) -> usize {
        self.forward.len()
    }

    /// Its columns: the length of the axis before it.
    pub fn sources(&self) -> usize {
        self.forward.sources
    }

    /// The matrix and its transpose, entry by entry, with the element type and on the device of `like`.
    pub(crate) fn entries(&self, like: &Tensor) -> Result<[Entries; 2]> {
        Ok([self.forward.entries(like)?, self.adjoint.entries(like)?])
    }

    /// All entries, `[rows, columns]`, with the element type and on the device of `like`.
    pub(crate) fn dense(&self, like: &Tensor) -> Result<Tensor> {
        let mut all = vec![0f64; self.len() * self.sources()];
        for j in 0..self.len() {
            for &(i, weight) in self.forward.row(j) {
                all[j * self.sources() + i as usize] += weight;
            }
        }
        Tensor::from_vec(all, (self.len(), self.sources()), like.device())?.to_dtype(like.dtype())
    }

    fn is_identity(&self) -> bool {
        self.len() == self.sources()
            && (0..self.len()).all(|j| self.forward.row(j) == [(j as u32, 1.0)])
    }
}

/// `y[.., j, ..] = Σ_i m[j, i] x[.., i, ..]` along `axis`; linear, so its tangent is itself.
///
/// # Errors
/// If the axis does not have the matrix's columns, or `x` is not f32 or f64.
pub fn along(x: &Tensor, axis: usize, matrix: &SparseRows) -> Result<Tensor> {
    same_dtype(x, x)?;
    if x.dim(axis)? != matrix.sources() {
        bail!("axis {axis} of {:?}, and a matrix of {} columns", x.dims(), matrix.sources());
    }
    if matrix.is_identity() {
        return Ok(x.clone());
    }
    if composed::elsewhere(x) {
        return composed::sparse_along(x, axis, matrix);
    }
    x.contiguous()?.apply_op1(Along { matrix: matrix.clone(), axis })
}

struct Along {
    matrix: SparseRows,
    axis: usize,
}

/// `dims` with axis `axis` of length `length`.
fn with_axis(dims: &[usize], axis: usize, length: usize) -> Vec<usize> {
    let mut dims = dims.to_vec();
    dims[axis] = length;
    dims
}

/// Every row of the product, for each of the slices that `axis` cuts `x` into.
fn product<T: Real>(rows: &Rows, x: &[T], dims: &[usize], axis: usize) -> Vec<T> {
    let outer: usize = dims[..axis].iter().product();
    let inner: usize = dims[axis + 1..].iter().product();
    let (n, m) = (rows.sources, rows.len());
    let mut y = vec![T::ZERO; outer * m * inner];
    let shared = Shared::new(&mut y);
    let work = outer * rows.entries.len() * inner;
    for_blocks(outer, (1 << 16) / (m * inner).max(1) + 1, work, |_, block| {
        for o in block {
            let x = &x[o * n * inner..(o + 1) * n * inner];
            // SAFETY: slices are disjoint.
            let y = unsafe { shared.part(o * m * inner..(o + 1) * m * inner) };
            for (j, y) in y.chunks_exact_mut(inner).enumerate() {
                for &(i, weight) in rows.row(j) {
                    let (from, weight) = (&x[i as usize * inner..][..inner], T::of(weight));
                    y.iter_mut().zip(from).for_each(|(y, &x)| *y = weight * x + *y);
                }
            }
        }
    });
    y
}

impl CustomOp1 for Along {
    fn name(&self) -> &'static str {
        "along"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(op: &Along, s: &CpuStorage, l: &Layout) -> Result<(CpuStorage, Shape)> {
            let y = product(&op.matrix.forward, slice_of::<T>(s, l)?, l.dims(), op.axis);
            Ok((T::storage(y), with_axis(l.dims(), op.axis, op.matrix.len()).into()))
        }
        by_dtype!(dtype_of(storage), run(self, storage, layout))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        fn run<T: Real>(op: &Along, x: &Tensor, grad: &Tensor) -> Result<Tensor> {
            let view = View::of(grad)?;
            let dx = product(&op.matrix.adjoint, view.slice::<T>()?, grad.dims(), op.axis);
            tensor(dx, x.shape())
        }
        if !wants_gradient(x) {
            return Ok(None);
        }
        by_dtype!(x.dtype(), run(self, x, &grad.contiguous()?)).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;
    use candle_core::Var;

    fn matrix() -> SparseRows {
        let rows = [
            vec![(0, 0.5), (2, -1.0)],
            vec![],
            vec![(1, 2.0)],
            vec![(2, 0.25), (1, 0.5), (0, 3.0)],
        ];
        SparseRows::new(&rows, 3).unwrap()
    }

    #[test]
    fn it_is_the_dense_product_on_every_axis() {
        let dense = [[0.5, 0.0, -1.0], [0.0; 3], [0.0, 2.0, 0.0], [3.0, 0.5, 0.25]];
        let dense = Tensor::new(&dense, &Device::Cpu).unwrap();
        let x = normal::<f64>(1, &[3, 3, 3]);
        for axis in 0..3 {
            let last = x.transpose(axis, 2).unwrap().contiguous().unwrap();
            let product = last.broadcast_matmul(&dense.t().unwrap()).unwrap();
            let expected = product.transpose(axis, 2).unwrap().contiguous().unwrap();
            assert_close("along", &along(&x, axis, &matrix()).unwrap(), &expected, 1e-14);
        }
        assert!(along(&normal::<f64>(1, &[2, 4]), 1, &matrix()).is_err());
        assert!(SparseRows::new(&[vec![(3, 1.0)]], 3).is_err());
    }

    #[test]
    fn adjoint() {
        for axis in 0..3 {
            check_adjoint(&[normal::<f64>(1, &[3, 3, 3])], |t| along(&t[0], axis, &matrix()));
        }
    }

    #[test]
    fn threads_change_nothing() {
        let x = normal::<f32>(1, &[70, 3, 1000]);
        check_threads(|| {
            let x = Var::from_tensor(&x).unwrap();
            let y = along(&x, 1, &matrix()).unwrap();
            let grads = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            vec![y.detach(), grads.get(&x).unwrap().clone()]
        });
    }
}
