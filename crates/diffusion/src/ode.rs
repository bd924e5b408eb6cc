//! Dormand–Prince 5(4) with a step of its own for every sample.

use langevin_core::{Error, Result};

/// Nodes c_i of the tableau.
const NODES: [f64; 7] = [0.0, 0.2, 0.3, 0.8, 8.0 / 9.0, 1.0, 1.0];
/// Rows a_ij; the last is also the fifth-order solution.
const STAGES: [&[f64]; 7] = [
    &[],
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
    &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
    &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];
/// Fifth-order weights minus fourth-order ones.
const ERROR: [f64; 7] = [
    71.0 / 57600.0,
    0.0,
    -71.0 / 16695.0,
    71.0 / 1920.0,
    -17253.0 / 339200.0,
    22.0 / 525.0,
    -1.0 / 40.0,
];
/// Gains of the controller (proportional, integral, derivative), divided by the order 5. Söderlind's
/// recommendation for smooth fields; the small derivative gain damps oscillating step sizes.
const GAINS: [f64; 3] = [0.2, 0.4, 0.05];

/// Tolerances and limits of [`solve`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerances {
    /// Relative tolerance of each coordinate.
    pub relative: f64,
    /// Absolute tolerance of each coordinate.
    pub absolute: f64,
    /// Smallest step, in units of time.
    pub smallest_step: f64,
}

/// Where a solve ended.
#[derive(Debug, Clone)]
pub struct Solution {
    /// `[B, width]`, row-major.
    pub rows: Vec<f64>,
    /// Field evaluations of each sample.
    pub evaluations: Vec<usize>,
    /// Steps of each sample that were rejected.
    pub rejections: Vec<usize>,
}

/// dy/dt of the samples `rows` (indices) at their times: `(rows, times, y) → dy/dt`, row-major.
pub type Field<'a> = dyn Fn(&[usize], &[f64], &[f64]) -> Result<Vec<f64>> + 'a;

/// One sample's progress.
struct Track {
    row: usize,
    t: f64,
    /// Signed.
    step: f64,
    /// Errors of the two steps before, in units of the tolerance.
    past: [f64; 2],
}

/// `y(to)` from `y(from)` (`[B, width]`, row-major), forwards or backwards in time.
///
/// Each sample has its own time, step and error control and leaves the batch when it arrives, so its
/// result does not depend on the others. Hairer's rule sets the first step, a PID rule the next
/// ones: `h ← 0.9 h ε_n^(−β₁) ε_{n−1}^(β₂) …` on the error ε in units of the tolerance (root mean square over
/// coordinates).
///
/// # Errors
/// [`Error::StepTooSmall`] with the sample and its time; [`Error::NonFinite`] if the field is not finite at
/// the start; those of the field.
///
/// # Source
/// Dormand & Prince (1980); Hairer, Nørsett & Wanner (1993), II.4; Söderlind (2003).
pub fn solve(
    field: &Field<'_>,
    mut y: Vec<f64>,
    width: usize,
    (from, to): (f64, f64),
    tolerances: &Tolerances,
) -> Result<Solution> {
    let samples = y.len() / width;
    let all: Vec<usize> = (0..samples).collect();
    let mut slope = field(&all, &vec![from; samples], &y)?;
    let mut evaluations = vec![2; samples];
    let mut rejections = vec![0; samples];
    let steps = first_steps(field, &y, &slope, width, (from, to), tolerances)?;
    let begin = |row| Track { row, t: from, step: steps[row], past: [1.0; 2] };
    let mut active: Vec<Track> = all.into_iter().map(begin).collect();
    if from == to {
        active.clear();
    }
    while !active.is_empty() {
        let (next, error, last) = attempt(field, &y, &slope, width, &active)?;
        for (i, track) in active.iter_mut().enumerate() {
            let (here, there) = (track.row * width, i * width);
            evaluations[track.row] += 6;
            let size = scaled_norm(
                &error[there..there + width],
                &y[here..here + width],
                &next[there..there + width],
                tolerances,
            );
            if size <= 1.0 {
                track.t += track.step;
                y[here..here + width].copy_from_slice(&next[there..there + width]);
                slope[here..here + width].copy_from_slice(&last[there..there + width]);
                track.step *= growth(size, &track.past);
                track.past = [size, track.past[0]];
            } else {
                rejections[track.row] += 1;
                // A NaN shrinks the step like a very large error.
                let shrink = if size.is_finite() { 0.9 * size.powf(-0.2) } else { 0.1 };
                track.step *= shrink.clamp(0.1, 0.9);
                if track.step.abs() < tolerances.smallest_step {
                    return Err(Error::StepTooSmall {
                        sample: track.row,
                        t: track.t,
                        minimum: tolerances.smallest_step,
                        error: size,
                        evaluations: evaluations[track.row],
                    });
                }
            }
            // The last step lands on `to` exactly; a remainder below rounding is none.
            let left = to - track.t;
            if track.step.abs() > left.abs() * 0.999_999 {
                track.step = left;
            }
        }
        active.retain(|track| (to - track.t).abs() > 1e-14 * (1.0 + to.abs()));
    }
    Ok(Solution { rows: y, evaluations, rejections })
}

/// The PID rule.
fn growth(size: f64, past: &[f64; 2]) -> f64 {
    let [p, i, d] = GAINS.map(|gain| gain / 5.0);
    // Errors below 1e-4 of the tolerance say nothing more than "far too small".
    let inverse = |e: f64| 1.0 / e.max(1e-4);
    let factor = inverse(size).powf(p + i + d)
        * inverse(past[0]).powf(-(p + 2.0 * d))
        * inverse(past[1]).powf(d);
    (0.9 * factor).clamp(0.2, 5.0)
}

/// Root mean square of `error` in units of the tolerance.
fn scaled_norm(error: &[f64], before: &[f64], after: &[f64], tolerances: &Tolerances) -> f64 {
    let term = |(e, (a, b)): (&f64, (&f64, &f64))| {
        let scale = tolerances.absolute + tolerances.relative * a.abs().max(b.abs());
        (e / scale).powi(2)
    };
    let total: f64 = error.iter().zip(before.iter().zip(after)).map(term).sum();
    (total / error.len() as f64).sqrt()
}

/// One step of every active sample: the new rows, their error estimates and their slopes.
fn attempt(
    field: &Field<'_>,
    y: &[f64],
    slope: &[f64],
    width: usize,
    active: &[Track],
) -> Result<(Vec<f64>, Vec<f64>, Vec<f64>)> {
    let rows: Vec<usize> = active.iter().map(|track| track.row).collect();
    let gather = |x: &[f64]| -> Vec<f64> {
        rows.iter().flat_map(|r| x[r * width..(r + 1) * width].iter().copied()).collect()
    };
    let start = gather(y);
    let mut slopes = vec![gather(slope)];
    let mut point = start.clone();
    for stage in 1..7 {
        point.copy_from_slice(&start);
        add(&mut point, &slopes, STAGES[stage], width, active);
        let times: Vec<f64> = active.iter().map(|a| a.t + NODES[stage] * a.step).collect();
        slopes.push(field(&rows, &times, &point)?);
    }
    let mut error = vec![0.0; start.len()];
    add(&mut error, &slopes, &ERROR, width, active);
    let last = slopes.pop().expect("seven stages");
    Ok((point, error, last))
}

/// `x += h Σ_j w_j k_j`, with each sample's step.
fn add(x: &mut [f64], slopes: &[Vec<f64>], weights: &[f64], width: usize, active: &[Track]) {
    for (i, track) in active.iter().enumerate() {
        for c in i * width..(i + 1) * width {
            let sum: f64 = weights.iter().zip(slopes).map(|(w, k)| w * k[c]).sum();
            x[c] += track.step * sum;
        }
    }
}

/// Hairer's first step for every sample.
fn first_steps(
    field: &Field<'_>,
    y: &[f64],
    slope: &[f64],
    width: usize,
    (from, to): (f64, f64),
    tolerances: &Tolerances,
) -> Result<Vec<f64>> {
    let samples = y.len() / width;
    let norm = |v: &[f64], row: usize| {
        let own = row * width..(row + 1) * width;
        scaled_norm(&v[own.clone()], &y[own.clone()], &y[own], tolerances)
    };
    let span = to - from;
    let guess: Vec<f64> = (0..samples)
        .map(|row| {
            let (size, speed) = (norm(y, row), norm(slope, row));
            let h = if size < 1e-5 || speed < 1e-5 { 1e-6 } else { 0.01 * size / speed };
            h.min(span.abs()) * span.signum()
        })
        .collect();
    if let Some(sample) = guess.iter().position(|h| !h.is_finite()) {
        return Err(Error::NonFinite { what: "velocity".into(), sample, t: from });
    }
    let ahead: Vec<f64> = (0..y.len()).map(|c| y[c] + guess[c / width] * slope[c]).collect();
    let times: Vec<f64> = guess.iter().map(|h| from + h).collect();
    let rows: Vec<usize> = (0..samples).collect();
    let next = field(&rows, &times, &ahead)?;
    let change: Vec<f64> = next.iter().zip(slope).map(|(a, b)| a - b).collect();
    let step = |row: usize| {
        let h = guess[row].abs();
        let curvature = norm(&change, row) / h;
        let steepest = curvature.max(norm(slope, row));
        let by_error =
            if steepest <= 1e-15 { (h * 1e-3).max(1e-6) } else { (0.01 / steepest).powf(0.2) };
        (100.0 * h).min(by_error).min(span.abs()) * span.signum()
    };
    Ok((0..samples).map(step).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tolerances(tolerance: f64) -> Tolerances {
        Tolerances { relative: tolerance, absolute: tolerance, smallest_step: 1e-12 }
    }

    /// Rotation by one turn, at a speed of its own for each sample.
    fn turn(tolerance: f64, samples: &[f64]) -> Solution {
        let field = |rows: &[usize], _: &[f64], y: &[f64]| {
            let slope = |(i, y): (usize, &[f64])| {
                let w = samples[rows[i]];
                [-w * y[1], w * y[0]]
            };
            Ok(y.chunks_exact(2).enumerate().flat_map(slope).collect())
        };
        let start = samples.iter().flat_map(|_| [1.0, 0.0]).collect();
        solve(&field, start, 2, (1.0, 0.0), &tolerances(tolerance)).unwrap()
    }

    #[test]
    fn the_error_follows_the_tolerance() {
        let turns = [std::f64::consts::TAU, 4.0 * std::f64::consts::TAU];
        let error = |tolerance: f64| {
            let y = turn(tolerance, &turns).rows;
            y.chunks_exact(2).map(|y| (y[0] - 1.0).hypot(y[1])).fold(0.0, f64::max)
        };
        // Per-step control lets the error of a whole turn exceed the tolerance by the number of steps.
        for tolerance in [1e-4, 1e-6, 1e-8, 1e-10] {
            assert!(error(tolerance) < 100.0 * tolerance, "{tolerance}: {}", error(tolerance));
        }
        assert!(error(1e-8) < 1e-3 * error(1e-4));
    }

    #[test]
    fn a_sample_alone_has_the_bits_it_has_in_a_batch() {
        let speeds = [1.0, 5.0, 20.0];
        let all = turn(1e-6, &speeds);
        assert!(all.evaluations[2] > all.evaluations[0]);
        for (i, &speed) in speeds.iter().enumerate() {
            let alone = turn(1e-6, &[speed]);
            assert_eq!(alone.rows[..], all.rows[2 * i..2 * i + 2]);
            assert_eq!(alone.evaluations[0], all.evaluations[i]);
        }
    }

    #[test]
    fn a_singular_field_is_diagnosed() {
        // dy/dt = y² from y = 1 explodes at t = 1.
        let field = |_: &[usize], _: &[f64], y: &[f64]| Ok(y.iter().map(|y| y * y).collect());
        let error = solve(&field, vec![1.0], 1, (0.0, 2.0), &tolerances(1e-6)).unwrap_err();
        let Error::StepTooSmall { sample: 0, t, .. } = error else { panic!("{error}") };
        assert!((t - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_tableau_is_consistent() {
        for (row, node) in STAGES.iter().zip(NODES) {
            assert!((row.iter().sum::<f64>() - node).abs() < 1e-14);
        }
        assert!(ERROR.iter().sum::<f64>().abs() < 1e-15);
        // ∫ t⁴ = 1/5 by the fifth-order weights.
        let fifth: f64 = STAGES[6].iter().zip(NODES).map(|(w, c)| w * c.powi(4)).sum();
        assert!((fifth - 0.2).abs() < 1e-14);
    }
}
