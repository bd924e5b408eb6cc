//! What is written is read back; and it is written whole or not at all.

use std::fs;
use std::path::Path;

use langevin_datasets::{
    DatasetError, MoleculeFileError, MoleculeReader, read_molecules, write_molecules,
};
use langevin_molecules::element::Element;
use langevin_molecules::record::{Molecule, Order};

use super::{bond, chain, message, water};

const EXACT: [&str; 6] = ["m.xyz", "m.extxyz", "m.xyz.gz", "m.h5", "m.hdf5", "m.h5md"];
const SDF: [&str; 2] = ["m.sdf", "m.sdf.gz"];

fn provenance() -> Vec<(String, String)> {
    [
        ("command", "langevin molecules sample"),
        ("config", "[data]\n\nkind = \"qm9\"\r# ü"),
        ("a <b>", ""),
    ]
    .map(|(key, value)| (key.to_string(), value.to_string()))
    .to_vec()
}

/// Everything that a format could lose.
fn molecules() -> Vec<Molecule> {
    let bonds = vec![bond(0, 1, Order::Single), bond(0, 2, Order::Aromatic)];
    let named = |molecule: Molecule| {
        molecule
            .with_label("gap", 1.0 / 3.0)
            .with_label("U0 (eV)", -1e300)
            .with_label("Properties", 2.0)
            .with_label("a/b", -0.0)
            .with_label("", 9007199254740993.0)
            .with_note("id", "0012")
            .with_note("lattice", "C/C=C\\n\"'\\\" = ü")
            .with_note("comment", "two\nlines\r")
            .with_note("bonds", "1-2:1")
            .with_note("..", "")
    };
    vec![
        water(),
        named(water().with_bonds(bonds.clone()).unwrap().with_charges(vec![-1, 0, 1]).unwrap()),
        Molecule::new(vec![Element::new(118).unwrap()], vec![[-1e10, 1e-300, 3.0]]).unwrap(),
        chain(40).with_charges(vec![i8::MIN; 40]).unwrap(),
        water().with_bonds(vec![]).unwrap().with_label("gap", 5.0),
        named(water()),
        water().with_bonds(vec![bond(1, 2, Order::Triple), bond(0, 2, Order::Double)]).unwrap(),
    ]
}

#[test]
fn xyz_and_hdf5_give_back_the_same_molecules() {
    let folder = tempfile::tempdir().unwrap();
    for name in EXACT {
        let path = folder.path().join(name);
        write_molecules(&path, &molecules(), &provenance(), false).unwrap();
        let file = read_molecules(&path, false).unwrap();
        assert_eq!(file.molecules, molecules(), "{name}");
        assert_eq!(file.skipped, []);
        // Zeros and subnormal numbers too, which == does not tell apart.
        let bits = |molecules: &[Molecule]| -> Vec<u64> {
            let all = molecules.iter().flat_map(|m| m.positions()).flatten();
            all.chain(molecules.iter().flat_map(|m| m.labels().values()))
                .map(|x| x.to_bits())
                .collect()
        };
        assert_eq!(bits(&file.molecules), bits(&molecules()), "{name}");
    }
}

/// The old table holds four decimals, the new one all digits; bonds state all charges.
#[test]
fn sdf_gives_back_what_it_holds() {
    let named = |molecule: Molecule| {
        molecule
            .with_label("U0 (eV)", -1.0 / 3.0)
            .with_note("name", "dsgdb9nsd_000001")
            .with_note("comment", "relaxed")
            .with_note("smiles", "C/C=C\\n")
            .with_note("lines", "one\n > two <\n three ")
            .with_note("nothing", "")
    };
    let bonds = || vec![bond(0, 1, Order::Single), bond(0, 2, Order::Aromatic)];
    let long: Vec<_> = (1..1200).map(|i| bond(i - 1, i, Order::Double)).collect();
    let far =
        || Molecule::new(vec![Element::C, Element::CL], vec![[-1e4, 0.1 + 0.2, 0.0], [0.0; 3]]);
    let mut charges = vec![0; 1200];
    (charges[0], charges[7], charges[1199]) = (-1, 100, 2);
    let rounded = |molecule: &Molecule| {
        let position = |p: &[f64; 3]| p.map(|x| (x * 1e4).round() / 1e4);
        let positions = molecule.positions().iter().map(position).collect();
        Molecule::new(molecule.species().to_vec(), positions).unwrap()
    };
    let plain = rounded(&water());
    let pairs = [
        (named(water()), named(plain.clone())),
        (water().with_bonds(vec![]).unwrap(), plain.clone()),
        (
            named(water().with_bonds(bonds()).unwrap()),
            named(plain.clone().with_bonds(bonds()).unwrap().with_charges(vec![0; 3]).unwrap()),
        ),
        (
            chain(999).with_charges((0..999).map(|i| (i % 7) as i8 - 3).collect()).unwrap(),
            chain(999).with_charges((0..999).map(|i| (i % 7) as i8 - 3).collect()).unwrap(),
        ),
        // From here on the new table.
        (chain(1000), chain(1000)),
        (
            named(
                chain(1200)
                    .with_bonds(long.clone())
                    .unwrap()
                    .with_charges(charges.clone())
                    .unwrap(),
            ),
            named(chain(1200).with_bonds(long).unwrap().with_charges(charges).unwrap()),
        ),
        (far().unwrap(), far().unwrap()),
    ];
    let folder = tempfile::tempdir().unwrap();
    let (written, expected): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    for name in SDF {
        let path = folder.path().join(name);
        write_molecules(&path, &written, &provenance(), false).unwrap();
        assert_eq!(read_molecules(&path, false).unwrap().molecules, expected, "{name}");
    }
    let text = fs::read_to_string(folder.path().join("m.sdf")).unwrap();
    assert_eq!(text.matches("V3000").count(), 3);
    // The new table's limit; items may be longer.
    let long = text.lines().filter(|line| line.starts_with("M  V30") && line.len() > 80);
    assert_eq!(long.count(), 0);
    let path = folder.path().join("m.mol");
    write_molecules(&path, &written[2..3], &provenance(), false).unwrap();
    assert_eq!(read_molecules(&path, false).unwrap().molecules, expected[2..3]);
    assert!(!fs::read_to_string(path).unwrap().contains("$$$$"));
}

/// Many blocks, parsed in any order, and a frame larger than a block.
#[test]
fn order_is_kept_however_large_the_file() {
    let sizes = (0..3000).map(|i| if i == 1500 { 40_000 } else { 20 + i % 50 });
    let molecules: Vec<_> = sizes
        .enumerate()
        .map(|(i, atoms)| {
            chain(atoms.min(if i == 1500 { 4000 } else { atoms })).with_label("i", i as f64)
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    for name in ["m.xyz.gz", "m.sdf", "m.h5"] {
        let path = folder.path().join(name);
        write_molecules(&path, &molecules, &[], false).unwrap();
        assert!(read_molecules(&path, false).unwrap().molecules == molecules, "{name}");
        if name != "m.h5" {
            let streamed = MoleculeReader::open(&path).unwrap();
            assert!(streamed.map(Result::unwrap).eq(molecules.iter().cloned()), "{name}");
        }
    }
}

#[test]
fn an_old_file_gives_way_only_by_force_and_only_to_a_whole_one() {
    let folder = tempfile::tempdir().unwrap();
    for name in EXACT.into_iter().chain(SDF).chain(["m.mol"]) {
        let path = folder.path().join(name);
        fs::write(&path, "old").unwrap();
        let error = write_molecules(&path, &[water()], &[], false).unwrap_err();
        assert!(
            matches!(error, MoleculeFileError::File(DatasetError::Exists { .. })),
            "{name}: {error}"
        );
        assert_eq!(fs::read(&path).unwrap(), b"old");
        write_molecules(&path, &[water()], &[], true).unwrap();
        assert_eq!(read_molecules(&path, false).unwrap().molecules.len(), 1);
        fs::remove_file(path).unwrap();
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_a_format_cannot_hold_is_said_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str, molecules: &[Molecule], expected: &str| {
        let path = folder.path().join(name);
        let error = write_molecules(&path, molecules, &[], false).unwrap_err();
        assert_eq!(message(name, &error), expected);
        assert!(!Path::new(&path).exists());
    };
    refused("m.xyz", &[], "m.xyz: found no molecule, allowed: at least one");
    refused(
        "m.h5",
        &[water(), water().with_label("gap", f64::NAN)],
        "m.h5: cannot hold the label \"gap\" of NaN of molecule 2, allowed: finite numbers",
    );
    refused(
        "m.mol",
        &[water(), water()],
        "m.mol: cannot hold the second molecule of molecule 2, allowed: one molecule, or .sdf",
    );
    refused(
        "m.sdf",
        &[water().with_note("x", "one\n\ntwo")],
        "m.sdf: cannot hold the note \"x\" of molecule 1, allowed: words without empty lines and \
         lines that begin with $$$$",
    );
    refused(
        "m.sdf",
        &[water().with_label("<x>", 1.0)],
        "m.sdf: cannot hold the name \"<x>\" of molecule 1, allowed: names without <, > and line \
         breaks that do not begin with provenance:",
    );
    let error = write_molecules(Path::new("m.pdb"), &[water()], &[], true).unwrap_err();
    let expected = "m.pdb: found no known extension, allowed: .xyz, .extxyz, .sdf, .mol (each also \
                    with .gz), .h5, .hdf5, .h5md";
    assert_eq!(error.to_string(), expected);
}
