//! Whole training runs seen from inside: failures, averages, and what a method keeps for itself.

use std::sync::Mutex;

use candle_core::Tensor;
use langevin_core::{Loss, Result, Rng};
use langevin_nn::ParamStore;

use crate::tensorfile::Tensors;
use crate::testing::{Toy, train_with};
use crate::whole_runs::{CONFIG, StopAfter, flat, lines};
use crate::{
    Average, CheckpointError, Moment, Progress, Quiet, Shard, ShardLoss, StateFolder, Stop,
    TrainError, power_exponent,
};

/// What is done to the losses of a step.
type Spoil = fn(&Tensor) -> candle_core::Result<Tensor>;

/// A loss around a loss: spoils one step, and notes the weights after each.
struct Watched {
    toy: crate::ObjectiveLoss,
    store: ParamStore,
    spoil: Option<(u32, Spoil)>,
    step: u32,
    seen: Mutex<Vec<Vec<f32>>>,
}

impl ShardLoss for Watched {
    fn loss(&self, shard: &Shard, rng: &mut Rng) -> Result<Loss> {
        let loss = self.toy.loss(shard, rng)?;
        match self.spoil {
            Some((step, spoil)) if step == self.step => {
                Ok(Loss { per_sample: spoil(&loss.per_sample)?, times: loss.times })
            }
            _ => Ok(loss),
        }
    }
    fn prepare(&mut self, moment: &Moment<'_>) -> Result<()> {
        self.step = moment.step as u32 + 1;
        Ok(())
    }
    fn updated(&mut self, moment: &Moment<'_>, shards: &[Shard]) -> Result<()> {
        assert_eq!((shards.len(), moment.steps), (2, 12));
        self.seen.get_mut().unwrap().push(flat(&self.store.tensors().unwrap()));
        Ok(())
    }
    fn state(&self) -> Result<Tensors> {
        Ok(Tensors::from([("step".into(), Tensor::new(&[self.step], &candle_core::Device::Cpu)?)]))
    }
    fn restore(&mut self, state: &Tensors) -> Result<()> {
        self.step = 100 + state["step"].to_vec1::<u32>()?[0];
        Ok(())
    }
    fn scalars(&self) -> Vec<(String, f64)> {
        vec![("watched".into(), f64::from(self.step))]
    }
}

/// A toy under watch: its feed, weights and loss.
fn watched(spoil: Option<(u32, Spoil)>) -> (Box<crate::CoupledFeed>, ParamStore, Watched) {
    let Toy { feed, store, loss } = Toy::new();
    let seen = Mutex::default();
    (feed, store.clone(), Watched { toy: loss, store, spoil, step: 0, seen })
}

#[test]
fn numbers_that_are_not_finite_stop_training_before_the_update() {
    // ln of a negative number: NaN in the loss. √(x − x): a loss of 0 whose gradient is ∞.
    let bad_loss: Spoil = |loss| loss.affine(-1.0, -1.0)?.log();
    let bad_gradient: Spoil = |loss| loss.sub(&loss.detach())?.sqrt();
    for (spoil, of_loss) in [(bad_loss, true), (bad_gradient, false)] {
        let folder = tempfile::tempdir().unwrap();
        let (feed, store, mut loss) = watched(Some((8, spoil)));
        let (folder, stop) = (Some(folder.path()), Stop::never());
        let error =
            train_with(CONFIG, &store, &*feed, &mut loss, folder, &stop, &mut Quiet).unwrap_err();
        match error {
            TrainError::NonFiniteLoss { step: 8, t, bin, value, sample: 0 } => {
                assert!(of_loss && value.is_nan() && bin == crate::bin_of(t));
            }
            TrainError::NonFiniteGradient { step: 8, parameter, .. } => {
                assert!(!of_loss && !parameter.is_empty())
            }
            other => panic!("{other}"),
        }
        let seen = loss.seen.into_inner().unwrap();
        assert_eq!(seen.len(), 7);
        assert_eq!(seen[6], flat(&store.tensors().unwrap()));
        let states = StateFolder::new(folder.unwrap().join("state"), 3).list();
        assert_eq!(states.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [5]);
    }
}

/// As after `kill -9` when the last state was saved: no step is left, and the losses are still known.
#[test]
fn a_run_resumed_after_its_last_step_reports_what_the_whole_run_did() {
    let folder = tempfile::tempdir().unwrap();
    let run = || Toy::new().train(CONFIG, Some(folder.path()), &Stop::never(), &mut Quiet).unwrap();
    let (whole, resumed) = (run(), run());
    assert!(whole.train.is_some() && whole.validation.is_some());
    assert_eq!((whole.train, whole.validation), (resumed.train, resumed.validation));
}

#[test]
fn averages_of_a_run_follow_their_recursion() {
    let (feed, store, mut loss) = watched(None);
    let start = flat(&store.tensors().unwrap());
    let report =
        train_with(CONFIG, &store, &*feed, &mut loss, None, &Stop::never(), &mut Quiet).unwrap();
    let seen = loss.seen.into_inner().unwrap();
    let averages = [
        Average::Constant { decay: 0.9, warm_up: true },
        Average::Power { gamma: power_exponent(0.1) },
    ];
    for (average, found) in averages.iter().zip(&report.averages) {
        let mut expected: Vec<f64> = start.iter().map(|&x| f64::from(x)).collect();
        for (n, weights) in (1..).zip(&seen) {
            let beta = average.decay(n);
            expected
                .iter_mut()
                .zip(weights)
                .for_each(|(a, &w)| *a = beta * *a + (1.0 - beta) * f64::from(w));
        }
        // Weights are below 2: twelve roundings to f32 stay below 12 · 2⁻²⁴ · 2 = 1.5e-6.
        for (&found, expected) in flat(found).iter().zip(expected) {
            assert!((f64::from(found) - expected).abs() < 1.5e-6, "{found}, expected {expected}");
        }
    }
}

#[test]
fn what_a_method_keeps_is_saved_restored_and_logged() {
    let folder = tempfile::tempdir().unwrap();
    let stop = Stop::never();
    let (feed, store, mut loss) = watched(None);
    let mut until = StopAfter(6, &stop);
    train_with(CONFIG, &store, &*feed, &mut loss, Some(folder.path()), &stop, &mut until).unwrap();
    assert_eq!(lines(folder.path())[0]["watched"], 4.0);
    struct Seen(Option<u64>);
    impl Progress for Seen {
        fn started(&mut self, step: u64, _: u64, _: &[CheckpointError]) {
            self.0 = Some(step);
        }
    }
    let (feed, store, mut loss) = watched(None);
    let (stop, mut seen) = (Stop::never(), Seen(None));
    stop.ask();
    train_with(CONFIG, &store, &*feed, &mut loss, Some(folder.path()), &stop, &mut seen).unwrap();
    assert_eq!(seen.0, Some(6));
    assert_eq!(loss.step, 106);
}
