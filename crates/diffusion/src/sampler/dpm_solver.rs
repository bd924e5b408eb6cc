//! DPM-Solver++ 2M and 3M, and their stochastic form.

use langevin_core::config::require;
use langevin_core::sampler::Arrival;
use langevin_core::{ConfigError, Estimate, Past, Path, Result, Rng, Sampler, Stage, State};
use serde::{Deserialize, Serialize};

use super::{blend, denoise, jump};

/// `[sampler] kind = "dpm_solver"`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DpmSolverConfig {
    /// 2 for 2M, 3 for 3M.
    pub order: usize,
}

impl Default for DpmSolverConfig {
    fn default() -> Self {
        Self { order: 2 }
    }
}

/// `[sampler] kind = "dpm_solver_sde"`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DpmSolverSdeConfig {
    /// 2 for 2M, 3 for 3M.
    pub order: usize,
    /// η: 0 is the ordinary equation, 1 the reverse equation of the noising process.
    pub eta: f64,
}

impl Default for DpmSolverSdeConfig {
    fn default() -> Self {
        Self { order: 2, eta: 1.0 }
    }
}

impl DpmSolverConfig {
    /// The sampler.
    ///
    /// # Errors
    /// [`ConfigError`] unless the order is 2 or 3.
    pub fn build(&self) -> Result<DpmSolver, ConfigError> {
        DpmSolverSdeConfig { order: self.order, eta: 0.0 }.build()
    }
}

impl DpmSolverSdeConfig {
    /// The sampler.
    ///
    /// # Errors
    /// [`ConfigError`] unless the order is 2 or 3 and η is not negative.
    pub fn build(&self) -> Result<DpmSolver, ConfigError> {
        require("order", self.order, |o| o == 2 || o == 3, "2 or 3")?;
        require("eta", self.eta, |e| e >= 0.0 && e.is_finite(), "0 or more")?;
        Ok(DpmSolver { order: self.order, eta: self.eta })
    }
}

/// A jump along an estimate that is extrapolated, in λ, from those of past steps.
///
/// With h the step in λ, `x_s = (σ_s/σ_t) e^{−ηh} x_t + α_s (1 − e^{−(1+η)h}) D̃ + σ_s √(1 − e^{−2ηh}) z`
/// is the jump of τ = 1 − e^{−2ηh} towards D̃. One evaluation per step; the first step, and the last, to
/// t = 0, use the present estimate alone.
///
/// The first step costs 3M an error of order 2 once, in proportion to the slope of the estimate there:
/// none to speak of at the noisy end, where the estimate stands still, but visible on grids that begin
/// in the middle.
///
/// # Sources
/// Lu et al. (2022b), algorithms 2 and (with η = 1) SDE-DPM-Solver++(2M); the third order is the
/// exponential multistep rule on the same nodes.
#[derive(Debug, Clone, Copy)]
pub struct DpmSolver {
    order: usize,
    eta: f64,
}

impl DpmSolver {
    /// Weights of the present estimate and of the past ones in D̃.
    fn weights(&self, path: &dyn Path, t: f64, s: f64, past: &[Past]) -> Vec<f64> {
        let lambda = path.log_snr(t);
        let h = path.log_snr(s) - lambda;
        // Past steps that began where the data had vanished (λ = −∞) know no slope in λ.
        let steps: Vec<f64> = [t].into_iter().chain(past.iter().map(|p| p.t)).collect();
        let steps: Vec<f64> =
            steps.windows(2).map(|w| path.log_snr(w[0]) - path.log_snr(w[1])).collect();
        let known = steps.iter().take_while(|h| h.is_finite()).count();
        if !h.is_finite() || known == 0 {
            return vec![1.0];
        }
        let r0 = steps[0] / h;
        if self.order == 2 || known == 1 {
            let slope = 0.5 / r0;
            return vec![1.0 + slope, -slope];
        }
        let r1 = steps[1] / h;
        let h = h * (1.0 + self.eta);
        let phi1 = (-h).exp_m1();
        let phi2 = phi1 / h + 1.0;
        let phi3 = phi2 / h - 0.5;
        // The divided difference is half of the second derivative, hence the 2: widespread code lacks
        // it, and its 3M converges at order 2 (measured 1.98 without, 3 with).
        let (p, q, c) = (-phi2 / phi1, 2.0 * phi3 / phi1, r0 / (r0 + r1));
        let recent = (p * (1.0 + c) + q / (r0 + r1)) / r0;
        let older = -(p * c + q / (r0 + r1)) / r1;
        vec![1.0 + recent, older - recent, -older]
    }
}

impl Sampler for DpmSolver {
    fn step(&self, stage: &Stage, x: State, rng: &mut Rng) -> Result<Arrival> {
        let &Stage { process, denoiser, t, s, history, .. } = stage;
        let estimate = denoise(denoiser, &x, t)?;
        let weights = self.weights(process.path(), t, s, history.past());
        let past = history.past().iter().map(|past| (&past.x, &past.estimate));
        let terms: Vec<(f64, &State, &Estimate)> = weights
            .iter()
            .zip([(&x, &estimate)].into_iter().chain(past))
            .map(|(&w, (x, e))| (w, x, e))
            .collect();
        let target = blend(process, &x, &terms)?;
        let tau = |path: &dyn Path| {
            if self.eta == 0.0 {
                return 0.0;
            }
            let h = path.log_snr(s) - path.log_snr(t);
            -(-2.0 * self.eta * h).exp_m1()
        };
        let next = jump(process, &x, &target, (t, s), tau, rng)?;
        Ok(Arrival { x: next, past: Some(Past { t, x, estimate }) })
    }

    fn memory(&self) -> usize {
        self.order - 1
    }
}
