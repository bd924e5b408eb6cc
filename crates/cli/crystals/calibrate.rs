//! `langevin crystals calibrate`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use langevin_core::Seed;
use langevin_crystals::matcher::Matcher;
use langevin_crystals::record::Crystal;
use rayon::prelude::*;

use super::candidates::{Calibration, Group, Hits};
use super::compositions::AskedCell;
use super::makes::bounds;
use super::request::RequestArgs;
use super::sample::{Trained, draw};
use crate::choice::ChoiceArgs;
use crate::device::DeviceOptions;
use crate::model::Model;
use crate::options::RunOptions;
use crate::progress::SharedProgress;
use crate::{Ending, bad_input, refuse_existing, refused, threads};

/// Key of a model file's metadata.
const KEY: &str = "calibration";

/// Learn how often a model's first candidate is the real structure, on crystals that it was not trained on, and write the
/// model with that: `sample --rank` then tells a confidence.
///
/// The crystals are those that the model's config holds out, or those of --like.
///
/// Example: langevin crystals calibrate runs/mp20 --out mp20.safetensors
#[derive(Debug, clap::Args)]
pub struct CalibrateArgs {
    /// Model file or run directory.
    model: PathBuf,
    #[command(flatten)]
    request: RequestArgs,
    /// Candidates of each composition.
    #[arg(long, default_value = "20")]
    count: NonZeroUsize,
    /// The model with its calibration.
    #[arg(long)]
    out: PathBuf,
    /// Same seed and model: same candidates.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Crystals computed together.
    #[arg(long, default_value = "64")]
    batch: NonZeroUsize,
    /// Replace the output file if it exists.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    choice: ChoiceArgs,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    options: RunOptions,
}

impl CalibrateArgs {
    /// Samples, ranks, compares and writes.
    ///
    /// # Errors
    /// Bad input, or what failed while sampling.
    pub fn run(self) -> Result<Ending> {
        let pool = threads::pool(self.options.threads)?;
        refuse_existing(&self.out, self.force)?;
        let model = Model::read(&self.model)?;
        let mut file = model.file.clone();
        let (mut trained, _) = Trained::of(model, &self.device.open()?)?;
        self.choice.apply(&mut trained)?;
        let (seed, count) = (Seed(self.seed), self.count.get());
        let (references, cells) = self.real(&trained)?;
        let request = self.request.plan_for(Some(cells), &trained, seed)?;
        let bar =
            SharedProgress::new("sample", (count * references.len()) as u64, self.options.quiet);
        let finished = |samples: usize| bar.advance(samples as u64);
        let batch = self.batch.get();
        let drawn = pool.install(|| draw(&trained, &request, seed, (count, batch), &finished))?;
        bar.finish();
        let pairs = pool.install(|| fared(&drawn.crystals, count, &references));
        let (groups, hits): (Vec<Group>, Vec<Hits>) = pairs.into_iter().unzip();
        let calibration = Calibration::learnt(&groups, &hits, count, Some(settings(&trained)?))?;
        file.metadata.insert(KEY.into(), serde_json::to_string(&calibration)?);
        file.write(&self.out).with_context(|| format!("cannot write {}", self.out.display()))?;
        if !self.options.quiet {
            let first = |hits: &&Hits| hits.0[0].is_some();
            let right = hits.iter().filter(first).count();
            println!("{}: {right} of {} first candidates match", self.out.display(), hits.len());
        }
        Ok(Ending::Done)
    }
}

impl CalibrateArgs {
    /// Real structures that were not trained on, and their cells.
    fn real(&self, trained: &Trained) -> Result<(Vec<Crystal>, Vec<AskedCell>)> {
        let compositions = &self.request.compositions;
        if compositions.formula().is_some() {
            return refused("--formula: a calibration needs real structures, needed: --like");
        }
        if let Some(path) = compositions.like() {
            let references = super::read(path, false)?;
            let cells = AskedCell::of_all(&references, &format!("--like {}", path.display()));
            return Ok((references, cells));
        }
        let held_out = trained.experiment.held_out()?;
        let (total, (least, most)) = (held_out.len(), bounds(&trained.domain));
        let known = |crystal: &Crystal| {
            let elements = &trained.domain.elements;
            crystal.species().iter().all(|element| elements.contains(element))
                && (least..=most).contains(&crystal.len())
        };
        let references: Vec<Crystal> = held_out.into_iter().filter(known).collect();
        if references.is_empty() {
            return refused("the model's config holds no crystals out, needed: --like");
        }
        if references.len() < total {
            let unknown = total - references.len();
            eprintln!(
                "note: {unknown} of {total} crystals have elements or sizes that the model does not know"
            );
        }
        let cells = AskedCell::of_all(&references, "held out");
        Ok((references, cells))
    }
}

/// The candidates of each composition, `count` of which were drawn, and how they fare against its real structure;
/// without compositions of which no sample is a crystal.
fn fared(drawn: &[Option<Crystal>], count: usize, references: &[Crystal]) -> Vec<(Group, Hits)> {
    let matcher = Matcher::prediction();
    let one = |(candidates, reference): (&[Option<Crystal>], &Crystal)| {
        let candidates: Vec<Crystal> = candidates.iter().flatten().cloned().collect();
        let group = (!candidates.is_empty()).then(|| Group::of(&matcher, &candidates))?;
        let hits = Hits::of(&matcher, &group, reference);
        Some((group, hits))
    };
    drawn.par_chunks(count).zip(references).filter_map(one).collect()
}

/// The calibration that a model has for `count` candidates drawn as `trained` would; what is missing is said.
///
/// # Errors
/// If the model's is damaged.
pub fn of_model(trained: &Trained, count: usize) -> Result<Option<Calibration>> {
    let none = |why: &str| {
        eprintln!("note: {why}: candidates have a support, but no confidence");
        Ok(None)
    };
    let Some(text) = trained.metadata.get(KEY) else {
        return none("the model is not calibrated (langevin crystals calibrate)");
    };
    let calibration: Calibration = serde_json::from_str(text)
        .map_err(|error| bad_input(anyhow!("the model's calibration: {error}")))?;
    let own = calibration.candidates;
    if own != count {
        return none(&format!("the model is calibrated for --count {own}"));
    }
    if calibration.settings.as_ref() != Some(&settings(trained)?) {
        return none("the model is calibrated for another sampler, grid or annealing");
    }
    Ok(Some(calibration))
}

/// How samples are drawn, as text.
fn settings(trained: &Trained) -> Result<String> {
    let method = &trained.experiment.method;
    Ok(serde_json::to_string(&(&method.sampler, &method.grid, &method.anneal))?)
}
