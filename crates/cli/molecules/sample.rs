//! `langevin molecules sample`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use langevin_core::{Seed, Silent};
use langevin_datasets::write_molecules;
use langevin_molecules::perception::perceive;
use langevin_molecules::record::Molecule;

use super::experiment::MoleculesExperiment;
use super::request::{Make, Request, RequestArgs};
use super::shipped;
use crate::choice::ChoiceArgs;
use crate::generate::{Chunk, Generated, Generation};
use crate::options::RunOptions;
use crate::progress::SharedProgress;
use crate::{Ending, bad_input, refuse_existing, refused, threads};

/// A trained model of molecules.
pub type Trained = crate::trained::Trained<MoleculesExperiment>;

/// Draw molecules from a trained model.
///
/// Example: langevin molecules sample --count 100 --out molecules.sdf
#[derive(Debug, clap::Args)]
pub struct SampleArgs {
    /// Model file, run directory that holds one, or the name of a model that is part of the program.
    #[arg(default_value = "qm9")]
    model: PathBuf,
    /// Number of molecules; 100 if it is left out.
    #[arg(long, conflicts_with = "each")]
    count: Option<usize>,
    /// Output file; its extension picks the format: .extxyz, .xyz, .sdf (with bonds), each also .gz, .h5.
    #[arg(long)]
    out: PathBuf,
    /// Same seed and model: same molecules, whatever the threads and the batch.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Molecules computed together.
    #[arg(long, default_value_t = 32)]
    batch: usize,
    /// Replace the output file if it exists.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    choice: ChoiceArgs,
    #[command(flatten)]
    request: RequestArgs,
    #[command(flatten)]
    options: RunOptions,
}

impl SampleArgs {
    /// Checks everything, then samples.
    ///
    /// # Errors
    /// Bad input, or what failed while sampling.
    pub fn run(self) -> Result<Ending> {
        let pool = threads::pool(self.options.threads)?;
        refuse_existing(&self.out, self.force)?;
        langevin_datasets::check_molecule_target(&self.out).map_err(bad_input)?;
        let (mut trained, hash) = shipped::read(&self.model)?;
        self.choice.apply(&mut trained)?;
        let request = self.request.plan(&trained)?;
        let count = request.count().or(self.count).unwrap_or(100);
        if count == 0 || self.batch == 0 {
            return refused("--count and --batch: at least 1");
        }
        let bar = SharedProgress::new("sample", count as u64, self.options.quiet);
        let finished = |samples: usize| bar.advance(samples as u64);
        let drawn = pool
            .install(|| draw(&trained, &request, Seed(self.seed), count, self.batch, &finished))?;
        bar.finish();
        let own = [("request", serde_json::to_string(&self.request)?)];
        let provenance = trained.provenance(hash, self.seed, drawn.evaluations, own)?;
        let molecules: Vec<Molecule> = drawn.molecules.into_iter().flatten().collect();
        let failed = count - molecules.len();
        if failed > 0 {
            eprintln!("warning: {failed} samples have atoms in one place and are left out");
        }
        let molecules = with_bonds_if_held(molecules, &self.out)?;
        write_molecules(&self.out, &molecules, &provenance, self.force)
            .with_context(|| format!("cannot write {}", self.out.display()))?;
        if !self.options.quiet {
            let (out, evaluations) = (self.out.display(), drawn.evaluations);
            println!("{out}: {} molecules, {evaluations} evaluations each", molecules.len());
        }
        Ok(Ending::Done)
    }
}

/// Where the format of `out` has room for them: with bonds, and charges where they are not known, perceived from
/// the geometry.
///
/// # Errors
/// None that a molecule can cause.
pub fn with_bonds_if_held(molecules: Vec<Molecule>, out: &Path) -> Result<Vec<Molecule>> {
    let name = out.to_string_lossy().to_lowercase();
    if name.strip_suffix(".gz").unwrap_or(&name).ends_with("xyz") {
        return Ok(molecules);
    }
    let one = |molecule: Molecule| {
        let graph = perceive(&molecule).graph;
        let molecule = molecule.with_bonds(graph.bonds())?;
        // A model of charges knows its own.
        if molecule.charges().is_some() {
            return Ok(molecule);
        }
        Ok(molecule.with_charges(graph.charges())?)
    };
    molecules.into_iter().map(one).collect()
}

/// Molecules in the order of their numbers; nothing where a sample is none.
pub struct Drawn {
    pub molecules: Vec<Option<Molecule>>,
    /// Network evaluations per sample.
    pub evaluations: f64,
}

/// `count` molecules from `trained`, as requested, on the current pool.
///
/// # Errors
/// Those of network and sampler.
pub fn draw(
    trained: &Trained,
    request: &Request,
    seed: Seed,
    count: usize,
    batch: usize,
    finished: &(dyn Fn(usize) + Sync),
) -> Result<Drawn> {
    let generation = trained.generation(seed, batch, finished);
    let makes = request.draw(seed, count);
    let chunks = chunks(trained, &generation, &makes)?;
    let chunks = chunks.into_iter().map(|chunk| request.begin(chunk, &makes));
    let chunks = chunks.collect::<langevin_core::Result<Vec<_>>>()?;
    let Generated { x, evaluations, .. } = generation.carry(
        &chunks,
        |chunk, tally| {
            let given = makes[chunk.places[0]].species.is_some();
            request.denoiser(trained, chunk, given, tally)
        },
        || Silent,
    )?;
    Ok(Drawn { molecules: trained.decoded(&chunks, &x, count)?, evaluations })
}

/// Samples of one size together, the largest first, so that threads end at about the same time; those whose
/// species are given apart from those that are free.
fn chunks(trained: &Trained, generation: &Generation, makes: &[Make]) -> Result<Vec<Chunk>> {
    let mut alike: BTreeMap<(usize, bool), Vec<usize>> = BTreeMap::new();
    for (place, make) in makes.iter().enumerate() {
        alike.entry((make.atoms, make.species.is_some())).or_default().push(place);
    }
    let group = |(&(size, _), places): (&_, &Vec<usize>)| {
        let process = trained.process.shaped_like(&trained.domain.blank(size)?);
        Ok((process, places.clone()))
    };
    let groups = alike.iter().rev().map(group).collect::<langevin_core::Result<_>>()?;
    Ok(generation.depart_all(groups)?)
}
