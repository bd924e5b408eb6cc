//! What a training says of memory, and what it takes.

use std::fs;
use std::process::Stdio;

use super::{SMALL, langevin, refused};

fn wide(batch: usize) -> String {
    SMALL
        .replace("hidden = [16, 16]", "hidden = [512, 512]")
        .replace("\"optimal\"", "\"independent\"")
        .replace("steps = 3000", "steps = 2")
        .replace("batch = 64", &format!("batch = {batch}"))
        .replace("shards = 2", "shards = 1")
}

#[cfg(target_os = "linux")]
#[test]
fn a_batch_that_does_not_fit_is_refused_with_one_that_does() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("huge.toml"), wide(4_000_000_000)).unwrap();
    let train = ["train", "huge.toml", "--out", "run", "--threads", "2"];
    refused(folder, &train, 2, "memory: a step takes up to about");
    refused(folder, &train, 2, "found train.batch 4000000000, allowed: train.batch up to");
    assert!(!folder.join("run").exists());
}

/// The most that the process held, by the system, is what it said and what a small training takes.
#[cfg(target_os = "linux")]
#[test]
fn a_training_takes_what_it_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let held_and_said = |batch: usize| -> (f64, f64) {
        let (name, out) = (format!("{batch}.toml"), format!("run{batch}"));
        fs::write(folder.join(&name), wide(batch)).unwrap();
        let mut train = langevin(folder);
        train.args(["train", &name, "--out", &out, "--threads", "1"]).stderr(Stdio::piped());
        let mut running = train.spawn().expect("the program starts");
        let status = format!("/proc/{}/status", running.id());
        let mut most = 0.0f64;
        while running.try_wait().unwrap().is_none() {
            let text = fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
            most = most.max(kib.unwrap_or(0.0) / 1024.0);
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let output = running.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        let said = said.split("takes up to about ").nth(1).expect("it says so").to_owned();
        let mut words = said.split([' ', ',', '\n']);
        let (number, unit) = (words.next().unwrap(), words.next().unwrap());
        let unit = if unit == "GiB" { 1024.0 } else { 1.0 };
        (most, number.parse::<f64>().unwrap() * unit)
    };
    let (small, _) = held_and_said(2);
    let (large, said) = held_and_said(20_000);
    let took = large - small;
    // mimalloc keeps some of what is returned.
    assert!((0.7..1.4).contains(&(took / said)), "took {took} MiB, said {said} MiB");
}
