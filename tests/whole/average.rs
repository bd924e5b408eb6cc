//! Averages of the weights, made after training.

use std::fs;

use langevin_train::ModelFile;

use super::{SMALL, done, refused};

/// Two averages are tracked; the first one is published.
fn config(first: f64) -> String {
    let averages = format!(
        "averages = [{{ kind = \"power\", sigma_rel = {first} }}, \
         {{ kind = \"power\", sigma_rel = 0.05 }}, {{ kind = \"power\", sigma_rel = 0.10 }}]"
    );
    SMALL
        .replace("steps = 3000", "steps = 400\nsnapshot_every = 50")
        .replace("averages = [{ kind = \"constant\", decay = 0.99 }]", &averages)
}

/// The width 0.05 again, which is there, and 0.07 against a run that tracks it.
#[test]
fn an_average_made_later_is_the_one_tracked_in_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let weights = |name: &str| {
        let file = ModelFile::read(&folder.join(name)).unwrap();
        let flat =
            |tensor: &candle_core::Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        file.tensors.values().flat_map(flat).collect::<Vec<f32>>()
    };
    let distance = |a: &[f32], b: &[f32]| {
        a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
    };
    for (name, width) in [("narrow", 0.05), ("middle", 0.07)] {
        fs::write(folder.join(format!("{name}.toml")), config(width)).unwrap();
        done(folder, &["train", &format!("{name}.toml"), "--out", name, "--quiet"]);
    }
    let narrow = weights("narrow/model.safetensors");
    let middle = weights("middle/model.safetensors");
    let average = ["average", "narrow", "--quiet", "--width"];
    done(folder, &[&average[..], &["0.05", "--out", "again.safetensors"]].concat());
    done(folder, &[&average[..], &["0.07", "--out", "made.safetensors"]].concat());
    // Both runs have the same weights, so their averages differ by width alone. The snapshots hold
    // single precision: 1e-6 of weights of size 1. The profile of 0.07 is off by 1 %, a tenth of the
    // distance between the two averages at most.
    let apart = distance(&narrow, &middle);
    assert!(apart > 1e-4, "the widths can be told apart: {apart}");
    assert!(distance(&weights("again.safetensors"), &narrow) < 1e-5);
    let off = distance(&weights("made.safetensors"), &middle);
    assert!(off < 0.1 * apart, "{off} of {apart}");

    // A model like any other, whose origin is told.
    done(folder, &["sample", "made.safetensors", "--count", "5", "--out", "a.csv", "--quiet"]);
    let made = ModelFile::read(&folder.join("made.safetensors")).unwrap();
    let published = ModelFile::read(&folder.join("narrow/model.safetensors")).unwrap();
    for key in ["config", "domain"] {
        assert_eq!(made.metadata[key], published.metadata[key]);
    }
    let provenance = &made.metadata["provenance"];
    let told = "\"average\":{\"width\":0.07,\"snapshots\":8,";
    assert!(provenance.contains("\"steps\":400,\"train_loss\":null"), "{provenance}");
    assert!(provenance.contains(told), "{provenance}");
    assert!(!published.metadata["provenance"].contains("average"));

    refused(folder, &[&average[..], &["0.07", "--out", "made.safetensors"]].concat(), 2, "exists");
    let cases = [
        (&["0.4"][..], "--width: found 0.4, allowed: above 0 and below 0.2886"),
        (&["0.01"][..], "width 0.01 after step 400 cannot be reached from the 24 averages"),
        (&["0.07", "--step", "70"][..], "--step: found 70, allowed: 50, 100, 150"),
    ];
    for (args, message) in cases {
        refused(folder, &[&average[..], args, &["--out", "b.safetensors"]].concat(), 2, message);
        assert!(!folder.join("b.safetensors").exists());
    }
    let earlier = ["0.05", "--step", "200", "--out", "made.safetensors", "--force"];
    done(folder, &[&average[..], &earlier].concat());
    let made = ModelFile::read(&folder.join("made.safetensors")).unwrap();
    assert!(made.metadata["provenance"].contains("\"steps\":200,"));
}

#[test]
fn a_run_without_snapshots_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("small.toml"), SMALL).unwrap();
    done(folder, &["train", "small.toml", "--out", "run", "--steps", "100", "--quiet"]);
    let average = ["average", "run", "--width", "0.05", "--out", "a.safetensors"];
    refused(folder, &average, 2, "run holds no snapshots");
}
