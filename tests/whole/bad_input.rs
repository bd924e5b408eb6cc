//! Wrong input gets a message that names the file, the place, what was found and what is allowed.

use std::fs;

use langevin_train::SavedState;

use super::{SMALL, done, refused, run};

#[test]
fn configs_are_checked_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let cases = [
        ("steps = 3000", "stepps = 3000", "train.stepps: found a key that does not exist"),
        ("steps = 3000", "steps = \"many\"", "train.steps: found string \"many\""),
        ("rate = 1e-3", "rate = -1.0", "rate: found -1"),
        ("kind = \"heun\"", "kind = \"hoin\"", "method.sampler.kind: found hoin, allowed: ddpm"),
        (
            "hidden = [16, 16]",
            "hidden = []",
            "network.hidden: found [], allowed: at least one layer",
        ),
        ("noise = 0.05", "noise = -2.0", "data.law.noise: found -2"),
        ("steps = 5", "steps = 0", "method.grid.steps: found 0, allowed: at least 1"),
        ("count = 1000", "count = 0", "data.count: found 0, allowed: at least 1"),
        ("seed = 3", "seed = 3\n[[", "not valid TOML"),
    ];
    for (right, wrong, message) in cases {
        fs::write(folder.join("bad.toml"), SMALL.replace(right, wrong)).unwrap();
        refused(folder, &["train", "bad.toml", "--out", "run"], 2, message);
        refused(folder, &["train", "bad.toml", "--out", "run"], 2, "bad.toml");
        assert!(!folder.join("run").exists(), "nothing may be made for {wrong}");
    }
    refused(folder, &["train", "none.toml", "--out", "run"], 2, "cannot read none.toml");
}

#[test]
fn points_with_faults_are_named_by_row_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let config = SMALL
        .replace("law = { kind = \"moons\", noise = 0.05 }", "file = \"points.csv\"")
        .replace("count = 1000\n", "");
    fs::write(folder.join("file.toml"), config).unwrap();
    for (text, message) in
        [("x,y\n1,2\n3,NaN\n", "row 3, column \"y\""), ("x,y\n1,2\n3\n", "row 3")]
    {
        fs::write(folder.join("points.csv"), text).unwrap();
        refused(folder, &["train", "file.toml", "--out", "run"], 2, message);
        refused(folder, &["train", "file.toml", "--out", "run"], 2, "points.csv");
    }
}

#[test]
fn models_and_outputs_are_protected() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("small.toml"), SMALL).unwrap();
    let train = ["train", "small.toml", "--out", "run", "--steps", "150", "--quiet"];
    done(folder, &train);
    refused(folder, &train, 2, "holds a run already");

    let sample = ["sample", "run", "--count", "10", "--out", "points.csv", "--quiet"];
    done(folder, &sample);
    refused(folder, &sample, 2, "points.csv exists");
    done(folder, &[&sample[..], &["--force"]].concat());
    let label = ["sample", "run", "--out", "b.csv", "--label", "1"];
    refused(folder, &label, 2, "was not told any classes");
    let sampler = ["sample", "run", "--out", "b.csv", "--sampler", "magic"];
    refused(folder, &sampler, 2, "--sampler: found magic, allowed: ddpm");

    refused(folder, &["sample", "nowhere.safetensors", "--out", "c.csv"], 2, "nowhere.safetensors");
    let whole = fs::read(folder.join("run/model.safetensors")).unwrap();
    fs::write(folder.join("cut.safetensors"), &whole[..whole.len() / 2]).unwrap();
    refused(
        folder,
        &["sample", "cut.safetensors", "--out", "c.csv"],
        2,
        "cut.safetensors is truncated",
    );
}

#[test]
fn a_damaged_state_is_named_and_the_one_before_it_used() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("small.toml"), SMALL).unwrap();
    let train = ["train", "small.toml", "--out", "run", "--steps", "300", "--quiet"];
    done(folder, &train);
    let model = fs::read(folder.join("run/model.safetensors")).unwrap();
    fs::remove_file(folder.join("run/model.safetensors")).unwrap();
    let newest = folder.join("run/state/step-00000300.safetensors");
    let whole = fs::read(&newest).unwrap();
    fs::write(&newest, &whole[..whole.len() - 10]).unwrap();
    let output = run(folder, &[&train[..], &["--resume"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("step-00000300.safetensors"), "{said}");
    assert!(said.contains("resumed at step 200"), "{said}");
    assert_eq!(model, fs::read(folder.join("run/model.safetensors")).unwrap());
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let config = SMALL.replace("rate = 1e-3", "rate = 1e30");
    // At its end only would this run save a state.
    let config = config.replace("checkpoint_every = 100\n", "");
    fs::write(folder.join("hot.toml"), config).unwrap();
    let train = ["train", "hot.toml", "--out", "run", "--quiet"];
    let first = run(folder, &train);
    let said = String::from_utf8_lossy(&first.stderr);
    assert_eq!(first.status.code(), Some(1), "{said}");
    // "error: step S: loss of sample …": S − 1 steps were done.
    let words: Vec<&str> = said.split([' ', ':']).filter(|word| !word.is_empty()).collect();
    let step: u64 = words[2].parse().unwrap();
    assert!(said.starts_with(&format!("error: step {step}: loss of sample ")), "{said}");
    assert!(said.contains("(noise bin "), "{said}");
    let state = format!("run/state/step-{:08}.safetensors", step - 1);
    assert!(said.contains(&format!("the last good state is {state}")), "{said}");
    assert!(!folder.join("run/model.safetensors").exists());

    // The state is whole and can be gone on from, to the same end.
    SavedState::load(&folder.join(&state)).unwrap();
    let again = run(folder, &[&train[..], &["--resume"]].concat());
    assert_eq!(again.status.code(), Some(1));
    let resumed = format!("resumed at step {} of 3000\n{said}", step - 1);
    assert_eq!(String::from_utf8_lossy(&again.stderr), resumed);
}

#[test]
fn only_a_run_that_was_begun_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("small.toml"), SMALL).unwrap();
    let train = ["train", "small.toml", "--out", "run", "--steps", "200", "--quiet"];
    let resume = [&train[..], &["--resume"]].concat();
    refused(folder, &resume, 2, "run holds no state to go on from (found nothing)");
    assert!(!folder.join("run").exists());
    fs::create_dir(folder.join("run")).unwrap();
    refused(folder, &resume, 2, "run holds no state to go on from (found nothing)");
    done(folder, &train);
    let model = fs::read(folder.join("run/model.safetensors")).unwrap();

    // A finished run whose states were removed is not trained again in silence.
    fs::rename(folder.join("run/state"), folder.join("state")).unwrap();
    refused(folder, &resume, 2, "run holds no state to go on from (found config.toml, model");
    // Killed before its first state.
    fs::remove_file(folder.join("run/model.safetensors")).unwrap();
    let output = run(folder, &resume);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("no step was saved before: starting at step 0 of 200"), "{said}");
    assert_eq!(model, fs::read(folder.join("run/model.safetensors")).unwrap());

    // Every damaged state is named, with what is wrong with it.
    for step in [100, 200] {
        fs::write(folder.join(format!("run/state/step-{step:08}.safetensors")), b"").unwrap();
    }
    for step in [100, 200] {
        let message = format!("step-{step:08}.safetensors is truncated or damaged: ");
        refused(folder, &resume, 2, &message);
    }
    refused(folder, &resume, 2, "start afresh with --force");
}

#[test]
fn a_refused_resume_leaves_the_run_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("small.toml"), SMALL).unwrap();
    done(folder, &["train", "small.toml", "--out", "run", "--steps", "150", "--quiet"]);
    let files = ["run/config.toml", "run/metrics.jsonl", "run/model.safetensors"];
    let before = files.map(|file| fs::read(folder.join(file)).unwrap());
    let other = ["train", "small.toml", "--out", "run", "--steps", "300", "--resume", "--quiet"];
    refused(folder, &other, 2, "was saved with another config: \"steps = 150\"");
    assert_eq!(before, files.map(|file| fs::read(folder.join(file)).unwrap()));
}

#[test]
fn a_run_is_replaced_by_force_only() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("small.toml"), SMALL).unwrap();
    let train = ["train", "small.toml", "--out", "run", "--steps", "200", "--quiet"];
    done(folder, &train);
    let model = fs::read(folder.join("run/model.safetensors")).unwrap();
    // Whatever is left of a run protects it.
    for file in ["model.safetensors", "config.toml"] {
        fs::remove_file(folder.join("run").join(file)).unwrap();
    }
    fs::remove_dir_all(folder.join("run/state")).unwrap();
    refused(folder, &train, 2, "run holds a run already (metrics.jsonl");
    refused(folder, &train, 2, "replace it with --force");
    let both = [&train[..], &["--force", "--resume"]].concat();
    refused(folder, &both, 2, "cannot be used with");

    // By force a longer run, then one as before: nothing of the longer one is left in it.
    let longer = ["train", "small.toml", "--out", "run", "--steps", "300", "--quiet", "--force"];
    done(folder, &longer);
    fs::write(folder.join("run/notes.txt"), "mine").unwrap();
    done(folder, &[&train[..], &["--force"]].concat());
    assert_eq!(model, fs::read(folder.join("run/model.safetensors")).unwrap());
    let list = |name: &str| {
        let entries = fs::read_dir(folder.join(name)).unwrap().flatten();
        let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    };
    assert_eq!(list("run/state"), ["step-00000100.safetensors", "step-00000200.safetensors"]);
    let names = list("run");
    let of_events = names.iter().filter(|name| name.starts_with("events.")).count();
    assert_eq!((names.len(), of_events), (6, 1), "{names:?}");
    // A bad config does not cost the run that it would have replaced.
    fs::write(folder.join("bad.toml"), SMALL.replace("count = 1000", "count = 0")).unwrap();
    refused(folder, &["train", "bad.toml", "--out", "run", "--force"], 2, "data.count");
    assert_eq!(names, list("run"));
}
