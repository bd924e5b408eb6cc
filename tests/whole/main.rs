//! The program as its users run it: files in, files out, exit statuses and messages.

mod average;
mod bad_input;
mod climate;
mod climate_models;
mod crystal_candidates;
mod crystal_models;
mod crystals;
mod data_import;
mod devices;
mod domain;
mod files;
mod guidance;
mod memory;
mod molecule_models;
mod molecule_properties;
mod molecules;
mod molecules_edm;
mod reproducibility;
mod uq_report;

use std::path::Path;
use std::process::{Command, Output};

/// A small experiment: seconds, not minutes.
const SMALL: &str = r#"
seed = 3

[data]
law = { kind = "moons", noise = 0.05 }
count = 1000

[network]
kind = "mlp"
hidden = [16, 16]
activation = "silu"
time = { kind = "raw" }

[method]
head = "velocity"
path = { kind = "linear" }
coupling = { kind = "optimal" }
objective = { kind = "flow_matching" }
sampler = { kind = "heun" }
grid = { kind = "uniform", steps = 5 }

[train]
steps = 3000
batch = 64
shards = 2
learning_rate = { kind = "constant", rate = 1e-3 }
prefetch = 2
checkpoint_every = 100
averages = [{ kind = "constant", decay = 0.99 }]
"#;

/// The program, ready for arguments, run in `folder`.
fn langevin(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_langevin"));
    command.current_dir(folder).args(["points"]);
    command
}

fn run(folder: &Path, args: &[&str]) -> Output {
    langevin(folder).args(args).output().expect("the program starts")
}

/// Runs and expects success.
#[track_caller]
fn done(folder: &Path, args: &[&str]) {
    let output = run(folder, args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {said}");
}

/// Runs and expects exit status `status` and `message` on standard error.
#[track_caller]
fn refused(folder: &Path, args: &[&str], status: i32, message: &str) {
    let output = run(folder, args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
    assert!(said.contains(message), "{args:?} said: {said}\nexpected: {message}");
}
