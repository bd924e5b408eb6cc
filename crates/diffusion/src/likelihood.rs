//! Log-densities by the probability flow.

use candle_core::{DType, Device, Tensor};
use langevin_core::config::require;
use langevin_core::{ConfigError, Denoiser, Process, Purpose, Result, Rng, State, Times, vjp};
use serde::{Deserialize, Serialize};

use crate::flat_rows::{Layout, velocity};
use crate::ode::{Tolerances, solve};
use crate::sampler::AdaptiveConfig;

/// `[likelihood]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LikelihoodConfig {
    /// Random probes of the divergence; 0 for the exact trace, which costs one pullback for every
    /// degree of freedom.
    pub probes: usize,
    /// Error control of the flow.
    pub solver: AdaptiveConfig,
}

impl LikelihoodConfig {
    /// The estimator.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn build(&self) -> Result<Likelihood, ConfigError> {
        // Two probes are the fewest that tell their own spread.
        require("probes", self.probes, |n| n != 1, "0 for the exact trace, or at least 2")?;
        let tolerances = self.solver.tolerances().map_err(|error| error.within("solver"))?;
        Ok(Likelihood { probes: self.probes, tolerances })
    }
}

/// `ln p_0(x_0) = ln p_1(x_1) + ∫_0^1 ∇·u(x_t, t) dt` along the probability flow.
///
/// The flow is followed from the path's floor, where p_t is the data's law to within the noise left
/// there, to its start, where p_t is the reference's. On curved factors the divergence is that of the
/// surface, by a tangent frame. With probes it is Hutchinson's estimate `E zᵀ (∂u/∂x) z` with z of random
/// signs, fixed for the whole solve.
///
/// # Sources
/// Chen et al. (2018); Grathwohl et al. (2019); Song et al. (2021), appendix D.2.
#[derive(Debug, Clone, Copy)]
pub struct Likelihood {
    probes: usize,
    tolerances: Tolerances,
}

/// Log-densities in nats, per unit volume of the state.
#[derive(Debug, Clone)]
pub struct LogDensities {
    /// One per sample.
    pub values: Vec<f64>,
    /// Standard error over probes; 0 for the exact trace.
    pub standard_errors: Vec<f64>,
    /// Evaluations of the velocity, mean per sample.
    pub evaluations: f64,
}

impl Likelihood {
    /// ln p of each sample of `x_0`; `rng` gives the probes.
    ///
    /// # Errors
    /// [`langevin_core::Error::Undefined`] for factors without a flow; those of solver and denoiser.
    pub fn log_densities(
        &self,
        process: &Process,
        denoiser: &dyn Denoiser,
        x_0: &State,
        rng: &Rng,
    ) -> Result<LogDensities> {
        let layout = Layout::of(process, x_0)?;
        let extra = self.probes.max(1);
        let signs = self.signs(process, &mut rng.for_purpose(Purpose::Probe))?;
        let field = |rows: &[usize], times: &[f64], flat: &[f64]| {
            let times = Times::new(times.to_vec());
            let x = layout.state(flat, extra)?;
            let probes = match self.probes {
                0 => frames(process, &x)?,
                _ => signs
                    .iter()
                    .map(|z| tangent(process, &x, &z.select(rows)?))
                    .collect::<Result<_>>()?,
            };
            let (u, pullbacks) =
                vjp(&x, &probes, |x| velocity(process, denoiser, x, &times, rows))?;
            let traces: Vec<Vec<f64>> = probes
                .iter()
                .zip(&pullbacks)
                .map(|(probe, pullback)| inner(&layout, probe, pullback))
                .collect::<Result<_>>()?;
            let mut out = layout.rows(&u, extra)?;
            let width = layout.width() + extra;
            for (sample, row) in out.chunks_exact_mut(width).enumerate() {
                let tail = &mut row[width - extra..];
                if self.probes == 0 {
                    tail[0] = traces.iter().map(|trace| trace[sample]).sum();
                } else {
                    tail.iter_mut().zip(&traces).for_each(|(out, trace)| *out = trace[sample]);
                }
            }
            Ok(out)
        };
        let (from, to) = (process.floor(), process.start());
        let width = layout.width() + extra;
        let rows = layout.rows(x_0, extra)?;
        let solved = solve(&field, rows, width, (from, to), &self.tolerances)?;
        let end = layout.state(&solved.rows, extra)?;
        let base = reference_log_density(process, denoiser, &end, to)?;
        let (mut values, mut standard_errors) = (Vec::new(), Vec::new());
        for (row, base) in solved.rows.chunks_exact(width).zip(base) {
            let integrals = &row[width - extra..];
            let mean = integrals.iter().sum::<f64>() / extra as f64;
            let square = integrals.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
            values.push(base + mean);
            standard_errors.push((square / (extra * (extra - 1).max(1)) as f64).sqrt());
        }
        let total: usize = solved.evaluations.iter().sum();
        let evaluations = total as f64 / solved.evaluations.len() as f64;
        Ok(LogDensities { values, standard_errors, evaluations })
    }

    /// Random signs in the shape of the state, one state per probe.
    fn signs(&self, process: &Process, rng: &mut Rng) -> Result<Vec<State>> {
        let one = |_| -> Result<State> {
            let parts = process.components().iter().map(|c| {
                let u = rng.uniform(c.factor.shape(), DType::F64, &Device::Cpu)?;
                Ok(((u.ge(0.5)?.to_dtype(DType::F64)? * 2.0)? - 1.0)?)
            });
            parts.collect::<Result<Vec<_>>>().map(State::new)
        };
        (0..self.probes).map(one).collect()
    }
}

/// The tangent part of `z` at `x`.
fn tangent(process: &Process, x: &State, z: &State) -> Result<State> {
    process.map([x, z], |c, [x, z]| c.factor.transport(x, x, z))
}

/// The directions of all factors' frames, each with zeros on the other factors.
fn frames(process: &Process, x: &State) -> Result<Vec<State>> {
    let mut all = Vec::new();
    for (i, component) in process.components().iter().enumerate() {
        for direction in component.factor.frame(x.part(i))? {
            let mut parts: Vec<Tensor> =
                x.parts().iter().map(Tensor::zeros_like).collect::<candle_core::Result<_>>()?;
            parts[i] = direction;
            all.push(State::new(parts));
        }
    }
    Ok(all)
}

/// ⟨a, b⟩ of each sample, factors added.
fn inner(layout: &Layout, a: &State, b: &State) -> Result<Vec<f64>> {
    let (a, b, width) = (layout.rows(a, 0)?, layout.rows(b, 0)?, layout.width());
    let dot = |(a, b): (&[f64], &[f64])| a.iter().zip(b).map(|(a, b)| a * b).sum();
    Ok(a.chunks_exact(width).zip(b.chunks_exact(width)).map(dot).collect())
}

/// ln p at the start of the path. What is left of the data there is taken out by the denoiser's own
/// estimate, so that an exploding path's finite σ_max costs (v/σ²)², not m/σ, with m and v the data's
/// mean and variance.
fn reference_log_density(
    process: &Process,
    denoiser: &dyn Denoiser,
    x: &State,
    t: f64,
) -> Result<Vec<f64>> {
    let estimate = denoiser.denoise(x, &Times::all(x.samples()?, t))?;
    let mut total = vec![0.0; x.samples()?];
    for (i, c) in process.components().iter().enumerate() {
        let path = c.path.as_ref();
        let own = c.factor.departure_log_density(path, x.part(i), estimate.part(i), t)?;
        let own = own.to_dtype(DType::F64)?.to_vec1::<f64>()?;
        total.iter_mut().zip(own).for_each(|(sum, v)| *sum += v);
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;
    use std::sync::Arc;

    use langevin_core::factor::{Centred, Euclidean, Space, Sphere};
    use langevin_core::rng::ids;
    use langevin_core::{Estimate, Path, Seed};

    use super::*;
    use crate::GaussianMixture;
    use crate::schedule::{
        CosineConfig, EdmConfig, LinearConfig, PathConfig, VariancePreservingConfig,
    };

    fn paths() -> [Arc<dyn Path>; 4] {
        [
            PathConfig::Linear(LinearConfig::default()),
            PathConfig::Cosine(CosineConfig {}),
            PathConfig::VariancePreserving(VariancePreservingConfig::default()),
            PathConfig::Edm(EdmConfig::default()),
        ]
        .map(|config| config.build().unwrap())
    }

    fn mixture() -> GaussianMixture {
        let means = vec![vec![-1.0, 0.5], vec![1.2, -0.7], vec![0.1, 1.5]];
        let sds = vec![vec![0.3, 0.5], vec![0.4, 0.3], vec![0.6, 0.25]];
        GaussianMixture::new(vec![1.0, 2.0, 1.0], means, sds).unwrap()
    }

    /// The bar of the project: 1e-3 nats per dimension at default tolerances, on average over samples.
    #[test]
    fn densities_of_a_mixture_are_exact_on_every_path() {
        let rng = Rng::new(Seed(2), Purpose::Data, ids(0, 200), 0);
        let x = mixture().draw(&mut rng.clone()).unwrap();
        let exact = mixture().log_density(&x).unwrap().to_vec1::<f64>().unwrap();
        for path in paths() {
            let process = Process::new(&Space::of("x", Euclidean::new(&[2])), path.clone());
            let denoiser = mixture().denoiser(path.clone());
            let likelihood = LikelihoodConfig::default().build().unwrap();
            let state = State::single(x.clone());
            let got = likelihood.log_densities(&process, &denoiser, &state, &rng).unwrap();
            let gap =
                got.values.iter().zip(&exact).map(|(a, b)| (a - b).abs()).sum::<f64>() / 200.0;
            println!(
                "{path:?}: {:.2e} nats per dimension, {} evaluations",
                gap / 2.0,
                got.evaluations
            );
            assert!(gap / 2.0 < 1e-3, "{path:?}: {gap}");
        }
    }

    /// The mean over probes is unbiased: over 200 samples the mean error is within 5 of its own
    /// standard errors of 0, and the errors that are reported are of the right size.
    #[test]
    fn hutchinsons_estimate_is_unbiased() {
        let rng = Rng::new(Seed(2), Purpose::Data, ids(0, 200), 0);
        let x = mixture().draw(&mut rng.clone()).unwrap();
        let exact = mixture().log_density(&x).unwrap().to_vec1::<f64>().unwrap();
        let path = &paths()[1];
        let process = Process::new(&Space::of("x", Euclidean::new(&[2])), path.clone());
        let config = LikelihoodConfig { probes: 8, ..LikelihoodConfig::default() };
        let denoiser = mixture().denoiser(path.clone());
        let got = config
            .build()
            .unwrap()
            .log_densities(&process, &denoiser, &State::single(x), &rng)
            .unwrap();
        let gaps: Vec<f64> = got.values.iter().zip(&exact).map(|(a, b)| a - b).collect();
        let error = got.standard_errors.iter().map(|e| e * e).sum::<f64>().sqrt() / 200.0;
        let mean = gaps.iter().sum::<f64>() / 200.0;
        assert!(mean.abs() < 5.0 * error + 2e-3, "{mean} ± {error}");
        assert!(LikelihoodConfig { probes: 1, ..config }.build().is_err());
    }

    /// Centred positions of three points: a Gaussian with 2 (3 − 1) degrees of freedom.
    #[test]
    fn zero_centre_of_mass_counts_its_own_degrees_of_freedom() {
        struct Shrink(Arc<dyn Path>);
        impl Denoiser for Shrink {
            // Exact for N(0, 0.5²) on the subspace.
            fn denoise(&self, x: &State, t: &Times) -> Result<Estimate> {
                x.map(|x| {
                    let gain = t.column(x, |t| {
                        let c = self.0.coefficients(t);
                        c.alpha * 0.25 / (c.alpha * c.alpha * 0.25 + c.beta * c.beta)
                    })?;
                    Ok(x.broadcast_mul(&gain)?)
                })
            }
        }
        let path = paths()[0].clone();
        let process = Process::new(&Space::of("x", Centred::new(3, 2)), path.clone());
        let rng = Rng::new(Seed(4), Purpose::Data, ids(0, 10), 0);
        let x = process.reference(DType::F64, &Device::Cpu, &mut rng.clone()).unwrap();
        let x = x.map(|x| Ok((x * 0.5)?)).unwrap();
        let likelihood = LikelihoodConfig::default().build().unwrap();
        let got = likelihood.log_densities(&process, &Shrink(path), &x, &rng).unwrap();
        let square = x.part(0).sqr().unwrap().flatten_from(1).unwrap().sum(1).unwrap();
        for (got, square) in got.values.iter().zip(square.to_vec1::<f64>().unwrap()) {
            let exact = -0.5 * square / 0.25 - 4.0 * 0.5f64.ln() - 2.0 * (2.0 * PI).ln();
            assert!((got - exact).abs() < 4e-3, "{got} {exact}");
        }
    }

    /// A field that stands still leaves the uniform law: −ln 4π everywhere.
    #[test]
    fn nothing_moves_on_the_sphere() {
        struct Still;
        impl Denoiser for Still {
            fn denoise(&self, x: &State, _: &Times) -> Result<Estimate> {
                x.map(|x| Ok((x * 0.0)?))
            }
        }
        let process = Process::new(&Space::of("x", Sphere), paths()[0].clone());
        let rng = Rng::new(Seed(4), Purpose::Data, ids(0, 10), 0);
        let x = process.reference(DType::F64, &Device::Cpu, &mut rng.clone()).unwrap();
        let likelihood = LikelihoodConfig::default().build().unwrap();
        let got = likelihood.log_densities(&process, &Still, &x, &rng).unwrap();
        assert!(got.values.iter().all(|v| (v + (4.0 * PI).ln()).abs() < 1e-9));
    }
}
