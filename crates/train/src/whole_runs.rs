//! Whole training runs on the smallest problem: resuming, threads, prefetching, signals.

use std::fs;
use std::path::{Path, PathBuf};

use langevin_core::Seed;

use crate::tensorfile::Tensors;
use crate::testing::{EARLIER, Toy};
use crate::{
    CheckpointError, Job, Outcome, Progress, Quiet, Report, SavedState, Snapshots, Start,
    StateFolder, Stop, TrainConfig, TrainError, train,
};

/// Twelve steps; lines of the log, validations and saved states at steps that do not coincide.
pub(crate) const CONFIG: &str = r#"
steps = 12
batch = 8
shards = 2
learning_rate = { kind = "cosine", rate = 0.01, warm_up = 3 }
clip_norm = 1.0
log_every = 4
validate_every = 6
validation_shards = 2
checkpoint_every = 5
averages = [{ kind = "constant", decay = 0.9 }, { kind = "power", sigma_rel = 0.1 }]
"#;

/// Asks for a stop after a step.
pub(crate) struct StopAfter<'a>(pub(crate) u64, pub(crate) &'a Stop);

impl Progress for StopAfter<'_> {
    fn stepped(&mut self, step: u64) {
        if step == self.0 {
            self.1.ask();
        }
    }
}

fn run(config: &str, folder: &Path) -> Report {
    Toy::new().train(config, Some(folder), &Stop::never(), &mut Quiet).unwrap()
}

/// Stops after `step` and says so.
fn run_until(step: u64, config: &str, folder: &Path) {
    let stop = Stop::never();
    let report =
        Toy::new().train(config, Some(folder), &stop, &mut StopAfter(step, &stop)).unwrap();
    assert_eq!(report.outcome, Outcome::Stopped { step });
}

fn state(folder: &Path, step: u64) -> PathBuf {
    folder.join(format!("state/step-{step:08}.safetensors"))
}

fn bytes(folder: &Path, step: u64) -> Vec<u8> {
    fs::read(state(folder, step)).unwrap()
}

/// Lines of `metrics.jsonl` without the speed.
pub(crate) fn lines(folder: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    let line = |line: &str| {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        value.as_object_mut().unwrap().retain(|key, _| !key.ends_with("_per_second"));
        value
    };
    text.lines().map(line).collect()
}

pub(crate) fn flat(tensors: &Tensors) -> Vec<f32> {
    tensors.values().flat_map(|t| t.flatten_all().unwrap().to_vec1::<f32>().unwrap()).collect()
}

#[test]
fn a_run_learns_and_writes_what_it_promises() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        CONFIG.replace("steps = 12", "steps = 300").replace("log_every = 4", "log_every = 100");
    let report = run(&config, folder.path());
    assert_eq!((report.outcome, report.resumed_from), (Outcome::Finished, None));
    let lines = lines(folder.path());
    let loss = |step: u64| {
        let line = lines.iter().find(|line| line["kind"] == "train" && line["step"] == step);
        line.unwrap()["loss"].as_f64().unwrap()
    };
    // 800 samples a line. A network that knows nothing has loss (1/2 + 1) = 1.5 per coordinate; the
    // mean field alone takes off a third, more than ten standard errors of these means.
    assert!(loss(300) < 0.8 * loss(100).max(1.2), "{} after {}", loss(300), loss(100));
    assert!(report.validation.unwrap().loss < 1.2);
    let kept = StateFolder::new(folder.path().join("state"), 3).list();
    assert_eq!(kept.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [300, 295, 290]);
    assert!(
        fs::read_dir(folder.path()).unwrap().flatten().any(|entry| {
            entry.file_name().to_string_lossy().starts_with("events.out.tfevents.")
        })
    );
}

/// The saved states hold weights, moments, averages and the open log: equal files, equal runs.
#[test]
fn a_stopped_run_ends_with_the_bytes_of_one_that_was_not() {
    let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let report = run(CONFIG, whole.path());
    run_until(3, CONFIG, parts.path());
    run_until(7, CONFIG, parts.path());
    let resumed = run(CONFIG, parts.path());
    assert_eq!(resumed.resumed_from, Some(7));
    assert_eq!(bytes(whole.path(), 12), bytes(parts.path(), 12));
    assert_eq!(lines(whole.path()), lines(parts.path()));
    assert_eq!(flat(&report.weights), flat(&resumed.weights));
    // A finished run has nothing left to do.
    let again = run(CONFIG, parts.path());
    assert_eq!((again.outcome, again.resumed_from), (Outcome::Finished, Some(12)));
    assert_eq!(flat(&again.weights), flat(&resumed.weights));
}

/// As after `kill -9` between steps 10 and 12: the log is ahead of the newest state.
#[test]
fn a_killed_run_repeats_the_steps_after_its_last_state() {
    let folder = tempfile::tempdir().unwrap();
    run(CONFIG, folder.path());
    let (end, expected) = (bytes(folder.path(), 12), lines(folder.path()));
    fs::remove_file(state(folder.path(), 12)).unwrap();
    assert_eq!(run(CONFIG, folder.path()).resumed_from, Some(10));
    assert_eq!(bytes(folder.path(), 12), end);
    assert_eq!(lines(folder.path()), expected);
}

#[test]
fn damaged_states_are_reported_and_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    run(CONFIG, folder.path());
    let end = bytes(folder.path(), 12);
    fs::write(state(folder.path(), 12), &end[..end.len() / 2]).unwrap();
    let mut changed = bytes(folder.path(), 10);
    *changed.last_mut().unwrap() ^= 1;
    fs::write(state(folder.path(), 10), changed).unwrap();
    let report = run(CONFIG, folder.path());
    assert_eq!(report.resumed_from, Some(5));
    assert!(matches!(
        &report.rejected[..],
        [CheckpointError::Damaged { .. }, CheckpointError::Hash { .. }]
    ));
    assert_eq!(bytes(folder.path(), 12), end);
    for step in [5, 10, 12] {
        fs::write(state(folder.path(), step), b"").unwrap();
    }
    let error =
        Toy::new().train(CONFIG, Some(folder.path()), &Stop::never(), &mut Quiet).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, TrainError::NoGoodState { rejected, .. } if rejected.len() == 3));
    for step in [5, 10, 12] {
        assert!(text.contains(&format!("step-{step:08}.safetensors is truncated")), "{text}");
    }
}

#[test]
fn threads_prefetching_and_validation_change_no_bit() {
    let run_in = |threads: usize, prefetch: usize, config: &str| {
        let config = format!("prefetch = {prefetch}\n{config}");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let report =
            pool.install(|| Toy::new().train(&config, None, &Stop::never(), &mut Quiet)).unwrap();
        report.averages.iter().flat_map(flat).chain(flat(&report.weights)).collect::<Vec<f32>>()
    };
    let config = CONFIG.replace("shards = 2", "shards = 4");
    let plain = run_in(1, 0, &config);
    for (threads, prefetch) in [(2, 0), (3, 0), (1, 1), (2, 3), (1, 50)] {
        assert_eq!(
            plain,
            run_in(threads, prefetch, &config),
            "{threads} threads, {prefetch} ahead"
        );
    }
    assert_eq!(plain, run_in(1, 0, &config.replace("validate_every = 6", "validate_every = 0")));
}

#[test]
fn a_signal_stops_cleanly() {
    struct Raise;
    impl Progress for Raise {
        fn stepped(&mut self, step: u64) {
            if step == 4 {
                signal_hook::low_level::raise(signal_hook::consts::SIGUSR1).unwrap();
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let stop = Stop::on_signals().unwrap();
    let report = Toy::new().train(CONFIG, Some(folder.path()), &stop, &mut Raise).unwrap();
    assert_eq!(report.outcome, Outcome::Stopped { step: 4 });
    assert_eq!(SavedState::load(&state(folder.path(), 4)).unwrap().step, 4);
}

/// Also where there is no state yet.
#[test]
fn a_run_of_an_earlier_version_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    run_until(2, &format!("{EARLIER}{CONFIG}"), folder.path());
    assert_eq!(run(CONFIG, folder.path()).resumed_from, Some(2));
    let folder = tempfile::tempdir().unwrap();
    run_until(2, &format!("{EARLIER}{CONFIG}"), folder.path());
    fs::remove_file(state(folder.path(), 2)).unwrap();
    assert_eq!(run(CONFIG, folder.path()).resumed_from, None);
}

#[test]
fn states_of_another_run_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    run_until(2, CONFIG, folder.path());
    let other = CONFIG.replace("rate = 0.01", "rate = 0.02");
    let error =
        Toy::new().train(&other, Some(folder.path()), &Stop::never(), &mut Quiet).unwrap_err();
    let TrainError::Checkpoint(CheckpointError::OtherRun { what: "config", found, .. }) = error
    else {
        panic!("{error}")
    };
    assert!(found.contains("rate = 0.01"), "{found}");
    assert_eq!(fs::read_to_string(folder.path().join("config.toml")).unwrap(), CONFIG);
    // Also where the run was killed before its first state, and its config is all there is to go by.
    fs::remove_file(state(folder.path(), 2)).unwrap();
    let error =
        Toy::new().train(&other, Some(folder.path()), &Stop::never(), &mut Quiet).unwrap_err();
    assert!(matches!(error, TrainError::Checkpoint(CheckpointError::OtherRun { .. })), "{error}");
    assert_eq!(run(CONFIG, folder.path()).resumed_from, None);
    let Toy { feed, store, mut loss } = Toy::new();
    let plan = toml::from_str::<TrainConfig>(CONFIG).unwrap().build().unwrap();
    let (folder, loss) = (Some(folder.path()), &mut loss);
    let job = Job {
        store: &store,
        feed: &*feed,
        validation: None,
        loss,
        seed: Seed(5),
        config: CONFIG,
        restate: str::to_owned,
        folder,
        start: Start::Afresh,
    };
    let error = train(&plan, job, &Stop::never(), &mut Quiet).unwrap_err();
    assert!(matches!(error, TrainError::RunExists { .. }));
}

/// σ_rel = 0.07, reconstructed from snapshots of 0.05 and 0.10, against the average tracked in the run.
#[test]
fn snapshots_give_an_average_that_was_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let config = r#"
steps = 240
batch = 8
learning_rate = { kind = "constant", rate = 0.01 }
snapshot_every = 30
averages = [{ kind = "power", sigma_rel = 0.07 }, { kind = "power", sigma_rel = 0.05 }, { kind = "power", sigma_rel = 0.10 }]
"#;
    let report = run(config, folder.path());
    // Without the tracked one.
    let snapshots = folder.path().join("snapshots");
    for (step, path) in StateFolder::new(snapshots.clone(), 1).list() {
        let mut state = SavedState::load(&path).unwrap();
        state.tensors.retain(|name, _| !name.contains("average.0"));
        fs::write(&path, state.bytes().unwrap()).unwrap();
        assert_eq!(step % 30, 0);
    }
    let reconstructed = flat(&Snapshots::new(snapshots).reconstruct(0.07, 240).unwrap().weights);
    let distance = |a: &[f32], b: &[f32]| {
        a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
    };
    let tracked = flat(&report.averages[0]);
    let (found, nearest) =
        (distance(&reconstructed, &tracked), distance(&flat(&report.averages[2]), &tracked));
    // The nearest average that was kept is the yardstick.
    assert!(found < 0.1 * nearest, "{found}, nearest {nearest}");
}
