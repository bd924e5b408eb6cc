//! `langevin molecules sample`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use langevin_core::{Seed, Silent};
use langevin_datasets::write_molecules;
use langevin_molecules::perception::perceive;
use langevin_molecules::record::Molecule;
use rayon::prelude::*;

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
    /// Draw again, up to so many times (10 if no number is given), what is not one molecule with a closed shell by
    /// the bonds perceived; what never is one is left out.
    #[arg(long, value_name = "TIMES", num_args = 0..=1, default_missing_value = "10")]
    closed_shell: Option<u64>,
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
        let seed = Seed(self.seed);
        let draws = Draws { trained: &trained, request: &request, batch: self.batch };
        let drawn = pool.install(|| match self.closed_shell {
            None => draws.once(seed, count, &finished),
            Some(times) => draws.until(closed_shell, (seed, times), count, &finished),
        })?;
        bar.finish();
        let again = self.closed_shell.map(|times| ("closed_shell", times.to_string()));
        let own = [("request", serde_json::to_string(&self.request)?)].into_iter().chain(again);
        let provenance = trained.provenance(hash, self.seed, drawn.evaluations, own)?;
        let molecules: Vec<Molecule> = drawn.molecules.into_iter().flatten().collect();
        let failed = count - molecules.len();
        if failed > 0 {
            let fault = match self.closed_shell {
                None => "have atoms in one place",
                Some(_) => "never were one molecule with a closed shell",
            };
            eprintln!("warning: {failed} samples {fault} and are left out");
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
struct Drawn {
    molecules: Vec<Option<Molecule>>,
    /// Network evaluations per sample.
    evaluations: f64,
}

fn closed_shell(molecule: &Molecule) -> bool {
    perceive(molecule).is_closed_shell()
}

/// What all draws of a run have in common.
struct Draws<'a> {
    trained: &'a Trained,
    request: &'a Request,
    batch: usize,
}

impl Draws<'_> {
    /// `count` molecules, as requested, on the current pool.
    fn once(&self, seed: Seed, count: usize, finished: &(dyn Fn(usize) + Sync)) -> Result<Drawn> {
        let places: Vec<usize> = (0..count).collect();
        self.of(&self.request.draw(seed, count), &places, seed, finished)
    }

    /// The molecules of `places` among `makes`; nothing in the other places.
    fn of(
        &self,
        makes: &[Make],
        places: &[usize],
        seed: Seed,
        finished: &(dyn Fn(usize) + Sync),
    ) -> Result<Drawn> {
        let &Self { trained, request, batch } = self;
        let generation = trained.generation(seed, batch, finished);
        let chunks = chunks(trained, &generation, makes, places)?;
        let chunks = chunks.into_iter().map(|chunk| request.begin(chunk, makes));
        let chunks = chunks.collect::<langevin_core::Result<Vec<_>>>()?;
        let Generated { x, evaluations, .. } = generation.carry(
            &chunks,
            |chunk, tally| {
                let given = makes[chunk.places[0]].species.is_some();
                request.denoiser(trained, chunk, given, tally)
            },
            || Silent,
        )?;
        Ok(Drawn { molecules: trained.decoded(&chunks, &x, makes.len())?, evaluations })
    }

    /// `count` molecules that are `wanted`: places whose molecule is not are drawn again, `again` times at most,
    /// with the same size and wishes. Nothing where none ever was.
    fn until(
        &self,
        wanted: impl Fn(&Molecule) -> bool + Sync,
        (seed, again): (Seed, u64),
        count: usize,
        finished: &(dyn Fn(usize) + Sync),
    ) -> Result<Drawn> {
        let makes = self.request.draw(seed, count);
        let mut drawn = Drawn { molecules: vec![None; count], evaluations: 0.0 };
        let mut open: Vec<usize> = (0..count).collect();
        for round in 0..=again {
            if open.is_empty() {
                break;
            }
            // Seeds far apart: the next ones are those of other runs.
            let seed = Seed(seed.0.wrapping_add(round.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
            let Drawn { mut molecules, evaluations } = self.of(&makes, &open, seed, &|_| {})?;
            drawn.evaluations += evaluations * open.len() as f64 / count as f64;
            let fits: Vec<bool> = open
                .par_iter()
                .map(|&place| molecules[place].as_ref().is_some_and(&wanted))
                .collect();
            finished(fits.iter().filter(|&&fits| fits).count());
            for (&place, _) in open.iter().zip(&fits).filter(|(_, fits)| **fits) {
                drawn.molecules[place] = molecules[place].take();
            }
            open.retain(|&place| drawn.molecules[place].is_none());
        }
        Ok(drawn)
    }
}

/// Samples of one size together, the largest first, so that threads end at about the same time; those whose
/// species are given apart from those that are free.
fn chunks(
    trained: &Trained,
    generation: &Generation,
    makes: &[Make],
    places: &[usize],
) -> Result<Vec<Chunk>> {
    let mut alike: BTreeMap<(usize, bool), Vec<usize>> = BTreeMap::new();
    for &place in places {
        let make = &makes[place];
        alike.entry((make.atoms, make.species.is_some())).or_default().push(place);
    }
    let group = |(&(size, _), places): (&_, &Vec<usize>)| {
        let process = trained.process.shaped_like(&trained.domain.blank(size)?);
        Ok((process, places.clone()))
    };
    let groups = alike.iter().rev().map(group).collect::<langevin_core::Result<_>>()?;
    Ok(generation.depart_all(groups)?)
}
