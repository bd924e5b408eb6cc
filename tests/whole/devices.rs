//! Networks on other devices: `cpu:composed` and `cpu:emulated` do what a GPU does, on any machine.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::crystal_models::{self, CRYSTALS};
use super::domain::Domain;
use super::{climate_models, molecule_models};

const COMPOSED: &str = "cpu:composed";

/// Other devices than the CPU, as far as this machine has them.
fn others() -> Vec<&'static str> {
    if Command::new("c++").arg("--version").output().is_ok() {
        return vec![COMPOSED, "cpu:emulated"];
    }
    eprintln!("skipped: no C++ compiler (c++) runs the kernels of GPUs on this machine");
    vec![COMPOSED]
}

/// A small experiment in a folder that has its data.
struct Case {
    domain: Domain,
    folder: tempfile::TempDir,
    /// Draws from the model of `run/`, into `OUT`.
    draw: &'static [&'static str],
}

impl Case {
    fn new(domain: Domain, folder: tempfile::TempDir, config: &str, draw: &'static [&str]) -> Self {
        let config = config.replace("[train]\n", "[train]\nlog_every = 1\n");
        fs::write(folder.path().join("config.toml"), config).unwrap();
        Self { domain, folder, draw }
    }

    fn all() -> [Self; 4] {
        let points = tempfile::tempdir().unwrap();
        let few = super::SMALL.replace("steps = 3000", "steps = 20");
        let few = few.replace("checkpoint_every = 100", "checkpoint_every = 10");
        let draw = &["sample", "run", "--count", "20", "--quiet"];
        let crystals = crystal_models::prepared(crystal_models::SMALL);
        let (molecules, climate) = (molecule_models::prepared(), climate_models::prepared());
        let field = &["downscale", "--input", "coarse.nc", "--model", "run", "--factor", "4"];
        [
            Self::new(Domain("points"), points, &few, draw),
            Self::new(Domain("molecules"), molecules, molecule_models::SMALL, draw),
            Self::new(CRYSTALS, crystals, crystal_models::SMALL, draw),
            Self::new(Domain("climate"), climate, climate_models::CONFIG, field),
        ]
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn train(&self, run: &str, more: &[&str]) {
        let train = ["train", "config.toml", "--quiet", "--out", run];
        self.domain.done(self.path(), &[&train[..], more].concat());
    }

    fn out(&self, device: &str) -> String {
        let kind = match self.domain.0 {
            "points" => "csv",
            "climate" => "nc",
            _ => "extxyz",
        };
        format!("{}.{kind}", device.replace(':', "_"))
    }

    /// Writes the precision into the config.
    fn asking_for(&self, precision: &str) {
        let path = self.path().join("config.toml");
        let text = fs::read_to_string(&path).unwrap();
        let kept = text.lines().filter(|line| !line.starts_with("precision = "));
        let text = kept.map(|line| format!("{line}\n")).collect::<String>();
        let asked = format!("[train]\nprecision = {precision:?}\n");
        fs::write(path, text.replace("[train]\n", &asked)).unwrap();
    }

    /// Numbers of what the model of `run/` gives on `device`.
    fn drawn(&self, device: &str) -> Vec<f64> {
        let out = self.out(device);
        let args = [self.draw, &["--device", device, "--out", &out, "--force"]].concat();
        self.domain.done(self.path(), &args);
        let path = self.path().join(out);
        if self.domain.0 == "climate" {
            let cells = climate_models::frame(&path, 0, 0);
            return cells.iter().map(|&cell| f64::from(cell)).collect();
        }
        let text = fs::read_to_string(path).unwrap();
        text.split([' ', ',', '\n', '"', '=']).filter_map(|word| word.parse().ok()).collect()
    }

    /// Leaves a run as if it had been killed at the last state but one.
    fn forget_the_end(&self, run: &str) {
        let run = self.path().join(run);
        fs::remove_file(run.join("model.safetensors")).unwrap();
        let files = fs::read_dir(run.join("state")).unwrap().map(|file| file.unwrap().path());
        let mut states: Vec<_> = files.collect();
        states.sort();
        let newest = states.pop().expect("a run saves states");
        assert!(!states.is_empty(), "{}", newest.display());
        fs::remove_file(newest).unwrap();
    }

    /// Losses and lengths of the gradient, of the steps of a run.
    fn steps(&self, run: &str) -> Vec<[f64; 2]> {
        let text = fs::read_to_string(self.path().join(run).join("metrics.jsonl")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let steps = lines.filter(|line: &serde_json::Value| line["kind"] == "train");
        steps.map(|step| ["loss", "grad_norm"].map(|of| step[of].as_f64().unwrap())).collect()
    }
}

fn apart(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs() / b.abs().max(1.0)).fold(0.0, f64::max)
}

/// The same weights see the same losses and gradients, to single precision.
#[test]
fn training_is_alike() {
    for case in Case::all() {
        case.train("here", &[]);
        let here = case.steps("here");
        assert!(here.len() > 10, "{}", here.len());
        for other in others() {
            let name = format!("{}, {other}", case.domain.0);
            case.train(other, &["--device", other]);
            let there = case.steps(other);
            let [loss, gradient] = [0, 1].map(|of| apart(&[here[0][of]], &[there[0][of]]));
            assert!(loss < 1e-5 && gradient < 1e-4, "{name}: {loss} {gradient}");
            // AdamW's first steps have the size of its rate whatever the gradient, so rounding grows: far less than
            // what training changes.
            let (last, other) = (here[here.len() - 1], there[there.len() - 1]);
            assert!(apart(&last, &other) < 0.02, "{name}: {last:?} {other:?}");
            assert_ne!(here, there, "{name}: the other device is another");
        }
    }
}

/// A run that began on one device goes on on the other, and its model is drawn from on both.
#[test]
fn runs_and_models_know_no_device() {
    for case in Case::all() {
        case.train("whole", &[]);
        let whole = case.steps("whole");
        let steps = whole.len();
        for other in others() {
            let name = format!("{}, {other}", case.domain.0);
            let (here, there) = (&[][..], &["--device", other][..]);
            for (run, [first, second]) in [("run", [there, here]), ("back", [here, there])] {
                case.train(run, &[first, &["--force"]].concat());
                case.forget_the_end(run);
                case.train(run, &[second, &["--resume"]].concat());
                let run = case.steps(run);
                assert_eq!(run.len(), steps, "{name}");
                assert!(apart(&whole[steps - 1], &run[steps - 1]) < 0.02, "{name}");
            }
            let (here, there) = (case.drawn("cpu"), case.drawn(other));
            assert!(here.len() > 40, "{name}: {}", here.len());
            let apart = apart(&here, &there);
            assert!(apart < 1e-3, "{name}: {apart}");
        }
    }
}

/// Products of operands of fewer bits are a little off, in the order of their bits: 24, 11, 8.
#[test]
fn products_round_as_asked() {
    for case in Case::all() {
        case.train("f32", &["--device", COMPOSED]);
        let whole = case.steps("f32")[0];
        let off = ["tf32", "bf16"].map(|precision| {
            case.asking_for(precision);
            case.train(precision, &["--device", COMPOSED, "--steps", "1"]);
            let first = case.steps(precision)[0];
            [0, 1].map(|of| (first[of] - whole[of]).abs() / whole[of].abs())
        });
        let name = case.domain.0;
        let ([tf32, bf16], [tf32_gradient, bf16_gradient]) = (off.map(|o| o[0]), off.map(|o| o[1]));
        assert!(tf32 > 0.0 && tf32 < 1e-2 && tf32 < bf16 && bf16 < 0.05, "{name}: {off:?}");
        assert!(tf32_gradient < 0.02 && bf16_gradient < 0.1, "{name}: {off:?}");
    }
}

/// The kernels of the CPU round nothing, and do not pretend to.
#[test]
fn a_precision_that_a_device_lacks_is_refused() {
    let [case, ..] = Case::all();
    case.asking_for("bf16");
    let train = ["train", "config.toml", "--quiet", "--out", "run"];
    let message = "[train] precision = \"bf16\": the CPU works in f32 alone, allowed: f32, or";
    case.domain.refused(case.path(), &train, message);
    assert!(!case.path().join("run").exists());
    case.asking_for("fp8");
    case.domain.refused(
        case.path(),
        &train,
        "train.precision: found fp8, allowed: f32, tf32, bf16",
    );
}

/// Without a GPU in the program none is taken, and nothing else instead.
#[cfg(not(feature = "cuda"))]
#[test]
fn a_device_that_is_not_there_is_refused() {
    refused("cuda:1", "--device cuda:1: this program was built for the CPU alone");
    refused(
        "gpu",
        "found \"gpu\", allowed: cpu, cuda, cuda:I with I from 0, cpu:composed or cpu:emulated",
    );
}

/// A program for GPUs starts without one, and says what is missing when it is asked for one.
#[cfg(feature = "cuda")]
#[test]
fn a_gpu_that_is_not_there_is_refused() {
    refused("cuda:999", "--device cuda");
}

fn refused(device: &str, message: &str) {
    let folder = tempfile::tempdir().unwrap();
    let sample = ["sample", "--formula", "NaCl", "--out", "no.cif", "--device", device];
    CRYSTALS.refused(folder.path(), &sample, message);
    assert!(!folder.path().join("no.cif").exists());
}
