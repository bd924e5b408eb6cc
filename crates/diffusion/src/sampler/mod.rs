//! Samplers: how a trained network is walked from reference to data.
//!
//! All of the exponential family (DDPM, DDIM, DPM-Solver++, UniPC) is one [`jump`] along a blend of
//! estimates; the others follow velocities.

mod adaptive;
mod ancestral;
mod dpm_solver;
mod euler;
mod euler_maruyama;
mod heun;
mod predictor_corrector;
mod renoise;
mod unipc;

use std::sync::Arc;

use langevin_core::{
    Aim, ConfigError, Denoiser, Estimate, Path, Process, Result, Rng, Sampler, State, Times,
};
use serde::{Deserialize, Serialize};

pub use adaptive::{Adaptive, AdaptiveConfig};
pub use ancestral::{Ancestral, DdimConfig, DdpmConfig};
pub use dpm_solver::{DpmSolver, DpmSolverConfig, DpmSolverSdeConfig};
pub use euler::{Euler, EulerConfig};
pub use euler_maruyama::{EulerMaruyama, EulerMaruyamaConfig};
pub use heun::{Heun, HeunConfig};
pub use predictor_corrector::{PredictorCorrector, PredictorCorrectorConfig};
pub use renoise::{Renoise, RenoiseConfig};
pub use unipc::{Unipc, UnipcConfig};

/// `[sampler]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SamplerConfig {
    /// Ancestral sampling, all noise drawn anew.
    Ddpm(DdpmConfig),
    /// Song et al. (2021): the part η² of DDPM's noise.
    Ddim(DdimConfig),
    /// Euler's rule; on categories τ-leaping.
    Euler(EulerConfig),
    /// τ-leaping by its own name: Euler's rule on categories.
    TauLeaping(EulerConfig),
    /// Heun's rule, with churn.
    Heun(HeunConfig),
    /// DPM-Solver++ 2M and 3M.
    DpmSolver(DpmSolverConfig),
    /// Their stochastic form.
    DpmSolverSde(DpmSolverSdeConfig),
    /// UniPC.
    Unipc(UnipcConfig),
    /// Euler–Maruyama.
    EulerMaruyama(EulerMaruyamaConfig),
    /// Predictor–corrector.
    PredictorCorrector(PredictorCorrectorConfig),
    /// Estimates blurred anew.
    Renoise(RenoiseConfig),
    /// Dormand–Prince with error control per sample.
    Adaptive(AdaptiveConfig),
}

impl SamplerConfig {
    /// Whether steps add noise: that of a Gaussian reference, which must then be one.
    pub fn draws_noise(&self) -> bool {
        match self {
            Self::Ddpm(_) | Self::PredictorCorrector(_) => true,
            Self::DpmSolverSde(config) => config.eta > 0.0,
            Self::EulerMaruyama(config) => config.stochasticity > 0.0,
            Self::Ddim(config) => config.eta > 0.0,
            Self::Heun(config) => config.churn > 0.0,
            Self::Renoise(config) => config.noise > 0.0,
            Self::Euler(_)
            | Self::TauLeaping(_)
            | Self::DpmSolver(_)
            | Self::Unipc(_)
            | Self::Adaptive(_) => false,
        }
    }

    /// The same steps without noise, where that is a sampler that leads to the data.
    pub fn without_noise(&self) -> Option<Self> {
        match self {
            Self::Renoise(_) => Some(Self::Renoise(RenoiseConfig { noise: 0.0 })),
            _ => (!self.draws_noise()).then_some(*self),
        }
    }

    /// Confirms that the steps keep the marginals of `path` on flat factors, before anything is trained.
    ///
    /// # Errors
    /// [`ConfigError`] with the samplers that do.
    pub fn check(&self, path: &dyn Path) -> Result<(), ConfigError> {
        let redraws = match self {
            Self::Ddpm(_) => true,
            Self::Ddim(config) => config.eta == 1.0,
            _ => false,
        };
        let (fits, allowed) = match path.aim() {
            Aim::Flow => (
                !self.draws_noise() && !matches!(self, Self::Renoise(_)),
                "on a path with noise of its own: euler, heun without churn, ddim with eta = 0, \
                 dpm_solver, unipc or adaptive",
            ),
            Aim::Data => (redraws, "on a bridge: ddpm"),
        };
        if path.has_own_noise() && !fits {
            return Err(ConfigError::new("kind", format!("{self:?}"), allowed));
        }
        Ok(())
    }

    /// The sampler.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn build(&self) -> Result<Arc<dyn Sampler>, ConfigError> {
        Ok(match self {
            Self::Ddpm(config) => Arc::new(config.build()?),
            Self::Ddim(config) => Arc::new(config.build()?),
            Self::Euler(config) | Self::TauLeaping(config) => Arc::new(config.build()?),
            Self::Heun(config) => Arc::new(config.build()?),
            Self::DpmSolver(config) => Arc::new(config.build()?),
            Self::DpmSolverSde(config) => Arc::new(config.build()?),
            Self::Unipc(config) => Arc::new(config.build()?),
            Self::EulerMaruyama(config) => Arc::new(config.build()?),
            Self::PredictorCorrector(config) => Arc::new(config.build()?),
            Self::Renoise(config) => Arc::new(config.build()?),
            Self::Adaptive(config) => Arc::new(config.build()?),
        })
    }
}

/// The estimate at one time for the whole batch.
fn denoise(denoiser: &dyn Denoiser, x: &State, t: f64) -> Result<Estimate> {
    denoiser.denoise(x, &Times::all(x.samples()?, t))
}

/// `x_s` by the jump of each factor; `tau` by the factor's own path.
fn jump(
    process: &Process,
    x: &State,
    estimate: &Estimate,
    (t, s): (f64, f64),
    tau: impl Fn(&dyn langevin_core::Path) -> f64,
    rng: &mut Rng,
) -> Result<State> {
    process.map([x, estimate], |c, [x, estimate]| {
        let path = c.path.as_ref();
        c.factor.jump(x, estimate, &path.transition(t, s, tau(path)), rng)
    })
}

/// The velocity of the probability flow at `(x, t)` that an estimate implies, where it implies one.
fn velocity(process: &Process, x: &State, estimate: &Estimate, t: f64) -> Result<State> {
    process.require_flow()?;
    let times = Times::all(x.samples()?, t);
    process.map([x, estimate], |c, [x, estimate]| {
        c.factor.velocity(c.path.as_ref(), x, estimate, &times)
    })
}

/// `x` moved from `t` to `s` along `tangent`, the velocity of `estimate`.
///
/// Factors that move by rates jump to the estimate in the last step: a rate leaves something behind, a
/// mask perhaps, and what it would leave is settled by the same estimate.
fn follow(
    process: &Process,
    x: &State,
    estimate: &Estimate,
    tangent: &State,
    (t, s): (f64, f64),
    rng: &mut Rng,
) -> Result<State> {
    let times = Times::all(x.samples()?, s - t);
    process.map([x, estimate, tangent], |c, [x, estimate, tangent]| {
        if s == 0.0 && c.factor.moves_by_rates() {
            c.factor.jump(x, estimate, &c.path.transition(t, s, 0.0), rng)
        } else {
            c.factor.follow(x, tangent, &times, rng)
        }
    })
}

/// `Σ w_k estimate_k`, each made at its own state, as an estimate at `at`.
fn blend(process: &Process, at: &State, terms: &[(f64, &State, &Estimate)]) -> Result<Estimate> {
    let parts = process.components().iter().enumerate().map(|(i, c)| {
        let terms: Vec<_> = terms.iter().map(|(w, x, e)| (*w, x.part(i), e.part(i))).collect();
        c.factor.blend(at.part(i), &terms)
    });
    parts.collect::<Result<Vec<_>>>().map(State::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_alone_takes_the_papers_values_and_unknown_keys_are_refused() {
        let read = serde_json::from_str::<SamplerConfig>;
        assert_eq!(
            read(r#"{"kind": "unipc"}"#).unwrap(),
            SamplerConfig::Unipc(UnipcConfig { order: 2 })
        );
        for text in [
            r#"{"kind": "ddpm", "eta": 1}"#,
            r#"{"kind": "heun", "churns": 0.1}"#,
            r#"{"kind": "tau_leaping", "steps": 3}"#,
            r#"{"kind": "adaptive", "tolerance": 1e-5}"#,
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains("unknown field"), "{text}: {error}");
        }
        assert!(read(r#"{"kind": "plms"}"#).unwrap_err().to_string().contains("unknown variant"));
        let error =
            read(r#"{"kind": "ddim", "eta": 1.5}"#).unwrap().build().map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "eta: found 1.5, allowed: 0 to 1");
    }
}
