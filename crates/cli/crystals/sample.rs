//! `langevin crystals sample`.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use langevin_core::{Seed, Silent, Tally};
use langevin_crystals::constraint::Constraint;
use langevin_crystals::matcher::Matcher;
use langevin_crystals::record::Crystal;
use langevin_datasets::write_crystals;
use rayon::prelude::*;

use super::candidates::{Calibration, Group};
use super::experiment::CrystalsExperiment;
use super::makes::Make;
use super::request::{Request, RequestArgs};
use super::shipped;
use crate::choice::ChoiceArgs;
use crate::device::DeviceOptions;
use crate::generate::{Chunk, Generated, Generation};
use crate::options::RunOptions;
use crate::progress::SharedProgress;
use crate::{Ending, bad_input, prepare_target, refused, threads};

/// A trained model of crystals.
pub type Trained = crate::trained::Trained<CrystalsExperiment>;

/// Draw crystals from a trained model.
///
/// Example: langevin crystals sample --formula SrTiO3 --count 20 --out candidates.cif
#[derive(Debug, clap::Args)]
pub struct SampleArgs {
    /// Model file, run directory that holds one, or the name of a model that is part of the program.
    #[arg(default_value = "mp20_prediction")]
    model: PathBuf,
    /// Number of crystals; of each composition where compositions are asked for.
    #[arg(long, default_value = "20", value_parser = crate::options::positive)]
    count: NonZeroUsize,
    /// Output file; its extension picks the format: .cif, .extxyz, each also .gz; of one crystal also .vasp, .lmp, .in.
    #[arg(long)]
    out: PathBuf,
    /// Same seed and model: same crystals, whatever the threads and the batch.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    seed: u64,
    /// Crystals computed together.
    #[arg(long, default_value = "64", value_parser = crate::options::positive)]
    batch: NonZeroUsize,
    /// Give each crystal exactly the symmetry that it has within so many Å, unless an atom would move farther; its
    /// space group becomes a label.
    #[arg(long, value_name = "ANGSTROM", num_args = 0..=1, default_missing_value = "0.1", allow_negative_numbers = true, value_parser = super::tolerance)]
    symmetrize: Option<f64>,
    /// Put the candidates of each composition in order: first what most of them agree on, with labels support (the part of
    /// the candidates that are the same structure), cluster (the place of the first of these) and, if the model is calibrated
    /// for such samples of compositions alone, confidence.
    #[arg(long)]
    rank: bool,
    /// Replace the output file if it exists.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    choice: ChoiceArgs,
    #[command(flatten)]
    request: RequestArgs,
    #[command(flatten)]
    device: DeviceOptions,
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
        prepare_target(&self.out, self.force)?;
        let (mut trained, hash) = shipped::read(&self.model, &self.device.open()?)?;
        self.choice.apply(&mut trained)?;
        if self.request.keeps_symmetry() {
            self.choice.quieten(&mut trained)?;
        }
        let request = self.request.plan(&trained, Seed(self.seed))?;
        let count = self.count.get();
        let total = super::total(count, request.compositions().unwrap_or(1))?;
        langevin_datasets::check_crystal_target(&self.out, total).map_err(bad_input)?;
        let calibration = self.calibration(&trained, &request)?;
        let bar = SharedProgress::new("sample", total as u64, self.options.quiet);
        let finished = |samples: usize| bar.advance(samples as u64);
        let (seed, batch) = (Seed(self.seed), self.batch.get());
        let drawn = pool.install(|| draw(&trained, &request, seed, (count, batch), &finished))?;
        bar.finish();
        let failed = drawn.crystals.iter().filter(|crystal| crystal.is_none()).count();
        if failed > 0 {
            eprintln!("warning: {failed} samples have a cell without volume and are left out");
        }
        let mut crystals = match calibration {
            None => drawn.crystals.into_iter().flatten().collect(),
            Some(calibration) => {
                pool.install(|| ordered(&drawn.crystals, count, calibration.as_ref()))
            }
        };
        if let Some(tolerance) = self.symmetrize {
            crystals = pool.install(|| super::symmetrized(crystals, tolerance));
        }
        if let Some(group) = self.request.space_group() {
            crystals = pool.install(|| with_groups(crystals, group));
        }
        let within = self.symmetrize.map_or("nothing".into(), |within| format!("{within} Å"));
        let own =
            [("symmetrized within", within), ("request", serde_json::to_string(&self.request)?)];
        let provenance = trained.provenance(hash, self.seed, drawn.evaluations, own)?;
        write_crystals(&self.out, &crystals, &provenance, self.force)?;
        if !self.options.quiet {
            let (out, evaluations) = (self.out.display(), drawn.evaluations);
            println!("{out}: {} crystals, {evaluations} evaluations each", crystals.len());
        }
        Ok(Ending::Done)
    }
}

impl SampleArgs {
    /// Whether candidates are to be ranked, and what tells their confidence.
    fn calibration(
        &self,
        trained: &Trained,
        request: &Request,
    ) -> Result<Option<Option<Calibration>>> {
        if self.rank && request.compositions().is_none() {
            return refused("--rank: found no composition, needed: --formula or --like");
        }
        let plain = self.request.is_plain();
        self.rank.then(|| super::calibrate::of_model(trained, plain, self.count.get())).transpose()
    }
}

/// How far, in Å, crystals that were kept in a space group are from it at most.
const EXACT: f64 = 1e-3;

/// `crystals`, which were kept in a space group, with the one that they have as a label; how many have a higher one is said.
fn with_groups(crystals: Vec<Crystal>, asked: u16) -> Vec<Crystal> {
    let found = |crystal: &Crystal| Some(crystal.symmetry(EXACT)?.number.get());
    let groups: Vec<Option<u16>> = crystals.par_iter().map(found).collect();
    let higher = groups.iter().flatten().filter(|&&number| number != asked).count();
    if higher > 0 {
        let of = crystals.len();
        eprintln!(
            "note: {higher} of {of} crystals have all symmetries of the space group {asked} and more: their label spacegroup \
             tells which they have"
        );
    }
    let labelled = |(crystal, group): (Crystal, Option<u16>)| match group {
        Some(number) => crystal.with_label(super::SPACE_GROUP, f64::from(number)),
        None => crystal,
    };
    crystals.into_iter().zip(groups).map(labelled).collect()
}

/// `drawn`, `count` of each composition, in the order in which to look at them.
fn ordered(
    drawn: &[Option<Crystal>],
    count: usize,
    calibration: Option<&Calibration>,
) -> Vec<Crystal> {
    let matcher = Matcher::prediction();
    let one = |candidates: &[Option<Crystal>]| -> Vec<Crystal> {
        let candidates: Vec<Crystal> = candidates.iter().flatten().cloned().collect();
        let group = Group::of(&matcher, &candidates);
        group.labelled(count, calibration.map(|calibration| &calibration.confidence)).collect()
    };
    drawn.par_chunks(count).flat_map_iter(one).collect()
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
    let begun = chunks.into_iter().map(|chunk| request.begin(chunk, &makes, &trained.domain));
    let (chunks, constraints): (Vec<Chunk>, Vec<Arc<[Constraint]>>) =
        begun.collect::<langevin_core::Result<Vec<_>>>()?.into_iter().map(shared).unzip();
    let of_first: HashMap<usize, &Arc<[Constraint]>> =
        chunks.iter().map(|chunk| chunk.places[0]).zip(&constraints).collect();
    let denoiser_of = |chunk: &Chunk, tally: &Tally| {
        request.denoiser(trained, of_first[&chunk.places[0]].clone(), tally)
    };
    let Generated { x, evaluations, .. } = generation.carry(&chunks, denoiser_of, || Silent)?;
    let ends = x.iter().zip(&constraints);
    let x = ends.map(|(x, own)| trained.domain.finished(x, own));
    let x = x.collect::<langevin_core::Result<Vec<_>>>()?;
    Ok(Drawn { crystals: trained.decoded(&chunks, &x, makes.len())?, evaluations })
}

/// A chunk with its constraints, which threads share.
fn shared((chunk, constraints): (Chunk, Vec<Constraint>)) -> (Chunk, Arc<[Constraint]>) {
    (chunk, constraints.into())
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
