//! The same bits: whatever the threads, the batch, and the death of the program.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{SMALL, done, langevin};

fn bytes(folder: &Path, name: &str) -> Vec<u8> {
    fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn training_does_not_depend_on_threads() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("small.toml"), SMALL).unwrap();
    for threads in ["1", "2", "3"] {
        let args = [
            "train",
            "small.toml",
            "--out",
            threads,
            "--threads",
            threads,
            "--steps",
            "300",
            "--quiet",
        ];
        done(folder.path(), &args);
    }
    let first = bytes(folder.path(), "1/model.safetensors");
    assert_eq!(first, bytes(folder.path(), "2/model.safetensors"));
    assert_eq!(first, bytes(folder.path(), "3/model.safetensors"));
}

#[test]
fn samples_do_not_depend_on_threads_or_batch() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("small.toml"), SMALL).unwrap();
    done(folder, &["train", "small.toml", "--out", "run", "--steps", "200", "--quiet"]);
    for sampler in ["heun", "ddpm", "adaptive", "unipc"] {
        let mut all = Vec::new();
        for (threads, batch) in [("1", "256"), ("2", "256"), ("2", "7"), ("1", "1")] {
            let out = format!("{sampler}-{threads}-{batch}.npy");
            let args = ["sample", "run", "--count", "300", "--seed", "5", "--sampler", sampler];
            let rest = ["--threads", threads, "--batch", batch, "--out", &out, "--quiet"];
            done(folder, &[&args[..], &rest[..]].concat());
            all.push(bytes(folder, &out));
        }
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{sampler}");
    }
}

/// Killed with SIGKILL when a first state is there, and when the next process has saved one more; then
/// resumed to the end, and once more as if killed between its last state and its model.
#[test]
fn a_run_killed_and_resumed_ends_with_the_bytes_of_one_that_was_not() {
    // A machine so busy that the program ends before it is killed gets a run that is longer.
    for steps in [6_000, 24_000, 96_000] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let long = format!("steps = {steps}\nvalidate_every = 700\nvalidation_shards = 2");
        fs::write(folder.join("small.toml"), SMALL.replace("steps = 3000", &long)).unwrap();
        let train = |out: &'static str| ["train", "small.toml", "--quiet", "--out", out];
        let resume = [&train("killed")[..], &["--resume"]].concat();
        let start = |args: &[&str]| killed(folder, langevin(folder).args(args));
        if !(start(&train("killed")) && start(&resume)) {
            continue;
        }
        assert!(!folder.join("killed/model.safetensors").exists());
        done(folder, &train("whole"));
        done(folder, &resume);
        let whole = bytes(folder, "whole/model.safetensors");
        assert_eq!(whole, bytes(folder, "killed/model.safetensors"));
        fs::remove_file(folder.join("killed/model.safetensors")).unwrap();
        done(folder, &resume);
        assert_eq!(whole, bytes(folder, "killed/model.safetensors"));
        return;
    }
    panic!("no run was killed before its end");
}

/// Starts a run in `folder/killed` and kills it once it has saved a state; false if it was at its end by then.
pub(super) fn killed(folder: &Path, command: &mut Command) -> bool {
    let newest = || {
        let list = fs::read_dir(folder.join("killed/state"));
        let names = list.into_iter().flatten().flatten().map(|entry| entry.file_name());
        names.filter(|name| name.to_string_lossy().starts_with("step-")).max()
    };
    let before = newest();
    let mut child = command.stderr(Stdio::null()).spawn().expect("the program starts");
    // The time limit only keeps a broken program from hanging the test.
    let began = Instant::now();
    while newest() == before && began.elapsed() < Duration::from_secs(120) {
        if child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().ok();
    let status = child.wait().unwrap();
    let ended = status.success();
    assert!(ended || status.signal() == Some(9), "{command:?}: {status}");
    !ended
}

/// Samples with conditions leave an adaptive solver's batch one by one, each with its own condition.
#[test]
fn a_conditional_model_keeps_each_samples_condition() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let config = SMALL.replace("count = 1000", "count = 1000\nclasses = 2");
    fs::write(folder.join("small.toml"), config).unwrap();
    done(folder, &["train", "small.toml", "--out", "run", "--steps", "200", "--quiet"]);
    let sample =
        ["sample", "run", "--count", "40", "--sampler", "adaptive", "--label", "1", "--quiet"];
    done(folder, &[&sample[..], &["--batch", "40", "--out", "a.npy"]].concat());
    done(folder, &[&sample[..], &["--batch", "1", "--out", "b.npy"]].concat());
    assert_eq!(bytes(folder, "a.npy"), bytes(folder, "b.npy"));
    done(folder, &["evaluate", "run", "--count", "40", "--likelihood", "--quiet"]);
}
