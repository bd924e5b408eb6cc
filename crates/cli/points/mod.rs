//! `langevin points`: the verbs of the smallest domain.

mod average;
mod compare;
mod data;
mod ends;
mod evaluate;
mod experiment;
mod figures;
mod guidance;
mod likelihood;
mod sample;
mod table;
mod train;
mod trained;

use clap::Subcommand;

use crate::Ending;

/// What can be done with points.
#[derive(Debug, Subcommand)]
pub enum PointsCommand {
    Train(train::TrainArgs),
    Average(average::AverageArgs),
    Sample(Box<sample::SampleArgs>),
    Evaluate(evaluate::EvaluateArgs),
    Table(table::TableArgs),
}

impl PointsCommand {
    /// Plans and runs the command.
    ///
    /// # Errors
    /// Bad input, or what failed while running.
    pub fn run(self) -> anyhow::Result<Ending> {
        match self {
            Self::Train(args) => args.run(),
            Self::Average(args) => args.run(),
            Self::Sample(args) => args.run(),
            Self::Evaluate(args) => args.run(),
            Self::Table(args) => args.run(),
        }
    }
}
