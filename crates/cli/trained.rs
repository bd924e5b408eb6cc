//! A model ready to be sampled from.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use candle_core::DType;
use langevin_core::{Condition, Domain, Network, NetworkDenoiser, Process, Reading, Seed};
use langevin_nn::Builder;
use langevin_train::ModelFile;

use crate::bad_input;
use crate::experiment::{Experiment, Plan};
use crate::generate::Generation;
use crate::model::Model;

/// Weights, process and plan of a trained experiment.
pub struct Trained<E: Experiment> {
    pub experiment: E,
    pub plan: Plan<E::Network>,
    pub domain: E::Domain,
    pub process: Process,
    network: Arc<dyn Network>,
}

impl<E: Experiment> Trained<E> {
    /// The model in `path` (a file or a run directory), and its hash.
    ///
    /// # Errors
    /// If it is missing, truncated or of another domain.
    pub fn read(path: &Path) -> Result<(Self, String)> {
        Self::of(Model::read(path)?)
    }

    /// What `model` holds, ready, and its hash.
    ///
    /// # Errors
    /// If its weights do not fit its config.
    pub fn of(model: Model<E, E::Domain>) -> Result<(Self, String)> {
        let trained = Self::new(model.experiment, model.domain, model.file)?;
        Ok((trained, model.hash))
    }

    /// The model of `weights`.
    ///
    /// # Errors
    /// If the weights do not fit the experiment's network.
    pub fn new(experiment: E, domain: E::Domain, weights: ModelFile) -> Result<Self> {
        let plan = experiment.plan().map_err(bad_input)?;
        let process = experiment.method().process(&domain.space(), &plan.method)?;
        let network = Builder::frozen(weights.tensors, DType::F32, |builder| {
            experiment.network(builder, &plan.network, &domain, &process)
        })
        .map_err(bad_input)?;
        Ok(Self { experiment, plan, domain, process, network: Arc::from(network) })
    }

    /// The denoiser of samples of which `condition` is asked.
    pub fn denoiser_of(&self, condition: Condition) -> NetworkDenoiser {
        let reading = Reading::new(self.process.clone(), self.experiment.method().head);
        NetworkDenoiser::new(reading, self.network.clone(), condition)
    }

    /// How samples are drawn with the experiment's own sampler and grid; `finished` is told of each chunk.
    pub fn generation<'a>(
        &'a self,
        seed: Seed,
        chunk: usize,
        finished: &'a (dyn Fn(usize) + Sync),
    ) -> Generation<'a> {
        Generation {
            process: &self.process,
            sampler: self.plan.method.sampler.as_ref(),
            grid: &self.plan.method.grid,
            seed,
            chunk,
            finished,
        }
    }
}
