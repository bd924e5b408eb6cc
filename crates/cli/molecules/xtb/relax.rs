//! One molecule, calculated as it is and relaxed.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use langevin_datasets::read_molecules;
use langevin_molecules::record::Molecule;
use langevin_transport::kabsch;

use super::output::{Point, optimised};
use crate::refused;

/// The program.
#[derive(Debug)]
pub struct Xtb {
    program: PathBuf,
    /// After which a calculation is given up.
    limit: Duration,
}

/// Between two looks at whether a calculation is over.
const LOOK: Duration = Duration::from_millis(5);

/// What became of a molecule.
pub struct Relaxation {
    /// As it is, if its charges converged.
    pub point: Option<Point>,
    /// Its minimum, if both calculations converged.
    pub relaxed: Option<Relaxed>,
}

/// A molecule against the minimum it falls into.
pub struct Relaxed {
    /// E − E_opt in eV.
    pub strain: f64,
    /// Of all atoms after superposition, in Å.
    pub rmsd: f64,
}

impl Xtb {
    /// The program `xtb` of the PATH, whose calculations are given up after `limit`.
    ///
    /// # Errors
    /// Bad input, if there is none.
    pub fn find(limit: Duration) -> Result<Self> {
        let is_program = |path: &PathBuf| {
            let runs =
                |file: fs::Metadata| file.is_file() && file.permissions().mode() & 0o111 != 0;
            path.metadata().is_ok_and(runs)
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut all = std::env::split_paths(&path).map(|folder| folder.join("xtb"));
        match all.find(is_program) {
            // Calculations run in other folders: a relative entry of the PATH would not be found there.
            Some(program) => Ok(Self { program: std::path::absolute(program)?, limit }),
            None => refused(
                "--xtb: found no program xtb on the PATH, allowed: GFN2-xTB 6.2 or later \
                 (https://github.com/grimme-lab/xtb); or leave --xtb out",
            ),
        }
    }

    /// The energy of `molecule`, and its minimum.
    ///
    /// # Errors
    /// If the program cannot be started or its folder not be made; that a calculation fails is a result.
    pub fn relax(&self, molecule: &Molecule) -> Result<Relaxation> {
        let folder = tempfile::tempdir().context("cannot make a folder for xtb")?;
        fs::write(folder.path().join("molecule.xyz"), xyz(molecule))?;
        let point = self.run(folder.path(), molecule, &[])?.and_then(|text| Point::read(&text));
        let Some(before) = &point else { return Ok(Relaxation { point, relaxed: None }) };
        let text = self.run(folder.path(), molecule, &["--opt"])?.filter(|text| optimised(text));
        let after = text.and_then(|text| Point::read(&text));
        let relaxed = after.and_then(|after| {
            let rmsd = rmsd(molecule, &folder.path().join("xtbopt.xyz"))?;
            Some(Relaxed { strain: before.energy - after.energy, rmsd })
        });
        Ok(Relaxation { point, relaxed })
    }

    /// What the program prints; nothing if it says by its status that it failed, or takes too long.
    fn run(&self, folder: &Path, molecule: &Molecule, more: &[&str]) -> Result<Option<String>> {
        let charge: i32 = molecule.charges().unwrap_or(&[]).iter().map(|&q| i32::from(q)).sum();
        let protons: i32 = molecule.species().iter().map(|e| i32::from(e.number())).sum();
        let unpaired = (protons - charge).rem_euclid(2);
        let mut command = Command::new(&self.program);
        command.current_dir(folder).stdin(Stdio::null());
        command.args(["molecule.xyz", "--gfn", "2", "--chrg", &charge.to_string()]);
        command.args(["--uhf", &unpaired.to_string()]).args(more);
        // Molecules run beside each other; the stack is what xtb's own manual asks for.
        command.envs([("OMP_NUM_THREADS", "1"), ("MKL_NUM_THREADS", "1"), ("OMP_STACKSIZE", "1G")]);
        // Into files: a pipe that nobody empties would stop it.
        let printed = folder.join("printed");
        command.stdout(fs::File::create(&printed)?).stderr(Stdio::null());
        let cannot = || format!("cannot run {}", self.program.display());
        let mut child = command.spawn().with_context(cannot)?;
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().with_context(cannot)? {
                break status;
            }
            if started.elapsed() > self.limit {
                child.kill().and_then(|()| child.wait()).with_context(cannot)?;
                return Ok(None);
            }
            std::thread::sleep(LOOK);
        };
        let text = String::from_utf8_lossy(&fs::read(&printed)?).into_owned();
        Ok(status.success().then_some(text))
    }
}

/// Plain XYZ.
fn xyz(molecule: &Molecule) -> String {
    let mut text = format!("{}\n\n", molecule.len());
    for (element, [x, y, z]) in molecule.species().iter().zip(molecule.positions()) {
        // Ten digits: xtb's own files have fourteen, and a bond is known to four.
        writeln!(text, "{element} {x:.10} {y:.10} {z:.10}").expect("a string takes all text");
    }
    text
}

/// Root mean square distance of the atoms of `molecule` from those of `file` after superposition, in Å;
/// nothing if there is no such molecule in it.
fn rmsd(molecule: &Molecule, file: &Path) -> Option<f64> {
    let optimum = read_molecules(file, false).ok()?.molecules.pop()?;
    let same = optimum.species() == molecule.species();
    let (from, to) = (molecule.positions().as_flattened(), optimum.positions().as_flattened());
    same.then(|| kabsch(from, to, 3, None, false).ok()).flatten().map(|motion| motion.rmsd)
}

#[cfg(test)]
mod tests {
    use langevin_molecules::element::Element;

    use super::*;

    /// A program that never ends is a calculation that failed, and leaves nothing behind.
    #[test]
    fn calculations_are_given_up_after_their_limit() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("xtb");
        let hydrogen =
            Molecule::new(vec![Element::H; 2], vec![[0.0; 3], [0.74, 0.0, 0.0]]).unwrap();
        let run = |script: &str, limit: u64| {
            fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            let xtb = Xtb { program: program.clone(), limit: Duration::from_millis(limit) };
            xtb.run(folder.path(), &hydrogen, &[]).unwrap()
        };
        assert_eq!(run("echo done", 60_000).as_deref(), Some("done\n"));
        assert_eq!(run("exec sleep 600", 50), None);
        assert_eq!(run("exit 3", 60_000), None);
    }

    #[test]
    fn the_distance_does_not_see_how_the_optimum_lies() {
        let at = vec![[0.0; 3], [0.757, 0.587, 0.0], [-0.757, 0.587, 0.0]];
        let water = Molecule::new(vec![Element::O, Element::H, Element::H], at).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("xtbopt.xyz");
        // Turned by a right angle, moved, and both bonds longer by a tenth.
        let text = "3\n energy: -5.07 gnorm: 0.0002 xtb: 6.7.1\n\
                    O 5 1 0\nH 4.3543 1.8327 0\nH 4.3543 0.1673 0\n";
        fs::write(&file, text).unwrap();
        let found = rmsd(&water, &file).unwrap();
        // A tenth of the root mean square distance from the centre, 0.67721 Å, at four written digits.
        assert!((found - 0.067_721).abs() < 1e-4, "{found}");
        fs::write(&file, text.replace("O 5", "N 5")).unwrap();
        assert_eq!(rmsd(&water, &file), None);
        assert_eq!(rmsd(&water, &folder.path().join("none.xyz")), None);
    }
}
