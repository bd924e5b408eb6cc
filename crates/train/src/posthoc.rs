//! Averages of any width after training, from snapshots of two or more power-function averages.

use std::path::{Path, PathBuf};

use nalgebra::{DMatrix, DVector};

use crate::tensorfile::Tensors;
use crate::{Average, CheckpointError, SavedState, StateFolder, TrainPlan, power_exponent};

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

/// Weights of `profiles` whose sum is closest to `target` in the square norm.
///
/// Solves `A w = b` with `A_ij = ⟨p_i, p_j⟩` and `b_i = ⟨p_i, target⟩`; where profiles are so alike that
/// `A` is singular in double precision, the solution of least norm.
pub fn reconstruction_weights(profiles: &[Profile], target: &Profile) -> Vec<f64> {
    let n = profiles.len();
    // Scaled to a unit diagonal: profiles of early steps have norms that are orders larger.
    let scale: Vec<f64> = profiles.iter().map(|p| p.inner_product(p).sqrt()).collect();
    let gram = DMatrix::from_fn(n, n, |i, j| {
        profiles[i].inner_product(&profiles[j]) / (scale[i] * scale[j])
    });
    let right = DVector::from_fn(n, |i, _| profiles[i].inner_product(target) / scale[i]);
    // 1e-14 is near the rounding of A: smaller singular values carry no information.
    let solved = gram.svd(true, true).solve(&right, 1e-14).expect("both factors were computed");
    solved.iter().zip(&scale).map(|(w, s)| w / s).collect()
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

    /// The average of width `sigma_rel` after `step` updates, by parameter name, from all snapshots
    /// up to `step`.
    ///
    /// # Errors
    /// [`CheckpointError`] naming a snapshot that is damaged or, if there is none up to `step`, the
    /// folder.
    pub fn reconstruct(&self, sigma_rel: f64, step: u64) -> Result<Tensors, CheckpointError> {
        let mut averages: Vec<(Profile, Tensors)> = Vec::new();
        for (_, path) in self.folder.list().into_iter().filter(|(at, _)| *at <= step).rev() {
            averages.extend(profiles_of(&path)?);
        }
        let nothing = || CheckpointError::Missing {
            path: self.folder.path().into(),
            what: format!("a snapshot up to step {step}"),
        };
        let (_, first) = averages.first().ok_or_else(nothing)?;
        let profiles: Vec<Profile> = averages.iter().map(|(profile, _)| *profile).collect();
        let target = Profile { step, gamma: power_exponent(sigma_rel) };
        let weights = reconstruction_weights(&profiles, &target);
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
        Ok(summed.map_err(langevin_core::Error::from)?)
    }
}

/// Profiles and averages in a snapshot.
fn profiles_of(path: &Path) -> Result<Vec<(Profile, Tensors)>, CheckpointError> {
    let state = SavedState::load(path)?;
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
    }

    #[test]
    fn no_snapshot_is_an_error_that_names_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let snapshots = Snapshots::new(folder.path().join("snapshots"));
        let error = snapshots.reconstruct(0.1, 10).unwrap_err();
        assert!(matches!(error, CheckpointError::Missing { .. }));
        snapshots.folder.save(&blank(3)).unwrap();
        assert!(snapshots.reconstruct(0.1, 10).is_err());
    }
}
