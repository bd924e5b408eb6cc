//! `langevin molecules`.

mod draws;
mod evaluate;
mod experiment;
mod likelihood;
mod measure;
mod page;
mod pictures;
mod prediction;
mod refine;
mod request;
mod sample;
mod shipped;
mod train;
mod xtb;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Subcommand;
use langevin_core::ConfigError;
use langevin_datasets::read_molecules;
use langevin_molecules::record::Molecule;
use langevin_molecules::space::Molecules;
use langevin_train::TrainConfig;

use crate::{Ending, bad_input, refused};

/// What can be done with molecules.
#[derive(Debug, Subcommand)]
pub enum MoleculesCommand {
    Train(train::TrainArgs),
    Sample(Box<sample::SampleArgs>),
    Refine(Box<refine::RefineArgs>),
    Likelihood(likelihood::LikelihoodArgs),
    TrainPredictor(prediction::TrainPredictorArgs),
    Predict(prediction::PredictArgs),
    Evaluate(evaluate::EvaluateArgs),
}

impl MoleculesCommand {
    /// Plans and runs the command.
    ///
    /// # Errors
    /// Bad input, or what failed while running.
    pub fn run(self) -> Result<Ending> {
        match self {
            Self::Train(args) => args.run(),
            Self::Sample(args) => args.run(),
            Self::Refine(args) => args.run(),
            Self::Likelihood(args) => args.run(),
            Self::TrainPredictor(args) => args.run(),
            Self::Predict(args) => args.run(),
            Self::Evaluate(args) => args.run(),
        }
    }
}

/// Nothing if a factor can be given to the model, which `what` needs.
fn require_given(trained: &sample::Trained, factor: &str, what: &str) -> Result<()> {
    if !trained.experiment.method.give.contains_key(factor) {
        return refused(format!(
            "{what}: found a model that was not given {factor} in training, allowed: one with method.give.{factor}"
        ));
    }
    Ok(())
}

/// Nothing if all elements of `molecules`, which were read from `file`, are among those of `domain`.
fn require_elements(domain: &Molecules, molecules: &[Molecule], file: &Path) -> Result<()> {
    for (i, molecule) in molecules.iter().enumerate() {
        let known = &domain.elements;
        let stranger = molecule.species().iter().find(|element| !known.contains(element));
        if let Some(stranger) = stranger {
            let own = domain.distinct_elements();
            let own: Vec<&str> = own.iter().map(|element| element.symbol()).collect();
            let (file, number, own) = (file.display(), i + 1, own.join(", "));
            return refused(format!(
                "{file}: molecule {number} has {stranger}, this model knows {own}"
            ));
        }
    }
    Ok(())
}

/// The molecules in `path`, every frame of which must be one.
fn read(path: &Path) -> Result<Vec<Molecule>> {
    Ok(read_molecules(path, false).map_err(bad_input)?.molecules)
}

/// Nothing if what a run is to be validated with is there.
fn require_validation(file: Option<&PathBuf>, train: &TrainConfig) -> Result<(), ConfigError> {
    if train.validate_every > 0 && file.is_none() {
        let allowed = "a file of molecules, since train.validate_every is above 0";
        return Err(ConfigError::new("data.validation_file", "nothing", allowed));
    }
    Ok(())
}

/// `places` of molecules in chunks of one size, `most` at the most; the largest molecules first, so that threads end at
/// about the same time.
fn chunks_by_size(
    molecules: &[Molecule],
    places: impl IntoIterator<Item = usize>,
    most: usize,
) -> Vec<Vec<usize>> {
    let mut by_size: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for place in places {
        by_size.entry(molecules[place].len()).or_default().push(place);
    }
    by_size.values().rev().flat_map(|own| own.chunks(most)).map(<[usize]>::to_vec).collect()
}
