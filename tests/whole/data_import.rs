//! Sets of molecules made from a user's own files.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use langevin_datasets::read_molecules;
use langevin_molecules::record::Molecule;
use serde_json::{Value, json};

/// Three molecules of elements that QM9 lacks, named in three ways: by a number, a word, not at all.
const OWN: &str = "2\nProperties=species:S:1:pos:R:3 id=7 energy=-1.5\nCl 0 0 0\nH 1.27 0 0\n\
                   2\nid=x8 source=\"a b\"\nBr 0 0 0\nH 1.41 0 0\n\
                   3\n\nS 0 0 0\nH 0.96 0.93 0\nH -0.96 0.93 0\n";
const HYDROGEN: &str = "2\nid=9\nH 0 0 0\nH 0.74 0 0\n";
/// A frame whose second atom is no element, on line 4.
const BAD: &str = "2\nbad\nH 0 0 0\nXx 0.74 0 0\n";
const PROPS: &str =
    "id,gap,name,dipole\n9,3.5,h2,\nx8,2.25,hbr,0.8\n007,1.125,hcl,1.1\n11,9,none,9\n";

fn import(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_langevin"));
    command.current_dir(folder).args(["data", "import"]).args(args);
    command.output().expect("the program starts")
}

/// A folder with the files above.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("own.xyz", OWN),
        ("h2.extxyz", HYDROGEN),
        ("bad.xyz", &format!("{BAD}{HYDROGEN}")),
        ("props.csv", PROPS),
        ("many.xyz", &HYDROGEN.repeat(20)),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[track_caller]
fn done(folder: &Path, args: &[&str]) -> String {
    let output = import(folder, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Refused with status 2 and `message`, and nothing appears in the folder.
#[track_caller]
fn refused(folder: &Path, args: &[&str], message: &str) {
    let count = || fs::read_dir(folder).unwrap().count();
    let before = count();
    let output = import(folder, args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
    assert!(said.contains(message), "{args:?} said: {said}\nexpected: {message}");
    assert_eq!(count(), before, "{args:?} left something behind");
}

fn read(folder: &Path, name: &str) -> Vec<Molecule> {
    read_molecules(&folder.join(name), false).unwrap().molecules
}

fn json_of(folder: &Path, name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(folder.join(name)).unwrap()).unwrap()
}

#[test]
fn labels_of_a_table_find_their_molecules_and_survive() {
    let folder = folder();
    let folder = folder.path();
    let base = ["own.xyz", "h2.extxyz", "--labels", "props.csv", "--id", "id"];
    let said =
        done(folder, &[&base[..], &["--out", "new/set.extxyz.gz", "--json", "n.json"]].concat());
    assert!(said.contains("4 rows, 1 without a molecule; 1 molecules without a row"), "{said}");
    assert!(said.contains("columns left out: name") && said.contains("Br 1"), "{said}");
    let set = read(folder, "new/set.extxyz.gz");
    let label = |i: usize, name: &str| set[i].labels().get(name).copied();
    let gaps: Vec<_> = (0..4).map(|i| label(i, "gap")).collect();
    assert_eq!(gaps, [Some(1.125), Some(2.25), None, Some(3.5)]);
    assert_eq!((label(0, "dipole"), label(3, "dipole")), (Some(1.1), None));
    assert_eq!((label(0, "energy"), set[1].notes()["source"].as_str()), (Some(-1.5), "a b"));

    let numbers = json_of(folder, "n.json");
    let found = &numbers["statistics"];
    assert_eq!((&found["molecules"], &found["atoms"]), (&json!(4), &json!(9)));
    assert_eq!(found["elements"], json!({ "H": 6, "S": 1, "Cl": 1, "Br": 1 }));
    assert_eq!(found["sizes"], json!({ "2": 3, "3": 1 }));
    assert_eq!(found["labels"]["gap"]["molecules"], 3);
    let deviation = found["labels"]["gap"]["mean_absolute_deviation"].as_f64().unwrap();
    assert!((deviation - 29.0 / 36.0).abs() < 1e-12, "{deviation}");

    // What was written is imported again without loss, into another format as well.
    done(folder, &["new/set.extxyz.gz", "--out", "again.h5", "--json", "m.json"]);
    assert_eq!(&json_of(folder, "m.json")["statistics"], found);
    assert_eq!(read(folder, "again.h5"), set);

    let chosen = ["--label", "e=gap", "--only-labelled", "--out", "few.xyz"];
    done(folder, &[&base[..], &chosen].concat());
    let few = read(folder, "few.xyz");
    assert!(few.len() == 3 && few.iter().all(|m| m.labels().contains_key("e")));
    assert!(few.iter().all(|m| !m.labels().contains_key("gap")));
}

#[test]
fn rows_in_order_stay_with_their_frames_when_bad_ones_are_left_out() {
    let folder = folder();
    let folder = folder.path();
    fs::write(folder.join("rows.tsv"), "gap\n1\n2\n3\n4\n5\n").unwrap();
    let args = ["bad.xyz", "own.xyz", "--labels", "rows.tsv", "--out", "set.xyz"];
    refused(folder, &args, "bad.xyz, frame 1, line 4: found \"Xx\"");
    let said = done(folder, &[&args[..], &["--skip-bad"]].concat());
    assert!(said.contains("bad.xyz: 1 molecules, 1 frames left out"), "{said}");
    let gaps: Vec<_> = read(folder, "set.xyz").iter().map(|m| m.labels()["gap"]).collect();
    assert_eq!(gaps, [2.0, 3.0, 4.0, 5.0]);
    let short = ["own.xyz", "--labels", "rows.tsv", "--out", "other.xyz"];
    refused(folder, &short, "rows.tsv: found 5 rows for 3 frames, allowed: one for each, or --id");
}

#[test]
fn parts_are_files_of_their_own_and_appear_together() {
    let folder = folder();
    let folder = folder.path();
    let args = ["many.xyz", "--out", "set.extxyz.gz", "--split", "train=0.8,valid=0.1,test=0.1"];
    done(folder, &[&args[..], &["--json", "n.json"]].concat());
    let sizes: Vec<_> = ["train", "valid", "test"]
        .map(|part| read(folder, &format!("set.{part}.extxyz.gz")).len())
        .to_vec();
    assert_eq!(sizes, [16, 2, 2]);
    assert!(!folder.join("set.extxyz.gz").exists());
    let numbers = json_of(folder, "n.json");
    assert_eq!(numbers["written"][1]["part"], "valid");
    assert_eq!(numbers["written"][1]["statistics"]["molecules"], 2);
    // One part in the way is enough for none to be written.
    fs::remove_file(folder.join("set.train.extxyz.gz")).unwrap();
    refused(folder, &args, "set.valid.extxyz.gz exists");
    done(folder, &[&args[..], &["--force", "--seed", "1"]].concat());
    let wrong = ["many.xyz", "--out", "o.xyz", "--split"];
    refused(folder, &[&wrong[..], &["a=0.5,b=0.4"]].concat(), "found fractions that sum to 0.9");
    refused(folder, &[&wrong[..], &["a=0.99,b=0.01"]].concat(), "no molecule for the part \"b\"");
}

#[test]
fn tables_that_do_not_fit_are_refused_with_their_place() {
    let folder = folder();
    let folder = folder.path();
    fs::write(folder.join("twice.csv"), "id,gap\n9,1\n8,2\n9.0,3\n").unwrap();
    fs::write(folder.join("names.csv"), "id,name\n9,h2\n").unwrap();
    fs::write(folder.join("energy.csv"), "id,energy\n7,-2\n").unwrap();
    fs::write(folder.join("others.csv"), "id,gap\n100,-2\n").unwrap();
    for (args, message) in [
        ("--labels props.csv --id key", "props.csv: found no column \"key\", allowed: id, gap"),
        (
            "--labels props.csv --id id --label name",
            "row 2, column \"name\": found \"h2\", allowed",
        ),
        ("--labels twice.csv --id id", "twice.csv, row 4: found the identifier \"9.0\" again"),
        ("--labels names.csv --id id", "names.csv: found no column of numbers to take"),
        (
            "--labels energy.csv --id id",
            "molecule 1: has energy = -1.5 already, and row 2 of energy",
        ),
        (
            "--labels others.csv --id id",
            "--id: found no molecule that a row of others.csv belongs to",
        ),
        ("--labels props.csv --id id=name", "0 of 3 have a label or note \"name\""),
        ("--labels none.csv", "cannot read none.csv"),
        ("--label gap", "--labels"),
        ("--out set.sdf", "found no format that keeps molecules whole"),
    ] {
        let mut all = vec!["own.xyz"];
        all.extend(args.split(' '));
        if !args.contains("--out") {
            all.extend(["--out", "set.xyz"]);
        }
        refused(folder, &all, message);
    }
    refused(folder, &["props.csv", "--out", "set.xyz"], "props.csv: found no known extension");
    refused(folder, &["none.xyz", "--out", "set.xyz"], "cannot read none.xyz");
}
