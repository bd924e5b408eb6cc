//! `langevin data`.

mod frames;
mod import;
mod labels;
mod split;
mod statistics;
mod target;

use clap::Subcommand;

use crate::Ending;

/// What can be done with data before anything is trained on them.
#[derive(Debug, Subcommand)]
pub enum DataCommand {
    Import(import::ImportArgs),
}

impl DataCommand {
    /// Plans and runs the command.
    ///
    /// # Errors
    /// Bad input, or what failed while running.
    pub fn run(self) -> anyhow::Result<Ending> {
        match self {
            Self::Import(args) => args.run(),
        }
    }
}
