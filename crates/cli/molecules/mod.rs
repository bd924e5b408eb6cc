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

use std::path::Path;

use anyhow::Result;
use clap::Subcommand;
use langevin_molecules::record::Molecule;
use langevin_molecules::space::Molecules;

use crate::{Ending, refused};

/// What can be done with molecules.
#[derive(Debug, Subcommand)]
pub enum MoleculesCommand {
    /// Train a model from a config.
    Train(train::TrainArgs),
    /// Draw molecules from a trained model.
    Sample(Box<sample::SampleArgs>),
    /// Bring rough geometries to what a model has learnt.
    Refine(Box<refine::RefineArgs>),
    /// Bound the likelihood of molecules under a model of EDM's kind.
    Likelihood(likelihood::LikelihoodArgs),
    /// Train a model of properties of molecules, for `predict` and `sample --judge`.
    TrainPredictor(prediction::TrainPredictorArgs),
    /// Predict properties of molecules of any file.
    Predict(prediction::PredictArgs),
    /// Measure molecules of any file: stability, validity, uniqueness, novelty, distributions.
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
