//! `langevin crystals sample`.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context, Result};
use langevin_core::{Counted, Seed, Silent};
use langevin_crystals::record::Crystal;
use langevin_datasets::write_crystals;

use super::experiment::CrystalsExperiment;
use super::request::{Make, Request, RequestArgs};
use super::shipped;
use crate::choice::ChoiceArgs;
use crate::generate::{Chunk, Generated, Generation};
use crate::options::RunOptions;
use crate::progress::SharedProgress;
use crate::{Ending, bad_input, refuse_existing, threads};

/// A trained model of crystals.
pub type Trained = crate::trained::Trained<CrystalsExperiment>;

/// Draw crystals from a trained model.
///
/// Example: langevin crystals sample --formula SrTiO3 --count 20 --out candidates.cif
#[derive(Debug, clap::Args)]
pub struct SampleArgs {
    /// Model file, run directory that holds one, or the name of a model that is part of the program.
    #[arg(default_value = "perov5")]
    model: PathBuf,
    /// Number of crystals; of each composition where compositions are asked for.
    #[arg(long, default_value = "20")]
    count: NonZeroUsize,
    /// Output file; its extension picks the format: .cif, .extxyz, each also .gz; of one crystal also .vasp, .lmp, .in.
    #[arg(long)]
    out: PathBuf,
    /// Same seed and model: same crystals, whatever the threads and the batch.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Crystals computed together.
    #[arg(long, default_value = "64")]
    batch: NonZeroUsize,
    /// Give each crystal exactly the symmetry that it has within so many Å, unless an atom would move farther; its
    /// space group becomes a label.
    #[arg(long, value_name = "ANGSTROM", num_args = 0..=1, default_missing_value = "0.1", value_parser = super::tolerance)]
    symmetrize: Option<f64>,
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
        let (mut trained, hash) = shipped::read(&self.model)?;
        self.choice.apply(&mut trained)?;
        let request = self.request.plan(&trained, Seed(self.seed))?;
        let count = self.count.get();
        let total = count * request.compositions().unwrap_or(1);
        langevin_datasets::check_crystal_target(&self.out, total).map_err(bad_input)?;
        let bar = SharedProgress::new("sample", total as u64, self.options.quiet);
        let finished = |samples: usize| bar.advance(samples as u64);
        let (seed, batch) = (Seed(self.seed), self.batch.get());
        let drawn = pool.install(|| draw(&trained, &request, seed, (count, batch), &finished))?;
        bar.finish();
        let mut crystals: Vec<Crystal> = drawn.crystals.into_iter().flatten().collect();
        let failed = total - crystals.len();
        if failed > 0 {
            eprintln!("warning: {failed} samples have a cell without volume and are left out");
        }
        if let Some(tolerance) = self.symmetrize {
            crystals = pool.install(|| super::symmetrized(crystals, tolerance));
        }
        let within = self.symmetrize.map_or("nothing".into(), |within| format!("{within} Å"));
        let own =
            [("symmetrized within", within), ("request", serde_json::to_string(&self.request)?)];
        let provenance = trained.provenance(hash, self.seed, drawn.evaluations, own)?;
        write_crystals(&self.out, &crystals, &provenance, self.force)
            .with_context(|| format!("cannot write {}", self.out.display()))?;
        if !self.options.quiet {
            let (out, evaluations) = (self.out.display(), drawn.evaluations);
            println!("{out}: {} crystals, {evaluations} evaluations each", crystals.len());
        }
        Ok(Ending::Done)
    }
}

/// Crystals in the order of their numbers; nothing where a sample is none.
pub struct Drawn {
    pub crystals: Vec<Option<Crystal>>,
    /// Network evaluations per sample.
    pub evaluations: f64,
}

/// `count` crystals of each composition, or in all, computed `batch` at a time on the current pool.
///
/// # Errors
/// Those of network and sampler.
pub fn draw(
    trained: &Trained,
    request: &Request,
    seed: Seed,
    (count, batch): (usize, usize),
    finished: &(dyn Fn(usize) + Sync),
) -> Result<Drawn> {
    let generation = trained.generation(seed, batch, finished);
    let makes = request.draw(seed, count);
    let chunks = chunks(trained, &generation, &makes)?;
    let chunks = chunks.into_iter().map(|chunk| request.begin(chunk, &makes, &trained.domain));
    let chunks = chunks.collect::<langevin_core::Result<Vec<_>>>()?;
    let Generated { x, evaluations, .. } = generation.carry(
        &chunks,
        |_, tally| Ok(Counted::new(trained.denoiser_of(request.condition()), tally)),
        || Silent,
    )?;
    Ok(Drawn { crystals: trained.decoded(&chunks, &x, makes.len())?, evaluations })
}

/// Samples of one size together, the largest first, so that threads end at about the same time.
fn chunks(trained: &Trained, generation: &Generation, makes: &[Make]) -> Result<Vec<Chunk>> {
    let mut alike: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, make) in makes.iter().enumerate() {
        alike.entry(make.atoms).or_default().push(place);
    }
    let group = |(&size, places): (&_, &Vec<usize>)| {
        let process = trained.process.shaped_like(&trained.domain.blank(size)?);
        Ok((process, places.clone()))
    };
    let groups = alike.iter().rev().map(group).collect::<langevin_core::Result<_>>()?;
    Ok(generation.depart_all(groups)?)
}
