//! The smallest problem that has all parts: two dimensions, a perceptron, flow matching.

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use langevin_core::factor::Euclidean;
use langevin_core::{
    Batch, Coefficients, Condition, Coupling, Head, Loss, Network, Objective, Pairing, Process,
    Reading, Result, Rng, Seed, Source, Space, State, Times,
};
use langevin_nn::{ActivationKind, Mlp, MlpConfig, ParamStore, TimeFeaturesConfig};

use crate::{
    CoupledFeed, Job, ObjectiveLoss, Progress, Report, RunFolder, ShardLoss, Start, Stop,
    TrainConfig, TrainError, train,
};

/// The allocator of the command: without it, times of small steps mean little.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// α = 1 − t, β = t.
#[derive(Debug)]
struct Line;

impl langevin_core::Path for Line {
    fn coefficients(&self, t: f64) -> Coefficients {
        Coefficients { alpha: 1.0 - t, beta: t, gamma: 0.0 }
    }
    fn rates(&self, _: f64) -> Coefficients {
        Coefficients { alpha: -1.0, beta: 1.0, gamma: 0.0 }
    }
}

/// Points on the unit circle.
struct Circle;

impl Source for Circle {
    fn batch(&self, _: u64, rng: &mut Rng) -> Result<Batch> {
        let angles = rng.uniforms().into_iter().map(|u| std::f64::consts::TAU * u);
        let points: Vec<f32> = angles.flat_map(|a| [a.cos() as f32, a.sin() as f32]).collect();
        let x_0 = Tensor::from_vec(points, (rng.samples(), 2), &Device::Cpu)?;
        Ok(Batch { x_0: State::single(x_0), x_1: None, condition: Condition::none() })
    }
    fn fingerprint(&self) -> String {
        "circle".into()
    }
}

/// Pairs both ends by rank of their first coordinate: neither side keeps its order.
#[derive(Debug)]
struct ByRank;

impl Coupling for ByRank {
    fn couple(
        &self,
        _: &Process,
        x_0: &State,
        x_1: &State,
        _: &Condition,
        _: &mut Rng,
    ) -> Result<Pairing> {
        let order = |x: &State| -> Result<Vec<usize>> {
            let points = x.part(0).to_vec2::<f32>()?;
            let mut order: Vec<usize> = (0..points.len()).collect();
            order.sort_by(|&a, &b| points[a][0].total_cmp(&points[b][0]));
            Ok(order)
        };
        Ok(Pairing(order(x_0)?.into_iter().zip(order(x_1)?).collect()))
    }
}

/// Flow matching at uniform times.
struct Regression;

impl Objective for Regression {
    fn loss(
        &self,
        reading: &Reading,
        network: &dyn Network,
        batch: &Batch,
        x_1: &State,
        rng: &mut Rng,
    ) -> Result<Loss> {
        let t = Times::new(rng.uniforms());
        let points = reading.process().path_points(&batch.x_0, x_1, &t, rng)?;
        let x_t = State::new(points.iter().map(|point| point.x_t.clone()).collect());
        let per_sample =
            reading.predict(network, &x_t, &t, &batch.condition)?.velocity_loss(&points)?;
        Ok(Loss { per_sample, times: t.values().to_vec() })
    }
}

/// Feed, weights and loss.
pub(crate) struct Toy {
    pub(crate) feed: Box<CoupledFeed>,
    pub(crate) store: ParamStore,
    pub(crate) loss: ObjectiveLoss,
}

impl Toy {
    pub(crate) fn new() -> Self {
        Self::with_widths(&[8, 8])
    }

    pub(crate) fn with_widths(hidden: &[usize]) -> Self {
        let process = Process::new(&Space::of("position", Euclidean::new(&[2])), Arc::new(Line));
        let config = MlpConfig {
            hidden: hidden.to_vec(),
            activation: ActivationKind::Selu,
            time: TimeFeaturesConfig::Raw,
            two_times: false,
        };
        let time = config.check().unwrap();
        let build = |builder: &_| Mlp::new(builder, &config, time, &process, 0);
        let (store, network) = ParamStore::create(DType::F32, Seed(1), build).unwrap();
        let reading = Reading::new(process.clone(), Head::Velocity);
        let feed = CoupledFeed::new(Arc::new(Circle), Arc::new(ByRank), process, DType::F32);
        let loss = ObjectiveLoss::new(Arc::new(network), reading, Arc::new(Regression));
        Self { feed: Box::new(feed), store, loss }
    }

    /// Trains under the text of a `[train]` section.
    pub(crate) fn train(
        &mut self,
        config: &str,
        folder: Option<&Path>,
        stop: &Stop,
        progress: &mut dyn Progress,
    ) -> Result<Report, TrainError> {
        let Self { feed, store, loss } = self;
        train_with(config, store, feed.as_ref(), loss, folder, stop, progress)
    }
}

/// How texts of an earlier version begin: all that they differ in.
pub(crate) const EARLIER: &str = "# of an earlier version";

fn restate(text: &str) -> String {
    text.strip_prefix(EARLIER).unwrap_or(text).into()
}

/// Trains with any loss, going on with the run in the folder if there is one.
pub(crate) fn train_with(
    config: &str,
    store: &ParamStore,
    feed: &dyn crate::Feed,
    loss: &mut dyn ShardLoss,
    folder: Option<&Path>,
    stop: &Stop,
    progress: &mut dyn Progress,
) -> Result<Report, TrainError> {
    let plan = toml::from_str::<TrainConfig>(config).unwrap().build().unwrap();
    let begun = folder.is_some_and(|folder| RunFolder::new(folder).config().exists());
    let start = if begun { Start::Resuming } else { Start::Afresh };
    let (validation, seed) = (Some(feed), Seed(5));
    let job = Job { store, feed, validation, loss, seed, config, restate, folder, start };
    train(&plan, job, stop, progress)
}
