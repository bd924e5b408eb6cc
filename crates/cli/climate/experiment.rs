//! The config of an experiment on fields.

use std::sync::Arc;

use anyhow::Result;
use langevin_climate::config::DataConfig;
use langevin_climate::network::NetworkConfig;
use langevin_climate::source::Windows;
use langevin_climate::space::Fields;
use langevin_core::{ConfigError, Network, Process, Source};
use langevin_datasets::{FieldSource, GridFile};
use langevin_nn::Builder;
use langevin_train::TrainConfig;
use serde::{Deserialize, Serialize};

use super::reading::Reading;
use crate::experiment::{Data, Experiment, Method, Plan, settings, train_plan};
use crate::refused;

/// One complete TOML file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClimateExperiment {
    /// Seed of weights, noise and samples.
    #[serde(default)]
    pub seed: u64,
    /// What is generated.
    pub data: DataConfig,
    /// The network.
    pub network: NetworkConfig,
    /// Path, coupling, objective, sampler.
    pub method: Method,
    /// Training.
    pub train: TrainConfig,
}

impl Experiment for ClimateExperiment {
    type Domain = Fields;
    type Network = ();

    settings!();

    fn plan(&self) -> Result<Plan<()>, ConfigError> {
        self.data.check().map_err(|error| error.within("data"))?;
        self.network.check().map_err(|error| error.within("network"))?;
        if self.train.validate_every > 0 && !self.data.validates() {
            let allowed =
                "ranges of columns, or data.train_times, since train.validate_every is above 0";
            return Err(ConfigError::new("data.validation_columns", "nothing", allowed));
        }
        Ok(Plan { network: (), method: self.method.build()?, train: train_plan(&self.train)? })
    }

    fn data(&self) -> Result<Data<Fields>> {
        let reading = Reading::new(&self.data)?;
        let windows = |frames, domain| {
            let made = Windows::new(frames, &self.data, domain);
            made.map_or_else(
                || {
                    refused(
                        "data: found no window that is known, as large as data.edge and wet enough",
                    )
                },
                Ok,
            )
        };
        let source = windows(reading.frames(false)?, None)?;
        let source = source.described(reading.units.clone(), reading.climatology.clone());
        let domain = source.domain().clone();
        let held_out = if self.data.validates() && self.train.validate_every > 0 {
            let source = windows(reading.frames(true)?, Some(domain.clone()))?;
            Some(Arc::new(source) as Arc<dyn Source>)
        } else {
            None
        };
        Ok(Data { domain, source: Arc::new(source), held_out })
    }

    fn network(
        &self,
        builder: &Builder,
        (): &(),
        domain: &Fields,
        _: &Process,
    ) -> langevin_nn::Result<Box<dyn Network>> {
        self.network.build(builder, domain, self.method.head)
    }
}

/// Kilometres of a unit of the field's coordinates.
///
/// # Errors
/// If the file does not say.
pub fn unit(file: &GridFile, field: &FieldSource) -> Result<f64> {
    match field.kilometres {
        Some(kilometres) => Ok(kilometres),
        None => {
            let (path, name) = (file.path().display(), &field.name);
            refused(format!(
                "{path}, variable {name}: found coordinates without a unit of length, allowed: degrees, m or km, as \
                 their attribute units says"
            ))
        }
    }
}
