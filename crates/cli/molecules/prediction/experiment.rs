//! The config of a model of properties.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use candle_core::DType;
use langevin_core::{ConfigError, Head, Network, Process, Source};
use langevin_diffusion::{CouplingConfig, ObjectiveConfig};
use langevin_molecules::config::LabelledConfig;
use langevin_molecules::network::{NetworkConfig, PropertyNetwork, ScalarVectorConfig};
use langevin_molecules::prediction::{LabelledSource, Predicted};
use langevin_molecules::record::Molecule;
use langevin_molecules::space::Molecules;
use langevin_nn::Builder;
use langevin_train::TrainConfig;
use serde::{Deserialize, Serialize};

use crate::experiment::{Data, Experiment, Method, Plan, settings, train_plan};
use crate::molecules::{read, require_validation};
use crate::properties::{check_labels, measured};
use crate::refused;

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
        require_validation(self.data.validation_file.as_ref(), &self.train)?;
        let labels: Vec<_> = self.data.properties.iter().map(|property| &property.label).collect();
        if labels.is_empty() {
            return Err(ConfigError::new("data.properties", "none", "at least one label"));
        }
        check_labels(labels, 0.0)?;
        let method = &self.method;
        // The estimate of pure noise is the mean, and finite whatever the path.
        if !matches!(method.objective, ObjectiveConfig::Denoising(_)) {
            let allowed = "denoising, whose estimates are means";
            return Err(ConfigError::new("method.objective.kind", "another", allowed));
        }
        if method.head != Head::Clean {
            return Err(ConfigError::new("method.head", format!("{:?}", method.head), "clean"));
        }
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
        let train = self.labelled(&self.data.file)?;
        let mut molecules = Molecules::measured(&train).expect("there are some");
        let (labels, file) = (train.iter().map(Molecule::labels), self.data.file.display());
        molecules.properties = measured(&self.data.properties, labels, &file.to_string())?;
        let domain = Predicted { molecules };
        let source = |all| -> Arc<dyn Source> {
            Arc::new(LabelledSource::new(domain.clone(), all, DType::F32))
        };
        let validated =
            self.data.validation_file.as_ref().filter(|_| self.train.validate_every > 0);
        let held_out = validated.map(|path| Ok::<_, anyhow::Error>(source(self.labelled(path)?)));
        Ok(Data { held_out: held_out.transpose()?, source: source(train), domain })
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

    /// The molecules in `path` that have all labels.
    fn labelled(&self, path: &Path) -> Result<Vec<Molecule>> {
        let mut molecules = read(path)?;
        let has = |own: &Molecule, label: &String| own.labels().contains_key(label);
        molecules.retain(|own| self.data.properties.iter().all(|config| has(own, &config.label)));
        if molecules.is_empty() {
            return refused(format!("{}: no molecule has all of data.properties", path.display()));
        }
        Ok(molecules)
    }
}

#[cfg(test)]
mod tests {
    use crate::molecules::shipped;

    use super::*;

    #[test]
    fn the_published_config_is_that_of_the_model_that_ships() {
        let text = include_str!("../../../../configs/molecules/qm9_properties.toml");
        let published: PredictorExperiment = toml::from_str(text).unwrap();
        published.plan().unwrap();
        let (shipped, _) =
            shipped::read_predictor(Path::new("qm9_properties"), &candle_core::Device::Cpu)
                .unwrap();
        let [published, shipped] =
            [&published, &shipped.experiment].map(|own| toml::to_string(own).unwrap());
        assert_eq!(published, shipped);
    }
}
