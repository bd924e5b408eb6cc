//! One line per molecule of an XYZ file: `valid stable_atoms atoms key`, the key `-` if invalid.
//!
//! With `--perceived`, the graph protocol's graph instead: `unsatisfied charges bonds`, comma-separated
//! charges by atom and bonds `a-b-order`, atoms from 0. Read by `benches/peers/molecule_validity.py`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::io::Write;
use std::time::Instant;

use langevin_molecules::graph::multiplicity;
use langevin_molecules::metrics::Verdict;
use langevin_molecules::perception::perceive;
use langevin_molecules::record::Molecule;
use rayon::prelude::*;

fn main() -> std::io::Result<()> {
    let (flags, files): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let [file] = &files[..] else { panic!("usage: validity [--perceived] FILE") };
    let molecules = support::read_xyz(file.as_ref());
    let line = if flags.iter().any(|flag| flag == "--perceived") { perceived } else { distances };
    let start = Instant::now();
    let lines: Vec<String> = molecules.par_iter().map(line).collect();
    eprintln!("{} molecules in {:.3} s", lines.len(), start.elapsed().as_secs_f64());
    let mut out = std::io::stdout().lock();
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

fn distances(molecule: &Molecule) -> String {
    let verdict = Verdict::by_distances(molecule);
    let key = verdict.key.as_ref().map_or("-".to_owned(), ToString::to_string);
    format!("{} {} {} {key}", u8::from(verdict.key.is_some()), verdict.stable_atoms, verdict.atoms)
}

fn perceived(molecule: &Molecule) -> String {
    let found = perceive(molecule);
    let charges: Vec<String> = found.graph.charges().iter().map(ToString::to_string).collect();
    let bond = |bond: langevin_molecules::record::Bond| {
        let order = multiplicity(bond.order).expect("a bond graph has no aromatic order");
        format!("{}-{}-{order}", bond.atoms[0], bond.atoms[1])
    };
    let bonds: Vec<String> = found.graph.bonds().into_iter().map(bond).collect();
    format!("{} {} {}", found.unsatisfied, charges.join(","), bonds.join(","))
}
