//! One step's gradient: shards side by side, sums in shard order.

use candle_core::{DType, Tensor, Var};
use langevin_core::{Purpose, Result};
use langevin_kernels::{backward, sum_in_order};
use rayon::prelude::*;

use crate::prefetch::{Layout, Shards};
use crate::{Feed, Shard, ShardLoss};

/// What the shards of a step gave.
pub(crate) struct StepGradient {
    /// Gradient of the mean loss per parameter; empty if a loss is not finite.
    pub(crate) grads: Vec<Option<Tensor>>,
    /// Loss of each sample, in order.
    pub(crate) losses: Vec<f64>,
    /// Time of each sample.
    pub(crate) times: Vec<f64>,
    /// The shards, in order.
    pub(crate) shards: Shards,
}

impl StepGradient {
    /// The first sample whose loss is NaN or ±∞.
    pub(crate) fn first_non_finite(&self) -> Option<usize> {
        self.losses.iter().position(|loss| !loss.is_finite())
    }

    /// The sample with the largest loss.
    pub(crate) fn largest(&self) -> usize {
        let by_loss = |&a: &usize, &b: &usize| self.losses[a].total_cmp(&self.losses[b]);
        (0..self.losses.len()).max_by(by_loss).unwrap_or(0)
    }
}

/// The mean loss of step `step` (counted from 0) and its gradient.
///
/// Shards are taken from `ready` or, if there are none, made by `feed`. They run on the current rayon
/// pool; a single one runs right here.
///
/// # Errors
/// Those of the feed and of the network.
pub(crate) fn gradient(
    loss: &dyn ShardLoss,
    feed: &dyn Feed,
    ready: Option<Shards>,
    layout: Layout,
    step: u64,
    vars: &[Var],
) -> Result<StepGradient> {
    let of = |index: usize, shard: Option<Shard>| -> Result<StepGradient> {
        let shard = shard.map_or_else(|| layout.shard(feed, step, index), Ok)?;
        shard_gradient(loss, shard, layout, step, index, vars)
    };
    let ready: Vec<Option<Shard>> = match ready {
        Some(shards) => shards.into_iter().map(Some).collect(),
        None => vec![None; layout.shards],
    };
    let parts: Vec<StepGradient> = if layout.shards == 1 {
        ready.into_iter().map(|shard| of(0, shard)).collect::<Result<_>>()?
    } else {
        ready.into_par_iter().enumerate().map(|(i, shard)| of(i, shard)).collect::<Result<_>>()?
    };
    let (mut losses, mut times, mut shards, mut grads) = (vec![], vec![], vec![], vec![]);
    for part in parts {
        losses.extend(part.losses);
        times.extend(part.times);
        shards.extend(part.shards);
        grads.push(part.grads);
    }
    // Where a loss is not finite there is no update, and its shard gave no gradient.
    let whole = grads.iter().all(|grads| grads.len() == vars.len());
    let grads = if whole { sum_in_order(grads)? } else { Vec::new() };
    Ok(StepGradient { grads, losses, times, shards })
}

pub(crate) fn shard_gradient(
    loss: &dyn ShardLoss,
    shard: Shard,
    layout: Layout,
    step: u64,
    index: usize,
    vars: &[Var],
) -> Result<StepGradient> {
    let found = loss.loss(&shard, &mut layout.rng(Purpose::Training, step, index))?;
    let losses = values(&found.per_sample)?;
    let mut grads = Vec::new();
    // A loss that is not finite ends training before the update: its gradient is not needed.
    if losses.iter().all(|loss| loss.is_finite()) {
        let samples = (layout.shards * layout.samples) as f64;
        let mut store = backward(&found.per_sample.sum_all()?.affine(1.0 / samples, 0.0)?)?;
        grads = vars.iter().map(|var| store.remove(var)).collect();
    }
    Ok(StepGradient { grads, losses, times: found.times, shards: vec![shard] })
}

/// The elements in double precision.
pub(crate) fn values(tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(match tensor.dtype() {
        DType::F32 => tensor.to_vec1::<f32>()?.into_iter().map(f64::from).collect(),
        _ => tensor.to_dtype(DType::F64)?.to_vec1::<f64>()?,
    })
}
