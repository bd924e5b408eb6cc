//! Whole training runs seen from inside: failures, averages, and what a method keeps for itself.

use std::path::Path;
use std::sync::Mutex;

use candle_core::Tensor;
use langevin_core::{Loss, Result, Rng};
use langevin_nn::ParamStore;

use crate::tensorfile::Tensors;
use crate::testing::{Toy, train_with};
use crate::whole_runs::{CONFIG, StopAfter, flat, lines};
use crate::{
    Average, CheckpointError, Moment, Progress, Quiet, RunFolder, Shard, ShardLoss, Stop,
    TrainError, power_exponent,
};

/// When losses are spoiled.
#[derive(Clone, Copy, PartialEq)]
enum When {
    Step(u32),
    ValidationAfter(u32),
}

/// What is done to the losses of a step.
type Spoil = fn(&Tensor) -> candle_core::Result<Tensor>;

/// A loss around a loss: spoils one step, or one validation, and notes the weights after each step.
struct Watched {
    toy: crate::ObjectiveLoss,
    store: ParamStore,
    spoil: Option<(When, Spoil)>,
    step: u32,
    /// Between an update and the next step.
    validating: bool,
    seen: Mutex<Vec<Vec<f32>>>,
}

impl ShardLoss for Watched {
    fn loss(&self, shard: &Shard, rng: &mut Rng) -> Result<Loss> {
        let loss = self.toy.loss(shard, rng)?;
        let now = if self.validating { When::ValidationAfter } else { When::Step };
        match self.spoil {
            Some((moment, spoil)) if moment == now(self.step) => {
                Ok(Loss { per_sample: spoil(&loss.per_sample)?, times: loss.times })
            }
            _ => Ok(loss),
        }
    }
    fn prepare(&mut self, moment: &Moment<'_>) -> Result<()> {
        (self.step, self.validating) = (moment.step as u32 + 1, false);
        Ok(())
    }
    fn updated(&mut self, moment: &Moment<'_>, shards: &[Shard]) -> Result<()> {
        assert_eq!((shards.len(), moment.steps), (2, 12));
        self.seen.get_mut().unwrap().push(flat(&self.store.tensors().unwrap()));
        self.validating = true;
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

/// ln of a negative number: NaN in the loss.
const BAD_LOSS: Spoil = |loss| loss.affine(-1.0, -1.0)?.log();
/// √(x − x): a loss of 0 whose gradient is ∞.
const BAD_GRADIENT: Spoil = |loss| loss.sub(&loss.detach())?.sqrt();

/// A toy under watch: its feed, weights and loss.
fn watched(spoil: Option<(When, Spoil)>) -> (Box<crate::CoupledFeed>, ParamStore, Watched) {
    let Toy { feed, store, loss } = Toy::new();
    let seen = Mutex::default();
    (feed, store.clone(), Watched { toy: loss, store, spoil, step: 0, validating: false, seen })
}

#[test]
fn numbers_that_are_not_finite_stop_training_before_the_update() {
    for (spoil, of_loss) in [(BAD_LOSS, true), (BAD_GRADIENT, false)] {
        let temporary = tempfile::tempdir().unwrap();
        let (feed, store, mut loss) = watched(Some((When::Step(8), spoil)));
        let (folder, stop) = (Some(temporary.path()), Stop::never());
        // One state is kept: the failure must not push it out.
        let config = format!("keep = 1\n{CONFIG}");
        let error =
            train_with(&config, &store, &*feed, &mut loss, folder, &stop, &mut Quiet).unwrap_err();
        let state = match error {
            TrainError::NonFiniteLoss { step: 8, t, bin, value, sample: 0, state } => {
                assert!(of_loss && value.is_nan() && bin == crate::bin_of(t));
                state
            }
            TrainError::NonFiniteGradient { step: 8, parameter, state, .. } => {
                assert!(!of_loss && !parameter.is_empty());
                state
            }
            other => panic!("{other}"),
        };
        let seen = loss.seen.into_inner().unwrap();
        assert_eq!(seen.len(), 7);
        assert_eq!(seen[6], flat(&store.tensors().unwrap()));
        assert_eq!(saved(temporary.path()), [7, 5]);
        assert_eq!(state, Some(temporary.path().join("state/step-00000007.safetensors")));

        // The state is whole: where the numbers are finite again, it leads to the end of a run that
        // never failed.
        let (feed, store, mut loss) = watched(None);
        train_with(&config, &store, &*feed, &mut loss, folder, &stop, &mut Quiet).unwrap();
        let (feed, whole, mut loss) = watched(None);
        train_with(&config, &whole, &*feed, &mut loss, None, &stop, &mut Quiet).unwrap();
        assert_eq!(flat(&store.tensors().unwrap()), flat(&whole.tensors().unwrap()));
    }
}

/// With `checkpoint_every = 0` nothing was saved before; at the first step, the state is the start.
#[test]
fn a_run_that_saves_at_its_end_only_keeps_the_state_before_the_bad_step() {
    for step in [1, 8] {
        let folder = tempfile::tempdir().unwrap();
        let (feed, store, mut loss) = watched(Some((When::Step(step), BAD_LOSS)));
        let config = CONFIG.replace("checkpoint_every = 5", "checkpoint_every = 0");
        let (folder, stop) = (folder.path(), Stop::never());
        let found = train_with(&config, &store, &*feed, &mut loss, Some(folder), &stop, &mut Quiet);
        let text = found.unwrap_err().to_string();
        assert!(text.contains(&format!("state/step-0000000{}.safetensors", step - 1)), "{text}");
        assert_eq!(saved(folder), [u64::from(step) - 1]);
        // Going on fails at the same step, and says the same.
        let (feed, store, mut loss) = watched(Some((When::Step(step), BAD_LOSS)));
        let again = train_with(&config, &store, &*feed, &mut loss, Some(folder), &stop, &mut Quiet);
        assert_eq!(again.unwrap_err().to_string(), text);
    }
}

#[test]
fn a_validation_that_is_not_finite_stops_training_also_when_it_is_the_last() {
    for (config, step) in
        [(CONFIG.into(), 6), (CONFIG.replace("validate_every = 6", "validate_every = 12"), 12)]
    {
        let folder = tempfile::tempdir().unwrap();
        let stop = Stop::never();
        for _ in 0..2 {
            let (feed, store, mut loss) = watched(Some((When::ValidationAfter(step), BAD_LOSS)));
            let folder = Some(folder.path());
            let found = train_with(&config, &store, &*feed, &mut loss, folder, &stop, &mut Quiet);
            match found.unwrap_err() {
                TrainError::NonFiniteValidation { step: at, value, state, .. } => {
                    assert!(at == u64::from(step) && value.is_nan());
                    assert!(state.unwrap().ends_with(format!("step-{step:08}.safetensors")));
                }
                other => panic!("{other}"),
            }
        }
    }
}

/// A learning rate at which f32 overflows in the update itself: no later loss would show it.
#[test]
fn weights_that_are_not_finite_are_not_published() {
    let config = CONFIG
        .replace("steps = 12", "steps = 1")
        .replace("kind = \"cosine\", rate = 0.01, warm_up = 3", "kind = \"constant\", rate = 1e39")
        .replace("validate_every = 6", "validate_every = 0");
    let folder = tempfile::tempdir().unwrap();
    let mut toy = Toy::new();
    let error = toy.train(&config, Some(folder.path()), &Stop::never(), &mut Quiet).unwrap_err();
    assert!(matches!(error, TrainError::NonFiniteWeight { step: 1, state: None, .. }), "{error}");
    assert!(saved(folder.path()).is_empty());
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

/// Steps of the saved states, newest first.
fn saved(folder: &Path) -> Vec<u64> {
    RunFolder::new(folder).states(3).list().iter().map(|(step, _)| *step).collect()
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
