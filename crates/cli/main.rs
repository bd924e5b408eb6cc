//! `langevin`: generates points, molecules, crystals and climate fields.

#![allow(
    unreachable_pub,
    reason = "nobody is outside of a binary: pub marks what other modules use"
)]

mod choice;
mod climate;
mod config_file;
mod contrast;
mod crystals;
mod data;
mod device;
mod element_colour;
mod experiment;
mod generate;
mod memory;
mod model;
mod molecules;
mod options;
mod points;
mod progress;
mod properties;
mod redraw;
mod results;
mod size_range;
mod threads;
mod trained;
mod training;
mod uq;
mod warm_start;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

/// Generate scientific data: train on yours, sample, evaluate.
///
/// Exit status: 0 done, 1 failed while running, 2 bad input or arguments, 75 stopped early, go on with
/// --resume.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fields on grids: regrid, downscale.
    #[command(subcommand)]
    Climate(climate::ClimateCommand),
    /// Crystals: structures of a composition or of any, comparing, ranking, changing formats.
    #[command(subcommand)]
    Crystals(crystals::CrystalsCommand),
    /// Sets of molecules to train on, from your own files.
    #[command(subcommand)]
    Data(data::DataCommand),
    /// Molecules: train, sample, refine, measure.
    #[command(subcommand)]
    Molecules(molecules::MoleculesCommand),
    /// Point clouds in R^d and on the sphere.
    #[command(subcommand)]
    Points(points::PointsCommand),
    /// Whether uncertainty is right: scores of ensembles.
    #[command(subcommand)]
    Uq(uq::UqCommand),
    Results(results::ResultsArgs),
}

/// What a command leaves behind when it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Exit status 0.
    Done,
    /// Exit status 75.
    Stopped,
}

/// An error that is the caller's to mend: exit status 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadInput(String);

/// `error` as one of the caller's: bad arguments, configs or files.
pub fn bad_input(error: impl Into<anyhow::Error>) -> anyhow::Error {
    let chain: Vec<String> = error.into().chain().map(ToString::to_string).collect();
    // A source whose text its parent already shows is not said twice.
    let mut text = String::new();
    for part in chain {
        if !text.contains(&part) {
            text = if text.is_empty() { part } else { format!("{text}: {part}") };
        }
    }
    BadInput(text).into()
}

/// Nothing but [`bad_input`] with `message`.
pub fn refused<T>(message: impl Into<String>) -> anyhow::Result<T> {
    Err(BadInput(message.into()).into())
}

/// Makes sure that a file can be written at `path` before anything is computed: its folder is made, and what stands there
/// is no folder, and no file unless by `force`.
pub fn prepare_target(path: &Path, force: bool) -> anyhow::Result<()> {
    let shown = path.display();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(Err(error)) = folder.map(std::fs::create_dir_all) {
        return refused(format!("{shown}: cannot make its folder: {error}"));
    }
    if path.is_dir() {
        return refused(format!("{shown} is a folder: choose a file"));
    }
    if force || !path.exists() {
        return Ok(());
    }
    refused(format!("{shown} exists: choose another file, or replace it with --force"))
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Climate(command) => command.run(),
        Command::Crystals(command) => command.run(),
        Command::Data(command) => command.run(),
        Command::Molecules(command) => command.run(),
        Command::Points(command) => command.run(),
        Command::Results(args) => args.run(),
        Command::Uq(command) => command.run(),
    };
    match result {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Stopped) => ExitCode::from(75),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(if error.is::<BadInput>() { 2 } else { 1 })
        }
    }
}
