//! `langevin climate`.

mod binding;
mod downscale;
mod experiment;
mod frames;
mod generator;
mod history;
mod invent;
mod makers;
mod observations;
mod partial;
mod reading;
mod regrid;
mod shipped;
mod tilt;
mod train;

use anyhow::Result;
use clap::Subcommand;

use crate::Ending;

/// What can be done with fields on grids.
#[derive(Debug, Subcommand)]
pub enum ClimateCommand {
    Downscale(Box<downscale::DownscaleArgs>),
    Invent(invent::InventArgs),
    Regrid(regrid::RegridArgs),
    Train(train::TrainArgs),
}

impl ClimateCommand {
    /// Plans and runs the command.
    ///
    /// # Errors
    /// Bad input, or what failed while running.
    pub fn run(self) -> Result<Ending> {
        match self {
            Self::Downscale(args) => args.run(),
            Self::Invent(args) => args.run(),
            Self::Regrid(args) => args.run(),
            Self::Train(args) => args.run(),
        }
    }
}
