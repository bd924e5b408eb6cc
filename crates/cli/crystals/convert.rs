//! `langevin crystals convert`.

use std::path::PathBuf;

use anyhow::Result;
use langevin_crystals::record::Crystal;
use langevin_datasets::write_crystals;

use super::read;
use crate::{Ending, bad_input, prepare_target, refused};

/// Write crystals in the format of another file's extension.
///
/// Example: langevin crystals convert quartz.cif quartz.lmp --primitive
#[derive(Debug, clap::Args)]
pub struct ConvertArgs {
    /// Crystals: .cif, .vasp, POSCAR, .xyz, .extxyz, .csv with a column cif (each also .gz).
    file: PathBuf,
    /// Output: .cif, .vasp, POSCAR, .extxyz, .lmp or .data (LAMMPS), .in or .pwi (Quantum ESPRESSO).
    out: PathBuf,
    /// Only the crystal of this place, from 1.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    only: Option<u64>,
    /// In the smallest cell, where atoms are images of each other within so many Å along each axis (0.01 if no number
    /// is given); they are averaged.
    #[arg(long, value_name = "ANGSTROM", num_args = 0..=1, default_missing_value = "0.01", allow_negative_numbers = true, value_parser = super::tolerance)]
    primitive: Option<f64>,
    /// In the reduced cell of Niggli.
    #[arg(long)]
    niggli: bool,
    /// With exactly the symmetry that each has within so many Å (0.1 if no number is given), unless an atom would move farther; its space group
    /// becomes a label.
    #[arg(long, value_name = "ANGSTROM", num_args = 0..=1, default_missing_value = "0.1", allow_negative_numbers = true, value_parser = super::tolerance)]
    symmetrize: Option<f64>,
    /// Leave out entries that hold no crystal, and say how many.
    #[arg(long)]
    skip_bad: bool,
    /// Replace the output file if it exists.
    #[arg(long)]
    force: bool,
}

impl ConvertArgs {
    /// Reads and writes.
    ///
    /// # Errors
    /// A file that cannot be read or written.
    pub fn run(self) -> Result<Ending> {
        prepare_target(&self.out, self.force)?;
        langevin_datasets::check_crystal_target(&self.out, 1).map_err(bad_input)?;
        let mut crystals = read(&self.file, self.skip_bad)?;
        if let Some(place) = self.only {
            let count = crystals.len();
            if place as usize > count {
                return refused(format!(
                    "--only {place}: found {count} crystals, allowed: 1 to {count}"
                ));
            }
            crystals = vec![crystals.swap_remove(place as usize - 1)];
        }
        let mut crystals: Vec<Crystal> = crystals.into_iter().map(|c| self.in_cell(c)).collect();
        if let Some(tolerance) = self.symmetrize {
            crystals = super::symmetrized(crystals, tolerance);
        }
        let program = concat!("langevin ", env!("CARGO_PKG_VERSION"), ", from ").to_string();
        let provenance = [("converted_by".to_string(), program + &self.file.to_string_lossy())];
        write_crystals(&self.out, &crystals, &provenance, self.force).map_err(bad_input)?;
        Ok(Ending::Done)
    }

    fn in_cell(&self, crystal: Crystal) -> Crystal {
        let crystal = match self.primitive {
            Some(tolerance) => crystal.primitive(tolerance),
            None => crystal,
        };
        if self.niggli { crystal.in_cell(crystal.lattice().niggli()) } else { crystal }
    }
}
