//! A model ready to be sampled from.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use candle_core::{DType, Device};
use langevin_core::{
    Condition, Domain, Error, Network, NetworkDenoiser, OnDevice, Process, Reading, Seed, State,
};
use langevin_kernels::imitates_another_device;
use langevin_nn::Builder;
use langevin_train::ModelFile;

use crate::experiment::{Experiment, Plan};
use crate::generate::{Chunk, Generation};
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
    /// What the model file says beside the weights.
    pub metadata: BTreeMap<String, String>,
    /// Where the network works.
    pub device: Device,
    network: Arc<dyn Network>,
}

impl<E: Experiment> Trained<E> {
    /// The model in `path` (a file or a run directory) on `device`, and its hash.
    ///
    /// # Errors
    /// If it is missing, truncated or of another domain.
    pub fn read(path: &Path, device: &Device) -> Result<(Self, String)> {
        Self::of(Model::read(path)?, device)
    }

    /// The model that `path` stands for: a file, a run directory, or the name of one of `shipped`, which are part of the
    /// program. Its hash comes with it.
    ///
    /// # Errors
    /// If there is none, or it is damaged or of another domain.
    pub fn find(path: &Path, shipped: &[Shipped], device: &Device) -> Result<(Self, String)> {
        if path.exists() {
            return Self::read(path, device);
        }
        let Some((_, bytes)) = shipped.iter().find(|(name, _)| path == Path::new(name)) else {
            let names: Vec<&str> = shipped.iter().map(|(name, _)| *name).collect();
            let (path, names) = (path.display(), names.join(", "));
            return refused(format!(
                "no model {path}: allowed: a file, a run directory, or {names}"
            ));
        };
        Self::of(Model::from_bytes(path, bytes)?, device)
    }

    /// What `model` holds, ready, and its hash.
    ///
    /// # Errors
    /// If its weights do not fit its config.
    pub fn of(model: Model<E, E::Domain>, device: &Device) -> Result<(Self, String)> {
        let trained = Self::new(model.experiment, model.domain, model.file, device)?;
        Ok((trained, model.hash))
    }

    /// The model of `weights`.
    ///
    /// # Errors
    /// If the weights do not fit the experiment's network.
    pub fn new(
        experiment: E,
        domain: E::Domain,
        weights: ModelFile,
        device: &Device,
    ) -> Result<Self> {
        let plan = experiment.plan().map_err(bad_input)?;
        let process = experiment.method().process(&domain.space(), &plan.method)?;
        let ModelFile { tensors, metadata } = weights;
        let network = Builder::frozen_on(device, tensors, DType::F32, |builder| {
            experiment.network(builder, &plan.network, &domain, &process)
        })
        .map_err(bad_input)?;
        let (network, device) = (on(device, network), device.clone());
        Ok(Self { experiment, plan, domain, process, metadata, device, network })
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

    /// Records of `chunks` whose samples are `x`, in the order of their places, `count` in all; nothing where a sample is
    /// no record.
    ///
    /// # Errors
    /// [`Error::Tensor`] only.
    pub fn decoded(
        &self,
        chunks: &[Chunk],
        x: &[State],
        count: usize,
    ) -> Result<Vec<Option<<E::Domain as Domain>::Record>>> {
        let mut records: Vec<_> = (0..count).map(|_| None).collect();
        for (chunk, x) in chunks.iter().zip(x) {
            for (row, &place) in chunk.places.iter().enumerate() {
                records[place] = match self.domain.decode(&x.narrow(row, 1)?) {
                    Ok(mut one) => one.pop(),
                    Err(Error::Shape { .. }) => None,
                    Err(error) => return Err(error.into()),
                };
            }
        }
        Ok(records)
    }

    /// Where samples of the model of `hash` come from, with what a command has to add: keys and values.
    ///
    /// # Errors
    /// None that an experiment can cause.
    pub fn provenance(
        &self,
        hash: String,
        seed: u64,
        evaluations: f64,
        own: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<Vec<(String, String)>> {
        let method = self.experiment.method();
        let first = [
            ("generated by", format!("langevin {}", env!("CARGO_PKG_VERSION"))),
            ("model sha256", hash),
            ("seed", seed.to_string()),
            ("sampler", serde_json::to_string(&method.sampler)?),
            ("grid", serde_json::to_string(&method.grid)?),
            ("network evaluations per sample", format!("{evaluations}")),
        ];
        let last = [("config", serde_json::to_string(&self.experiment)?)];
        let all = first.into_iter().chain(own).chain(last);
        Ok(all.map(|(key, value)| (key.to_owned(), value)).collect())
    }
}

/// `network`, whose weights lie on `device`, asked from the CPU.
pub fn on(device: &Device, network: Box<dyn Network>) -> Arc<dyn Network> {
    match device {
        Device::Cpu if !imitates_another_device() => Arc::from(network),
        _ => Arc::new(OnDevice::new(network, device.clone())),
    }
}
