//! A bound on the likelihood of records by the steps of an ancestral sampler.

use std::f64::consts::TAU;

use candle_core::DType;
use langevin_core::tensor::sum_per_sample;
use langevin_core::{Denoiser, Path, Process, Result, Rng, State, TimeGrid, Times};

/// Upper bound on `−ln p(x_0)` in nats, where p is the law that ancestral sampling along a grid draws from.
///
/// With stations `1 = t_N > … > t_0` of the grid, of which t_0 keeps noise, and the terms of one draw of noise
/// ```text
/// prior     KL(q(x_1 | x_0) ‖ reference)  = α_1² ‖x_0‖²/(2 σ_1²)          x_1 at the first station
/// steps     Σ_k KL(q(x_s | x_t, x_0) ‖ p(x_s | x_t))
///           = Σ_k ½ (snr_s/snr_t − 1) ‖ε − ε̂‖² = Σ_k ½ (snr_s − snr_t) ‖x_0 − x̂_0‖²
/// last      −ln p(x_0 | x_t0) = ½ ‖ε − ε̂‖² + d (ln(σ_0/α_0) + ½ ln 2π)
/// ```
/// with snr = α²/σ² and d the degrees of freedom. The three are summed by the caller, who may have a better
/// last term for a factor that is discrete in truth. The sum over steps is estimated from a few of them.
///
/// # Sources
/// Ho et al. (2020), eq. 5; Kingma et al. (2021), eq. 13; Hoogeboom et al. (2022), arXiv:2203.17003,
/// section 3.2, whose likelihoods of molecules are these.
pub struct Bound<'a> {
    process: &'a Process,
    denoiser: &'a dyn Denoiser,
    grid: &'a TimeGrid,
}

/// A draw of the state at the grid's last station, and what it says of the data.
#[derive(Debug, Clone)]
pub struct Last {
    /// The state.
    pub x: State,
    /// `−ln p(x_0 | x)` by factor and sample, in nats, of densities per unit volume of the state.
    pub gaussian: Vec<Vec<f64>>,
}

impl<'a> Bound<'a> {
    /// The bound of the law that `denoiser` gives along `grid`, for states of the size of `process`.
    ///
    /// # Errors
    /// [`langevin_core::Error::Undefined`] or `OwnNoise` where a factor has no Gaussian reference alone.
    pub fn new(
        process: &'a Process,
        denoiser: &'a dyn Denoiser,
        grid: &'a TimeGrid,
    ) -> Result<Self> {
        process.require_score("bound on the likelihood")?;
        Ok(Self { process, denoiser, grid })
    }

    /// KL(q(x_1 | x_0) ‖ reference) of each sample.
    ///
    /// # Errors
    /// [`langevin_core::Error::Tensor`] only.
    pub fn prior(&self, x_0: &State) -> Result<Vec<f64>> {
        let start = self.grid.times()[0];
        let mut total = vec![0.0; x_0.samples()?];
        for (c, x) in self.process.components().iter().zip(x_0.parts()) {
            let half = 0.5 * snr(c.path.as_ref(), start);
            add(&mut total, &squares(x)?, |_| half);
        }
        Ok(total)
    }

    /// The sum over steps, estimated from `draws` steps of each sample.
    ///
    /// Half of the steps are drawn alike and half by what they cost where ε̂ = 0, ½ (snr_s/snr_t − 1), which
    /// differs by orders of magnitude from step to step; each counts by the inverse of its chance. Draws are
    /// stratified. The estimate has no bias, as that from steps drawn alike has none, and less spread.
    ///
    /// # Errors
    /// Those of the denoiser.
    pub fn steps(&self, x_0: &State, draws: usize, rng: &mut Rng) -> Result<Vec<f64>> {
        let pairs: Vec<(f64, f64)> = self.grid.steps().collect();
        let chances = chances(self.process.path(), &pairs);
        let mut sum = 0.0;
        let up_to: Vec<f64> = chances.iter().map(|p| (sum += p, sum).1).collect();
        let mut total = vec![0.0; x_0.samples()?];
        for draw in 0..draws {
            let step = |u: f64| {
                let quantile = (draw as f64 + u) / draws as f64;
                up_to.partition_point(|&sum| sum <= quantile).min(pairs.len() - 1)
            };
            let drawn: Vec<usize> = rng.uniforms().into_iter().map(step).collect();
            let times = Times::new(drawn.iter().map(|&step| pairs[step].0).collect());
            let (_, errors) = self.errors(x_0, &times, rng)?;
            for (c, errors) in self.process.components().iter().zip(&errors) {
                let weight = |i: usize| {
                    let ((t, s), path) = (pairs[drawn[i]], c.path.as_ref());
                    0.5 * (snr(path, s) - snr(path, t)) / (chances[drawn[i]] * draws as f64)
                };
                add(&mut total, errors, weight);
            }
        }
        Ok(total)
    }

    /// The last term, from one draw of noise.
    ///
    /// # Errors
    /// Those of the denoiser.
    pub fn last(&self, x_0: &State, rng: &mut Rng) -> Result<Last> {
        let end = *self.grid.times().last().expect("a grid has two times");
        let (x, errors) = self.errors(x_0, &Times::all(x_0.samples()?, end), rng)?;
        let of_factor = |(c, errors): (&langevin_core::Component, &Vec<f64>)| {
            let path = c.path.as_ref();
            let log_sigma = -path.log_snr(end);
            let volume = c.factor.degrees_of_freedom() as f64 * (log_sigma + 0.5 * TAU.ln());
            errors.iter().map(|e| 0.5 * snr(path, end) * e + volume).collect()
        };
        let gaussian = self.process.components().iter().zip(&errors).map(of_factor).collect();
        Ok(Last { x, gaussian })
    }

    /// States at `times`, and `‖x_0 − x̂_0‖²` there by factor and sample.
    fn errors(&self, x_0: &State, times: &Times, rng: &mut Rng) -> Result<(State, Vec<Vec<f64>>)> {
        let like = x_0.part(0);
        let x_1 = self.process.reference(like.dtype(), like.device(), rng)?;
        let points = self.process.path_points(x_0, &x_1, times, rng)?;
        let x_t = State::new(points.into_iter().map(|point| point.x_t).collect());
        let estimate = self.denoiser.denoise(&x_t, times)?;
        let error = |(x, estimate): (&candle_core::Tensor, _)| squares(&(x - estimate)?);
        let errors = x_0.parts().iter().zip(estimate.parts()).map(error).collect::<Result<_>>()?;
        Ok((x_t, errors))
    }
}

/// The chance of each step `(t, s)` to be drawn: the mean of 1/N and of its share of all `snr_s/snr_t − 1`.
fn chances(path: &dyn Path, pairs: &[(f64, f64)]) -> Vec<f64> {
    let cost = |&(t, s): &(f64, f64)| (2.0 * (path.log_snr(s) - path.log_snr(t))).exp_m1();
    let costs: Vec<f64> = pairs.iter().map(cost).collect();
    let total: f64 = costs.iter().sum();
    costs.iter().map(|cost| 0.5 * (cost / total + 1.0 / pairs.len() as f64)).collect()
}

/// α²/σ².
fn snr(path: &dyn Path, t: f64) -> f64 {
    (2.0 * path.log_snr(t)).exp()
}

/// Squared norm of each sample.
fn squares(x: &candle_core::Tensor) -> Result<Vec<f64>> {
    Ok(sum_per_sample(&x.to_dtype(DType::F64)?.sqr()?)?.to_vec1::<f64>()?)
}

/// `total_i += weight(i) values_i`.
fn add(total: &mut [f64], values: &[f64], weight: impl Fn(usize) -> f64) {
    total.iter_mut().zip(values).enumerate().for_each(|(i, (sum, v))| *sum += weight(i) * v);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::Device;
    use langevin_core::factor::{Base, Categorical, Centred, Euclidean, Space};
    use langevin_core::rng::ids;
    use langevin_core::{Estimate, Purpose, Seed};
    use langevin_testing::assert_within;

    use super::*;
    use crate::levels::mean_and_error;
    use crate::schedule::PolynomialConfig;

    /// Variances of the data, by factor.
    const V: [f64; 2] = [0.8, 0.1];

    fn path() -> Arc<dyn Path> {
        Arc::new(PolynomialConfig::default().build().unwrap())
    }

    /// Four centred points in space, whose 9 degrees of freedom are N(0, V_0), and two numbers N(0, V_1).
    fn process() -> Process {
        let space = Space::of("x", Centred::new(4, 3)).and("h", Euclidean::new(&[2]));
        Process::new(&space, path())
    }

    /// E[x_0 | x_t].
    struct Exact;

    impl Denoiser for Exact {
        fn denoise(&self, x_t: &State, t: &Times) -> Result<Estimate> {
            let part = |(x, v): (&candle_core::Tensor, f64)| {
                let gain = |t: f64| {
                    let c = path().coefficients(t);
                    c.alpha * v / (c.alpha.powi(2) * v + c.beta.powi(2))
                };
                Ok(x.broadcast_mul(&t.column(x, gain)?)?)
            };
            x_t.parts().iter().zip(V).map(part).collect::<Result<_>>().map(State::new)
        }
    }

    /// The three terms, expected over data and noise, for one degree of freedom of variance `v`.
    fn expected(v: f64, grid: &TimeGrid) -> [f64; 3] {
        let path = path();
        let snr = |t: f64| (path.coefficients(t).alpha / path.coefficients(t).beta).powi(2);
        // The part of ε that x_t leaves open is snr v/(snr v + 1) of its variance.
        let open = |t: f64| snr(t) * v / (snr(t) * v + 1.0);
        let steps = grid.steps().map(|(t, s)| 0.5 * (snr(s) / snr(t) - 1.0) * open(t)).sum();
        let last = 0.5 * open(0.0) - 0.5 * snr(0.0).ln() + 0.5 * TAU.ln();
        [0.5 * snr(grid.times()[0]) * v, steps, last]
    }

    /// Each term agrees with its closed form within 5 standard errors, and the terms of a fine grid add up
    /// to the entropy of the data.
    ///
    /// Standard errors are below 1 % with as many draws as steps, so that a wrong constant, a wrong station or
    /// one degree of freedom too many is seen. The bound of an exact denoiser falls to the entropy as 1/N.
    #[test]
    fn the_bound_of_a_gaussian_is_the_one_of_its_closed_form() {
        let (n, dof) = (20_000, [9.0, 2.0]);
        let (process, grid) = (process(), TimeGrid::linear(1.0, 0.0, 20).unwrap());
        let mut rng = Rng::new(Seed(1), Purpose::Data, ids(0, n), 0);
        let unit = process.reference(DType::F64, &Device::Cpu, &mut rng).unwrap();
        let scale = |(x, v): (&candle_core::Tensor, f64)| (x * v.sqrt()).unwrap();
        let x_0 = State::new(unit.parts().iter().zip(V).map(scale).collect());
        let bound = Bound::new(&process, &Exact, &grid).unwrap();
        let last = bound.last(&x_0, &mut rng).unwrap();
        let last = last.gaussian[0].iter().zip(&last.gaussian[1]).map(|(a, b)| a + b).collect();
        let found = [bound.prior(&x_0).unwrap(), bound.steps(&x_0, 20, &mut rng).unwrap(), last];
        let of = |grid: &TimeGrid, term: usize| -> f64 {
            dof.iter().zip(V).map(|(d, v)| d * expected(v, grid)[term]).sum()
        };
        for (term, values) in found.iter().enumerate() {
            let (mean, error) = mean_and_error(values);
            assert!(error < 0.01 * mean.abs(), "term {term}: {mean} ± {error}");
            assert_within(&format!("term {term}"), mean, of(&grid, term), 5.0 * error);
        }
        let (mean, error) = mean_and_error(&bound.steps(&x_0, 3, &mut rng).unwrap());
        assert!(error < 0.03 * mean, "{mean} ± {error}");
        assert_within("three steps of twenty", mean, of(&grid, 1), 5.0 * error);
        let fine = TimeGrid::linear(1.0, 0.0, 500_000).unwrap();
        let bound: f64 = (0..3).map(|term| of(&fine, term)).sum();
        let entropy: f64 =
            dof.iter().zip(V).map(|(d, v)| 0.5 * d * (TAU.ln() + v.ln() + 1.0)).sum();
        assert!(bound > entropy && bound < entropy + 0.01, "{bound} of {entropy}");
    }

    #[test]
    fn factors_without_a_gaussian_reference_are_refused() {
        let space = Space::of("class", Categorical::new(1, 2, Base::Mask));
        let grid = TimeGrid::linear(1.0, 0.0, 2).unwrap();
        assert!(Bound::new(&Process::new(&space, path()), &Exact, &grid).is_err());
    }
}
