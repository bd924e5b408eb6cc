//! Strain energies with GFN2-xTB, by the external program `xtb`.
//!
//! Stability counts bonds; an energy cannot be satisfied by a table. Each molecule is calculated once as
//! it is and once relaxed, in a folder of its own and with one thread.

mod output;
mod relax;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use langevin_molecules::record::Molecule;
use rayon::prelude::*;

use relax::Relaxation;
pub use relax::Xtb;

use super::measure::Numbers;
use crate::progress::Progress;

/// What was found, and the strain energies behind the means, in eV.
pub struct Strains {
    pub numbers: Numbers,
    pub strains: Vec<f64>,
}

/// Relaxes `count` of `molecules`, evenly spread over the list: files may be sorted by size.
///
/// # Errors
/// If the program cannot be started or a folder not be made; calculations that fail are counted.
pub fn measure(xtb: &Xtb, molecules: &[Molecule], count: usize, quiet: bool) -> Result<Strains> {
    let count = count.min(molecules.len());
    let progress = Mutex::new(Progress::new("xtb", count as u64, 0, quiet));
    let done = AtomicU64::new(0);
    let one = |i: usize| {
        let found = xtb.relax(&molecules[i * molecules.len() / count])?;
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        // A thread that panicked while it held the bar has already ended the run.
        if let Ok(mut progress) = progress.lock() {
            progress.at(done, "");
        }
        Ok(found)
    };
    let all = (0..count).into_par_iter().map(one).collect::<Result<Vec<Relaxation>>>()?;
    if let Ok(progress) = progress.into_inner() {
        progress.finish();
    }
    Ok(summary(&all))
}

fn summary(all: &[Relaxation]) -> Strains {
    let share = |part: usize| Some(part as f64 / all.len() as f64).filter(|share| !share.is_nan());
    let points: Vec<_> = all.iter().filter_map(|one| one.point.as_ref()).collect();
    let relaxed: Vec<_> = all.iter().filter_map(|one| one.relaxed.as_ref()).collect();
    let mut strains: Vec<f64> = relaxed.iter().map(|relaxed| relaxed.strain).collect();
    strains.sort_unstable_by(f64::total_cmp);
    let middle = strains.len() / 2;
    let median = match strains.len() {
        0 => None,
        n if n % 2 == 1 => Some(strains[middle]),
        _ => Some(f64::midpoint(strains[middle - 1], strains[middle])),
    };
    let numbers = vec![
        ("xtb: molecules", Some(all.len() as f64)),
        ("xtb: energies converged", share(points.len())),
        ("xtb: optimisations converged", share(relaxed.len())),
        ("xtb: mean HOMO–LUMO gap in eV", mean(points.iter().filter_map(|point| point.gap))),
        ("xtb: mean dipole in D", mean(points.iter().filter_map(|point| point.dipole))),
        ("xtb: mean strain energy in eV", mean(strains.iter().copied())),
        ("xtb: median strain energy in eV", median),
        ("xtb: mean RMSD to the optimum in Å", mean(relaxed.iter().map(|relaxed| relaxed.rmsd))),
    ];
    Strains { numbers, strains }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, count), x| (sum + x, count + 1));
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::output::Point;
    use super::relax::Relaxed;
    use super::*;

    #[test]
    fn means_are_over_what_converged() {
        let point = |gap| Some(Point { energy: -1.0, gap: Some(gap), dipole: None });
        let relaxed = |strain| Some(Relaxed { strain, rmsd: 0.1 });
        let all = [
            Relaxation { point: point(10.0), relaxed: relaxed(3.0) },
            Relaxation { point: point(12.0), relaxed: relaxed(1.0) },
            Relaxation { point: point(14.0), relaxed: None },
            Relaxation { point: None, relaxed: None },
        ];
        let values: Vec<_> = summary(&all).numbers.into_iter().map(|(_, value)| value).collect();
        let expected =
            [Some(4.0), Some(0.75), Some(0.5), Some(12.0), None, Some(2.0), Some(2.0), Some(0.1)];
        assert_eq!(values, expected);
        let none = summary(&[]);
        assert!(none.strains.is_empty() && none.numbers[1].1.is_none());
    }
}
