//! A model ready to be sampled from.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use candle_core::DType;
use langevin_core::{Condition, Domain, Network, NetworkDenoiser, Process, Reading, Seed};
use langevin_nn::Builder;
use langevin_train::ModelFile;

use crate::experiment::{Experiment, Plan};
use crate::generate::Generation;
use crate::model::Model;
use crate::{bad_input, refused};

/// The name of a model that is part of the program, and its file; cards are beside the files in `models/`.
pub type Shipped = (&'static str, &'static [u8]);

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

    /// The model that `path` stands for: a file, a run directory, or the name of one of `shipped`, which are part of the
    /// program. Its hash comes with it.
    ///
    /// # Errors
    /// If there is none, or it is damaged or of another domain.
    pub fn find(path: &Path, shipped: &[Shipped]) -> Result<(Self, String)> {
        if path.exists() {
            return Self::read(path);
        }
        let Some((_, bytes)) = shipped.iter().find(|(name, _)| path == Path::new(name)) else {
            let names: Vec<&str> = shipped.iter().map(|(name, _)| *name).collect();
            let (path, names) = (path.display(), names.join(", "));
            return refused(format!(
                "no model {path}: allowed: a file, a run directory, or {names}"
            ));
        };
        Self::of(Model::from_bytes(path, bytes)?)
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
