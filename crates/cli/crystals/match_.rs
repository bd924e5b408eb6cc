//! `langevin crystals match`.

use std::borrow::Cow;
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Result;
use langevin_crystals::matcher::Matcher;
use langevin_crystals::metrics::Matches;
use langevin_crystals::record::Crystal;
use langevin_crystals::validity::is_valid;
use langevin_report::table::{Cell, Column, Table};
use langevin_train::write_whole;
use serde_json::json;

use super::atoms_seen::AtomsSeen;
use super::{read, tolerance};
use crate::options::RunOptions;
use crate::{Ending, prepare_target, refused, threads};

/// Tell which crystals are the same structure, as pymatgen's StructureMatcher does.
///
/// Distances are root mean squares over paired atoms, in units of (V/N)^(1/3), after both crystals were
/// made primitive and scaled to one volume.
///
/// Example: langevin crystals match predicted.cif test.csv.gz --prediction
#[derive(Debug, clap::Args)]
pub struct MatchArgs {
    /// Crystals that were made: .cif, .vasp, POSCAR, .xyz, .extxyz, .csv with a column cif (each also .gz).
    generated: PathBuf,
    /// Crystals to meet, as many and in the same order unless --all.
    references: PathBuf,
    /// Generated crystals for each reference, one after the other; the best counts.
    #[arg(long, value_name = "K", default_value = "1", conflicts_with = "all", value_parser = crate::options::positive)]
    candidates: NonZeroUsize,
    /// Hold every generated crystal against every reference of its composition: METRe and cRMSE.
    #[arg(long)]
    all: bool,
    /// The tolerances of crystal structure prediction: stol 0.5, ltol 0.3, angle-tol 10.
    #[arg(long)]
    prediction: bool,
    /// Largest distance of paired atoms, in (V/N)^(1/3) [default: 0.3].
    #[arg(long, allow_negative_numbers = true, value_parser = tolerance)]
    stol: Option<f64>,
    /// Largest relative difference of lengths [default: 0.2].
    #[arg(long, allow_negative_numbers = true, value_parser = tolerance)]
    ltol: Option<f64>,
    /// Largest difference of angles, in degrees [default: 5].
    #[arg(long, allow_negative_numbers = true, value_parser = tolerance)]
    angle_tol: Option<f64>,
    /// Compare cells as they are, without looking for smaller ones.
    #[arg(long)]
    no_primitive: bool,
    /// Compare without scaling to one volume.
    #[arg(long)]
    no_scale: bool,
    #[command(flatten)]
    atoms: AtomsSeen,
    /// Count only crystals that are valid, as `evaluate` says, on both sides.
    #[arg(long, conflicts_with = "all")]
    valid: bool,
    /// How many references are matched by a crystal of their space group, atoms being off by so many Å (0.1 if no number is
    /// given).
    #[arg(long, value_name = "ANGSTROM", num_args = 0..=1, default_missing_value = "0.1", allow_negative_numbers = true, value_parser = tolerance)]
    space_groups: Option<f64>,
    /// Leave out entries that hold no crystal, and say how many; only with --all, where places do not count.
    #[arg(long, requires = "all")]
    skip_bad: bool,
    /// A row for each reference, as CSV: the generated crystal that is nearest, and its distances.
    #[arg(long)]
    out: Option<PathBuf>,
    /// The numbers as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Replace output files that exist.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    options: RunOptions,
}

impl MatchArgs {
    /// Reads, compares and prints.
    ///
    /// # Errors
    /// A file that cannot be read; lists of different length.
    pub fn run(self) -> Result<Ending> {
        let pool = threads::pool(self.options.threads)?;
        for out in [&self.json, &self.out].into_iter().flatten() {
            prepare_target(out, self.force)?;
        }
        let generated = read(&self.generated, self.skip_bad)?;
        let references = read(&self.references, self.skip_bad)?;
        let matches = pool.install(|| self.matches(&generated, &references))?;
        let mut numbers = self.numbers(&matches);
        if let Some(tolerance) = self.space_groups {
            let share =
                pool.install(|| matches.space_group_agreement(&generated, &references, tolerance));
            numbers.insert(3, ("space group agreement", Some(share)));
        }
        if !self.options.quiet {
            print!("{}", table(&numbers)?.to_text());
        }
        self.write(&matches, numbers)?;
        Ok(Ending::Done)
    }

    fn matcher(&self) -> Matcher {
        let of = if self.prediction { Matcher::prediction() } else { Matcher::default() };
        Matcher {
            ltol: self.ltol.unwrap_or(of.ltol),
            stol: self.stol.unwrap_or(of.stol),
            angle_tol: self.angle_tol.unwrap_or(of.angle_tol),
            primitive: !self.no_primitive,
            scale: !self.no_scale,
            elements: self.atoms.elements(),
        }
    }

    fn matches(&self, generated: &[Crystal], references: &[Crystal]) -> Result<Matches> {
        let (matcher, candidates) = (self.matcher(), self.candidates.get());
        if self.all {
            let [generated, references] = self.seen(generated, references)?;
            return Ok(Matches::all(&matcher, &generated, &references));
        }
        let (found, expected) = (generated.len(), references.len() * candidates);
        if found != expected {
            let (path, of) = (self.generated.display(), self.references.display());
            return refused(format!(
                "{path}: found {found} crystals, allowed: {expected}, {candidates} for each of {of}; or --all"
            ));
        }
        let counts = |crystal: &Crystal| !self.valid || is_valid(crystal);
        let [generated, references] = self.seen(generated, references)?;
        Ok(Matches::paired(&matcher, &generated, &references, candidates, counts))
    }

    fn seen<'a>(
        &self,
        generated: &'a [Crystal],
        references: &'a [Crystal],
    ) -> Result<[Cow<'a, [Crystal]>; 2]> {
        Ok([
            self.atoms.seen(&self.generated, generated)?,
            self.atoms.seen(&self.references, references)?,
        ])
    }

    /// Names and values, in the order of the table.
    fn numbers(&self, matches: &Matches) -> Numbers {
        let names =
            if self.all { ["METRe", "RMSE", "cRMSE"] } else { ["match rate", "RMSE", "cRMSE"] };
        let values = [Some(matches.rate()), matches.rmse(), Some(matches.crmse())];
        let mut numbers: Vec<_> = names.into_iter().zip(values).collect();
        numbers.push(("references", Some(matches.best.len() as f64)));
        numbers
    }

    fn write(&self, matches: &Matches, numbers: Numbers) -> Result<()> {
        if let Some(path) = &self.json {
            let matcher = self.matcher();
            let metrics: serde_json::Map<_, _> =
                numbers.into_iter().map(|(name, value)| (name.to_string(), value.into())).collect();
            let json = json!({
                "generated_by": concat!("langevin ", env!("CARGO_PKG_VERSION")),
                "generated": self.generated, "references": self.references,
                "stol": matcher.stol, "ltol": matcher.ltol, "angle_tol": matcher.angle_tol,
                "primitive": matcher.primitive, "scale": matcher.scale,
                "atoms": self.atoms,
                "candidates": self.candidates, "all": self.all, "valid": self.valid, "metrics": metrics,
            });
            write_whole(path, serde_json::to_string_pretty(&json)?.as_bytes())?;
        }
        self.out.as_deref().map_or(Ok(()), |path| write_rows(path, matches))
    }
}

/// A number by its name; nothing where it has no meaning.
type Numbers = Vec<(&'static str, Option<f64>)>;

fn table(numbers: &Numbers) -> Result<Table> {
    let mut table = Table::new([Column::text("metric"), Column::number("value")]);
    for (name, value) in numbers {
        table.push([Cell::text(*name), value.map_or(Cell::Missing, Cell::Number)])?;
    }
    Ok(table)
}

/// One row for each reference; empty where nothing matches. Places count from 1.
fn write_rows(path: &Path, matches: &Matches) -> Result<()> {
    let mut text = String::from("reference,generated,rms,max\n");
    for (i, best) in matches.best.iter().enumerate() {
        match best {
            Some((j, d)) => writeln!(text, "{},{},{},{}", i + 1, j + 1, d.rms, d.max)?,
            None => writeln!(text, "{},,,", i + 1)?,
        }
    }
    Ok(write_whole(path, text.as_bytes())?)
}
