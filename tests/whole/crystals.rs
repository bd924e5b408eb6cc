//! Crystals of any file, compared and converted by the command.

use std::fs;

use super::domain::Domain;

const CRYSTALS: Domain = Domain("crystals");

/// Caesium chloride, its chlorine `x` along the edge.
fn salt(name: &str, x: f64) -> String {
    format!(
        "data_{name}\n_cell_length_a 4.1\n_cell_length_b 4.1\n_cell_length_c 4.1\n_cell_angle_alpha 90\n\
         _cell_angle_beta 90\n_cell_angle_gamma 90\nloop_\n_atom_site_type_symbol\n_atom_site_fract_x\n\
         _atom_site_fract_y\n_atom_site_fract_z\nCs 0 0 0\nCl {x} 0.5 0.5\n"
    )
}

#[test]
fn match_rates_are_counted_over_candidates_and_over_all_pairs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let write = |name: &str, places: &[f64]| {
        let text: String = places.iter().map(|&x| salt("x", x)).collect();
        fs::write(folder.join(name), text).unwrap();
    };
    write("two.cif", &[0.5, 0.5]);
    write("four.cif", &[0.55, 0.52, 0.0, 0.01]);
    let numbers = |args: &[&str]| -> serde_json::Value {
        let common = ["--json", "n.json", "--out", "rows.csv", "--force"];
        CRYSTALS.done(folder, &[&["match"], args, &common].concat());
        serde_json::from_str(&fs::read_to_string(folder.join("n.json")).unwrap()).unwrap()
    };
    let paired = numbers(&["four.cif", "two.cif", "--candidates", "2"]);
    assert_eq!(paired["metrics"]["match rate"], 0.5);
    // Each of two atoms is half of 0.02 · 4.1 Å off, in units of (4.1³/2)^(1/3).
    let rms = paired["metrics"]["RMSE"].as_f64().unwrap();
    assert!((rms - 0.01 * 2f64.cbrt()).abs() < 1e-9, "{rms}");
    let rows = fs::read_to_string(folder.join("rows.csv")).unwrap();
    let rows: Vec<&str> = rows.lines().collect();
    assert!(rows[1].starts_with("1,2,0.0125") && rows[2] == "2,,,", "{rows:?}");
    assert_eq!(numbers(&["four.cif", "two.cif", "--all"])["metrics"]["METRe"], 1.0);
    assert_eq!(numbers(&["two.cif", "two.cif", "--prediction"])["stol"], 0.5);
}

/// CsCl and RbBr are one prototype; without their cations each is the lattice of the other.
#[test]
fn elements_may_be_exchanged_or_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let one = salt("one", 0.5);
    fs::write(folder.join("one.cif"), &one).unwrap();
    fs::write(folder.join("other.cif"), one.replace("Cs", "Rb").replace("Cl", "Br")).unwrap();
    let rate = |more: &[&str]| -> serde_json::Value {
        let pair = ["match", "one.cif", "other.cif", "--json", "n.json", "--force"];
        CRYSTALS.done(folder, &[&pair[..], more].concat());
        let text = fs::read_to_string(folder.join("n.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["metrics"]["match rate"].clone()
    };
    assert_eq!(rate(&[]), 0.0);
    assert_eq!(rate(&["--elements", "exchanged"]), 1.0);
    // Made primitive with their elements, both keep two atoms.
    assert_eq!(rate(&["--elements", "any"]), 1.0);
    assert_eq!(rate(&["--ignore", "Cs,Rb"]), 0.0);
    assert_eq!(rate(&["--ignore", "Cs,Rb", "--elements", "any"]), 1.0);
    let pair = ["match", "one.cif", "other.cif", "--ignore"];
    let refused = |ignored: &str, message: &str| {
        CRYSTALS.refused(folder, &[&pair[..], &[ignored]].concat(), message);
    };
    refused("Rb,Br", "other.cif: crystal 1, BrRb, has no atoms but those of --ignore");
    refused("Xx", "\"Xx\" is no element, allowed: symbols as Li");
}

#[test]
fn crystals_are_converted_for_simulators() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("a.cif"), salt("salt", 0.5)).unwrap();
    for (out, words) in [("a.lmp", "2 atom types"), ("a.in", "ntyp = 2"), ("POSCAR", "Cl Cs")] {
        CRYSTALS.done(folder, &["convert", "a.cif", out]);
        let text = fs::read_to_string(folder.join(out)).unwrap();
        assert!(text.contains(words) && text.contains("from a.cif"), "{text}");
    }
    CRYSTALS.done(folder, &["match", "POSCAR", "a.cif"]);
}

/// The label of the group stays in every format; what keeps its symmetry to itself is said.
#[test]
fn symmetry_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("a.cif"), salt("salt", 0.51)).unwrap();
    for out in ["b.cif", "b.extxyz"] {
        CRYSTALS.done(folder, &["convert", "a.cif", out, "--symmetrize"]);
        let text = fs::read_to_string(folder.join(out)).unwrap();
        assert!(text.contains("spacegroup 221") || text.contains("spacegroup=221"), "{text}");
    }
    // Caesium and chlorine are 3.5 Å apart: too near for 0.9 Å.
    let all = ["convert", "a.cif", "c.cif", "--symmetrize", "0.9"];
    let said = String::from_utf8(CRYSTALS.run(folder, &all).stderr).unwrap();
    assert!(said.contains("1 of 1 crystals stay as they are"), "{said}");
    CRYSTALS.refused(folder, &all, "c.cif exists: choose another file, or replace it with --force");
}

#[test]
fn wrong_input_is_named_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let good = salt("a", 0.5);
    fs::write(folder.join("a.cif"), &good).unwrap();
    for (name, text) in [
        ("none.cif", String::new()),
        (
            "part.cif",
            good.replace("_atom_site_fract_z\n", "_atom_site_fract_z\n_atom_site_occupancy\n")
                .replace("0 0 0", "0 0 0 0.5")
                .replace("0.5 0.5\n", "0.5 0.5 1\n"),
        ),
        ("group.cif", good.replace("loop_", "_symmetry_space_group_name_H-M 'P n -3 n'\nloop_")),
        ("flat.cif", good.replace("_cell_length_a 4.1", "_cell_length_a 0")),
        ("open.cif", good.replace("_cell_length_b 4.1\n", "")),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
    for (name, message) in [
        ("none.cif", "none.cif: found no crystal, allowed: at least one"),
        ("part.cif", "part.cif, line 14: found the occupancy 0.5 of Cs, allowed: 1"),
        (
            "group.cif",
            "group.cif, line 8: found the space group \"P n -3 n\", which leaves its origin or axes open",
        ),
        ("flat.cif", "flat.cif, line 2: found a length of 0 Å, allowed: more than 0"),
        ("open.cif", "open.cif, line 1: found no _cell_length_b"),
        ("gone.cif", "cannot read gone.cif"),
        ("a.pdf", "a.pdf: found no known extension"),
    ] {
        CRYSTALS.refused(folder, &["convert", name, "out.lmp"], message);
        assert!(!folder.join("out.lmp").exists(), "{name}");
    }
    fs::write(folder.join("two.cif"), good.clone() + &good).unwrap();
    CRYSTALS.refused(
        folder,
        &["match", "two.cif", "a.cif"],
        "two.cif: found 2 crystals, allowed: 1",
    );
    CRYSTALS.refused(
        folder,
        &["convert", "two.cif", "out.lmp"],
        "out.lmp: found 2 crystals for a format that holds one",
    );
    CRYSTALS.refused(
        folder,
        &["convert", "two.cif", "b.cif", "--only", "3"],
        "--only 3: found 2 crystals, allowed: 1 to 2",
    );
    CRYSTALS.refused(
        folder,
        &["match", "a.cif", "a.cif", "--stol", "0"],
        "allowed: a finite number above 0",
    );
}
