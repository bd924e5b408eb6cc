//! What tests and examples need of extended XYZ; the real reader belongs to the data sets.

use std::io::Read;
use std::path::{Path, PathBuf};

use langevin_molecules::element::Element;
use langevin_molecules::record::Molecule;

/// Molecules of a well-formed file, gzipped or not: columns species, x, y, z.
pub(crate) fn read_xyz(path: &Path) -> Vec<Molecule> {
    let mut text = String::new();
    let file = std::fs::File::open(path).expect("the file is there");
    match path.extension().is_some_and(|extension| extension == "gz") {
        true => flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text),
        false => { file }.read_to_string(&mut text),
    }
    .expect("the file is text");
    let (mut lines, mut molecules) = (text.lines(), Vec::new());
    while let Some(count) = lines.next() {
        let atoms = count.trim().parse().expect("a count");
        let rows = lines.by_ref().skip(1).take(atoms).map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let number = |at: usize| words[at].parse::<f64>().expect("a number");
            (words[0].parse::<Element>().expect("an element"), [number(1), number(2), number(3)])
        });
        let (species, positions) = rows.unzip();
        molecules.push(Molecule::new(species, positions).expect("a molecule"));
    }
    molecules
}

/// A file of the molecules data: under `LANGEVIN_DATA`, or `shared/data` beside the workspace.
#[allow(dead_code, reason = "examples are given their file")]
pub(crate) fn data(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let root = std::env::var_os("LANGEVIN_DATA").map_or(beside, PathBuf::from);
    let path = root.join("molecules/qm9_chno").join(name);
    let found = path.is_file();
    if !found {
        eprintln!("skipped: {} is not there; set LANGEVIN_DATA", path.display());
    }
    found.then_some(path)
}
