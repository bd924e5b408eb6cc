//! `langevin molecules`.

mod evaluate;
mod measure;
mod page;
mod pictures;
mod xtb;

use clap::Subcommand;

use crate::Ending;

/// What can be done with molecules.
#[derive(Debug, Subcommand)]
pub enum MoleculesCommand {
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
            Self::Evaluate(args) => args.run(),
        }
    }
}
