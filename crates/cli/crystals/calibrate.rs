//! `langevin crystals calibrate`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use langevin_core::Seed;
use langevin_crystals::matcher::Matcher;
use langevin_crystals::record::Crystal;
use rayon::prelude::*;

use super::candidates::{Calibration, Group, Hits};
use super::draws::Draws;
use super::references::real;
use super::request::RequestArgs;
use super::sample::Trained;
use crate::choice::ChoiceArgs;
use crate::device::DeviceOptions;
use crate::model::Model;
use crate::options::RunOptions;
use crate::progress::SharedProgress;
use crate::{Ending, bad_input, prepare_target, refused, threads};

/// Crystals below which a share of them says little.
const FEW: usize = 100;
/// Key of a model file's metadata.
const KEY: &str = "calibration";

/// Learn how often a model's first candidate is the real structure.
///
/// The model is written with that: `sample --rank` then tells a confidence. What is learnt on must be crystals that it was
/// not trained on. The crystals are those that the model's config holds out, or those of --like.
///
/// Example: langevin crystals calibrate runs/mp20 --out mp20.safetensors
#[derive(Debug, clap::Args)]
pub struct CalibrateArgs {
    /// Model file or run directory.
    model: PathBuf,
    #[command(flatten)]
    request: RequestArgs,
    /// Candidates of each composition.
    #[arg(long, default_value = "20", value_parser = crate::options::positive)]
    count: NonZeroUsize,
    /// The model with its calibration.
    #[arg(long)]
    out: PathBuf,
    /// Same seed and model: same candidates.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Crystals computed together.
    #[arg(long, default_value = "64", value_parser = crate::options::positive)]
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
        prepare_target(&self.out, self.force)?;
        let model = Model::read(&self.model)?;
        let mut file = model.file.clone();
        let (mut trained, _) = Trained::of(model, &self.device.open()?)?;
        self.choice.apply(&mut trained)?;
        if !self.request.is_plain() || self.request.is_of_any_composition() {
            return refused(
                "found requests beside compositions, allowed: --like, --pool and --fill-unknown, since a confidence is told for compositions alone",
            );
        }
        let (seed, count) = (Seed(self.seed), self.count.get());
        let (references, cells) = real(&self.request, &trained)?;
        if references.len() < FEW {
            let (few, off) = (references.len(), 0.5 / (references.len() as f64).sqrt());
            eprintln!("note: learnt on {few} crystals alone, a confidence may be off by {off:.2}");
        }
        let request = self.request.plan_for(Some(cells), &trained, seed)?;
        let total = super::total(count, references.len())? as u64;
        let bar = SharedProgress::new("sample", total, self.options.quiet);
        let finished = |samples: usize| bar.advance(samples as u64);
        let draws = Draws { trained: &trained, request: &request, batch: self.batch.get() };
        let drawn = pool.install(|| draws.once(seed, count, &finished))?;
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

/// The calibration that a model has for `count` candidates drawn as `trained` would, `plain` if nothing else is asked of
/// them; what is missing is said.
///
/// # Errors
/// If the model's is damaged.
pub fn of_model(trained: &Trained, plain: bool, count: usize) -> Result<Option<Calibration>> {
    let none = |why: &str| {
        eprintln!("note: {why}: candidates have a support, but no confidence");
        Ok(None)
    };
    let Some(text) = trained.metadata.get(KEY) else {
        return none("the model is not calibrated (langevin crystals calibrate)");
    };
    if !plain {
        return none("the model is calibrated for compositions of which nothing else is asked");
    }
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
