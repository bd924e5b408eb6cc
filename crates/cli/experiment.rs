//! An experiment: one complete config file, and the products that it describes.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result as AnyResult;
use langevin_core::factor::{Factor, Space};
use langevin_core::{
    ConfigError, Coupling, Domain, Head, Network, Objective, Path, Process, Sampler, Source,
    TimeGrid, config::require,
};
use langevin_diffusion::{CouplingConfig, GridConfig, ObjectiveConfig, PathConfig, SamplerConfig};
use langevin_nn::Builder;
use langevin_train::{Given, TrainConfig, TrainPlan};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::bad_input;

/// What every experiment says, whatever its domain.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// What the network's output stands for.
    pub head: Head,
    /// Chance of hiding the condition in training; above 0 for classifier-free guidance.
    #[serde(default)]
    pub hide_condition: f64,
    /// The law of x_t.
    pub path: PathConfig,
    /// The laws of factors that follow another path than `path`, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub paths: BTreeMap<String, PathConfig>,
    /// Which reference sample goes with which datum.
    pub coupling: CouplingConfig,
    /// Weights of the factors' losses, by name; 1 where none is given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, f64>,
    /// How much farther than the flow Euler's steps take a factor to the data, by name, `1 + a (1 − t)`; 0 where none is
    /// given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub anneal: BTreeMap<String, f64>,
    /// Parts of the training in which a factor is given, by name: the others are made for it. Of a factor of points
    /// a piece is given, in a part of those where the classes of all points are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub give: BTreeMap<String, f64>,
    /// What training minimises.
    pub objective: ObjectiveConfig,
    /// How sampling walks.
    pub sampler: SamplerConfig,
    /// Where it stops on its way.
    pub grid: GridConfig,
}

/// The products of a method.
pub struct MethodPlan {
    pub path: Arc<dyn Path>,
    /// Of factors that follow another one.
    pub paths: BTreeMap<String, Arc<dyn Path>>,
    pub coupling: Arc<dyn Coupling>,
    pub objective: Arc<dyn Objective>,
    pub sampler: Arc<dyn Sampler>,
    pub grid: TimeGrid,
}

impl Method {
    /// The products; nothing after this sees a config.
    ///
    /// # Errors
    /// [`ConfigError`] with the whole path of the key.
    pub fn build(&self) -> Result<MethodPlan, ConfigError> {
        let chance = |p: f64| (0.0..1.0).contains(&p);
        let within = |section| move |error: ConfigError| error.within(section).within("method");
        require("method.hide_condition", self.hide_condition, chance, "0 to below 1")?;
        if let Head::Edm { sigma_data } = self.head {
            let fits = |s: f64| s > 0.0 && s.is_finite();
            require("method.head.edm.sigma_data", sigma_data, fits, "a positive number")?;
        }
        for (name, &weight) in &self.weights {
            let fits = |w: f64| w >= 0.0 && w.is_finite();
            require(&format!("method.weights.{name}"), weight, fits, "a number of at least 0")?;
        }
        for (name, &anneal) in &self.anneal {
            let fits = |a: f64| a >= 0.0 && a.is_finite();
            require(&format!("method.anneal.{name}"), anneal, fits, "a number of at least 0")?;
        }
        let eulers = matches!(self.sampler, SamplerConfig::Euler(_) | SamplerConfig::TauLeaping(_));
        if !self.anneal.is_empty() && !eulers {
            let allowed = "euler, where method.anneal is set";
            return Err(ConfigError::new(
                "method.sampler.kind",
                format!("{:?}", self.sampler),
                allowed,
            ));
        }
        if let SamplerConfig::Euler(euler) | SamplerConfig::TauLeaping(euler) = &self.sampler
            && euler.farthest != 1.0
            && self.anneal.is_empty()
        {
            let allowed = "1 where nothing is annealed (method.anneal, --anneal)";
            return Err(ConfigError::new("method.sampler.farthest", euler.farthest, allowed));
        }
        for (name, &chance) in &self.give {
            let fits = |p: f64| p > 0.0 && p <= 1.0;
            require(&format!("method.give.{name}"), chance, fits, "above 0, at most 1")?;
        }
        let path = self.path.build().map_err(within("path"))?;
        self.sampler.check(path.as_ref()).map_err(within("sampler"))?;
        let mut paths = BTreeMap::new();
        for (name, config) in &self.paths {
            let within = |error: ConfigError| error.within(name).within("paths").within("method");
            let path = config.build().map_err(within)?;
            self.sampler.check(path.as_ref()).map_err(within)?;
            paths.insert(name.clone(), path);
        }
        let divides = matches!(self.head, Head::Noise | Head::Score | Head::Edm { .. });
        if divides && path.coefficients(path.start()).alpha == 0.0 {
            let allowed = "clean, v or velocity on a path that ends in the reference alone";
            return Err(ConfigError::new("method.head", format!("{:?}", self.head), allowed));
        }
        Ok(MethodPlan {
            coupling: self.coupling.build().map_err(within("coupling"))?,
            objective: self.objective.build().map_err(within("objective"))?,
            sampler: self.sampler.build().map_err(within("sampler"))?,
            grid: self.grid.build(path.as_ref()).map_err(within("grid"))?,
            path,
            paths,
        })
    }
}

impl Method {
    /// The process on `space`, each factor on its path, its losses weighted.
    ///
    /// # Errors
    /// If something is said of a factor that the space lacks.
    pub fn process(&self, space: &Space, plan: &MethodPlan) -> AnyResult<Process> {
        let names: Vec<&str> = space.factors().map(|(name, _)| name).collect();
        let all = self.weights.keys().map(|name| ("weights", name));
        let all = all.chain(self.paths.keys().map(|name| ("paths", name)));
        let all = all.chain(self.give.keys().map(|name| ("give", name)));
        let all = all.chain(self.anneal.keys().map(|name| ("anneal", name)));
        if let Some((section, stranger)) =
            all.clone().find(|(_, name)| !names.contains(&name.as_str()))
        {
            let key = format!("method.{section}.{stranger}");
            let found = "a factor that does not exist";
            return Err(bad_input(ConfigError::new(key, found, names.join(", "))));
        }
        let weight = |name: &str| self.weights.get(name).copied().unwrap_or(1.0);
        let anneal = |name: &str| self.anneal.get(name).copied().unwrap_or(0.0);
        let path = |name: &str| plan.paths.get(name).unwrap_or(&plan.path).clone();
        Ok(Process::with_paths(space, path).weighted(weight).annealed(anneal))
    }

    /// What is given of `space` in a part of the training: classes, and a piece of points.
    pub fn given(&self, space: &Space) -> Option<Given> {
        let of = |classes: bool| {
            let fits = |(_, (name, factor)): &(usize, (&str, &Arc<dyn Factor>))| {
                factor.moves_by_rates() == classes && self.give.contains_key(*name)
            };
            let (place, (name, _)) = space.factors().enumerate().find(fits)?;
            Some((place, self.give[name]))
        };
        let (factor, chance) = of(true)?;
        Some(Given { factor, chance, piece: of(false) })
    }
}

/// A complete experiment of one domain: its config file.
pub trait Experiment: Serialize + DeserializeOwned + Send + Sync {
    /// What the data say of the domain; a model file keeps it beside the weights.
    type Domain: Domain + Serialize + DeserializeOwned;
    /// The checked `[network]` section.
    type Network: Send + Sync;

    /// Seed of data, weights and noise.
    fn seed(&self) -> u64;
    /// The seed, to be replaced.
    fn seed_mut(&mut self) -> &mut u64;
    /// Path, coupling, objective, sampler.
    fn method(&self) -> &Method;
    /// Path, coupling, objective, sampler, to be replaced.
    fn method_mut(&mut self) -> &mut Method;
    /// The `[train]` section.
    fn train(&self) -> &TrainConfig;
    /// The `[train]` section, to be replaced.
    fn train_mut(&mut self) -> &mut TrainConfig;

    /// Everything that can fail without data, checked before any work.
    ///
    /// # Errors
    /// [`ConfigError`] with the whole path of the key.
    fn plan(&self) -> Result<Plan<Self::Network>, ConfigError>;

    /// Reads or draws the data.
    ///
    /// # Errors
    /// If a file cannot be used.
    fn data(&self) -> AnyResult<Data<Self::Domain>>;

    /// The network on states of `process`.
    ///
    /// # Errors
    /// Those of [`Builder::parameter`].
    fn network(
        &self,
        builder: &Builder,
        plan: &Self::Network,
        domain: &Self::Domain,
        process: &Process,
    ) -> langevin_nn::Result<Box<dyn Network>>;
}

/// The text of a config as this version writes it; one that cannot be read stays as it is.
pub fn restated<E: Experiment>(text: &str) -> String {
    let experiment: Option<E> = toml::from_str(text).ok();
    experiment.and_then(|experiment| toml::to_string(&experiment).ok()).unwrap_or(text.into())
}

/// What [`Experiment`] asks of the fields that the config of every domain has.
macro_rules! settings {
    () => {
        fn seed(&self) -> u64 {
            self.seed
        }

        fn seed_mut(&mut self) -> &mut u64 {
            &mut self.seed
        }

        fn method(&self) -> &$crate::experiment::Method {
            &self.method
        }

        fn method_mut(&mut self) -> &mut $crate::experiment::Method {
            &mut self.method
        }

        fn train(&self) -> &langevin_train::TrainConfig {
            &self.train
        }

        fn train_mut(&mut self) -> &mut langevin_train::TrainConfig {
            &mut self.train
        }
    };
}
pub(crate) use settings;

/// The products of an experiment.
pub struct Plan<N> {
    pub network: N,
    pub method: MethodPlan,
    pub train: TrainPlan,
}

/// What an experiment trains on.
pub struct Data<D> {
    pub domain: D,
    pub source: Arc<dyn Source>,
    /// Never trained on; absent where nothing is validated.
    pub held_out: Option<Arc<dyn Source>>,
}

/// The plan of `[train]`.
///
/// # Errors
/// [`ConfigError`] with the whole path of the key.
pub fn train_plan(config: &TrainConfig) -> Result<TrainPlan, ConfigError> {
    config.build().map_err(|error| error.within("train"))
}
