//! A model ready to be sampled from.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use candle_core::DType;
use langevin_core::{
    Condition, Domain, Network, NetworkDenoiser, Process, Purpose, Reading, Rng, Seed, State,
};
use langevin_nn::Builder;
use langevin_points::source::one_hot;
use langevin_points::space::Points;
use langevin_train::ModelFile;

use super::data::Dataset;
use super::experiment::{Plan, PointsExperiment};
use crate::bad_input;
use crate::generate::Generation;
use crate::model::Model;

/// Weights, process and plan of a trained experiment.
pub struct Trained {
    pub experiment: PointsExperiment,
    pub plan: Plan,
    pub domain: Points,
    pub process: Process,
    network: Arc<dyn Network>,
}

impl Trained {
    /// The model in `path` (a file or a run directory), and its hash.
    ///
    /// # Errors
    /// If it is missing, truncated or of another domain.
    pub fn read(path: &Path) -> Result<(Self, String)> {
        let model: Model<PointsExperiment, Points> = Model::read(path)?;
        let trained = Self::new(model.experiment, model.domain, model.file)?;
        Ok((trained, model.hash))
    }

    /// The model of `weights`.
    ///
    /// # Errors
    /// If the weights do not fit the experiment's network.
    pub fn new(experiment: PointsExperiment, domain: Points, weights: ModelFile) -> Result<Self> {
        let plan = experiment.plan().map_err(bad_input)?;
        let process = Process::new(&domain.space(), plan.method.path.clone());
        let classes = experiment.data.classes;
        let network = Builder::frozen(weights.tensors, DType::F32, |builder| {
            plan.network.build(builder, &process, classes)
        })
        .map_err(bad_input)?;
        Ok(Self { experiment, plan, domain, process, network: Arc::new(network) })
    }

    /// The denoiser of samples with these `labels` (all hidden where there are none).
    ///
    /// # Errors
    /// If a label is none of the classes.
    pub fn denoiser(
        &self,
        labels: Option<&[i64]>,
        samples: usize,
    ) -> langevin_core::Result<NetworkDenoiser> {
        let classes = self.experiment.data.classes;
        let condition = match (classes, labels) {
            (0, _) => Condition::none(),
            (_, Some(labels)) => one_hot(labels, classes, DType::F32)?,
            (_, None) => one_hot(&vec![0; samples], classes, DType::F32)?.hidden()?,
        };
        let reading = Reading::new(self.process.clone(), self.experiment.method.head);
        Ok(NetworkDenoiser::new(reading, self.network.clone(), condition))
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

    /// `count` samples of the reference, in the state's units: of `reference` where that end is data.
    ///
    /// # Errors
    /// If a law cannot be built.
    pub fn start(&self, reference: Option<&Dataset>, seed: Seed, count: usize) -> Result<State> {
        if let Some(reference) = reference {
            let cloud = reference.starts(seed, count)?;
            return Ok(self.domain.encode_rows(cloud.points(), DType::F64)?);
        }
        let ids = langevin_core::rng::ids(0, count);
        let mut rng = Rng::new(seed, Purpose::Reference, ids, 0);
        Ok(self.process.reference(DType::F64, &candle_core::Device::Cpu, &mut rng)?)
    }
}
