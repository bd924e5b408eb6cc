//! `langevin molecules`.

mod evaluate;
mod experiment;
mod likelihood;
mod measure;
mod page;
mod pictures;
mod refine;
mod request;
mod sample;
mod shipped;
mod train;
mod xtb;

use clap::Subcommand;

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
    /// Measure molecules of any file: stability, validity, uniqueness, novelty, distributions.
    Evaluate(evaluate::EvaluateArgs),
}

impl MoleculesCommand {
    /// Plans and runs the command.
    ///
    /// # Errors
    /// Bad input, or what failed while running.
    pub fn run(self) -> anyhow::Result<Ending> {
        match self {
            Self::Train(args) => args.run(),
            Self::Sample(args) => args.run(),
            Self::Refine(args) => args.run(),
            Self::Likelihood(args) => args.run(),
            Self::Evaluate(args) => args.run(),
        }
    }
}

/// Nothing if a factor can be given to the model, which `what` needs.
fn require_given(trained: &sample::Trained, factor: &str, what: &str) -> anyhow::Result<()> {
    if !trained.experiment.method.give.contains_key(factor) {
        return refused(format!(
            "{what}: found a model that was not given {factor} in training, allowed: one with method.give.{factor}"
        ));
    }
    Ok(())
}
