//! On a Gaussian every sampler is a linear recursion, which its paper's formulas give: no statistics.

use std::sync::Arc;

use langevin_core::{Path, Sampler};
use langevin_diffusion::sampler::{
    DdimConfig, DdpmConfig, DpmSolverConfig, DpmSolverSdeConfig, EulerConfig, EulerMaruyamaConfig,
    HeunConfig, PredictorCorrectorConfig, RenoiseConfig,
};
use langevin_diffusion::schedule::{
    CosineConfig, EdmConfig, VarianceExplodingConfig, VariancePreservingConfig,
};
use langevin_diffusion::{GaussianMixture, GridConfig, PathConfig, SamplerConfig};
use langevin_testing::assert_within;
use langevin_testing::oracle::{Moments, response};

use super::{draw, line, mean_and_sd};

/// The data: N(M, V).
const M: f64 = 2.0;
const V: f64 = 0.25;

/// `slope x + offset + noise z`.
#[derive(Clone, Copy)]
struct Affine(f64, f64, f64);

/// x̂_0 = E[x_0 | x_t].
fn estimate(path: &dyn Path, t: f64) -> Affine {
    let c = path.coefficients(t);
    let gain = c.alpha * V / (c.alpha * c.alpha * V + c.beta * c.beta);
    Affine(gain, M - gain * c.alpha * M, 0.0)
}

/// α' x̂_0 + σ' ε̂ with ε̂ = (x − α x̂_0)/σ.
fn velocity(path: &dyn Path, t: f64) -> Affine {
    let (c, r, d) = (path.coefficients(t), path.rates(t), estimate(path, t));
    let of_estimate = r.alpha - r.beta * c.alpha / c.beta;
    Affine(r.beta / c.beta + of_estimate * d.0, of_estimate * d.1, 0.0)
}

/// (α x̂_0 − x)/σ².
fn score(path: &dyn Path, t: f64) -> Affine {
    let (c, d) = (path.coefficients(t), estimate(path, t));
    Affine((c.alpha * d.0 - 1.0) / c.beta.powi(2), c.alpha * d.1 / c.beta.powi(2), 0.0)
}

fn euler(path: &dyn Path, t: f64, s: f64) -> Vec<Affine> {
    let u = velocity(path, t);
    vec![Affine(1.0 + (s - t) * u.0, (s - t) * u.1, 0.0)]
}

fn heun(path: &dyn Path, t: f64, s: f64) -> Vec<Affine> {
    if s == 0.0 {
        return euler(path, t, s);
    }
    let (h, a, b) = (s - t, velocity(path, t), velocity(path, s));
    let slope = 1.0 + 0.5 * h * (a.0 + b.0 * (1.0 + h * a.0));
    vec![Affine(slope, 0.5 * h * (a.1 + b.0 * h * a.1 + b.1), 0.0)]
}

/// Karras et al. (2022), algorithm 2, with the level σ/α raised by γ = 0.2.
fn churned_heun(path: &dyn Path, t: f64, s: f64) -> Vec<Affine> {
    let level = |t: f64| path.coefficients(t).beta / path.coefficients(t).alpha;
    let later = path.time_of_log_snr(-f64::ln(1.2 * level(t))).min(path.start());
    let alpha = path.coefficients(later).alpha;
    let noise = alpha * (level(later).powi(2) - level(t).powi(2)).max(0.0).sqrt();
    let mut steps = vec![Affine(alpha / path.coefficients(t).alpha, 0.0, noise)];
    steps.extend(heun(path, later, s));
    steps
}

/// Song et al. (2021), eq. 12 and 16: sd of the noise η √((1−ᾱ_s)/(1−ᾱ_t)) √(1 − ᾱ_t/ᾱ_s), for σ and α
/// of any scale.
fn ancestral(eta: f64) -> impl Fn(&dyn Path, f64, f64) -> Vec<Affine> {
    move |path, t, s| {
        let (a, b, d) = (path.coefficients(t), path.coefficients(s), estimate(path, t));
        let ratio = a.alpha * b.beta / (b.alpha * a.beta);
        let noise = eta * b.beta * (1.0 - ratio * ratio).sqrt();
        let keep = (b.beta.powi(2) - noise * noise).sqrt() / a.beta;
        let pull = b.alpha - keep * a.alpha;
        vec![Affine(keep + pull * d.0, pull * d.1, noise)]
    }
}

/// Song et al. (2021b), eq. 6 with f = (α'/α) x: x − h (f x − g² ∇ln p) + g √h z.
fn euler_maruyama(path: &dyn Path, t: f64, s: f64) -> Vec<Affine> {
    if s == 0.0 {
        return euler(path, t, s);
    }
    let (c, r, p, h) = (path.coefficients(t), path.rates(t), score(path, t), t - s);
    let f = r.alpha / c.alpha;
    let g2 = 2.0 * c.beta * r.beta - 2.0 * f * c.beta.powi(2);
    vec![Affine(1.0 - h * f + h * g2 * p.0, h * g2 * p.1, (g2 * h).sqrt())]
}

fn predictor_corrector(path: &dyn Path, t: f64, s: f64) -> Vec<Affine> {
    let mut steps = ancestral(1.0)(path, t, s);
    if s > 0.0 {
        let amount = 2.0 * (0.16 * path.coefficients(s).beta).powi(2);
        let p = score(path, s);
        steps.push(Affine(1.0 + amount * p.0, amount * p.1, (2.0 * amount).sqrt()));
    }
    steps
}

/// α(νs) x̂ + σ(νs) z with ν = 0.5, where x̂ is where DDIM goes at time 0: the estimate, but for a level that never
/// vanishes.
fn renoise(path: &dyn Path, t: f64, s: f64) -> Vec<Affine> {
    let mut steps = ancestral(0.0)(path, t, 0.0);
    if s > 0.0 {
        let c = path.coefficients(0.5 * s);
        steps.push(Affine(c.alpha, 0.0, c.beta));
    }
    steps
}

/// A sampler, the number of normals that it draws per step, and its rule.
type Case = (SamplerConfig, usize, Box<dyn Fn(&dyn Path, f64, f64) -> Vec<Affine>>);

fn cases() -> Vec<Case> {
    let churn = HeunConfig { churn: 0.2, ..HeunConfig::default() };
    vec![
        (SamplerConfig::Euler(EulerConfig::default()), 0, Box::new(euler)),
        (SamplerConfig::Heun(HeunConfig::default()), 0, Box::new(heun)),
        (SamplerConfig::Heun(churn), 1, Box::new(churned_heun)),
        (SamplerConfig::Ddim(DdimConfig { eta: 0.0 }), 0, Box::new(ancestral(0.0))),
        (SamplerConfig::Ddim(DdimConfig { eta: 0.5 }), 1, Box::new(ancestral(0.5))),
        (SamplerConfig::Ddpm(DdpmConfig {}), 1, Box::new(ancestral(1.0))),
        (SamplerConfig::EulerMaruyama(EulerMaruyamaConfig::default()), 1, Box::new(euler_maruyama)),
        (
            SamplerConfig::PredictorCorrector(PredictorCorrectorConfig::default()),
            2,
            Box::new(predictor_corrector),
        ),
        (SamplerConfig::Renoise(RenoiseConfig { noise: 0.5 }), 1, Box::new(renoise)),
    ]
}

fn paths() -> [PathConfig; 4] {
    [
        PathConfig::Cosine(CosineConfig {}),
        PathConfig::VariancePreserving(VariancePreservingConfig::default()),
        PathConfig::Edm(EdmConfig { sigma_max: 80.0 }),
        PathConfig::VarianceExploding(VarianceExplodingConfig {
            sigma_min: 0.002,
            sigma_max: 80.0,
        }),
    ]
}

/// Compares a sampler's own map with the moments that a recursion ends in.
///
/// Tolerance: rounding of twelve steps and of the linear solve, in units of the largest state.
fn compare(
    name: &str,
    path: &Arc<dyn Path>,
    sampler: &dyn Sampler,
    draws: usize,
    want: (f64, f64),
) {
    let denoiser =
        GaussianMixture::gaussian(vec![M], vec![V.sqrt()]).unwrap().denoiser(path.clone());
    let grid = grid(path);
    let got = response(&line(path), &denoiser, sampler, &grid, draws).unwrap();
    assert_within(&format!("{name}: linear"), got.residual, 0.0, 1e-9);
    assert_within(&format!("{name}: mean"), got.mean(0.7), want.0, 1e-9);
    assert_within(&format!("{name}: sd"), got.variance(1.3).sqrt(), want.1.sqrt(), 1e-9);
}

fn grid(path: &Arc<dyn Path>) -> langevin_core::TimeGrid {
    GridConfig::LogSnr { steps: 12, log_snr_max: 4.0 }.build(path.as_ref()).unwrap()
}

#[test]
fn one_step_samplers_follow_their_recursions_on_every_path() {
    for config in paths() {
        let path = config.build().unwrap();
        for (sampler, draws, rule) in cases() {
            let mut moments = Moments::of_first([0.7], 1.3);
            for (t, s) in grid(&path).steps() {
                for Affine(slope, offset, noise) in rule(path.as_ref(), t, s) {
                    moments = moments.step([[slope]], [offset], [noise]);
                }
            }
            let want = (moments.mean[0], moments.covariance[0][0]);
            let name = format!("{sampler:?} on {config:?}");
            compare(&name, &path, sampler.build().unwrap().as_ref(), draws, want);
        }
    }
}

/// DPM-Solver++ in its authors' letters: the state and the last two estimates are carried along.
///
/// 2M: x = e^{−ηh} (σ_s/σ_t) x + (1 − e^{−h−ηh}) α_s [m_0 + (m_0 − m_1) h/(2 h_1)] + noise; 3M with
/// D1 = D_0 + (D_0 − D_1) r_0/(r_0 + r_1), D2 = 2 (D_0 − D_1)/(r_0 + r_1), the first and second derivatives
/// of the parabola through three estimates, and φ_2, φ_3 of h (1 + η).
fn multistep(path: &Arc<dyn Path>, order: usize, eta: f64) -> (f64, f64) {
    let mut moments = Moments::of_first([0.7, 0.0, 0.0], 1.3);
    let mut past: Vec<f64> = Vec::new();
    for (t, s) in grid(path).steps() {
        let (a, b, d) = (path.coefficients(t), path.coefficients(s), estimate(path.as_ref(), t));
        let lambda = path.log_snr(t);
        let h = path.log_snr(s) - lambda;
        let last = if eta == 0.0 { 1.0 } else { (-eta * h).exp() };
        let keep = last * b.beta / a.beta;
        let pull = b.alpha * -(-h * (1.0 + eta)).exp_m1();
        let noise = b.beta * (1.0 - last * last).sqrt();
        // Weights of m_0, m_1, m_2 in the jump.
        let mut m = [pull, 0.0, 0.0];
        if h.is_finite() && !past.is_empty() {
            let r0 = (lambda - past[0]) / h;
            if order == 2 || past.len() == 1 {
                m = [pull * (1.0 + 0.5 / r0), -pull * 0.5 / r0, 0.0];
            } else {
                let r1 = (past[0] - past[1]) / h;
                let g = h * (1.0 + eta);
                let phi2 = (-g).exp_m1() / g + 1.0;
                let phi3 = phi2 / g - 0.5;
                let d0 = [1.0 / r0, -1.0 / r0, 0.0];
                let d1 = [0.0, 1.0 / r1, -1.0 / r1];
                for i in 0..3 {
                    let first = d0[i] + (d0[i] - d1[i]) * r0 / (r0 + r1);
                    let second = 2.0 * (d0[i] - d1[i]) / (r0 + r1);
                    m[i] += b.alpha * (phi2 * first - phi3 * second);
                }
            }
        }
        let matrix = [[keep + m[0] * d.0, m[1], m[2]], [d.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
        moments = moments.step(matrix, [m[0] * d.1, d.1, 0.0], [noise, 0.0, 0.0]);
        past.insert(0, lambda);
    }
    (moments.mean[0], moments.covariance[0][0])
}

#[test]
fn multistep_samplers_follow_their_recursions_on_every_path() {
    for config in paths() {
        let path = config.build().unwrap();
        for order in [2, 3] {
            let ode = DpmSolverConfig { order }.build().unwrap();
            compare(
                &format!("{order}M on {config:?}"),
                &path,
                &ode,
                0,
                multistep(&path, order, 0.0),
            );
            for eta in [0.5, 1.0] {
                let sde = DpmSolverSdeConfig { order, eta }.build().unwrap();
                let name = format!("{order}M, η = {eta}, on {config:?}");
                compare(&name, &path, &sde, 1, multistep(&path, order, eta));
            }
        }
    }
}

/// The same recursion met by a hundred thousand samples: the noise is normal and fresh at every step.
///
/// Tolerance: 5 standard errors. Two per cent too much noise moves the sd by nine of them.
#[test]
fn ancestral_samples_have_the_moments_of_their_recursion() {
    let n = 100_000;
    let path: Arc<dyn Path> = Arc::new(CosineConfig {}.build().unwrap());
    let law = GaussianMixture::gaussian(vec![M], vec![V.sqrt()]).unwrap();
    for eta in [0.6, 1.0] {
        let first = path.coefficients(grid(&path).times()[0]).beta;
        let mut moments = Moments::of_first([0.0], first * first);
        for (t, s) in grid(&path).steps() {
            let Affine(slope, offset, noise) = ancestral(eta)(path.as_ref(), t, s)[0];
            moments = moments.step([[slope]], [offset], [noise]);
        }
        let x = draw(&DdimConfig { eta }.build().unwrap(), &path, &law, &grid(&path), n);
        let (mean, sd) = mean_and_sd(&x);
        let want = moments.covariance[0][0].sqrt();
        assert_within("mean", mean, moments.mean[0], 5.0 * want / (n as f64).sqrt());
        assert_within("sd", sd, want, 5.0 * want / (2.0 * n as f64).sqrt());
    }
}
