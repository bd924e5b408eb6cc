//! UniPC: a multistep predictor whose next evaluation also corrects the last step.

use langevin_core::config::require;
use langevin_core::sampler::Arrival;
use langevin_core::{
    ConfigError, Estimate, Past, Path, Process, Result, Rng, Sampler, Stage, State,
};
use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use super::{blend, denoise, jump};

/// `[sampler] kind = "unipc"`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UnipcConfig {
    /// Order of the predictor, 1 to 3; the corrector adds one.
    pub order: usize,
}

impl Default for UnipcConfig {
    fn default() -> Self {
        Self { order: 2 }
    }
}

impl UnipcConfig {
    /// The sampler.
    ///
    /// # Errors
    /// [`ConfigError`] unless the order is 1 to 3.
    pub fn build(&self) -> Result<Unipc, ConfigError> {
        require("order", self.order, |o| (1..=3).contains(&o), "1 to 3")?;
        Ok(Unipc { order: self.order })
    }
}

/// UniPC-p of Zhao et al. (2023) with B(h) = e^{−h} − 1 (their B₂), for estimates of the clean end.
///
/// Predictor and corrector are jumps towards `m_0 + Σ_k ρ_k (m_k − m_0)/r_k` with `r_k = (λ_k − λ_0)/h`; the
/// corrector repeats the last jump with the estimate made at its end among the `m_k`. One
/// evaluation per step. Neither looks beyond the first step where λ = −∞, nor past t = 0. A state that was
/// changed since the last step is not corrected, since that would undo the change.
#[derive(Debug, Clone, Copy)]
pub struct Unipc {
    order: usize,
}

/// ρ of the nodes `r`, from `Σ_k ρ_k r_k^{i−1} = b_i`; one node alone takes ½, as the paper does.
fn coefficients(r: &[f64], h: f64) -> Vec<f64> {
    if r.len() == 1 {
        return vec![0.5];
    }
    let b_of_h = (-h).exp_m1();
    let (mut phi, mut factorial) = (b_of_h / -h - 1.0, 1.0);
    let mut b = Vec::with_capacity(r.len());
    for i in 1..=r.len() {
        b.push(phi * factorial / b_of_h);
        factorial *= (i + 1) as f64;
        phi = phi / -h - 1.0 / factorial;
    }
    let matrix = DMatrix::from_fn(r.len(), r.len(), |i, k| r[k].powi(i as i32));
    // The nodes are distinct times, so the Vandermonde matrix has an inverse.
    let solved = matrix.lu().solve(&DVector::from_vec(b)).expect("distinct nodes");
    solved.iter().copied().collect()
}

impl Unipc {
    /// The target of a jump from `base` to λ = `end`, using estimates `others`.
    fn target(
        path: &dyn Path,
        process: &Process,
        base: &Past,
        end: f64,
        others: &[&Past],
    ) -> Result<Estimate> {
        let start = path.log_snr(base.t);
        let h = end - start;
        let known: Vec<&&Past> = others.iter().filter(|p| path.log_snr(p.t).is_finite()).collect();
        if !h.is_finite() || known.is_empty() {
            return Ok(base.estimate.clone());
        }
        let r: Vec<f64> = known.iter().map(|past| (path.log_snr(past.t) - start) / h).collect();
        let rho = coefficients(&r, h);
        let weights: Vec<f64> = rho.iter().zip(&r).map(|(rho, r)| rho / r).collect();
        let mut terms = vec![(1.0 - weights.iter().sum::<f64>(), &base.x, &base.estimate)];
        terms.extend(known.iter().zip(&weights).map(|(past, &w)| (w, &past.x, &past.estimate)));
        blend(process, &base.x, &terms)
    }
}

impl Sampler for Unipc {
    fn step(&self, stage: &Stage, mut x: State, rng: &mut Rng) -> Result<Arrival> {
        let &Stage { process, denoiser, t, s, history, changed } = stage;
        let path = process.path();
        let mut here = Past { t, estimate: denoise(denoiser, &x, t)?, x: x.clone() };
        let past: Vec<&Past> = history.past().iter().collect();
        if let [base, older @ ..] = past.as_slice()
            && path.log_snr(base.t).is_finite()
            && !changed
        {
            let mut others: Vec<&Past> = older.iter().copied().take(self.order - 1).collect();
            others.push(&here);
            let target = Self::target(path, process, base, path.log_snr(t), &others)?;
            x = jump(process, &base.x, &target, (base.t, t), |_| 0.0, rng)?;
            // The estimate is not made again; its end is kept, as seen from the corrected state.
            let estimate = blend(process, &x, &[(1.0, &here.x, &here.estimate)])?;
            here = Past { t, x: x.clone(), estimate };
        }
        let others: Vec<&Past> = past.into_iter().take(self.order - 1).collect();
        let target = Self::target(path, process, &here, path.log_snr(s), &others)?;
        let next = jump(process, &x, &target, (t, s), |_| 0.0, rng)?;
        Ok(Arrival { x: next, past: Some(here) })
    }

    fn memory(&self) -> usize {
        self.order
    }
}
