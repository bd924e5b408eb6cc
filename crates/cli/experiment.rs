//! An experiment: one complete config file, and the products that it describes.

use std::sync::Arc;

use langevin_core::{
    ConfigError, Coupling, Head, Objective, Path, Sampler, TimeGrid, config::require,
};
use langevin_diffusion::{CouplingConfig, GridConfig, ObjectiveConfig, PathConfig, SamplerConfig};
use langevin_train::{TrainConfig, TrainPlan};
use serde::{Deserialize, Serialize};

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
    /// Which reference sample goes with which datum.
    pub coupling: CouplingConfig,
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
        let path = self.path.build().map_err(within("path"))?;
        self.sampler.check(path.as_ref()).map_err(within("sampler"))?;
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
        })
    }
}

/// The plan of `[train]`.
///
/// # Errors
/// [`ConfigError`] with the whole path of the key.
pub fn train_plan(config: &TrainConfig) -> Result<TrainPlan, ConfigError> {
    config.build().map_err(|error| error.within("train"))
}
