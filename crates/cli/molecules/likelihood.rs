//! `langevin molecules likelihood`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use candle_core::DType;
use langevin_core::rng::ids;
use langevin_core::{Domain, Purpose, Rng, SampleId, Seed, TimeGrid};
use langevin_datasets::read_molecules;
use langevin_diffusion::bound::Bound;
use langevin_molecules::record::Molecule;
use langevin_molecules::space::Molecules;
use langevin_molecules::species::SpeciesForm;
use langevin_report::table::{Cell, Column, Table};
use langevin_train::write_whole;
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::sample::Trained;
use super::shipped;
use crate::device::DeviceOptions;
use crate::options::RunOptions;
use crate::progress::SharedProgress;
use crate::{Ending, bad_input, prepare_target, refused, threads};

/// Bound the negative log-likelihood of molecules, in nats per molecule.
///
/// By the steps of a model's ancestral sampler: a density over positions in Å, a probability of elements and of the
/// number of atoms.
///
/// The model's species must be features and its path keep noise at t = 0, as in configs/molecules/qm9_edm.toml.
///
/// Example: langevin molecules likelihood runs/edm --file test.extxyz.gz --count 1000
#[derive(Debug, clap::Args)]
pub struct LikelihoodArgs {
    /// Model file, or run directory that holds one.
    model: PathBuf,
    /// Molecules: .xyz, .extxyz, .sdf, .mol (each also .gz), .h5, .hdf5, .h5md. Without it, the file that
    /// the model was validated with.
    #[arg(long)]
    file: Option<PathBuf>,
    /// Molecules that are looked at, evenly spread over the file. Without it, all.
    #[arg(long)]
    count: Option<usize>,
    /// Steps that are looked at for each molecule, evenly spread over all of them; one more is the last term.
    #[arg(long, default_value_t = 1)]
    draws: usize,
    /// Steps of the sampler, instead of those of the model's grid.
    #[arg(long)]
    steps: Option<usize>,
    /// Same seed, model and file: same number, whatever the threads and the batch.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Molecules computed together.
    #[arg(long, default_value_t = 32)]
    batch: usize,
    /// The numbers as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Replace the JSON file if it exists.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    options: RunOptions,
}

/// What the terms are, in the order of [`Nats`].
const TERMS: [&str; 5] = ["prior", "steps", "positions", "species", "number of atoms"];

/// The terms of one molecule, in nats.
type Nats = [f64; TERMS.len()];

impl LikelihoodArgs {
    /// Checks everything, then measures and prints.
    ///
    /// # Errors
    /// Bad input, among it a model without such a bound, or what failed in the network.
    pub fn run(self) -> Result<Ending> {
        let pool = threads::pool(self.options.threads)?;
        if let Some(json) = &self.json {
            prepare_target(json, self.force)?;
        }
        if self.count == Some(0) || self.draws == 0 || self.batch == 0 {
            return refused("--count, --draws and --batch: at least 1");
        }
        let (trained, hash) = shipped::read(&self.model, &self.device.open()?)?;
        let grid = self.grid(&trained)?;
        let own = trained.experiment.data.validation_file.clone();
        let Some(file) = self.file.clone().or(own) else {
            return refused("--file: the model was validated with none, allowed: a file");
        };
        let molecules = read_molecules(&file, false).map_err(bad_input)?.molecules;
        let places = spread(molecules.len(), self.count);
        check(&trained.domain, &file, &molecules, &places)?;
        let bar = SharedProgress::new("likelihood", places.len() as u64, self.options.quiet);
        let nats = pool.install(|| self.nats(&trained, &grid, &molecules, &places, &bar))?;
        bar.finish();
        let numbers = summary(&nats);
        if !self.options.quiet {
            print!("{}", table(&numbers)?.to_text());
        }
        if let Some(path) = &self.json {
            let number = |(name, mean, error): &(&str, f64, f64)| {
                ((*name).into(), json!({ "mean": mean, "standard_error": error }))
            };
            let json = json!({
                "generated_by": concat!("langevin ", env!("CARGO_PKG_VERSION")),
                "model_sha256": hash, "file": file, "molecules": places.len(),
                "steps": grid.steps().count(), "draws": self.draws, "seed": self.seed,
                "nats": numbers.iter().map(number).collect::<Map<String, Value>>(),
            });
            write_whole(path, serde_json::to_string_pretty(&json)?.as_bytes())?;
        }
        Ok(Ending::Done)
    }

    /// The sampler's grid, if the model has a bound on it.
    fn grid(&self, trained: &Trained) -> Result<TimeGrid> {
        let (method, path) = (&trained.experiment.method, trained.process.path());
        let found = if trained.domain.form != SpeciesForm::Features {
            "data.species = \"classes\""
        } else if path.has_own_noise() || path.coefficients(0.0).beta == 0.0 {
            "a path that does not keep noise of its reference at t = 0"
        } else {
            let steps = self.steps.unwrap_or(method.grid.steps());
            return method.grid.with_steps(steps).build(path).map_err(bad_input);
        };
        refused(format!(
            "{}: found {found}, allowed: a model with data.species = \"features\" on a path that keeps noise at \
             t = 0 (polynomial)",
            self.model.display()
        ))
    }

    /// Terms of the molecules at `places`, in that order.
    fn nats(
        &self,
        trained: &Trained,
        grid: &TimeGrid,
        molecules: &[Molecule],
        places: &[usize],
        bar: &SharedProgress,
    ) -> Result<Vec<Nats>> {
        let chunks = super::chunks_by_size(molecules, places.iter().copied(), self.batch);
        let one = |chunk: &Vec<usize>| -> Result<Vec<(usize, Nats)>> {
            let own: Vec<Molecule> = chunk.iter().map(|&place| molecules[place].clone()).collect();
            let nats = self.of_chunk(trained, grid, &own, chunk)?;
            bar.advance(chunk.len() as u64);
            Ok(chunk.iter().copied().zip(nats).collect())
        };
        let done: Vec<_> = chunks.par_iter().with_max_len(1).map(one).collect::<Result<_>>()?;
        let done: BTreeMap<usize, Nats> = done.into_iter().flatten().collect();
        Ok(places.iter().map(|place| done[place]).collect())
    }

    /// Terms of molecules of one size, whose places in the file are `places`.
    fn of_chunk(
        &self,
        trained: &Trained,
        grid: &TimeGrid,
        molecules: &[Molecule],
        places: &[usize],
    ) -> Result<Vec<Nats>> {
        let domain = &trained.domain;
        let x_0 = domain.encode(molecules)?;
        let process = trained.process.shaped_like(&x_0);
        let denoiser = trained.denoiser_of(domain.condition_of(molecules, DType::F32)?);
        let ids: Vec<SampleId> = places.iter().flat_map(|&place| ids(place as u64, 1)).collect();
        let mut rng = Rng::new(Seed(self.seed), Purpose::Evaluation, ids, 0);
        let bound = Bound::new(&process, &denoiser, grid)?;
        let prior = bound.prior(&x_0)?;
        let steps = bound.steps(&x_0, self.draws, &mut rng)?;
        let last = bound.last(&x_0, &mut rng)?;
        let sigma = process.path().coefficients(0.0).beta;
        let species = domain.species_nats(last.x.part(1), x_0.part(1), sigma)?;
        let size = domain.size_nats(molecules[0].len()).expect("sizes were checked");
        let of = |i: usize| [prior[i], steps[i], last.gaussian[0][i], species[i], size];
        Ok((0..molecules.len()).map(of).collect())
    }
}

/// `count` of `all` places, evenly spread; all of them if none is asked for or there are fewer.
fn spread(all: usize, count: Option<usize>) -> Vec<usize> {
    let count = count.unwrap_or(all).min(all);
    (0..count).map(|i| i * all / count).collect()
}

/// Only elements and numbers of atoms that the model can make.
fn check(domain: &Molecules, file: &Path, molecules: &[Molecule], places: &[usize]) -> Result<()> {
    for &place in places {
        let (molecule, file) = (&molecules[place], file.display());
        let stranger = molecule.species().iter().find(|own| !domain.elements.contains(own));
        let why = match (stranger, domain.size_nats(molecule.len())) {
            (Some(element), _) => format!("has {element}"),
            (None, None) => format!("has {} atoms", molecule.len()),
            (None, Some(_)) => continue,
        };
        let number = place + 1;
        return Err(bad_input(anyhow!(
            "{file}: molecule {number} {why}, which the model never makes: its likelihood is 0"
        )));
    }
    Ok(())
}

/// Name, mean and standard error over molecules of the bound and of each term.
fn summary(nats: &[Nats]) -> Vec<(&'static str, f64, f64)> {
    let of = |name: &'static str, value: &dyn Fn(&Nats) -> f64| {
        let n = nats.len() as f64;
        let mean = nats.iter().map(value).sum::<f64>() / n;
        let square: f64 = nats.iter().map(|nats| (value(nats) - mean).powi(2)).sum();
        (name, mean, (square / (n - 1.0).max(1.0) / n).sqrt())
    };
    let total = of("NLL", &|nats: &Nats| nats.iter().sum());
    let terms = TERMS.iter().enumerate().map(|(i, &name)| of(name, &|nats: &Nats| nats[i]));
    std::iter::once(total).chain(terms).collect()
}

fn table(numbers: &[(&str, f64, f64)]) -> Result<Table> {
    let columns = [Column::text("nats per molecule"), Column::number("mean"), Column::number("±")];
    let mut table = Table::new(columns);
    for &(name, mean, error) in numbers {
        table.push([Cell::text(name), Cell::Number(mean), Cell::Number(error)])?;
    }
    Ok(table)
}
