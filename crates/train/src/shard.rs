//! What a shard of a training step is, where it comes from, and what is minimised on it.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use langevin_core::{
    Batch, Condition, Coupling, Loss, Network, Objective, Process, Purpose, Reading, Result, Rng,
    Seed, Source, State,
};
use langevin_kernels::AdamW;

use crate::optimiser;

/// Coupled ends, ready for the network: row `i` of `batch.x_0` goes with row `i` of `x_1`.
#[derive(Debug, Clone)]
pub struct Shard {
    /// Data and conditions.
    pub batch: Batch,
    /// The other end.
    pub x_1: State,
}

/// Makes shards. It knows no network, so it can run ahead of training on a second thread.
pub trait Feed: Send + Sync {
    /// The shard of the samples of `rng` at its step; `position` as in [`Source::batch`].
    ///
    /// # Errors
    /// Those of the data and of the coupling.
    fn shard(&self, position: u64, rng: &mut Rng) -> Result<Shard>;

    /// A hash of the data, for provenance.
    fn fingerprint(&self) -> String;
}

/// A source of data with its reference samples and a coupling of the two.
pub struct CoupledFeed {
    source: Arc<dyn Source>,
    coupling: Arc<dyn Coupling>,
    process: Process,
    dtype: DType,
    given: Option<Given>,
}

/// What is shown clean in a part of the shards, so that the rest is learnt for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Given {
    /// A factor whose clean value the state shows at every time.
    pub factor: usize,
    /// In which part of the shards.
    pub chance: f64,
    /// A factor of points of which a piece is held besides, and in which part of all shards; at most `chance`.
    pub piece: Option<(usize, f64)>,
}

impl CoupledFeed {
    /// Data of `source`, and the reference of `process` where it brings no other end, paired by
    /// `coupling` and given in the network's precision `dtype`.
    pub fn new(
        source: Arc<dyn Source>,
        coupling: Arc<dyn Coupling>,
        process: Process,
        dtype: DType,
    ) -> Self {
        Self { source, coupling, process, dtype, given: None }
    }

    /// The same, and in a part of the shards both ends hold the clean value of what is `given`, so that every
    /// state between them does, and the condition says so.
    #[must_use]
    pub fn giving(self, given: Option<Given>) -> Self {
        Self { given, ..self }
    }

    /// Other end and condition of a shard with the clean end `x_0`, in which something may be given.
    fn given(
        &self,
        x_0: &State,
        x_1: State,
        condition: Condition,
        rng: &mut Rng,
    ) -> Result<(State, Condition)> {
        let Some(given) = self.given else { return Ok((x_1, condition)) };
        // The coin of a shard is its first sample's: a network is told of all its samples at once.
        let coin = rng.uniforms()[0];
        if coin >= given.chance {
            return Ok((x_1, condition));
        }
        let x_1 = x_1.with_part(given.factor, x_0.part(given.factor));
        let mut condition = condition.giving(given.factor);
        if let Some((factor, chance)) = given.piece
            && coin < chance
            && let Some(mask) = self.coupling.piece(x_0, rng)?
        {
            condition = condition.holding(factor, mask);
        }
        Ok((x_1, condition))
    }
}

impl Feed for CoupledFeed {
    fn shard(&self, position: u64, rng: &mut Rng) -> Result<Shard> {
        let batch = self.source.batch(position, rng)?;
        let x_0 = batch.x_0.to_dtype(self.dtype)?;
        let process = self.process.shaped_like(&x_0);
        let x_1 = match &batch.x_1 {
            Some(x_1) => x_1.to_dtype(self.dtype)?,
            None => process.reference(self.dtype, &Device::Cpu, rng)?,
        };
        let pairing = self.coupling.couple(&process, &x_0, &x_1, &batch.condition, rng)?;
        let in_order = |rows: &[usize]| rows.iter().enumerate().all(|(i, &row)| i == row);
        let (data, reference) = (pairing.data_rows(), pairing.reference_rows());
        let x_1 = if in_order(&reference) { x_1 } else { x_1.select(&reference)? };
        let (x_0, condition) = if in_order(&data) {
            (x_0, batch.condition)
        } else {
            (x_0.select(&data)?, batch.condition.select(&data)?)
        };
        let (x_1, condition) = self.given(&x_0, x_1, condition, rng)?;
        let x_1 = self.coupling.align(&process, &x_0, &x_1, &condition)?.unwrap_or(x_1);
        Ok(Shard { batch: Batch { x_0, x_1: batch.x_1.map(|_| x_1.clone()), condition }, x_1 })
    }

    fn fingerprint(&self) -> String {
        self.source.fingerprint()
    }
}

/// What training minimises, and what it does around a step.
///
/// Only [`ShardLoss::loss`] is needed. The hooks serve methods with more than one network: a teacher
/// that follows an average is set in [`ShardLoss::prepare`], a discriminator takes its own step in
/// [`ShardLoss::updated`] and keeps its optimiser in [`ShardLoss::state`].
pub trait ShardLoss: Send + Sync {
    /// The loss per sample of a shard, on the graph of the weights that are trained.
    ///
    /// # Errors
    /// Those of the network.
    fn loss(&self, shard: &Shard, rng: &mut Rng) -> Result<Loss>;

    /// Before the shards of a step. A run that goes on after a state calls it again for a step that it
    /// was called for before the state was saved, if that step failed: twice must be as once.
    ///
    /// # Errors
    /// Ends training.
    fn prepare(&mut self, _moment: &Moment<'_>) -> Result<()> {
        Ok(())
    }

    /// After the update, with the shards it was made from.
    ///
    /// # Errors
    /// Ends training.
    fn updated(&mut self, _moment: &Moment<'_>, _shards: &[Shard]) -> Result<()> {
        Ok(())
    }

    /// What resuming needs beside the trained weights.
    ///
    /// # Errors
    /// [`langevin_core::Error::Tensor`] only.
    fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        Ok(BTreeMap::new())
    }

    /// Puts back what [`ShardLoss::state`] gave.
    ///
    /// # Errors
    /// If it does not fit.
    fn restore(&mut self, _state: &BTreeMap<String, Tensor>) -> Result<()> {
        Ok(())
    }

    /// Further numbers for the log, by name.
    fn scalars(&self) -> Vec<(String, f64)> {
        Vec::new()
    }
}

/// Where training stands when a hook of [`ShardLoss`] is called.
pub struct Moment<'a> {
    /// Steps done before this one.
    pub step: u64,
    /// Steps of the whole run.
    pub steps: u64,
    /// Seed of the run; with `step` it keys the randomness of a hook.
    pub seed: Seed,
    pub(crate) names: &'a [String],
    pub(crate) adam: &'a AdamW,
}

impl Moment<'_> {
    /// Average `index` of the weights as it stands, by parameter name.
    ///
    /// # Errors
    /// [`langevin_core::Error::Tensor`] only.
    ///
    /// # Panics
    /// If the run keeps no such average.
    pub fn average(&self, index: usize) -> Result<BTreeMap<String, Tensor>> {
        optimiser::average(self.adam, self.names, index)
    }

    /// The stream of `purpose` at this step for `samples` samples.
    pub fn rng(&self, purpose: Purpose, samples: usize) -> Rng {
        Rng::new(self.seed, purpose, langevin_core::rng::ids(0, samples), self.step as u32)
    }
}

/// An [`Objective`] asked of one network.
pub struct ObjectiveLoss {
    network: Arc<dyn Network>,
    reading: Reading,
    objective: Arc<dyn Objective>,
    hide_condition: f64,
}

impl ObjectiveLoss {
    /// `objective` of `network` under `reading`.
    pub fn new(network: Arc<dyn Network>, reading: Reading, objective: Arc<dyn Objective>) -> Self {
        Self { network, reading, objective, hide_condition: 0.0 }
    }

    /// Hides the condition of each sample with probability `chance`, for classifier-free guidance.
    #[must_use]
    pub fn hiding_conditions(self, chance: f64) -> Self {
        Self { hide_condition: chance, ..self }
    }
}

impl ShardLoss for ObjectiveLoss {
    fn loss(&self, shard: &Shard, rng: &mut Rng) -> Result<Loss> {
        let reading = &self.reading.shaped_like(&shard.batch.x_0);
        let network = self.network.as_ref();
        if self.hide_condition == 0.0 {
            return self.objective.loss(reading, network, &shard.batch, &shard.x_1, rng);
        }
        let condition = shard.batch.condition.dropped(self.hide_condition, rng)?;
        let batch = Batch { condition, ..shard.batch.clone() };
        self.objective.loss(reading, network, &batch, &shard.x_1, rng)
    }
}
