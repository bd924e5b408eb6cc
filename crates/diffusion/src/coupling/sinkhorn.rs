//! Entropic optimal transport within a batch.

use langevin_core::config::require;
use langevin_core::{Condition, ConfigError, Coupling, Pairing, Process, Result, Rng, State};
use langevin_transport::{PairSampler, SinkhornConfig, sinkhorn};
use serde::{Deserialize, Serialize};

use super::failed;
use super::optimal::batch_cost;

/// `[coupling] kind = "sinkhorn"`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SinkhornCouplingConfig {
    /// Weight ε of the entropy, in units of the squared distance; above 0. A Schrödinger bridge of
    /// diffusion coefficient σ has ε = 2 σ².
    pub epsilon: f64,
    /// Weight of the squared distance between conditions; 0 ignores them.
    #[serde(default)]
    pub condition_weight: f64,
}

impl SinkhornCouplingConfig {
    /// The coupling.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn build(&self) -> Result<SinkhornCoupling, ConfigError> {
        crate::schedule::positive("epsilon", self.epsilon)?;
        let fits = |w: f64| w >= 0.0 && w.is_finite();
        require("condition_weight", self.condition_weight, fits, "0 or more")?;
        Ok(SinkhornCoupling(*self))
    }
}

/// For each datum, a partner drawn from its row of the entropic plan.
///
/// Data appear once each, so conditions stay exact; reference rows appear once on average.
///
/// # Source
/// Tong et al. (2024): the minibatch approximation of the Schrödinger bridge.
#[derive(Debug, Clone, Copy)]
pub struct SinkhornCoupling(SinkhornCouplingConfig);

impl Coupling for SinkhornCoupling {
    fn couple(
        &self,
        process: &Process,
        x_0: &State,
        x_1: &State,
        condition: &Condition,
        rng: &mut Rng,
    ) -> Result<Pairing> {
        let cost = batch_cost(process, x_0, x_1, condition, self.0.condition_weight)?;
        let (n, m) = (cost.rows(), cost.columns());
        let config = SinkhornConfig::new(self.0.epsilon);
        let (a, b) = (vec![1.0; n], vec![1.0; m]);
        let plan = sinkhorn(&a, &b, cost.view(), &config, None).map_err(failed(n, m))?.plan;
        let uniforms = rng.uniforms();
        let partner = |(i, row): (usize, &[f64])| {
            let sampler = PairSampler::dense(row, m).map_err(failed(n, m))?;
            Ok((i, sampler.draw(uniforms[i]).1))
        };
        plan.chunks_exact(m).enumerate().map(partner).collect::<Result<Vec<_>>>().map(Pairing)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::{Device, Tensor};
    use langevin_core::factor::{Euclidean, Space};
    use langevin_core::rng::ids;
    use langevin_core::{Purpose, Seed};

    use super::*;
    use crate::schedule::LinearConfig;

    #[test]
    fn little_entropy_is_the_assignment_and_much_is_independence() {
        let n = 400;
        let path = Arc::new(LinearConfig::default().build().unwrap());
        let process = Process::new(&Space::of("x", Euclidean::new(&[1])), path);
        let column = |shift: f64| {
            let values: Vec<f64> = (0..n).map(|i| i as f64 / n as f64 + shift).collect();
            State::single(Tensor::from_vec(values, (n, 1), &Device::Cpu).unwrap())
        };
        let apart = |epsilon| {
            let coupling =
                SinkhornCouplingConfig { epsilon, condition_weight: 0.0 }.build().unwrap();
            let mut rng = Rng::new(Seed(1), Purpose::Training, ids(0, n), 0);
            let pairs = coupling
                .couple(&process, &column(0.0), &column(0.5), &Condition::none(), &mut rng)
                .unwrap();
            pairs.0.iter().map(|&(i, j)| (i as f64 - j as f64).abs()).sum::<f64>() / (n * n) as f64
        };
        // Independent uniform ranks are n/3 apart on average; the plan of ε = 1e-4 spreads a point by
        // about √ε = 0.01, that is 4 ranks of 400.
        assert!(apart(1e-4) < 0.02);
        assert!((apart(1e3) - 1.0 / 3.0).abs() < 0.05);
    }
}
