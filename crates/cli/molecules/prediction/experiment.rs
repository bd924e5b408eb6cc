//! The config of a model of properties.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use candle_core::DType;
use langevin_core::{ConfigError, Network, Process, Source};
use langevin_datasets::read_molecules;
use langevin_diffusion::CouplingConfig;
use langevin_molecules::config::LabelledConfig;
use langevin_molecules::network::{NetworkConfig, PropertyNetwork, ScalarVectorConfig};
use langevin_molecules::prediction::{LabelledSource, Predicted};
use langevin_molecules::property::Property;
use langevin_molecules::record::Molecule;
use langevin_molecules::space::Molecules;
use langevin_nn::Builder;
use langevin_train::TrainConfig;
use serde::{Deserialize, Serialize};

use crate::experiment::{Data, Experiment, Method, Plan, settings, train_plan};
use crate::{bad_input, refused};

/// One complete TOML file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictorExperiment {
    /// Seed of weights, noise and samples.
    #[serde(default)]
    pub seed: u64,
    /// What is predicted of what.
    pub data: LabelledConfig,
    /// The network.
    pub network: NetworkConfig,
    /// Path, coupling, objective, sampler.
    pub method: Method,
    /// Training.
    pub train: TrainConfig,
}

impl Experiment for PredictorExperiment {
    type Domain = Predicted;
    type Network = ScalarVectorConfig;

    settings!();

    fn plan(&self) -> Result<Plan<ScalarVectorConfig>, ConfigError> {
        let network = self.layers()?;
        network.check().map_err(|error| error.within("network"))?;
        if self.train.validate_every > 0 && self.data.validation_file.is_none() {
            let allowed = "a file of molecules, since train.validate_every is above 0";
            return Err(ConfigError::new("data.validation_file", "nothing", allowed));
        }
        let labels: Vec<_> = self.data.properties.iter().map(|property| &property.label).collect();
        if labels.is_empty() {
            return Err(ConfigError::new("data.properties", "none", "at least one label"));
        }
        crate::properties::check_labels(labels, 0.0)?;
        let method = &self.method;
        if !matches!(method.coupling, CouplingConfig::Independent(_)) {
            // Another would pair noise with the values of this molecule or that.
            let found = format!("{:?}", method.coupling);
            return Err(ConfigError::new("method.coupling.kind", found, "independent"));
        }
        if method.hide_condition > 0.0 || !method.give.is_empty() {
            let allowed = "neither: molecules are never hidden, nothing else is given";
            return Err(ConfigError::new("method.hide_condition, method.give", "some", allowed));
        }
        Ok(Plan { network, method: method.build()?, train: train_plan(&self.train)? })
    }

    fn data(&self) -> Result<Data<Predicted>> {
        let train = read(&self.data.file)?;
        let mut molecules = Molecules::measured(&train).expect("a file that was read has some");
        for config in &self.data.properties {
            let own = Property::measured(config, train.iter().map(Molecule::labels));
            let Some(own) = own else {
                let (label, file) = (&config.label, self.data.file.display());
                return refused(format!(
                    "data.properties: label {label} has no two values in {file}"
                ));
            };
            molecules.properties.push(own);
        }
        let domain = Predicted { molecules };
        let source = |all, path: &Path| -> Result<Arc<dyn Source>> {
            match LabelledSource::new(domain.clone(), all, DType::F32) {
                Some(source) => Ok(Arc::new(source)),
                None => {
                    refused(format!("{}: no molecule has all of data.properties", path.display()))
                }
            }
        };
        let validated =
            self.data.validation_file.as_ref().filter(|_| self.train.validate_every > 0);
        let held_out = validated.map(|path| source(read(path)?, path)).transpose()?;
        Ok(Data { held_out, source: source(train, &self.data.file)?, domain })
    }

    fn network(
        &self,
        builder: &Builder,
        config: &ScalarVectorConfig,
        domain: &Predicted,
        _: &Process,
    ) -> langevin_nn::Result<Box<dyn Network>> {
        let Molecules { elements, properties, .. } = &domain.molecules;
        let network = PropertyNetwork::new(builder, config, elements.len(), properties.len())?;
        Ok(Box::new(network))
    }
}

impl PredictorExperiment {
    /// The layers, which are those of one kind of network.
    fn layers(&self) -> Result<ScalarVectorConfig, ConfigError> {
        match &self.network {
            NetworkConfig::Egnn(_) => {
                Err(ConfigError::new("network.kind", "egnn", "scalar_vector"))
            }
            NetworkConfig::ScalarVector(config) if config.recall => {
                Err(ConfigError::new("network.recall", true, "false"))
            }
            NetworkConfig::ScalarVector(config) => Ok(config.clone()),
        }
    }
}

/// The molecules in `path`, every frame of which must be one.
fn read(path: &Path) -> Result<Vec<Molecule>> {
    Ok(read_molecules(path, false).map_err(bad_input)?.molecules)
}
