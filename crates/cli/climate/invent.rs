//! `langevin climate invent`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::Result;
use langevin_climate::axis::{Axis, Measure};
use langevin_climate::grid::Grid;
use langevin_climate::rainfarm::random_phases;
use langevin_core::Seed;
use langevin_datasets::{Named, write_made};
use ndarray::Array2;

use super::history;
use super::makers::white;
use crate::{Ending, prepare_target};

/// Slope of the spectrum of what showers are made of; rain's is near it.
const SLOPE: f64 = 2.8;
/// Rain is `SCALE (e^(SHARP g) − e^(SHARP · DRY))` mm/h where that is above 0, a fifth of the cells, for a Gaussian field `g`.
const SCALE: f64 = 0.6;
const SHARP: f64 = 1.6;
const DRY: f64 = 0.8;
/// How far showers turn into others from a step to the next, in radians.
const TURN: f64 = 0.3;

/// Write showers that nobody saw, to try the other commands with.
///
/// A Gaussian field with the spectrum of rain, cut off where it is low, on cells of 0.01 degrees.
///
/// Example: langevin climate invent --out truth.nc
#[derive(Debug, clap::Args)]
pub struct InventArgs {
    /// Output file, NetCDF-4.
    #[arg(long)]
    out: PathBuf,
    /// Rows and columns.
    #[arg(long, value_name = "N", default_value = "128", value_parser = cells)]
    cells: usize,
    /// Steps of time.
    #[arg(long, default_value = "4", value_parser = crate::options::positive)]
    times: NonZeroUsize,
    /// Same seed: same showers.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Replace the output file if it exists.
    #[arg(long)]
    force: bool,
    /// No summary; errors only.
    #[arg(long)]
    quiet: bool,
}

fn cells(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (2..=4000).contains(n));
    number.ok_or_else(|| "allowed: 2 to 4000".into())
}

impl InventArgs {
    /// Invents and writes.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn run(self) -> Result<Ending> {
        prepare_target(&self.out, self.force)?;
        let shape = (self.cells, self.cells);
        let [from, to] = [0, 1].map(|k| random_phases(white(Seed(self.seed), shape, 0, k), SLOPE));
        let amount = |g: f64| SCALE * ((SHARP * g).exp() - (SHARP * DRY).exp());
        let rain = |step: usize| -> Array2<f32> {
            let (sin, cos) = (TURN * step as f64).sin_cos();
            (&from * cos + &to * sin).mapv(|g| amount(g).max(0.0) as f32)
        };
        let axis = |first: f64, measure| {
            let centres = (0..self.cells).map(|i| first + 0.01 * i as f64).collect();
            Axis::new(centres, measure, None)
        };
        let grid = Grid { y: axis(30.005, Measure::Sine)?, x: axis(-99.995, Measure::Length)? };
        let named = Named {
            name: "pr",
            standard_name: "lwe_precipitation_rate",
            units: "mm/h",
            time: "hours since 2020-06-01",
            history: &history::line(),
        };
        let times = self.times.get();
        write_made(&self.out, self.force, named, &grid, (0..times).map(rain))?;
        if !self.quiet {
            println!("{}: {times} fields of {} by {}", self.out.display(), shape.0, shape.1);
        }
        Ok(Ending::Done)
    }
}
