//! Models of properties: trained on labelled molecules, predicting, choosing among samples.

use std::fs;
use std::path::Path;

use super::molecule_models::{SMALL, done, metric, refused, symbols, trained};

/// What a model of properties says differently from [`SMALL`].
fn config() -> String {
    [
        ("recall = true\n", ""),
        ("hide_condition = 0.2\n", ""),
        ("weights = { species = 0.2 }\n", ""),
        ("give = { species = 0.5, positions = 0.3 }\n", ""),
        ("kind = \"equivariant\"", "kind = \"independent\""),
        ("kind = \"inverse_noise\", power = 2, most = 100", "kind = \"uniform\""),
        ("exponent = 2.0", "exponent = 0.2"),
        ("steps = 60\n", "steps = 300\n"),
        ("rate = 1e-3", "rate = 5e-3"),
    ]
    .iter()
    .fold(SMALL.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{old}");
        text.replace(old, new)
    })
}

/// A folder with a model in `run` and a model of properties in `judge`.
fn judged() -> tempfile::TempDir {
    let folder = trained();
    fs::write(folder.path().join("judge.toml"), config()).unwrap();
    let args = ["train-predictor", "judge.toml", "--out", "judge", "--quiet"];
    done(folder.path(), &args);
    folder
}

/// The numbers under `label` of each molecule in an extended XYZ file.
fn labels(path: &Path, label: &str) -> Vec<f64> {
    let (text, key) = (fs::read_to_string(path).unwrap(), format!(" {label}="));
    let value = |line: &str| {
        let rest = line.split(&key).nth(1)?;
        rest.split_whitespace().next()?.parse().ok()
    };
    text.lines().filter_map(value).collect()
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}

/// Gaps of three kinds of molecules, from 7 to 9.1: without a look at them the mean absolute error is 0.67.
#[test]
fn properties_are_predicted_whatever_the_threads() {
    let folder = judged();
    let folder = folder.path();
    let predict = ["predict", "train.extxyz", "--model", "judge", "--quiet", "--out"];
    done(folder, &[&predict[..], &["one.extxyz", "--threads", "1"]].concat());
    done(folder, &[&predict[..], &["two.extxyz", "--threads", "2"]].concat());
    let bytes = |name: &str| fs::read(folder.join(name)).unwrap();
    assert_eq!(bytes("one.extxyz"), bytes("two.extxyz"));
    let truth = labels(&folder.join("one.extxyz"), "gap");
    let found = labels(&folder.join("one.extxyz"), "gap_predicted");
    assert_eq!((truth.len(), found.len()), (36, 36));
    let error = mean(truth.iter().zip(&found).map(|(a, b)| (a - b).abs()));
    assert!(error < 0.2, "{error}");
}

/// Of eight samples that are asked for the same, one by one or as candidates, the nearest is kept, atom by atom.
#[test]
fn the_judge_keeps_the_nearest_candidate() {
    let folder = judged();
    let folder = folder.path();
    let rows = |count: usize| format!("atoms,gap\n{}", "6,7.4\n".repeat(count));
    fs::write(folder.join("eight.csv"), rows(8)).unwrap();
    fs::write(folder.join("one.csv"), rows(1)).unwrap();
    let sample = ["sample", "run", "--quiet", "--each"];
    done(folder, &[&sample[..], &["eight.csv", "--out", "eight.extxyz"]].concat());
    let predict = ["predict", "eight.extxyz", "--model", "judge", "--quiet", "--out"];
    done(folder, &[&predict[..], &["predicted.extxyz"]].concat());
    let chosen = ["--candidates", "8", "--judge", "judge", "--out", "best.extxyz"];
    done(folder, &[&sample[..], &["one.csv"], &chosen].concat());
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let far: Vec<f64> = labels(&folder.join("predicted.extxyz"), "gap_predicted")
        .iter()
        .map(|gap| (gap - 7.4).abs())
        .collect();
    let nearest = (0..8).min_by(|&a, &b| far[a].total_cmp(&far[b])).unwrap();
    assert_ne!(nearest, 0, "the first of them would be kept by a judge that looks at none");
    let spread = far.iter().fold(0.0f64, |most, &far| most.max(far)) - far[nearest];
    assert!(spread > 1e-3, "the judge tells the eight apart: {far:?}");
    let atoms = |text: &str| {
        let lines = text.lines().filter(|line| !line.contains('=') && line.contains(' '));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(atoms(&read("best.extxyz")), atoms(&read("eight.extxyz"))[6 * nearest..][..6]);
    assert!(read("best.extxyz").contains("8, judge"), "the file says how it was made");
}

/// Candidates with all else that can be asked for: closed shells of a composition.
#[test]
fn candidates_keep_to_what_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let asked = ["--formula", "C5H8O2", "--property", "gap_gfn2=7eV", "--closed-shell"];
    let sample = ["sample", "--count", "4", "--candidates", "3", "--quiet", "--out", "m.extxyz"];
    done(folder, &[&sample[..], &asked].concat());
    assert_eq!(labels(&folder.join("m.extxyz"), "gap_gfn2_predicted").len(), 4);
    assert_eq!(metric(folder, "m.extxyz", "closed shell"), 1.0);
    for molecule in symbols(&folder.join("m.extxyz")) {
        let count = |symbol: &str| molecule.iter().filter(|own| *own == symbol).count();
        assert_eq!((count("C"), count("H"), count("O"), molecule.len()), (5, 8, 2, 15));
    }
}

/// The gap by two methods: of relaxed molecules 0.91 correlated.
#[test]
fn the_predictor_that_ships_knows_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    done(folder, &["sample", "--count", "40", "--steps", "10", "--out", "m.extxyz", "--quiet"]);
    done(folder, &["predict", "m.extxyz", "--out", "p.extxyz", "--quiet"]);
    let [gap, gfn2] =
        ["gap_predicted", "gap_gfn2_predicted"].map(|name| labels(&folder.join("p.extxyz"), name));
    assert_eq!((gap.len(), gfn2.len()), (40, 40));
    // QM9 has B3LYP gaps from 0.025 to 0.62 hartree.
    assert!(gap.iter().all(|gap| (0.0..0.65).contains(gap)), "{gap:?}");
    let (a, b) = (mean(gap.iter().copied()), mean(gfn2.iter().copied()));
    let product = |x: &[f64], p: f64, y: &[f64], q: f64| {
        mean(x.iter().zip(y).map(|(x, y)| (x - p) * (y - q)))
    };
    let spread = (product(&gap, a, &gap, a) * product(&gfn2, b, &gfn2, b)).sqrt();
    assert!(product(&gap, a, &gfn2, b) / spread > 0.7);
}

#[test]
fn what_cannot_be_predicted_is_named() {
    let folder = judged();
    let folder = folder.path();
    let sample = ["sample", "run", "--count", "2", "--judge", "judge", "--out", "x.sdf"];
    refused(folder, &sample, "--candidates");
    let many = [&sample[..], &["--candidates", "4"]].concat();
    refused(folder, &many, "--candidates: needs --property or --each");
    let other = [&many[..5], &["run"], &many[6..], &["--property", "gap=8"]].concat();
    refused(folder, &other, "the domain's statistics");
    let other = config()
        .replace("unit = \"eV\"", "unit = \"hartree\"")
        .replace("steps = 300\n", "steps = 1\n");
    fs::write(folder.join("other.toml"), other).unwrap();
    done(folder, &["train-predictor", "other.toml", "--out", "other-judge", "--quiet"]);
    let other =
        ["sample", "run", "--property", "gap=8", "--judge", "other-judge", "--out", "x.sdf"];
    let message = "it has gap in hartree, needed: eV, as the model";
    refused(folder, &[&other[..], &["--candidates", "4"]].concat(), message);
    fs::write(folder.join("strange.xyz"), "1\n\nF 0 0 0\n").unwrap();
    let predict = ["predict", "strange.xyz", "--model", "judge", "--out", "y.xyz"];
    refused(folder, &predict, "molecule 1 has F, this model knows H, C, O");
    assert!(!folder.join("x.sdf").exists() && !folder.join("y.xyz").exists());
    let wrong = [
        ("radial = 4", "radial = 4\nrecall = true", "network.recall: found true, allowed: false"),
        ("kind = \"independent\"", "kind = \"optimal\"", "allowed: independent"),
        (
            "label = \"gap\"",
            "label = \"mu\"",
            "train.extxyz: no molecule has all of data.properties",
        ),
        (
            "kind = \"denoising\", weighting = { kind = \"uniform\" }",
            "kind = \"flow_matching\"",
            "allowed: denoising",
        ),
        ("head = \"clean\"", "head = \"velocity\"", "allowed: clean"),
        ("head = ", "hide_condition = 0.1\nhead = ", "molecules are never hidden"),
        (
            "properties = [{ label = \"gap\", unit = \"eV\" }]",
            "properties = []",
            "at least one label",
        ),
    ];
    for (old, new, message) in wrong {
        let text = config();
        assert!(text.contains(old), "{old}");
        fs::write(folder.join("wrong.toml"), text.replace(old, new)).unwrap();
        refused(folder, &["train-predictor", "wrong.toml", "--out", "other"], message);
    }
    assert!(!folder.join("other").exists());
}
