//! Members on cells: checked, gathered in blocks, averaged by weight.

use std::array::from_fn;

use ndarray::{Array1, ArrayView1, ArrayView2};
use rayon::prelude::*;

use crate::UqError;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A number that fields are stored in: `f32` or `f64`. Scores are computed in `f64`.
pub trait Real: sealed::Sealed + Copy + Send + Sync + Into<f64> {}

impl Real for f32 {}
impl Real for f64 {}

/// Cells that are computed together: two cache lines of each member, and loops that use vector instructions.
pub(crate) const LANES: usize = 16;

/// One number for each cell that is computed together.
pub(crate) type Lanes = [f64; LANES];

/// Cells of one task: large enough that the buffer of a task costs nothing beside it.
const TASK: usize = 128 * LANES;

/// Members, cells and observations fit together, and there are at least `minimum` members.
pub(crate) fn check<T>(
    ensemble: &ArrayView2<T>,
    observed: &ArrayView1<T>,
    minimum: usize,
) -> Result<(), UqError> {
    check_members(ensemble, minimum)?;
    UqError::shape("observations", observed.shape(), &[ensemble.ncols()])
}

/// There are cells, and at least `minimum` members.
pub(crate) fn check_members<T>(ensemble: &ArrayView2<T>, minimum: usize) -> Result<(), UqError> {
    UqError::members(ensemble.nrows(), minimum)?;
    UqError::enough("cells", ensemble.ncols(), 1)
}

/// Weights, if there are any, are finite, at least 0, and one per cell.
pub(crate) fn check_weights(weights: Option<ArrayView1<f64>>, cells: usize) -> Result<(), UqError> {
    let Some(weights) = weights else { return Ok(()) };
    UqError::shape("weights", weights.shape(), &[cells])?;
    match weights.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
        Some(&w) => UqError::range("a weight", w, 0.0, f64::MAX),
        None => Ok(()),
    }
}

/// `score` of every cell, in parallel: it is shown the first cell of a block and `[members][LANES]` values, which
/// it may use up. Beyond the last cell the lanes hold what was there before; what it says of them is dropped.
pub(crate) fn per_cell<T: Real, R: Copy + Default + Send>(
    ensemble: ArrayView2<T>,
    score: impl Fn(usize, &mut [Lanes]) -> [R; LANES] + Sync,
) -> Array1<R> {
    let (members, cells) = ensemble.dim();
    let ensemble = ensemble.as_standard_layout();
    let values = ensemble.as_slice().expect("the standard layout is contiguous");
    let mut out = vec![R::default(); cells];
    out.par_chunks_mut(TASK).enumerate().for_each_init(
        || vec![[0.0; LANES]; members],
        |block, (task, out)| {
            for (i, out) in out.chunks_mut(LANES).enumerate() {
                let first = task * TASK + i * LANES;
                for (row, values) in block.iter_mut().zip(values.chunks_exact(cells)) {
                    for (to, from) in row.iter_mut().zip(&values[first..first + out.len()]) {
                        *to = (*from).into();
                    }
                }
                out.copy_from_slice(&score(first, block)[..out.len()]);
            }
        },
    );
    Array1::from_vec(out)
}

/// The values of the cells from `first` on, NaN beyond the last.
pub(crate) fn lanes<T: Real>(values: &ArrayView1<T>, first: usize) -> Lanes {
    from_fn(|lane| values.get(first + lane).map_or(f64::NAN, |value| (*value).into()))
}

/// Weighted mean of the cells that are not NaN: `Σ w_j v_j / Σ w_j`; without weights every cell counts the same.
///
/// # Shapes and units
/// - `values` and `weights`: `[cells]`; weights need no particular sum
/// - returns the unit of `values`; NaN if no cell with a weight above 0 has a value
///
/// # Errors
/// [`UqError::ShapeMismatch`] if there is not one weight per cell, [`UqError::OutOfRange`] if a weight is below 0
/// or not finite.
pub fn weighted_mean(
    values: ArrayView1<f64>,
    weights: Option<ArrayView1<f64>>,
) -> Result<f64, UqError> {
    check_weights(weights, values.len())?;
    let (mut sum, mut total) = (0.0, 0.0);
    for (cell, &value) in values.iter().enumerate() {
        let weight = weights.map_or(1.0, |weights| weights[cell]);
        // A weight of 0 leaves the cell out, even if it holds ±∞.
        if !value.is_nan() && weight > 0.0 {
            sum += weight * value;
            total += weight;
        }
    }
    Ok(sum / total)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array, aview1};

    use super::*;

    #[test]
    fn missing_cells_and_their_weights_are_left_out() {
        let values = array![1.0, f64::NAN, 4.0];
        let weights = array![1.0, 5.0, 2.0];
        assert_eq!(weighted_mean(values.view(), None), Ok(2.5));
        assert_eq!(weighted_mean(values.view(), Some(weights.view())), Ok(3.0));
        assert!(weighted_mean(aview1(&[f64::NAN]), None).unwrap().is_nan());
        let error = weighted_mean(aview1(&[1.0]), Some(aview1(&[-1.0]))).unwrap_err();
        assert!(matches!(error, UqError::OutOfRange { value: -1.0, .. }), "{error}");
    }

    /// More cells than a task, not a multiple of the lanes, and an ensemble whose members are not contiguous.
    #[test]
    fn every_cell_is_visited_once_in_any_layout() {
        let cells = TASK + 2 * LANES + 3;
        let ensemble = Array2::from_shape_fn((3, cells), |(m, c)| (m * cells + c) as f32);
        let sum = |_: usize, block: &mut [Lanes]| -> Lanes {
            from_fn(|lane| block.iter().map(|row| row[lane]).sum())
        };
        let want = Array1::from_shape_fn(cells, |c| (3 * cells + 3 * c) as f64);
        assert_eq!(per_cell(ensemble.view(), sum), want);
        let transposed = ensemble.t().as_standard_layout().to_owned();
        assert_eq!(per_cell(transposed.t(), sum), want);
    }
}
