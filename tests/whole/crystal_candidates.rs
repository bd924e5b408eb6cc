//! Candidates of compositions: ranked, held against real structures, taken from templates.

use super::crystal_models::{CRYSTALS, SMALL, prepared, text};

/// A model that was calibrated tells confidences, of candidates in their order, as it was calibrated and not otherwise.
#[test]
fn candidates_come_ranked_with_confidence() {
    let folder = prepared(SMALL);
    let folder = folder.path();
    CRYSTALS.done(folder, &["train", "small.toml", "--out", "run", "--quiet"]);
    let calibrate = ["calibrate", "run", "--count", "3", "--out", "known.safetensors"];
    CRYSTALS.refused(folder, &[&calibrate[..], &["--formula", "CsCl"]].concat(), "needed: --like");
    // On the four that the config holds out, or on those of a file.
    let said = CRYSTALS.said(folder, &calibrate);
    assert!(said.contains("of 4 first candidates match"), "{said}");
    let like = [&calibrate[..], &["--like", "train.extxyz", "--force"]].concat();
    assert!(CRYSTALS.said(folder, &like).contains("of 30 first candidates match"));
    let sample = |model: &str, count: &str| {
        let all = ["sample", model, "--formula", "CsCl", "--count", count, "--rank", "--force"];
        CRYSTALS.done(folder, &[&all[..], &["--out", "r.extxyz"]].concat());
        text(folder, "r.extxyz")
    };
    let ranked = sample("known.safetensors", "3");
    assert_eq!(ranked.matches("confidence=").count(), 3, "{ranked}");
    assert_eq!(ranked.matches("support=").count(), 3);
    for (model, count) in [("known.safetensors", "4"), ("run", "3")] {
        let ranked = sample(model, count);
        assert!(ranked.contains("support=") && !ranked.contains("confidence="), "{ranked}");
        assert!(ranked.contains("cluster=1"), "{ranked}");
    }
    // Nothing is known of candidates of which more is asked, nor learnt from them.
    for more in [["--space-group", "221"], ["--volume", "30"]] {
        let all = ["sample", "known.safetensors", "--formula", "CsCl", "--count", "3", "--rank"];
        CRYSTALS.done(folder, &[&all[..], &more, &["--out", "r.cif", "--force"]].concat());
        let ranked = text(folder, "r.cif");
        assert!(ranked.contains("_langevin_support") && !ranked.contains("confidence"), "{ranked}");
        CRYSTALS.refused(
            folder,
            &[&calibrate[..], &more, &["--force"]].concat(),
            "allowed: --like, --pool",
        );
    }
    let free = ["sample", "run", "--rank", "--out", "no.cif"];
    CRYSTALS.refused(folder, &free, "--rank: found no composition");
}

/// What is known is drawn again: nothing of it is found a second time.
#[test]
fn samples_are_unlike_what_is_known() {
    let folder = prepared(SMALL);
    let folder = folder.path();
    CRYSTALS.done(folder, &["train", "small.toml", "--out", "run", "--quiet"]);
    let sample = |out: &str, more: &[&str]| {
        let args = ["sample", "run", "--formula", "SrTiO3", "--count", "6", "--out", out];
        CRYSTALS.done(folder, &[&args[..], &["--quiet"], more].concat());
    };
    sample("known.extxyz", &[]);
    sample("new.extxyz", &["--unlike", "known.extxyz"]);
    let met = |other: &str| -> f64 {
        let args = ["match", "known.extxyz", other, "--all", "--json", "n.json", "--force"];
        CRYSTALS.done(folder, &args);
        let numbers: serde_json::Value = serde_json::from_str(&text(folder, "n.json")).unwrap();
        numbers["metrics"]["METRe"].as_f64().unwrap()
    };
    assert_eq!((met("known.extxyz"), met("new.extxyz")), (1.0, 0.0));
}

/// Match rates by numbers of steps, of what the config holds out or of some crystals of a file.
#[test]
fn match_rates_are_told_by_steps() {
    let folder = prepared(SMALL);
    let folder = folder.path();
    CRYSTALS.done(folder, &["train", "small.toml", "--out", "run", "--quiet"]);
    let curve = |more: &[&str]| -> serde_json::Value {
        let all = ["curve", "run", "--at", "2,5", "--json", "c.json", "--force"];
        CRYSTALS.done(folder, &[&all[..], more].concat());
        serde_json::from_str(&text(folder, "c.json")).unwrap()
    };
    let held_out = curve(&[]);
    assert_eq!(held_out["crystals"], 4);
    let steps = |k: usize| {
        (held_out["curve"][k]["steps"].clone(), held_out["curve"][k]["evaluations"].clone())
    };
    assert_eq!(steps(0), (2.into(), 2.0.into()));
    assert_eq!(steps(1), (5.into(), 5.0.into()));
    let some = curve(&["--like", "train.extxyz", "--some", "7", "--count", "2"]);
    assert_eq!(some["crystals"], 7);
    assert!((0.0..=1.0).contains(&some["curve"][0]["match_rate"].as_f64().unwrap()));
    CRYSTALS.refused(folder, &["curve", "run", "--at", "0"], "allowed: a whole number above 0");
    CRYSTALS.refused(folder, &["curve", "run", "--at", "2", "--formula", "CsCl"], "needed: --like");
}

#[test]
fn templates_are_retrieved_refined_and_ranked() {
    let config = SMALL
        .replace(
            "hold_out = 4",
            "hold_out = 4\ntemplates = { nearest = 2, within = 0.5, coords = 0.01, cells = 0.05 }",
        )
        .replace("species = 0.5", "species = 1.0")
        .replace("\"periodic\" }", "\"paired\" }");
    let folder = prepared(&config);
    let folder = folder.path();
    let retrieve = ["retrieve", "--pool", "train.extxyz", "--out", "t.extxyz", "--count", "3"];
    CRYSTALS.done(folder, &[&retrieve[..], &["--formula", "BaTiO3"]].concat());
    // The nearest relative of barium is strontium: its smallest cell is the first of the file.
    let found = text(folder, "t.extxyz");
    assert!(found.contains("Ba") && found.contains("Lattice=\"3.9 "), "{found}");
    let unknown = [&retrieve[..], &["--formula", "CsCl2", "--force"]].concat();
    CRYSTALS.refused(folder, &unknown, "allowed: --fill-unknown");
    CRYSTALS.done(folder, &["train", "small.toml", "--out", "run", "--quiet"]);
    let sample = ["sample", "run", "--like", "train.extxyz", "--out", "s.extxyz", "--count", "4"];
    CRYSTALS.refused(folder, &sample, "needed: --pool");
    CRYSTALS.done(folder, &[&sample[..], &["--pool", "train.extxyz"]].concat());
    let rank = ["rank", "s.extxyz", "--candidates", "4"];
    let learn = ["--against", "train.extxyz", "--calibrate", "c.json", "--json", "r.json"];
    CRYSTALS.done(folder, &[&rank[..], &learn].concat());
    let use_it = ["--calibration", "c.json", "--out", "best.extxyz", "--keep", "1"];
    CRYSTALS.done(folder, &[&rank[..], &use_it].concat());
    let best = text(folder, "best.extxyz");
    assert_eq!(best.matches("confidence=").count(), 30);
    CRYSTALS.refused(
        folder,
        &["rank", "s.extxyz", "--candidates", "5", "--calibration", "c.json", "--out", "no.cif"],
        "found 4 candidates, allowed: 5",
    );
    CRYSTALS.refused(
        folder,
        &["rank", "s.extxyz", "--candidates", "7", "--out", "no.cif"],
        "a multiple of --candidates 7",
    );
    CRYSTALS.refused(folder, &rank, "needed: --out, or --against");
    let learn = ["--against", "train.extxyz", "--calibrate", "d.json", "--out", "no.pdf"];
    CRYSTALS.refused(folder, &[&rank[..], &learn].concat(), "no.pdf: found no known extension");
    assert!(!folder.join("d.json").exists());
}
