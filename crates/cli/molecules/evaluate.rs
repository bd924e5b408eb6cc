//! `langevin molecules evaluate`.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use langevin_datasets::read_molecules;
use langevin_molecules::bond_table::orders;
use langevin_molecules::distributions::Distributions;
use langevin_molecules::metrics::{
    DistanceProtocol, GraphProtocol, known_by_distances, known_by_graph,
};
use langevin_molecules::perception::perceive;
use langevin_molecules::record::Molecule;
use langevin_report::table::{Cell, Column, Table};
use langevin_train::write_whole;
use serde_json::{Map, Value};

use crate::options::RunOptions;
use crate::{Ending, bad_input, refuse_existing, threads};

/// How bonds are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Protocol {
    /// Bonds by the distance table of EDM (Hoogeboom et al. 2022), neutral atoms.
    Distance,
    /// Bonds and charges perceived from the geometry.
    Graph,
}

/// Measure molecules of any file, whoever made them.
///
/// The two protocols give different numbers for the same molecules; never compare across them.
///
/// Example: langevin molecules evaluate samples.sdf --against train.extxyz.gz
#[derive(Debug, clap::Args)]
pub struct EvaluateArgs {
    /// Molecules: .xyz, .extxyz, .sdf, .mol (each also .gz), .h5, .hdf5, .h5md.
    file: PathBuf,
    /// How bonds are found.
    #[arg(long, value_enum, default_value = "distance")]
    protocol: Protocol,
    /// Molecules that were trained on: novelty, and distances of distributions.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Leave out frames that hold no molecule, and say how many.
    #[arg(long)]
    skip_bad: bool,
    /// The numbers as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Replace the JSON file if it exists.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    options: RunOptions,
}

/// A number by its name; nothing where it has no meaning.
type Numbers = Vec<(&'static str, Option<f64>)>;

impl EvaluateArgs {
    /// Reads, measures and prints.
    ///
    /// # Errors
    /// A file that cannot be read or holds no molecules.
    pub fn run(self) -> Result<Ending> {
        let pool = threads::pool(self.options.threads)?;
        if let Some(json) = &self.json {
            refuse_existing(json, self.force)?;
        }
        let numbers = pool.install(|| -> Result<Numbers> {
            let samples = self.read(&self.file)?;
            let against = self.against.as_deref().map(|path| self.read(path)).transpose()?;
            self.measure(&samples, against.as_deref())
        })?;
        if !self.options.quiet {
            print!("{}", table(&numbers)?.to_text());
        }
        if let Some(path) = &self.json {
            let number =
                |(name, value): &(&str, Option<f64>)| ((*name).into(), Value::from(*value));
            let json = serde_json::json!({
                "generated_by": concat!("langevin ", env!("CARGO_PKG_VERSION")),
                "file": self.file, "against": self.against,
                "protocol": format!("{:?}", self.protocol).to_lowercase(),
                "metrics": numbers.iter().map(number).collect::<Map<String, Value>>(),
            });
            write_whole(path, serde_json::to_string_pretty(&json)?.as_bytes())?;
        }
        Ok(Ending::Done)
    }

    fn read(&self, path: &Path) -> Result<Vec<Molecule>> {
        let file = read_molecules(path, self.skip_bad).map_err(bad_input)?;
        if let Some(first) = file.skipped.first() {
            let (count, path) = (file.skipped.len(), path.display());
            eprintln!("warning: {path}: {count} frames are left out; the first: {first}");
        }
        Ok(file.molecules)
    }

    fn measure(&self, samples: &[Molecule], against: Option<&[Molecule]>) -> Result<Numbers> {
        let empty = |error| bad_input(anyhow!("{}: {error}", self.file.display()));
        let (mut numbers, bonds_of): (Numbers, fn(&Molecule) -> _) = match self.protocol {
            Protocol::Distance => {
                let known = against.map(known_by_distances);
                let found = DistanceProtocol::measure(samples, known.as_ref()).map_err(empty)?;
                let numbers = vec![
                    ("atoms stable", Some(found.atoms_stable)),
                    ("molecules stable", Some(found.molecules_stable)),
                    ("valid", Some(found.valid)),
                    ("unique among valid", Some(found.unique)),
                    ("valid and unique", Some(found.valid_unique)),
                    ("novel among unique", found.novel),
                ];
                (numbers, orders)
            }
            Protocol::Graph => {
                let known = against.map(known_by_graph);
                let found = GraphProtocol::measure(samples, known.as_ref()).map_err(empty)?;
                let numbers = vec![
                    ("atoms stable", Some(found.atoms_stable)),
                    ("molecules stable", Some(found.molecules_stable)),
                    ("closed shell", Some(found.closed_shell)),
                    ("connected", Some(found.connected)),
                    ("valid", Some(found.valid)),
                    ("unique among valid", Some(found.unique)),
                    ("valid and unique", Some(found.valid_unique)),
                    ("novel among unique", found.novel),
                ];
                (numbers, |molecule| perceive(molecule).graph)
            }
        };
        if let Some(data) = against {
            let of = |molecules: &[Molecule]| Distributions::of(molecules, bonds_of);
            let distances = of(samples).distances(&of(data))?;
            numbers.push(("W1 of bond lengths in Å", distances.lengths.mean));
            numbers.push(("W1 of bond angles in degrees", distances.angles.mean));
            numbers.push(("W1 of numbers of atoms", Some(distances.sizes)));
        }
        numbers.push(("molecules", Some(samples.len() as f64)));
        Ok(numbers)
    }
}

fn table(numbers: &Numbers) -> Result<Table> {
    let mut table = Table::new([Column::text("metric"), Column::number("value")]);
    for (name, value) in numbers {
        let value = value.map_or(Cell::Missing, Cell::Number);
        table.push([Cell::text(*name), value])?;
    }
    Ok(table)
}
