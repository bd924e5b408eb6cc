//! The config of an experiment on crystals.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use candle_core::DType;
use langevin_core::{ConfigError, Network, Process, Source};
use langevin_crystals::base::Lesson;
use langevin_crystals::baselines::Templates;
use langevin_crystals::config::DataConfig;
use langevin_crystals::network::{GivenSpecies, NetworkConfig, Told};
use langevin_crystals::record::Crystal;
use langevin_crystals::source::CrystalSource;
use langevin_crystals::space::{Crystals, SPECIES};
use langevin_crystals::substitution::Substitution;
use langevin_nn::Builder;
use langevin_train::TrainConfig;
use serde::{Deserialize, Serialize};

use crate::experiment::{Data, Experiment, Method, Plan, settings, train_plan};
use crate::properties::{check_labels, measured};
use crate::refused;

/// One complete TOML file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrystalsExperiment {
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

impl Experiment for CrystalsExperiment {
    type Domain = Crystals;
    type Network = ();

    settings!();

    fn plan(&self) -> Result<Plan<()>, ConfigError> {
        if self.data.files.is_empty() {
            return Err(ConfigError::new(
                "data.files",
                "nothing",
                "a file of crystals, or several",
            ));
        }
        if let Some(factor) = self.method.give.keys().find(|name| *name != SPECIES) {
            return Err(ConfigError::new("method.give", factor, "species"));
        }
        let labels: Vec<&String> =
            self.data.properties.iter().map(|property| &property.label).collect();
        check_labels(labels, self.method.hide_condition)?;
        if let Some(templates) = &self.data.templates {
            templates.check().map_err(|error| error.within("templates").within("data"))?;
            if self.given_species() != GivenSpecies::Always {
                let allowed =
                    "nothing, unless method.give.species is 1: templates know their species";
                return Err(ConfigError::new("data.templates", "a section", allowed));
            }
        }
        if let Some(substitution) = &self.data.substitution {
            substitution.check().map_err(|error| error.within("substitution").within("data"))?;
            if self.data.templates.is_some() {
                let allowed = "nothing where there are data.templates, which know their elements";
                return Err(ConfigError::new("data.substitution", "a section", allowed));
            }
        }
        self.network.check().map_err(|error| error.within("network"))?;
        let (file, count) = (&self.data.validation_file, self.data.hold_out);
        if self.train.validate_every > 0 && file.is_none() && count == 0 {
            let allowed =
                "a file of crystals, or data.hold_out, since train.validate_every is above 0";
            return Err(ConfigError::new("data.validation_file", "nothing", allowed));
        }
        if file.is_some() && count > 0 {
            let allowed = "0 where there is a data.validation_file";
            return Err(ConfigError::new("data.hold_out", count, allowed));
        }
        Ok(Plan { network: (), method: self.method.build()?, train: train_plan(&self.train)? })
    }

    fn data(&self) -> Result<Data<Crystals>> {
        let all = read(&self.data.files)?;
        let (found, count) = (all.len(), self.data.hold_out);
        if count >= found {
            return refused(format!(
                "data.hold_out: found {count} of {found} crystals, allowed: fewer"
            ));
        }
        let (train, held_out) = self.data.divided(all);
        let mut domain = Crystals::measured(&train).expect("a file that was read has crystals");
        domain.motion = self.data.motion;
        let labels = train.iter().map(Crystal::labels);
        domain.properties = measured(&self.data.properties, labels, "data.files")?;
        let validated =
            self.data.validation_file.as_ref().filter(|_| self.train.validate_every > 0);
        let held_out = match validated {
            Some(path) => Some(read(std::slice::from_ref(path))?),
            None => Some(held_out).filter(|held_out| !held_out.is_empty()),
        };
        let (source, held_out) = match self.data.templates {
            None => {
                let source = |crystals| CrystalSource::new(domain.clone(), crystals, DType::F32);
                let fit = |&config| Substitution::new(config, &train);
                let substitution = self.data.substitution.as_ref().map(fit);
                let held_out =
                    held_out.map(|crystals| Arc::new(source(crystals)) as Arc<dyn Source>);
                (Arc::new(source(train).substituting(substitution)) as Arc<dyn Source>, held_out)
            }
            Some(base) => {
                let source = |lessons: Vec<Lesson>| -> Result<Arc<dyn Source>> {
                    if lessons.is_empty() {
                        return refused(
                            "data.templates: found no two crystals with the same numbers of atoms of their elements",
                        );
                    }
                    let domain = domain.clone();
                    Ok(Arc::new(CrystalSource::with_templates(domain, lessons, base, DType::F32)))
                };
                let templates = Templates::new(train);
                let own = base.lessons(templates.crystals(), &templates, Some);
                let held_out =
                    held_out.map(|crystals| source(base.lessons(&crystals, &templates, |_| None)));
                (source(own)?, held_out.transpose()?)
            }
        };
        Ok(Data { held_out, source, domain })
    }

    fn network(
        &self,
        builder: &Builder,
        (): &(),
        domain: &Crystals,
        _: &Process,
    ) -> langevin_nn::Result<Box<dyn Network>> {
        let told = Told {
            elements: domain.elements.len(),
            cells: domain.cells,
            conditions: 2 * domain.properties.len(),
            species: self.given_species(),
        };
        self.network.build(builder, told)
    }
}

impl CrystalsExperiment {
    /// The crystals that are never trained on; none where the config holds none out.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn held_out(&self) -> Result<Vec<Crystal>> {
        match &self.data.validation_file {
            Some(path) => read(std::slice::from_ref(path)),
            None => Ok(self.data.divided(read(&self.data.files)?).1),
        }
    }

    /// When the network is given species.
    pub fn given_species(&self) -> GivenSpecies {
        match self.method.give.get(SPECIES) {
            None => GivenSpecies::Never,
            Some(&chance) if chance < 1.0 => GivenSpecies::Sometimes,
            Some(_) => GivenSpecies::Always,
        }
    }
}

/// The crystals of all `files` in their standard cells; every entry must be one.
pub fn read(files: &[PathBuf]) -> Result<Vec<Crystal>> {
    let mut crystals = Vec::new();
    for path in files {
        crystals.extend(super::read(path, false)?.iter().map(Crystal::in_standard_cell));
    }
    Ok(crystals)
}
