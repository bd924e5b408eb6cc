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

#[test]
fn the_report_shows_molecules_and_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("two.xyz"), TWO).unwrap();
    let args = ["two.xyz", "--against", "two.xyz", "--report", "out/r.html", "--quiet"];
    let output = evaluate(folder.path(), &args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let html = fs::read_to_string(folder.path().join("out/r.html")).unwrap();
    for words in ["1: CH4", "stable, valid", "2: C", "1 atom unstable", "H–C", "Bond lengths", "W1"]
    {
        assert!(html.contains(words), "{words}");
    }
    assert_eq!(html.matches("<canvas").count(), 2);
    assert!(!html.contains("http") && !html.contains("src="), "nothing is loaded");
    let again = evaluate(folder.path(), &args);
    assert_eq!(again.status.code(), Some(2));
    let more = ["--force", "--pictures", "1", "--protocol", "graph"];
    assert!(evaluate(folder.path(), &[&args[..], &more].concat()).status.success());
    let html = fs::read_to_string(folder.path().join("out/r.html")).unwrap();
    assert_eq!(html.matches("<canvas").count(), 1);
    let lone = evaluate(folder.path(), &["two.xyz", "--pictures", "3"]);
    let said = String::from_utf8_lossy(&lone.stderr);
    assert!(lone.status.code() == Some(2) && said.contains("--report"), "{said}");
}

/// A stand-in for xtb, which is not needed to test how it is called and what is made of its words: it
/// knows no chemistry. A single atom fails; everything else has −2 hartree, and −2.1 when relaxed.
const STAND_IN: &str = r#"#!/bin/sh
[ "$OMP_NUM_THREADS" = 1 ] || exit 3
[ "$1 $2 $3 $4 $5" = "molecule.xyz --gfn 2 --chrg 0" ] || exit 4
[ "$(head -n 1 molecule.xyz)" = 1 ] && { echo "abnormal termination of xtb" >&2; exit 128; }
energy=-2.0
case "$*" in *--opt) energy=-2.1; cp molecule.xyz xtbopt.xyz
  echo "   *** GEOMETRY OPTIMIZATION CONVERGED AFTER 6 ITERATIONS ***";; esac
echo "molecular dipole:
                 x           y           z       tot (Debye)
 q only:       -0.000       0.000       0.600
   full:       -0.000       0.000       0.871       2.214
          | TOTAL ENERGY               $energy Eh   |
          | HOMO-LUMO GAP              14.5 eV   |"
"#;

#[cfg(unix)]
#[test]
fn strain_energies_come_from_xtb_and_only_from_it() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("two.xyz"), TWO).unwrap();
    let run = |path: String, args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_langevin"));
        command.current_dir(folder.path()).env("PATH", path);
        command.args(["molecules", "evaluate", "two.xyz", "--json", "n.json"]).args(args);
        command.output().expect("the program starts")
    };
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let absent = run(bin.display().to_string(), &["--xtb"]);
    let said = String::from_utf8_lossy(&absent.stderr);
    assert_eq!(absent.status.code(), Some(2), "{said}");
    assert!(said.contains("found no program xtb on the PATH"), "{said}");
    assert!(!folder.path().join("n.json").exists());

    fs::write(bin.join("xtb"), STAND_IN).unwrap();
    fs::set_permissions(bin.join("xtb"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let output = run(path.clone(), &["--xtb", "--report", "r.html"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let numbers = fs::read_to_string(folder.path().join("n.json")).unwrap();
    let numbers: serde_json::Value = serde_json::from_str(&numbers).unwrap();
    let metric = |name: &str| numbers["metrics"][format!("xtb: {name}")].as_f64();
    assert_eq!(metric("molecules"), Some(2.0));
    assert_eq!(metric("energies converged"), Some(0.5));
    assert_eq!(metric("optimisations converged"), Some(0.5));
    assert_eq!(metric("mean HOMO–LUMO gap in eV"), Some(14.5));
    assert_eq!(metric("mean dipole in D"), Some(2.214));
    let strain = metric("median strain energy in eV").unwrap();
    assert!((strain - 0.1 * 27.211386245988).abs() < 1e-9, "{strain}");
    assert!(metric("mean RMSD to the optimum in Å").unwrap() < 1e-8);
    assert!(fs::read_to_string(folder.path().join("r.html")).unwrap().contains("strain energy"));

    let none = run(path, &["--xtb", "0"]);
    assert_eq!(none.status.code(), Some(2));
}
