//! The config of a point experiment.

use std::sync::Arc;

use candle_core::DType;
use langevin_core::{Aim, ConfigError, Network, Process, Source};
use langevin_diffusion::schedule::PathConfig;
use langevin_nn::Builder;
use langevin_points::config::{DataConfig, NetworkConfig, NetworkPlan};
use langevin_points::source::{End, PointsSource};
use langevin_points::space::Points;
use langevin_train::TrainConfig;
use serde::{Deserialize, Serialize};

use super::data::Dataset;
use super::ends::Ends;
use crate::experiment::{Data, Experiment, Method, Plan, settings, train_plan};

/// One complete TOML file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointsExperiment {
    /// Seed of data, weights, noise and samples.
    #[serde(default)]
    pub seed: u64,
    /// What is generated.
    pub data: DataConfig,
    /// The other end of the path where it is data too; without it, the reference of the space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<DataConfig>,
    /// The network.
    pub network: NetworkConfig,
    /// Path, coupling, objective, sampler.
    pub method: Method,
    /// Training.
    pub train: TrainConfig,
    /// Published values that `points table` prints beside ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub published: Vec<Published>,
}

/// A published value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// Name of the metric as `evaluate` prints it.
    pub metric: String,
    /// Mean over seeds.
    pub mean: f64,
    /// Standard deviation over seeds.
    pub sd: f64,
    /// Where it was published.
    pub source: String,
}

impl Experiment for PointsExperiment {
    type Domain = Points;
    type Network = NetworkPlan;

    settings!();

    fn plan(&self) -> Result<Plan<NetworkPlan>, ConfigError> {
        self.data.origin().map_err(|error| error.within("data"))?;
        if let Some(reference) = &self.reference {
            reference.origin().map_err(|error| error.within("reference"))?;
            if reference.standardise || reference.classes > 0 {
                let key = if reference.standardise { "standardise" } else { "classes" };
                let allowed = "this key in data only; the reference follows it";
                return Err(ConfigError::new(key, "a value", allowed).within("reference"));
            }
            let path = self.method.path.build().map_err(|e| e.within("method.path"))?;
            // A bridge's own noise is known, whatever the reference.
            let bridge = path.has_own_noise() && path.aim() == Aim::Data;
            if self.method.sampler.draws_noise() && !bridge {
                let allowed = "between two data sets, a sampler that adds no noise";
                return Err(ConfigError::new("method.sampler", "one that adds noise", allowed));
            }
            if matches!(self.method.path, PathConfig::Edm(_) | PathConfig::VarianceExploding(_)) {
                let allowed = "linear, trigonometric, cosine, variance_preserving or brownian \
                               between two data sets";
                return Err(ConfigError::new("method.path.kind", "an exploding path", allowed));
            }
        }
        if self.method.hide_condition > 0.0 && self.data.classes == 0 {
            let allowed = "0 where data.classes is 0: there is nothing to hide";
            let found = self.method.hide_condition;
            return Err(ConfigError::new("method.hide_condition", found, allowed));
        }
        Ok(Plan {
            network: self.network.check().map_err(|error| error.within("network"))?,
            method: self.method.build()?,
            train: train_plan(&self.train)?,
        })
    }

    fn data(&self) -> anyhow::Result<Data<Points>> {
        let ends = Ends::load(self)?;
        let domain = ends.data.domain(self.data.standardise)?;
        let classes = self.data.classes;
        let source = |data: End, reference: Option<End>| -> Arc<dyn Source> {
            Arc::new(PointsSource::new(domain.clone(), data, reference, classes, DType::F32))
        };
        let validated = self.train.validate_every > 0;
        let held_out = validated.then(|| -> anyhow::Result<_> {
            let reference = ends.reference.as_ref().map(Dataset::validation_end).transpose()?;
            Ok(source(ends.data.validation_end()?, reference))
        });
        let held_out = held_out.transpose()?;
        let (data, reference) = ends.training(self)?;
        let source = source(data, reference);
        Ok(Data { domain, source, held_out })
    }

    fn network(
        &self,
        builder: &Builder,
        plan: &NetworkPlan,
        _: &Points,
        process: &Process,
    ) -> langevin_nn::Result<Box<dyn Network>> {
        Ok(Box::new(plan.build(builder, process, self.data.classes)?))
    }
}
