//! The config of an experiment on molecules.

use std::sync::Arc;

use anyhow::Result;
use candle_core::DType;
use langevin_core::{ConfigError, Network, Process, Source, config::require};
use langevin_diffusion::CouplingConfig;
use langevin_diffusion::schedule::{LinearConfig, PathConfig};
use langevin_molecules::composition::Composition;
use langevin_molecules::config::DataConfig;
use langevin_molecules::network::{NetworkConfig, Told};
use langevin_molecules::record::Molecule;
use langevin_molecules::source::MoleculeSource;
use langevin_molecules::space::{Molecules, POSITIONS, SPECIES};
use langevin_molecules::species::SpeciesForm;
use langevin_nn::Builder;
use langevin_train::TrainConfig;
use serde::{Deserialize, Serialize};

use super::{read, require_validation};
use crate::experiment::{Data, Experiment, Method, Plan, settings, train_plan};
use crate::properties::{check_labels, measured};
use crate::refused;

/// One complete TOML file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoleculesExperiment {
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

impl Experiment for MoleculesExperiment {
    type Domain = Molecules;
    type Network = ();

    settings!();

    fn plan(&self) -> Result<Plan<()>, ConfigError> {
        if let Some(scale) = self.data.scale_angstrom {
            let fits = |s: f64| s > 0.0 && s.is_finite();
            require("data.scale_angstrom", scale, fits, "a positive number")?;
        }
        if self.data.charges && self.data.species == SpeciesForm::Features {
            let allowed = "false where data.species is \"features\"";
            return Err(ConfigError::new("data.charges", true, allowed));
        }
        self.check_given()?;
        self.network.check(self.data.species).map_err(|error| error.within("network"))?;
        require_validation(self.data.validation_file.as_ref(), &self.train)?;
        let labels = self.data.properties.iter().map(|property| &property.label).collect();
        check_labels(labels, self.method.hide_condition)?;
        Ok(Plan { network: (), method: self.method.build()?, train: train_plan(&self.train)? })
    }

    fn data(&self) -> Result<Data<Molecules>> {
        let train = read(&self.data.file)?;
        let mut domain = Molecules::measured(&train).expect("a file that was read has molecules");
        if self.data.charges {
            let charged = domain.with_charges(&train);
            let Some(charged) = charged else {
                let file = self.data.file.display();
                return refused(format!("data.charges: some molecules in {file} have no charges"));
            };
            domain = charged;
        }
        domain.form = self.data.species;
        domain.scale = self.data.scale_angstrom.unwrap_or(domain.scale);
        let (labels, file) = (train.iter().map(Molecule::labels), self.data.file.display());
        domain.properties = measured(&self.data.properties, labels, &file.to_string())?;
        if !self.method.give.is_empty() {
            domain.compositions = Composition::measured(&train, &domain)?;
        }
        let source = |molecules| -> Arc<dyn Source> {
            Arc::new(MoleculeSource::new(domain.clone(), molecules, DType::F32))
        };
        let validated =
            self.data.validation_file.as_ref().filter(|_| self.train.validate_every > 0);
        let held_out = validated.map(|path| Ok::<_, anyhow::Error>(source(read(path)?)));
        Ok(Data { held_out: held_out.transpose()?, source: source(train), domain })
    }

    fn network(
        &self,
        builder: &Builder,
        (): &(),
        domain: &Molecules,
        _: &Process,
    ) -> langevin_nn::Result<Box<dyn Network>> {
        let told = Told {
            form: domain.form,
            elements: domain.elements.len(),
            conditions: 2 * domain.properties.len(),
            species: self.method.give.contains_key(SPECIES),
            piece: self.method.give.contains_key(POSITIONS),
        };
        self.network.build(builder, told)
    }
}

impl MoleculesExperiment {
    /// Nothing if what is given in training can be.
    fn check_given(&self) -> Result<(), ConfigError> {
        let give = &self.method.give;
        if let Some(factor) =
            give.keys().find(|name| ![SPECIES, POSITIONS].contains(&name.as_str()))
        {
            return Err(ConfigError::new("method.give", factor, "species and positions"));
        }
        if !give.is_empty() && !matches!(self.network, NetworkConfig::ScalarVector(_)) {
            let allowed = "nothing: this network is not told of what is given";
            return Err(ConfigError::new("method.give", SPECIES, allowed));
        }
        if let Some(&chance) = give.get(SPECIES) {
            // A model that is always given them would never learn to make them, which `sample` asks it for.
            require("method.give.species", chance, |p| p < 1.0, "below 1")?;
        }
        let Some(&chance) = give.get(POSITIONS) else { return Ok(()) };
        let most = give.get(SPECIES).copied().unwrap_or(0.0);
        let allowed = format!("at most that of species, {most}");
        require("method.give.positions", chance, |p| p <= most, &allowed)?;
        // A piece that stands still between both ends needs x_t = (1 − t) x_0 + t x_1.
        let straight = PathConfig::Linear(LinearConfig::default());
        let equivariant = matches!(self.method.coupling, CouplingConfig::Equivariant(_));
        if self.method.path != straight || !equivariant {
            let allowed =
                "nothing, unless the path is linear without noise and the coupling equivariant";
            return Err(ConfigError::new("method.give.positions", chance, allowed));
        }
        Ok(())
    }
}
