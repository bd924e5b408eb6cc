//! Molecules of any file, measured by the command.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Methane, and a carbon atom that is alone.
const TWO: &str = "5\nmethane\nC 0 0 0\nH 0.63 0.63 0.63\nH -0.63 -0.63 0.63\nH -0.63 0.63 -0.63\n\
                   H 0.63 -0.63 -0.63\n1\natom\nC 0 0 0\n";

fn evaluate(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_langevin"));
    command.current_dir(folder).args(["molecules", "evaluate"]).args(args);
    command.output().expect("the program starts")
}

#[test]
fn stability_is_counted_by_atoms_and_by_molecules() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("two.xyz"), TWO).unwrap();
    let output = evaluate(folder.path(), &["two.xyz", "--json", "n.json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let numbers = fs::read_to_string(folder.path().join("n.json")).unwrap();
    let numbers: serde_json::Value = serde_json::from_str(&numbers).unwrap();
    let metric = |name: &str| numbers["metrics"][name].as_f64().unwrap();
    // Five of six atoms and one of two molecules; an atom with too few bonds is still valid.
    assert!((metric("atoms stable") - 5.0 / 6.0).abs() < 1e-12);
    assert_eq!((metric("molecules stable"), metric("valid")), (0.5, 1.0));
    let again = evaluate(folder.path(), &["two.xyz", "--json", "n.json"]);
    assert_eq!(again.status.code(), Some(2), "an output that exists is not overwritten");
}

#[test]
fn a_bad_frame_is_named_and_left_out_only_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{TWO}2\nbroken\nC 0 0 0\nXx 1 0 0\n");
    fs::write(folder.path().join("three.xyz"), text).unwrap();
    let output = evaluate(folder.path(), &["three.xyz"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("three.xyz, frame 3, line 14: found \"Xx\""), "{said}");
    let output = evaluate(folder.path(), &["three.xyz", "--skip-bad"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 frames are left out"), "{said}");
}
