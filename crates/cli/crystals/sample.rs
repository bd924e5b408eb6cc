//! `langevin crystals sample`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Result;
use langevin_core::Seed;
use langevin_crystals::matcher::Matcher;
use langevin_crystals::record::Crystal;
use langevin_crystals::space::Crystals;
use langevin_datasets::write_crystals;
use rayon::prelude::*;

use super::candidates::{Calibration, Group};
use super::draws::{Drawn, Draws};
use super::experiment::CrystalsExperiment;
use super::request::{Request, RequestArgs};
use super::shipped;
use crate::choice::ChoiceArgs;
use crate::device::DeviceOptions;
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
    /// Give each crystal exactly the symmetry that it has within so many Å (0.1 if no number is given), unless an atom would move farther; its
    /// space group becomes a label.
    #[arg(long, value_name = "ANGSTROM", num_args = 0..=1, default_missing_value = "0.1", allow_negative_numbers = true, value_parser = super::tolerance)]
    symmetrize: Option<f64>,
    /// Put the candidates of each composition in order: first what most of them agree on, with labels support (the part of
    /// the candidates that are the same structure), cluster (the place of the first of these) and, if the model is calibrated
    /// for such samples of compositions alone, confidence.
    #[arg(long)]
    rank: bool,
    /// File of known crystals: samples that are the structure of one of them, by `match` with its defaults, are drawn again, up
    /// to 20 times. May be given again for further files.
    #[arg(long, value_name = "FILE")]
    unlike: Vec<PathBuf>,
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
        let draws = Draws { trained: &trained, request: &request, batch };
        let known = self.known()?;
        let drawn = pool.install(|| match known.as_slice() {
            [] => draws.once(seed, count, &finished),
            known => draws.until_unknown(known, seed, count, &finished),
        })?;
        bar.finish();
        let failed = drawn.crystals.iter().filter(|crystal| crystal.is_none()).count();
        // The crystals of a file are told apart by their places.
        let keeps_places = self.request.compositions.like().is_some();
        if failed == drawn.crystals.len() {
            let known = if known.is_empty() { "" } else { " that is not known" };
            anyhow::bail!("no sample is a crystal{known}: nothing is written");
        }
        if failed > 0 {
            let known = if known.is_empty() { "" } else { " or were known each time" };
            let done = match keeps_places {
                true => "have their atoms in one place instead, which matches nothing",
                false => "are left out",
            };
            eprintln!("warning: {failed} samples have a cell without volume{known}, and {done}");
        }
        let mut crystals: Vec<Crystal> = match calibration {
            Some(calibration) => {
                let places = keeps_places.then_some(&trained.domain);
                pool.install(|| ordered(&drawn, places, count, calibration.as_ref()))
            }
            None if keeps_places => drawn.filled(&trained.domain).collect(),
            None => drawn.crystals.into_iter().flatten().collect(),
        };
        if let Some(tolerance) = self.symmetrize {
            crystals = pool.install(|| super::symmetrized(crystals, tolerance));
        }
        if let Some(group) = self.request.space_group() {
            crystals = pool.install(|| with_groups(crystals, group));
        }
        let within = self.symmetrize.map_or("nothing".into(), |within| format!("{within} Å"));
        let own = [
            ("symmetrized within", within),
            ("request", serde_json::to_string(&self.request)?),
            ("unlike", format!("{:?}", self.unlike)),
        ];
        let own = own.into_iter().chain(request.weaker());
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
    /// The crystals that samples are to be unlike.
    fn known(&self) -> Result<Vec<Crystal>> {
        let files = self.unlike.iter().map(|path| super::read(path, false));
        Ok(files.collect::<Result<Vec<_>>>()?.concat())
    }

    /// Whether candidates are to be ranked, and what tells their confidence.
    fn calibration(
        &self,
        trained: &Trained,
        request: &Request,
    ) -> Result<Option<Option<Calibration>>> {
        if self.rank && request.compositions().is_none() {
            return refused("--rank: found no composition, needed: --formula or --like");
        }
        let plain = self.request.is_plain() && self.unlike.is_empty();
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

/// What was `drawn`, `count` of each composition, in the order in which to look at them; last, if they are told the domain,
/// come the places of samples that are none.
fn ordered(
    drawn: &Drawn,
    places: Option<&Crystals>,
    count: usize,
    calibration: Option<&Calibration>,
) -> Vec<Crystal> {
    let matcher = Matcher::prediction();
    let filled: Option<Vec<Crystal>> = places.map(|domain| drawn.filled(domain).collect());
    let one = |(i, candidates): (usize, &[Option<Crystal>])| -> Vec<Crystal> {
        let found: Vec<Crystal> = candidates.iter().flatten().cloned().collect();
        let confidence = calibration.map(|calibration| &calibration.confidence);
        let group = (!found.is_empty()).then(|| Group::of(&matcher, &found));
        let ranked = group.into_iter().flat_map(|group| group.labelled(count, confidence));
        let heaps = filled.iter().flat_map(|filled| &filled[i * count..][..candidates.len()]);
        let none = candidates.iter().zip(heaps).filter(|(candidate, _)| candidate.is_none());
        ranked.chain(none.map(|(_, heap)| heap.clone())).collect()
    };
    drawn.crystals.par_chunks(count).enumerate().flat_map_iter(one).collect()
}
