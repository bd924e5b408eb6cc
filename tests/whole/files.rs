//! Files of other people in, files for other people out.

use std::fs;
use std::path::Path;

use super::{SMALL, done, langevin, refused};

/// Runs and gives standard output.
#[track_caller]
fn said(folder: &Path, args: &[&str]) -> String {
    let output = langevin(folder).args(args).output().expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A catalogue of 120 places in two clusters, with other columns, and every third row a repetition.
fn catalogue() -> String {
    let mut text = String::from("time,latitude,longitude,magnitude\n");
    for i in 0..120u32 {
        let k = f64::from(if i % 3 == 2 { i - 1 } else { i });
        let (spread, side) = ((k * 0.618).fract() - 0.5, (k / 2.0).floor() % 2.0);
        let (latitude, longitude) = (40.0 * side - 20.0 + 8.0 * spread, 150.0 + 30.0 * spread);
        text += &format!("2020-01-{:02},{latitude:.4},{longitude:.4},5.1\n", i % 28 + 1);
    }
    text
}

const GLOBE: &str = r#"
[data]
file = "catalogue.csv"
columns = ["latitude", "longitude"]
split_by_row = true

[network]
kind = "mlp"
hidden = [32, 32]
activation = "silu"
time = { kind = "raw" }

[method]
head = "velocity"
path = { kind = "linear" }
coupling = { kind = "independent" }
objective = { kind = "flow_matching" }
sampler = { kind = "euler" }
grid = { kind = "uniform", steps = 20 }

[train]
steps = 300
batch = 64
learning_rate = { kind = "constant", rate = 1e-3 }
"#;

#[test]
fn a_catalogue_of_the_globe_has_a_likelihood_with_and_without_repetitions() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("catalogue.csv"), catalogue()).unwrap();
    fs::write(folder.join("globe.toml"), GLOBE).unwrap();
    done(folder, &["train", "globe.toml", "--out", "run"]);
    let table = said(folder, &["evaluate", "run", "--likelihood"]);
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("NLL")).collect();
    assert!(rows.len() == 2 && rows[1].contains("positions not trained on"), "{table}");
    done(folder, &["sample", "run", "--count", "50", "--out", "new.csv"]);
    let text = fs::read_to_string(folder.join("new.csv")).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with('#')).skip(1);
    let square = |row: &str| -> f64 {
        row.split(',').map(|cell| cell.parse::<f64>().unwrap().powi(2)).sum()
    };
    assert!(rows.map(square).all(|square| (square - 1.0).abs() < 1e-12), "unit vectors");
    let noisy = ["sample", "run", "--out", "p.csv", "--sampler", "ddpm"];
    refused(folder, &noisy, 2, "adds noise, allowed on the sphere");
}

#[test]
fn what_is_written_can_be_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("small.toml"), SMALL).unwrap();
    done(folder, &["train", "small.toml", "--out", "run", "--steps", "50"]);
    for name in ["points.h5", "points.npy", "points.csv.gz"] {
        done(folder, &["sample", "run", "--count", "300", "--out", name]);
        let config = SMALL
            .replace("law = { kind = \"moons\", noise = 0.05 }", &format!("file = \"{name}\""))
            .replace("count = 1000\n", "");
        fs::write(folder.join("again.toml"), config).unwrap();
        let out = format!("run of {name}");
        done(folder, &["train", "again.toml", "--out", &out, "--steps", "5"]);
    }
}

#[test]
fn numbers_and_report_tell_where_they_come_from() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("small.toml"), SMALL).unwrap();
    done(folder, &["train", "small.toml", "--out", "run", "--steps", "50"]);
    let args = ["evaluate", "run", "--count", "200", "--json", "n.json", "--report", "r.html"];
    done(folder, &args);
    let numbers = fs::read_to_string(folder.join("n.json")).unwrap();
    for key in ["model_sha256", "seed", "sampler", "grid", "config", "evaluations", "metrics"] {
        assert!(numbers.contains(&format!("\"{key}\"")), "{key}");
    }
    let report = fs::read_to_string(folder.join("r.html")).unwrap();
    assert!(report.contains("<svg") && report.contains("Transport map"));
    assert!(!report.contains("http://") || !report.contains("<script src"), "nothing is fetched");
}

#[test]
fn a_table_is_checked_before_hours_of_work() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let published = "[[published]]\nmetric = \"W2\"\nmean = 0.1\nsd = 9.0\nsource = \"nobody\"\n";
    let config = format!("{}\n{published}", SMALL.replace("steps = 3000", "steps = 30"));
    fs::write(folder.join("one.toml"), &config).unwrap();
    fs::write(folder.join("two.toml"), config.replace("\"W2\"", "\"W3\"")).unwrap();
    let base = ["--seeds", "2", "--count", "100", "--out", "t.json", "--machine", "any"];
    let ask = |config: &str, more: &[&str]| {
        let args = [&["table", config], &base[..], more].concat();
        args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<String>>()
    };
    let refuse = |args: Vec<String>, message: &str| {
        refused(folder, &args.iter().map(String::as_str).collect::<Vec<_>>(), 2, message);
        assert!(!folder.join("t.json").exists());
    };
    refuse(ask("one.toml", &["--date", "yesterday"]), "--date: found yesterday");
    refuse(ask("two.toml", &["--date", "2026-01-31"]), "published.metric: found W3, allowed: W2");
    let args = ask("one.toml", &["--date", "2026-01-31"]);
    done(folder, &args.iter().map(String::as_str).collect::<Vec<_>>());
    let table = fs::read_to_string(folder.join("t.json")).unwrap();
    assert!(table.contains("\"one: W2\"") && table.contains("\"seeds\": 2"), "{table}");
}
