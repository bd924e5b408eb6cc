//! Objectives: the regressions that fit a network.

mod denoising;
mod flow_matching;
mod proper_score;
mod regression;
mod time_law;
mod weighting;

use std::sync::Arc;

use langevin_core::{ConfigError, Objective};
use serde::{Deserialize, Serialize};

pub use denoising::{Denoising, DenoisingConfig};
pub use flow_matching::{FlowMatching, FlowMatchingConfig};
pub use proper_score::{ProperScore, ProperScoreConfig};
pub use time_law::{TimeLaw, TimeLawConfig};
pub use weighting::Weighting;

/// `[objective]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ObjectiveConfig {
    /// Regression of the clean end.
    Denoising(DenoisingConfig),
    /// Regression of the velocity; Riemannian and discrete by the factors.
    FlowMatching(FlowMatchingConfig),
    /// Proper scores of ensembles made in one step.
    ProperScore(ProperScoreConfig),
}

impl ObjectiveConfig {
    /// The objective.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn build(&self) -> Result<Arc<dyn Objective>, ConfigError> {
        Ok(match self {
            Self::Denoising(config) => Arc::new(config.build()?),
            Self::FlowMatching(config) => Arc::new(config.build()?),
            Self::ProperScore(config) => Arc::new(config.build()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};
    use langevin_core::factor::{Base, Categorical, Euclidean, Space};
    use langevin_core::rng::ids;
    use langevin_core::{
        Batch, Condition, Head, Network, Path, Process, Purpose, Reading, Result, Rng, Seed, State,
        Times,
    };
    use langevin_testing::assert_within;

    use super::*;
    use crate::PathConfig;
    use crate::schedule::{CosineConfig, LinearConfig};

    /// Variance of the data N(0, V).
    const V: f64 = 0.25;

    /// E[x_0 | x_t] for data N(0, V), as a network with the head of the clean end.
    struct Exact(Arc<dyn Path>);

    impl Network for Exact {
        fn forward(&self, x: &State, t: &Times, _: &Times, _: &Condition) -> Result<State> {
            let gain = |t: f64| {
                let c = self.0.coefficients(t);
                c.alpha * V / (c.alpha.powi(2) * V + c.beta.powi(2))
            };
            x.map(|x| Ok(x.broadcast_mul(&t.column(x, gain)?)?))
        }

        fn dtype(&self) -> DType {
            DType::F64
        }
    }

    /// Mean and standard error of an objective's loss with `network` over `n` pairs.
    fn mean_loss(
        objective: &ObjectiveConfig,
        process: &Process,
        network: &dyn Network,
        x_0: State,
    ) -> (f64, f64) {
        let n = x_0.samples().unwrap();
        let mut rng = Rng::new(Seed(2), Purpose::Training, ids(0, n), 0);
        let x_1 = process.reference(DType::F64, &Device::Cpu, &mut rng).unwrap();
        let batch = Batch { x_0, x_1: None, condition: Condition::none() };
        let reading = Reading::new(process.clone(), Head::Clean);
        let loss =
            objective.build().unwrap().loss(&reading, network, &batch, &x_1, &mut rng).unwrap();
        let losses = loss.per_sample.to_vec1::<f64>().unwrap();
        let mean = losses.iter().sum::<f64>() / n as f64;
        let variance = losses.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / n as f64;
        (mean, (variance / n as f64).sqrt())
    }

    /// The loss of the exact network is the variance that the state leaves open, integrated over time.
    ///
    /// Var(x_0 | x_t) = V σ²/(α² V + σ²), and that of the velocity (α' − α σ'/σ)² times as much. Midpoint
    /// rule with 20 000 nodes, its error far below the 5 standard errors allowed.
    #[test]
    fn exact_networks_have_the_loss_of_what_cannot_be_known() {
        let n = 50_000;
        let times = TimeLawConfig::default();
        for (config, weighting) in [
            (PathConfig::Linear(LinearConfig::default()), Weighting::Uniform),
            (PathConfig::Cosine(CosineConfig {}), Weighting::MinSnr { gamma: 5.0 }),
            (PathConfig::Cosine(CosineConfig {}), Weighting::Edm { sigma_data: 0.5 }),
        ] {
            let path = config.build().unwrap();
            let process = Process::new(&Space::of("x", Euclidean::new(&[1])), path.clone());
            let mut rng = Rng::new(Seed(1), Purpose::Data, ids(0, n), 0);
            let x_0 = rng.normal(&[1], DType::F64, &Device::Cpu).unwrap();
            let x_0 = State::single((x_0 * V.sqrt()).unwrap());
            let open = |t: f64| {
                let c = path.coefficients(t);
                V * c.beta.powi(2) / (c.alpha.powi(2) * V + c.beta.powi(2))
            };
            let over_time = |f: &dyn Fn(f64) -> f64| {
                let (low, high) = (path.floor(), path.start());
                (0..20_000).map(|i| f(low + (high - low) * (f64::from(i) + 0.5) / 2e4)).sum::<f64>()
                    / 2e4
            };
            // What classes weigh is nothing to this factor.
            let classes = Some(Weighting::Rate);
            let denoising =
                ObjectiveConfig::Denoising(DenoisingConfig { weighting, classes, times });
            let (mean, error) = mean_loss(&denoising, &process, &Exact(path.clone()), x_0.clone());
            let want = over_time(&|t| weighting.at(path.as_ref(), t) * open(t));
            assert_within(&format!("{weighting:?}"), mean, want, 5.0 * error);
            let matching = ObjectiveConfig::FlowMatching(FlowMatchingConfig { times });
            let (mean, error) = mean_loss(&matching, &process, &Exact(path.clone()), x_0);
            let want = over_time(&|t| {
                let (c, r) = (path.coefficients(t), path.rates(t));
                (r.alpha - c.alpha * r.beta / c.beta).powi(2) * open(t)
            });
            assert_within(&format!("velocity on {config:?}"), mean, want, 5.0 * error);
        }
    }

    /// Log-odds that do not depend on the state.
    struct Prior(Tensor);

    impl Network for Prior {
        fn forward(&self, x: &State, _: &Times, _: &Times, _: &Condition) -> Result<State> {
            Ok(State::single(self.0.broadcast_as((x.samples()?, 1, 2))?.contiguous()?))
        }

        fn dtype(&self) -> DType {
            DType::F64
        }
    }

    /// With the weight κ'/κ the loss of a masked class is the bound on −ln p, and the bound is tight for
    /// the exact network: the entropy of the class, whatever the path.
    ///
    /// 5 standard errors, from the losses themselves. The weights spread widely at small times, so
    /// the times are stratified and end at κ = 1e-5, which leaves out as little of the bound.
    #[test]
    fn the_rate_weighted_loss_of_a_masked_class_is_its_entropy() {
        let (n, p) = (200_000, 0.3f64);
        let times = TimeLawConfig::Uniform { stratified: true };
        let rate = Weighting::Rate;
        let one_for_all = DenoisingConfig { weighting: rate, classes: None, times };
        let of_classes =
            DenoisingConfig { weighting: Weighting::Uniform, classes: Some(rate), times };
        let classes: Vec<u32> = (0..n).map(|i| u32::from(i % 10 >= 3)).collect();
        let x_0 = State::single(Tensor::from_vec(classes, (n, 1), &Device::Cpu).unwrap());
        let odds = Prior(Tensor::new(&[[[p.ln(), (1.0 - p).ln()]]], &Device::Cpu).unwrap());
        let entropy = -p * p.ln() - (1.0 - p) * (1.0 - p).ln();
        for (config, objective) in [
            (PathConfig::Linear(LinearConfig::default()), one_for_all),
            (PathConfig::Cosine(CosineConfig {}), one_for_all),
            (PathConfig::Linear(LinearConfig::default()), of_classes),
        ] {
            let space = Space::of("class", Categorical::new(1, 2, Base::Mask));
            let process = Process::new(&space, config.build().unwrap());
            let objective = ObjectiveConfig::Denoising(objective);
            let (mean, error) = mean_loss(&objective, &process, &odds, x_0.clone());
            assert!(error < 0.02, "{error}");
            assert_within(&format!("{config:?}"), mean, entropy, 5.0 * error + 1e-4);
        }
    }

    #[test]
    fn unknown_keys_are_refused_at_every_level() {
        for text in [
            r#"{"kind": "denoising", "weighting": {"kind": "uniform"}, "wieght": 1}"#,
            r#"{"kind": "denoising", "weighting": {"kind": "min_snr", "gamma": 5, "gama": 5}}"#,
            r#"{"kind": "flow_matching", "times": {"kind": "uniform", "stratify": true}}"#,
            r#"{"kind": "flow_matching", "times": {"kind": "log_normal", "mean": 0, "sd": 1, "s": 1}}"#,
        ] {
            let error = serde_json::from_str::<ObjectiveConfig>(text).unwrap_err().to_string();
            assert!(error.contains("unknown field"), "{text}: {error}");
        }
        let bad = TimeLawConfig::LogNormal { mean: 0.0, sd: 0.0, stratified: false };
        let error = FlowMatchingConfig { times: bad }.build().unwrap_err();
        assert_eq!(error.to_string(), "times.sd: found 0, allowed: a positive number");
        let classes = Some(Weighting::InverseNoise { power: -1.0, most: 20.0 });
        let times = TimeLawConfig::default();
        let bad = DenoisingConfig { weighting: Weighting::Uniform, classes, times };
        assert_eq!(
            bad.build().unwrap_err().to_string(),
            "classes.power: found -1, allowed: 0 or more"
        );
    }
}
