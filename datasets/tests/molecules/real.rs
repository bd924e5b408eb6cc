//! QM9, where it is there: in `$LANGEVIN_DATA`, or `shared/data` beside the repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use langevin_datasets::{read_molecules, write_molecules};

/// A file of the data, or a word that it is not there.
fn qm9(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("LANGEVIN_DATA").map_or(beside, PathBuf::from);
    let path = folder.join("molecules/qm9_chno").join(name);
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
    }
    path.exists().then_some(path)
}

#[test]
fn the_first_molecules_of_qm9() {
    let Some(path) = qm9("tiny_512.extxyz") else { return };
    let molecules = read_molecules(&path, false).unwrap().molecules;
    let first = &molecules[0];
    assert_eq!((molecules.len(), first.len(), first.labels()["gdb"]), (512, 17, 70467.0));
    assert_eq!(first.positions()[16], [3.17822, -3.33027, 3.78479]);
    let formula: String = first.composition().iter().map(|(e, n)| format!("{e}{n}")).collect();
    assert_eq!(formula, "H8C7O2");
    let folder = tempfile::tempdir().unwrap();
    for name in ["m.extxyz.gz", "m.h5"] {
        let path = folder.path().join(name);
        write_molecules(&path, &molecules, &[], false).unwrap();
        assert!(read_molecules(&path, false).unwrap().molecules == molecules, "{name}");
    }
}

/// All of the training set, against the counts published with it; `--ignored --nocapture` also says
/// how long it takes.
#[test]
#[ignore = "reads 53 MB, to measure how long that takes"]
fn all_of_qm9_s_training_set() {
    let Some(path) = qm9("qm9_chno_train.extxyz.gz") else { return };
    for _ in 0..5 {
        let start = Instant::now();
        let molecules = read_molecules(&path, false).unwrap().molecules;
        let seconds = start.elapsed().as_secs_f64();
        let mut elements = BTreeMap::new();
        for (element, n) in molecules.iter().flat_map(|molecule| molecule.composition()) {
            *elements.entry(element.symbol()).or_insert(0) += n;
        }
        let expected = [("C", 627_846), ("H", 915_690), ("N", 98_898), ("O", 138_837)];
        assert_eq!((molecules.len(), elements), (98_412, expected.into()));
        eprintln!("{} molecules in {seconds:.2} s", molecules.len());
    }
}
