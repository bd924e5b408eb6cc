//! Energy scores: ensembles of whole fields, or of windows of fields, against what was observed.

use ndarray::{Array2, ArrayView1, ArrayView2, ArrayView3, s};
use rayon::prelude::*;

use crate::cells::{Real, check, check_weights};
use crate::{Estimator, UqError};

/// Cells of one task: the rows of 50 members stay within 1 MiB.
const TASK: usize = 2048;
/// Most tasks, because each keeps one number per pair of members.
const TASKS: usize = 64;

/// Energy score of an ensemble over all its cells; lower is better.
///
/// `ES = mean_i ‖x_i − y‖ − c Σ_{i<j} ‖x_i − x_j‖` with `‖d‖ = √(Σ_cells w d²)` and `c` from the [`Estimator`]. With
/// one cell of weight 1 it is the CRPS.
///
/// # Shapes and units
/// - `ensemble`: `[members, cells]`; `observed`: `[cells]`; any unit
/// - `weights`: `[cells]`, 1 if there are none; cells of variables with different units want `1/sd²`
/// - returns the unit of the members; cells with a NaN are left out, NaN if none is left
///
/// # Errors
/// [`UqError::TooFewMembers`] if a fair score has one member, [`UqError::ShapeMismatch`], [`UqError::Empty`],
/// [`UqError::OutOfRange`] if a weight is below 0 or not finite.
///
/// # Source
/// Gneiting & Raftery (2007), J. Am. Stat. Assoc. 102, 359–378, Eq. 22.
pub fn energy_score<T: Real>(
    ensemble: ArrayView2<T>,
    observed: ArrayView1<T>,
    weights: Option<ArrayView1<f64>>,
    estimator: Estimator,
) -> Result<f64, UqError> {
    check(&ensemble, &observed, 1)?;
    estimator.check(ensemble.nrows())?;
    check_weights(weights, ensemble.ncols())?;
    let cells = ensemble.ncols();
    let size = TASK.max(cells.div_ceil(TASKS));
    let tasks: Vec<Vec<f64>> = (0..cells.div_ceil(size))
        .into_par_iter()
        .map(|task| {
            let (from, to) = (task * size, cells.min((task + 1) * size));
            let (ensemble, observed) =
                (ensemble.slice(s![.., from..to]), observed.slice(s![from..to]));
            squared_distances(ensemble, observed, weights.map(|w| w.slice_move(s![from..to])))
        })
        .collect();
    Ok(score(ensemble.nrows(), &tasks, estimator))
}

/// Mean [`energy_score`] of the windows of `patch` × `patch` cells at every `stride` cells.
///
/// The norm of a whole field hides what is wrong at fine scales; that of a window of a few cells does not.
///
/// # Shapes and units
/// - `ensemble`: `[members, height, width]`; `observed` and `weights`: `[height, width]`; any unit
/// - returns the unit of the members; windows without a valid cell are left out, NaN if none is left
///
/// # Errors
/// Those of [`energy_score`]; [`UqError::OutOfRange`] if a window does not fit into the field or the stride is 0.
///
/// # Source
/// Pacchiardi et al. (2024), J. Mach. Learn. Res. 25, 1–64, for scoring rules of patches.
pub fn energy_score_patched(
    ensemble: ArrayView3<f64>,
    observed: ArrayView2<f64>,
    patch: usize,
    stride: usize,
    weights: Option<ArrayView2<f64>>,
    estimator: Estimator,
) -> Result<f64, UqError> {
    let (members, height, width) = ensemble.dim();
    UqError::members(members, 1)?;
    estimator.check(members)?;
    UqError::shape("observations", observed.shape(), &[height, width])?;
    if let Some(weights) = weights {
        UqError::shape("weights", weights.shape(), &[height, width])?;
        check_weights(Some(weights.flatten().view()), height * width)?;
    }
    UqError::range("the window", patch as f64, 1.0, height.min(width) as f64)?;
    UqError::range("the stride", stride as f64, 1.0, f64::MAX)?;
    let corners: Vec<(usize, usize)> = (0..=height - patch)
        .step_by(stride)
        .flat_map(|row| (0..=width - patch).step_by(stride).map(move |column| (row, column)))
        .collect();
    let scores: Vec<f64> = corners
        .into_par_iter()
        .map(|(row, column)| {
            let window = s![row..row + patch, column..column + patch];
            let members: Array2<f64> = Array2::from_shape_vec(
                (members, patch * patch),
                flat(ensemble, row, column, patch),
            )
            .expect("a window has patch² cells");
            let observed = observed.slice(window).flatten().into_owned();
            let weights = weights.map(|weights| weights.slice(window).flatten().into_owned());
            let weights = weights.as_ref().map(|weights| weights.view());
            let distances = squared_distances(members.view(), observed.view(), weights);
            score(members.nrows(), &[distances], estimator)
        })
        .filter(|score| !score.is_nan())
        .collect();
    Ok(scores.iter().sum::<f64>() / scores.len() as f64)
}

/// The cells of a window, member after member.
fn flat(ensemble: ArrayView3<f64>, row: usize, column: usize, patch: usize) -> Vec<f64> {
    ensemble.slice(s![.., row..row + patch, column..column + patch]).iter().copied().collect()
}

/// `Σ w d²` of each member to the observations, then of each pair of members; NaN if no cell is valid.
fn squared_distances<T: Real>(
    ensemble: ArrayView2<T>,
    observed: ArrayView1<T>,
    weights: Option<ArrayView1<f64>>,
) -> Vec<f64> {
    let members = ensemble.nrows();
    let valid: Vec<usize> = (0..observed.len())
        .filter(|&cell| {
            !observed[cell].into().is_nan()
                && ensemble.column(cell).iter().all(|x| !(*x).into().is_nan())
        })
        .collect();
    // Distances of members to y are as far from 0 as they can be: no digits are lost to a large mean.
    let rows: Vec<Vec<f64>> = ensemble
        .rows()
        .into_iter()
        .map(|row| {
            let deviation = |&cell: &usize| {
                let weight = weights.map_or(1.0, |weights| weights[cell]);
                weight.sqrt() * (row[cell].into() - observed[cell].into())
            };
            valid.iter().map(deviation).collect()
        })
        .collect();
    if valid.is_empty() {
        return vec![f64::NAN; members + members * (members - 1) / 2];
    }
    let mut distances: Vec<f64> = rows.iter().map(|row| sum(row.iter().map(|d| d * d))).collect();
    for (i, a) in rows.iter().enumerate() {
        for b in &rows[i + 1..] {
            distances.push(squared(a, b));
        }
    }
    distances
}

fn sum(values: impl Iterator<Item = f64>) -> f64 {
    values.sum()
}

/// `Σ (a − b)²` in eight parts, which the processor adds side by side.
fn squared(a: &[f64], b: &[f64]) -> f64 {
    let mut parts = [0.0; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest = a.remainder().iter().zip(b.remainder()).map(|(a, b)| (a - b) * (a - b));
    let rest = sum(rest);
    for (a, b) in a.zip(b) {
        for (part, (a, b)) in parts.iter_mut().zip(a.iter().zip(b)) {
            *part += (a - b) * (a - b);
        }
    }
    parts.iter().sum::<f64>() + rest
}

/// The score of squared distances that were found in parts, NaN where a part has no valid cell.
fn score(members: usize, parts: &[Vec<f64>], estimator: Estimator) -> f64 {
    let valid: Vec<&Vec<f64>> = parts.iter().filter(|part| !part[0].is_nan()).collect();
    if valid.is_empty() {
        return f64::NAN;
    }
    let norm = |i: usize| valid.iter().map(|part| part[i]).sum::<f64>().sqrt();
    let skill = (0..members).map(norm).sum::<f64>() / members as f64;
    skill - estimator.pairs(members) * (members..parts[0].len()).map(norm).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array3, array, aview1};

    use super::*;
    use crate::crps::crps;
    use crate::seeded::SplitMix64;

    /// By hand: members (3, 4) and (0, 0), observed (0, 0): distances 5 and 0, one pair at 5.
    #[test]
    fn two_members_by_hand() {
        let (ensemble, y) = (array![[3.0, 4.0], [0.0, 0.0]], array![0.0, 0.0]);
        let value = |estimator| energy_score(ensemble.view(), y.view(), None, estimator).unwrap();
        assert_eq!(value(Estimator::Standard), 2.5 - 5.0 / 4.0);
        assert_eq!(value(Estimator::Fair), 2.5 - 5.0 / 2.0);
        let weights = array![4.0, 0.0];
        let weighted =
            energy_score(ensemble.view(), y.view(), Some(weights.view()), Estimator::Standard);
        assert_eq!(weighted.unwrap(), 3.0 - 6.0 / 4.0);
    }

    #[test]
    fn one_cell_is_the_crps() {
        let (ensemble, y) = (array![[1.0f32], [2.5], [-0.5], [2.5]], array![0.75f32]);
        for estimator in [Estimator::Fair, Estimator::Standard, Estimator::AlmostFair(0.9)] {
            let want = crps(ensemble.view(), y.view(), estimator).unwrap()[0];
            let got = energy_score(ensemble.view(), y.view(), None, estimator).unwrap();
            assert!((got - want).abs() < 1e-14, "{got} {want}");
        }
    }

    /// In tasks or at once, with missing cells: the sum over the cells that are left.
    #[test]
    fn tasks_add_up_and_missing_cells_are_left_out() {
        let cells = 3 * TASK + 5;
        let mut random = SplitMix64::new(5);
        let mut ensemble = Array2::from_shape_simple_fn((4, cells), || random.uniform());
        let mut y = Array1::from_shape_simple_fn(cells, || random.uniform());
        ensemble[[2, 11]] = f64::NAN;
        y.slice_mut(s![TASK..2 * TASK]).fill(f64::NAN);
        let got = energy_score(ensemble.view(), y.view(), None, Estimator::Fair).unwrap();
        let valid = |c: usize| c != 11 && !(TASK..2 * TASK).contains(&c);
        let norm = |a: ArrayView1<f64>, b: ArrayView1<f64>| {
            (0..cells).filter(|c| valid(*c)).map(|c| (a[c] - b[c]).powi(2)).sum::<f64>().sqrt()
        };
        let skill = ensemble.rows().into_iter().map(|x| norm(x, y.view())).sum::<f64>() / 4.0;
        let pairs = (0..4).flat_map(|i| (0..i).map(move |j| (i, j)));
        let spread = pairs.map(|(i, j)| norm(ensemble.row(i), ensemble.row(j))).sum::<f64>() / 12.0;
        assert!((got - (skill - spread)).abs() < 1e-10, "{got}");
        let none =
            energy_score(ensemble.view(), aview1(&vec![f64::NAN; cells]), None, Estimator::Fair);
        assert!(none.unwrap().is_nan());
    }

    #[test]
    fn a_patch_of_the_whole_field_is_the_score_and_one_of_a_cell_the_mean_crps() {
        let mut random = SplitMix64::new(6);
        let ensemble = Array3::from_shape_simple_fn((5, 4, 4), || random.uniform());
        let observed = Array2::from_shape_simple_fn((4, 4), || random.uniform());
        let flat = ensemble.to_shape((5, 16)).unwrap();
        let y = observed.flatten();
        let fair = Estimator::Fair;
        let patched = |patch, stride| {
            energy_score_patched(ensemble.view(), observed.view(), patch, stride, None, fair)
        };
        let whole = energy_score(flat.view(), y.view(), None, fair).unwrap();
        assert!((patched(4, 1).unwrap() - whole).abs() < 1e-14);
        let mean = crps(flat.view(), y.view(), fair).unwrap().mean().unwrap();
        assert!((patched(1, 1).unwrap() - mean).abs() < 1e-14);
        let error = patched(5, 1).unwrap_err();
        assert!(matches!(error, UqError::OutOfRange { value: 5.0, maximum: 4.0, .. }), "{error}");
    }
}
