//! Averages of any width after training, from snapshots of two or more power-function averages.

use std::path::{Path, PathBuf};

use langevin_core::ConfigError;
use nalgebra::{DMatrix, DVector};

use crate::resume::same;
use crate::tensorfile::Tensors;
use crate::{
    Average, AverageConfig, CheckpointError, SavedState, StateFolder, TrainPlan, power_exponent,
};

/// A power-function average as it stood after `step` updates: profile `p(τ) ∝ τ^γ` on [0, step].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Profile {
    /// Updates.
    pub step: u64,
    /// Exponent γ.
    pub gamma: f64,
}

impl Profile {
    /// `∫ p q dτ` of two profiles, each of integral 1.
    ///
    /// With `p(τ) = (γ+1) τ^γ / t^(γ+1)` on [0, t] and `s` the shorter of the two times, it is
    /// `(γ_p+1)(γ_q+1)/(γ_p+γ_q+1) · s^(γ_p+γ_q+1) / (t_p^(γ_p+1) t_q^(γ_q+1))`.
    /// Source: Karras et al. (2024), appendix C.
    pub fn inner_product(&self, other: &Self) -> f64 {
        let (short, long) = if self.step <= other.step { (self, other) } else { (other, self) };
        let (s, t) = (short.step as f64, long.step as f64);
        // The powers as one of the ratio: on their own they overflow.
        (short.gamma + 1.0) * (long.gamma + 1.0) / (short.gamma + long.gamma + 1.0)
            * (s / t).powf(long.gamma)
            / t
    }
}

/// How far the weighted sum of `profiles` is from `target`, in the square norm, as a part of the norm of
/// `target`: 0 where it is met, 1 where nothing of it is.
pub fn reconstruction_error(profiles: &[Profile], weights: &[f64], target: &Profile) -> f64 {
    let norm = target.inner_product(target);
    let mut square = norm;
    for (p, w) in profiles.iter().zip(weights) {
        square -= 2.0 * w * p.inner_product(target);
        square +=
            profiles.iter().zip(weights).map(|(q, v)| w * v * p.inner_product(q)).sum::<f64>();
    }
    // Rounding leaves a little of either sign where the target is met.
    (square.max(0.0) / norm).sqrt()
}

/// Largest [`reconstruction_error`] that is accepted.
///
/// Eight snapshots of the widths 0.05 and 0.10 err by 3 % at the widths 0.04 and 0.15, by 8 % at 0.20 and
/// by 11 % at 0.22; beyond, the error soon is of the size of the profile itself.
pub const RECONSTRUCTION_LIMIT: f64 = 0.1;

/// Why an average cannot be reconstructed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PosthocError {
    /// There is no average of this width.
    #[error(transparent)]
    Width(#[from] ConfigError),
    /// The profiles of the snapshots do not add up to the one that is wanted.
    #[error(
        "width {sigma_rel} after step {step} cannot be reached from the {profiles} averages in {folder}: \
         the nearest profile is off by {:.0} %, allowed: {:.0} %",
        100.0 * error,
        100.0 * RECONSTRUCTION_LIMIT
    )]
    Unreachable {
        /// The folder of the snapshots.
        folder: PathBuf,
        /// The width that was wanted.
        sigma_rel: f64,
        /// At this step.
        step: u64,
        /// How many averages there are up to that step.
        profiles: usize,
        /// [`reconstruction_error`].
        error: f64,
    },
    /// A snapshot is missing, damaged, or of another run.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// An average that was made after training.
#[derive(Debug, Clone)]
pub struct Reconstruction {
    /// The average, by parameter name.
    pub weights: Tensors,
    /// Text of the config of the run.
    pub config: String,
    /// How many snapshots it was made from.
    pub snapshots: usize,
    /// [`reconstruction_error`] of its profile.
    pub error: f64,
}

/// Weights of `profiles`, of sum 1, whose sum is closest to `target` in the square norm.
///
/// Solves `A w + λ 1 = b` with `A_ij = ⟨p_i, p_j⟩` and `b_i = ⟨p_i, target⟩`; where profiles are so alike
/// that `A` is singular in double precision, the solution of least norm. Karras et al. (2024), appendix
/// C, leave the sum free: it then misses 1 by up to 2 % at the widths that can be reached, and every
/// parameter is scaled by it. Fixing it makes the error of the profile a few per cent larger.
pub fn reconstruction_weights(profiles: &[Profile], target: &Profile) -> Vec<f64> {
    let n = profiles.len();
    // Scaled to a unit diagonal: profiles of early steps have norms that are orders larger.
    let scale: Vec<f64> = profiles.iter().map(|p| p.inner_product(p).sqrt()).collect();
    let gram = DMatrix::from_fn(n, n, |i, j| {
        profiles[i].inner_product(&profiles[j]) / (scale[i] * scale[j])
    });
    let gram = gram.svd(true, true);
    let solve = |right: &dyn Fn(usize) -> f64| -> Vec<f64> {
        let right = DVector::from_fn(n, |i, _| right(i) / scale[i]);
        // 1e-14 is near the rounding of A: smaller singular values carry no information.
        let solved = gram.solve(&right, 1e-14).expect("both factors were computed");
        solved.iter().zip(&scale).map(|(w, s)| w / s).collect()
    };
    let free = solve(&|i| profiles[i].inner_product(target));
    // The direction in which the sum is changed at the least cost.
    let towards = solve(&|_| 1.0);
    let part = (1.0 - free.iter().sum::<f64>()) / towards.iter().sum::<f64>();
    free.iter().zip(&towards).map(|(w, u)| w + part * u).collect()
}

/// The folder `snapshots` of a run.
#[derive(Debug, Clone)]
pub struct Snapshots {
    pub(crate) folder: StateFolder,
}

/// Kind of the exponents in a snapshot.
const EXPONENTS: &str = "gamma";

impl Snapshots {
    /// The snapshots in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder: StateFolder::new(folder, usize::MAX) }
    }

    /// Writes the power-function averages of `state`.
    pub(crate) fn save(
        &self,
        state: &SavedState,
        plan: &TrainPlan,
    ) -> Result<PathBuf, CheckpointError> {
        let mut snapshot = SavedState { tensors: Tensors::new(), ..state.clone() };
        for (i, average) in plan.averages().iter().enumerate() {
            if let Average::Power { gamma } = *average {
                let kind = format!("average.{i}");
                snapshot.put(&kind, state.tensors(&kind));
                let gamma = candle_core::Tensor::new(&[gamma], &candle_core::Device::Cpu);
                let gamma = gamma.map_err(langevin_core::Error::from)?;
                snapshot.put(EXPONENTS, Tensors::from([(kind, gamma)]));
            }
        }
        self.folder.save(&snapshot)
    }

    /// Steps at which there are snapshots, the first one first.
    pub fn steps(&self) -> Vec<u64> {
        self.folder.list().iter().rev().map(|(step, _)| *step).collect()
    }

    /// The average of width `sigma_rel` after `step` updates, from all snapshots up to `step`.
    ///
    /// # Errors
    /// [`PosthocError::Width`] for a width that no profile has, [`PosthocError::Unreachable`] if the
    /// snapshots are too few or too unlike it, and [`CheckpointError`] naming a snapshot that is damaged
    /// or of another run or, if there is none up to `step`, the folder.
    pub fn reconstruct(&self, sigma_rel: f64, step: u64) -> Result<Reconstruction, PosthocError> {
        AverageConfig::Power { sigma_rel }.build()?;
        let mut averages: Vec<(Profile, Tensors)> = Vec::new();
        let (mut config, mut snapshots) = (None, 0);
        for (_, path) in self.folder.list().into_iter().filter(|(at, _)| *at <= step).rev() {
            let state = SavedState::load(&path)?;
            averages.extend(profiles_of(&path, &state)?);
            same(&path, "config", &state.config, config.get_or_insert(state.config.clone()))?;
            snapshots += 1;
        }
        let nothing = || CheckpointError::Missing {
            path: self.folder.path().into(),
            what: format!("a snapshot up to step {step}"),
        };
        let ((_, first), config) = averages.first().zip(config).ok_or_else(nothing)?;
        let profiles: Vec<Profile> = averages.iter().map(|(profile, _)| *profile).collect();
        let target = Profile { step, gamma: power_exponent(sigma_rel) };
        let weights = reconstruction_weights(&profiles, &target);
        let error = reconstruction_error(&profiles, &weights, &target);
        if error > RECONSTRUCTION_LIMIT {
            let (folder, profiles) = (self.folder.path().into(), profiles.len());
            return Err(PosthocError::Unreachable { folder, sigma_rel, step, profiles, error });
        }
        let sum = |(name, like): (&String, &candle_core::Tensor)| {
            // In double precision: weights of either sign and size nearly cancel.
            let mut total = like.zeros_like()?.to_dtype(candle_core::DType::F64)?;
            for ((_, tensors), weight) in averages.iter().zip(&weights) {
                let term = tensors
                    .get(name)
                    .ok_or_else(|| candle_core::Error::CannotFindTensor { path: name.clone() })?;
                total = (total + (term.to_dtype(candle_core::DType::F64)? * *weight)?)?;
            }
            Ok((name.clone(), total.to_dtype(like.dtype())?))
        };
        let summed: Result<Tensors, candle_core::Error> = first.iter().map(sum).collect();
        let weights = summed.map_err(langevin_core::Error::from).map_err(CheckpointError::from)?;
        Ok(Reconstruction { weights, config, snapshots, error })
    }
}

/// Profiles and averages in a snapshot.
fn profiles_of(
    path: &Path,
    state: &SavedState,
) -> Result<Vec<(Profile, Tensors)>, CheckpointError> {
    let malformed = || CheckpointError::Missing { path: path.into(), what: EXPONENTS.into() };
    let read = |(kind, gamma): (String, candle_core::Tensor)| {
        let gamma =
            gamma.to_vec1::<f64>().ok().and_then(|g| g.first().copied()).ok_or_else(malformed)?;
        Ok((Profile { step: state.step, gamma }, state.tensors(&kind)))
    };
    state.tensors(EXPONENTS).into_iter().map(read).collect()
}

/// An empty state at `step`, for tests of what is stored in it.
#[cfg(test)]
pub(crate) fn blank(step: u64) -> SavedState {
    SavedState {
        step,
        seed: langevin_core::Seed(0),
        config: String::new(),
        data: String::new(),
        tensors: Tensors::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_products_agree_with_quadrature() {
        let (p, q) = (Profile { step: 30, gamma: 6.9 }, Profile { step: 50, gamma: 2.5 });
        let density = |p: &Profile, x: f64| {
            let t = p.step as f64;
            if x > t { 0.0 } else { (p.gamma + 1.0) / t * (x / t).powf(p.gamma) }
        };
        for (p, q) in [(p, q), (q, p), (p, p)] {
            // Midpoint rule on [0, 30], beyond which one of the two is 0: its error, about
            // h²/24 · f'' · 30, is far below 1e-6 of the value.
            let h = 30.0 / 200_000.0;
            let middle = |i: usize| (i as f64 + 0.5) * h;
            let sum: f64 = (0..200_000).map(middle).map(|x| density(&p, x) * density(&q, x)).sum();
            let (exact, quadrature) = (p.inner_product(&q), sum * h);
            assert!((exact / quadrature - 1.0).abs() < 1e-6, "{exact} and {quadrature}");
        }
    }

    #[test]
    fn a_profile_that_is_there_is_taken_alone() {
        let profiles = [16.97, 6.94].map(|gamma| Profile { step: 100, gamma });
        let weights = reconstruction_weights(&profiles, &profiles[1]);
        assert!(weights[0].abs() < 1e-9 && (weights[1] - 1.0).abs() < 1e-9, "{weights:?}");
    }

    /// Averages of `θ(j)` tracked during a run against the same average reconstructed after it.
    ///
    /// Snapshots of σ_rel = 0.05 and 0.10 at eight times; the target widths lie between and outside.
    /// θ oscillates over half of the run, with unit amplitude. Karras et al. report that eight pairs
    /// reproduce a tracked average closely; the bound of 0.01 is 1 % of the amplitude, while taking the
    /// nearest snapshot instead errs by several per cent.
    #[test]
    fn a_width_never_tracked_is_reconstructed() {
        let steps = 800u64;
        let theta = |j: u64| (std::f64::consts::TAU * j as f64 / 400.0).sin();
        let run = |gamma: f64, n: u64| {
            let average = Average::Power { gamma };
            (1..=n).fold(0.0, |a, j| average.decay(j) * a + (1.0 - average.decay(j)) * theta(j))
        };
        let mut profiles = Vec::new();
        for step in (1..=8).map(|i| i * steps / 8) {
            profiles
                .extend([0.05, 0.10].map(|sigma| Profile { step, gamma: power_exponent(sigma) }));
        }
        let values: Vec<f64> = profiles.iter().map(|p| run(p.gamma, p.step)).collect();
        for sigma in [0.07, 0.12, 0.15] {
            let target = Profile { step: steps, gamma: power_exponent(sigma) };
            let weights = reconstruction_weights(&profiles, &target);
            let reconstructed: f64 = weights.iter().zip(&values).map(|(w, v)| w * v).sum();
            let tracked = run(target.gamma, steps);
            assert!(
                (reconstructed - tracked).abs() < 0.01,
                "σ_rel {sigma}: {reconstructed}, tracked {tracked}"
            );
        }
        // The same least squares, solved with 80 decimal digits by an independent program.
        for (sigma, step, expected) in [
            (0.05, steps, 0.0),
            (0.07, steps, 0.013_438_341),
            (0.2, steps, 0.077_064_789),
            (0.02, steps, 0.245_253_631),
            (0.1, 750, 0.835_025_516),
        ] {
            let target = Profile { step, gamma: power_exponent(sigma) };
            let known: Vec<Profile> = profiles.iter().filter(|p| p.step <= step).copied().collect();
            let weights = reconstruction_weights(&known, &target);
            let error = reconstruction_error(&known, &weights, &target);
            // Rounding of the sums of squares is some 1e-14, and its root 1e-7.
            assert!((error - expected).abs() < 1e-6, "σ_rel {sigma}: {error}");
            assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn no_snapshot_is_an_error_that_names_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let snapshots = Snapshots::new(folder.path().join("snapshots"));
        let error = snapshots.reconstruct(0.1, 10).unwrap_err();
        let missing = |error: &PosthocError| {
            matches!(error, PosthocError::Checkpoint(CheckpointError::Missing { .. }))
        };
        assert!(missing(&error));
        snapshots.folder.save(&blank(3)).unwrap();
        assert_eq!(snapshots.steps(), [3]);
        assert!(missing(&snapshots.reconstruct(0.1, 10).unwrap_err()));
        for width in [0.0, 0.3, f64::NAN] {
            let error = snapshots.reconstruct(width, 10).unwrap_err();
            assert!(matches!(error, PosthocError::Width(_)), "{error}");
        }
    }
}
