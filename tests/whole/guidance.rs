//! What samples are asked to be, through the command.

use std::fs;
use std::path::Path;

use super::{SMALL, done, refused, run};

/// The coordinates of a CSV file of points.
fn points(path: &Path) -> Vec<[f64; 2]> {
    let text = fs::read_to_string(path).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with('#')).skip(1);
    let row = |line: &str| {
        let mut numbers = line.split(',').map(|cell| cell.parse().unwrap());
        [numbers.next().unwrap(), numbers.next().unwrap()]
    };
    rows.map(row).collect()
}

/// A model of two moons that was told which is which.
fn model(folder: &Path) {
    let config = SMALL
        .replace("count = 1000\n", "count = 1000\nclasses = 2\n")
        .replace("\"optimal\"", "\"optimal\", condition_weight = 100.0")
        .replace("[method]\n", "[method]\nhide_condition = 0.2\n");
    assert!(config.contains("classes") && config.contains("hide_condition"));
    fs::write(folder.join("moons.toml"), config).unwrap();
    done(folder, &["train", "moons.toml", "--out", "run"]);
}

#[test]
fn samples_are_what_they_were_asked_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    model(folder);
    let ask = |name: &str, args: &[&str]| {
        let fixed = ["sample", "run", "--count", "200", "--out", name];
        done(folder, &[&fixed, args].concat());
        points(&folder.join(name))
    };
    let known = ask("known.csv", &["--known", "x=0.25"]);
    assert!(known.iter().all(|p| (p[0] - 0.25).abs() < 1e-12));
    let constrained = ask("constrained.csv", &["--constraint", "1,-1=0.5"]);
    assert!(constrained.iter().all(|p| (p[0] - p[1] - 0.5).abs() < 1e-12));
    let mean = |points: &[[f64; 2]], axis: usize| {
        points.iter().map(|p| p[axis]).sum::<f64>() / points.len() as f64
    };
    // The upper moon is class 0, and lies to the left of the lower one. Each mean of 200 points has a
    // standard error below 0.1; guidance exaggerates the difference.
    let [upper, lower] = ["0", "1"].map(|label| ask(&format!("{label}.csv"), &["--label", label]));
    assert!(mean(&upper, 0) < mean(&lower, 0) - 0.3);
    let more = ask("more.csv", &["--label", "1", "--guidance", "3"]);
    assert!(mean(&more, 0) > mean(&lower, 0));
    let same = ask("same.csv", &["--label", "1", "--guidance", "1"]);
    assert_eq!(same, lower);
    let measured = ask("measured.csv", &["--measured", "0,1=0.5", "--noise", "0.1"]);
    let spread = |points: &[[f64; 2]]| {
        (points.iter().map(|p| (p[1] - 0.5).powi(2)).sum::<f64>() / 200.0).sqrt()
    };
    assert!(spread(&measured) < 0.4 * spread(&upper), "{}", spread(&measured));
    let text = fs::read_to_string(folder.join("more.csv")).unwrap();
    assert!(text.contains("\"guidance\":3.0"), "provenance tells the request");
}

#[test]
fn requests_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    model(folder);
    let cases: [(&[&str], &str); 9] = [
        (&["--label", "2"], "--label: found 2, allowed: 0 to 1"),
        (&["--guidance", "2"], "--guidance: needs --label, or another model as --weaker"),
        (&["--label", "0", "--guidance", "-1"], "weight: found -1, allowed: 0 or more"),
        (&["--known", "q=1"], "--known: found column q, allowed: x, y"),
        (&["--known", "x=1", "--known", "x=2"], "--known: column x stands twice"),
        (&["--known", "x=1", "--known", "y=2"], "nothing is left to sample"),
        (&["--measured", "1=2"], "found 1 factors, allowed: 2"),
        (&["--measured", "1,0=2", "--noise", "-1"], "noise: found -1, allowed: 0 or more"),
        (&["--constraint", "1,1=1", "--constraint", "2,2=1"], "depend on each other"),
    ];
    for (args, message) in cases {
        let fixed = ["sample", "run", "--count", "5", "--out", "p.csv"];
        refused(folder, &[&fixed, args].concat(), 2, message);
        assert!(!folder.join("p.csv").exists());
    }
    assert!(!run(folder, &["sample", "run", "--out", "p.csv", "--known", "x"]).status.success());
}

/// Noise, densities and known values need a reference that is noise; between two data sets it is not.
#[test]
fn what_needs_noise_is_refused_between_two_data_sets() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let reference =
        "[reference]\nlaw = { kind = \"eight_gaussians\", radius = 2.0, std = 0.1 }\n\n";
    let config = SMALL.replace("[network]", &format!("{reference}[network]"));
    fs::write(folder.join("two.toml"), config).unwrap();
    done(folder, &["train", "two.toml", "--out", "run", "--steps", "20"]);
    let sample = ["sample", "run", "--count", "5", "--out", "p.csv"];
    let cases: [(&[&str], &str); 3] = [
        (&["--sampler", "ddpm"], "method.sampler: found one that adds noise"),
        (&["--known", "x=1"], "for models whose reference is noise"),
        (&["--measured", "1,0=1"], "for models whose reference is noise"),
    ];
    for (args, message) in cases {
        refused(folder, &[&sample, args].concat(), 2, message);
        assert!(!folder.join("p.csv").exists());
    }
    refused(folder, &["evaluate", "run", "--likelihood"], 2, "whose density is not known");
    done(folder, &sample);
}

/// Euler's last step on a curved schedule does not land on the estimate; the constraint holds all the same.
#[test]
fn a_constraint_and_a_known_value_hold_together_on_a_curved_schedule() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let config = SMALL
        .replace("{ kind = \"linear\" }", "{ kind = \"cosine\" }")
        .replace("head = \"velocity\"", "head = \"v\"");
    fs::write(folder.join("cosine.toml"), config).unwrap();
    done(folder, &["train", "cosine.toml", "--out", "run", "--steps", "20"]);
    let fixed = ["sample", "run", "--count", "50", "--out", "p.csv", "--force"];
    for sampler in ["euler", "heun", "ddim"] {
        let asked = ["--sampler", sampler, "--constraint", "1,1=1"];
        done(folder, &[&fixed[..], &asked].concat());
        let off = |p: &[f64; 2]| (p[0] + p[1] - 1.0).abs();
        assert!(points(&folder.join("p.csv")).iter().all(|p| off(p) < 1e-12), "{sampler}");
        done(folder, &[&fixed[..], &asked, &["--known", "x=0.25"]].concat());
        let off = |p: &[f64; 2]| (p[0] - 0.25).abs().max((p[1] - 0.75).abs());
        assert!(points(&folder.join("p.csv")).iter().all(|p| off(p) < 1e-12), "{sampler}");
    }
}
