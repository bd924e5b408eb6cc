//! EDM's diffusion through the command: trained, sampled, its likelihood bounded.

use std::fs;
use std::path::Path;
use std::process::Output;

use super::domain::Domain;

/// The published config, made so small that a test can train it.
const PUBLISHED: &str = include_str!("../../configs/molecules/qm9_edm.toml");

fn small() -> toml::Table {
    let mut config: toml::Table = toml::from_str(PUBLISHED).unwrap();
    set(&mut config, "data", "file = \"train.xyz\"\nvalidation_file = \"train.xyz\"");
    set(&mut config, "network", "width = 16\nlayers = 2");
    set(&mut config, "train", "steps = 30\nbatch = 8\nvalidate_every = 10\nvalidation_shards = 1");
    config
}

/// Replaces the keys of a section by those of `text`.
fn set(config: &mut toml::Table, section: &str, text: &str) {
    let more: toml::Table = toml::from_str(text).unwrap();
    config[section].as_table_mut().unwrap().extend(more);
}

fn write(path: &Path, config: &toml::Table) {
    fs::write(path, toml::to_string(config).unwrap()).unwrap();
}

/// Water and methane, each a little apart ten times.
fn molecules() -> String {
    let water = ["O 0 0 0", "H 0.76 0.59 0", "H -0.76 0.59 0"];
    let methane = [
        "C 0 0 0",
        "H 0.63 0.63 0.63",
        "H -0.63 -0.63 0.63",
        "H -0.63 0.63 -0.63",
        "H 0.63 -0.63 -0.63",
    ];
    let mut text = String::new();
    for k in 0..10 {
        for atoms in [&water[..], &methane[..]] {
            text += &format!("{}\n\n", atoms.len());
            for line in atoms {
                let words: Vec<&str> = line.split(' ').collect();
                let x: f64 = words[1].parse().unwrap();
                let x = x * (1.0 + 0.01 * f64::from(k));
                text += &format!("{} {x} {} {}\n", words[0], words[2], words[3]);
            }
        }
    }
    text
}

const MOLECULES: Domain = Domain("molecules");

/// Mean and standard error of each term in a JSON file.
fn terms(path: &Path) -> impl Fn(&str) -> (f64, f64) + use<> {
    let numbers = fs::read_to_string(path).unwrap();
    let numbers: serde_json::Value = serde_json::from_str(&numbers).unwrap();
    move |name| {
        let term = &numbers["nats"][name];
        (term["mean"].as_f64().unwrap(), term["standard_error"].as_f64().unwrap())
    }
}

#[test]
fn edm_is_trained_sampled_and_its_likelihood_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("train.xyz"), molecules()).unwrap();
    write(&folder.join("edm.toml"), &small());
    MOLECULES.done(folder, &["train", "edm.toml", "--out", "run", "--quiet"]);

    let sample = ["sample", "run", "--count", "6", "--steps", "20", "--quiet", "--out"];
    MOLECULES.done(folder, &[&sample[..], &["a.xyz"]].concat());
    MOLECULES.done(folder, &[&sample[..], &["b.xyz", "--batch", "1"]].concat());
    let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!(text("a.xyz"), text("b.xyz"), "no sample depends on its batch");
    let sizes: Vec<String> = text("a.xyz")
        .lines()
        .filter(|l| l.trim().parse::<usize>().is_ok())
        .map(Into::into)
        .collect();
    assert!(sizes.len() == 6 && sizes.iter().all(|n| n == "3" || n == "5"), "{sizes:?}");

    let measure = |name: &str, args: &[&str]| {
        let fixed = ["likelihood", "run", "--quiet", "--json", name];
        MOLECULES.done(folder, &[&fixed, args].concat());
        terms(&folder.join(name))
    };
    let all = measure("all.json", &["--draws", "8"]);
    let names = ["prior", "steps", "positions", "species", "number of atoms"];
    let total: f64 = names.iter().map(|name| all(name).0).sum();
    assert!((all("NLL").0 - total).abs() < 1e-9 * total.abs());
    // As many waters as methanes; the noise of t = 0 does not hide an element.
    assert!((all("number of atoms").0 - 2f64.ln()).abs() < 1e-12);
    assert!(all("species").0.abs() < 1e-6 && all("prior").0 < 0.01);
    // ε̂ = 0 would cost ½ d at t = 0 above the volume of σ_0/α_0, with d = 3 (n − 1): 6 and 12, 9 on average.
    let volume = 9.0 * 0.5 * (1e-5f64.ln() + std::f64::consts::TAU.ln());
    assert!((all("positions").0 - volume - 4.5).abs() < 4.0, "{}", all("positions").0 - volume);
    let one = measure("one.json", &["--draws", "8", "--batch", "1"]);
    assert_eq!(one("NLL"), all("NLL"), "no number depends on the batch");
    // Another estimate of the same sum, within 5 of both standard errors.
    let other = measure("other.json", &["--draws", "8", "--seed", "1"]);
    let (a, b) = (all("steps"), other("steps"));
    assert!((a.0 - b.0).abs() < 5.0 * a.1.hypot(b.1), "{a:?} {b:?}");
}

#[test]
fn what_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("train.xyz"), molecules()).unwrap();
    let train = |name: &str, config: &toml::Table| {
        write(&folder.join(format!("{name}.toml")), config);
        MOLECULES.run(
            folder,
            &["train", &format!("{name}.toml"), "--out", name, "--steps", "1", "--quiet"],
        )
    };
    let says = |output: &Output, message: &str| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(message), "{said}");
    };
    let mut config = small();
    set(&mut config, "data", "scale_angstrom = 0.0");
    says(&train("scale", &config), "data.scale_angstrom: found 0, allowed: a positive number");
    let mut config = small();
    let usual: toml::Table =
        toml::from_str(include_str!("../../configs/molecules/qm9.toml")).unwrap();
    config["network"] = usual["network"].clone();
    says(&train("network", &config), "network.kind: found scalar_vector, allowed: egnn");

    let mut config = small();
    set(&mut config, "method", "head = \"velocity\"\npath = { kind = \"linear\" }");
    assert!(train("linear", &config).status.success());
    let allowed = "allowed: a model with data.species = \"features\" on a path that keeps noise";
    MOLECULES.refused(folder, &["likelihood", "linear"], "found a path that does not keep noise");
    MOLECULES.refused(folder, &["likelihood", "linear"], allowed);
    MOLECULES.refused(
        folder,
        &["likelihood", "qm9"],
        "qm9: found data.species = \"classes\", allowed",
    );

    assert!(train("edm", &small()).status.success());
    fs::write(folder.join("other.xyz"), "3\n\nO 0 0 0\nH 1 0 0\nH 0 1 0\n2\n\nO 0 0 0\nH 1 0 0\n")
        .unwrap();
    let other = ["likelihood", "edm", "--file", "other.xyz"];
    MOLECULES.refused(
        folder,
        &other,
        "other.xyz: molecule 2 has 2 atoms, which the model never makes",
    );
    MOLECULES.done(folder, &[&other[..], &["--count", "1"]].concat());
    MOLECULES.refused(folder, &[&other[..], &["--draws", "0"]].concat(), "at least 1");
    let held = "found a model that was not given species in training, allowed: one with";
    MOLECULES.refused(folder, &["sample", "edm", "--formula", "CH4", "--out", "x.xyz"], held);
    MOLECULES.refused(folder, &["refine", "other.xyz", "--model", "edm", "--out", "x.xyz"], held);
}
