//! The `[data]` section.

use std::path::PathBuf;

use langevin_core::ConfigError;
use langevin_core::config::require;
use serde::{Deserialize, Serialize};

use crate::space::Quantity;

/// Factors that a model may be trained and asked for: the noise of a coarse cell has a lattice of 16 by 16 points.
pub const FACTORS: [f64; 2] = [1.5, 16.0];

/// `[data]`: fine fields, of which coarse ones are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// NetCDF files with fine fields, relative to where the command is run.
    pub files: Vec<PathBuf>,
    /// Variable; without it the only one on a grid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// What the numbers are.
    pub quantity: Quantity,
    /// Ranges of columns to train on, first and last, counted from 1; without them, all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<[usize; 2]>,
    /// Ranges of columns that are never trained on, to validate with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validation_columns: Vec<[usize; 2]>,
    /// The first steps of time, of every file, that are trained on, where the others validate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_times: Option<usize>,
    /// Edge of training windows in fine cells.
    pub edge: usize,
    /// Windows are taken if at least this part of their cells is above the least amount; 0 takes all.
    #[serde(default)]
    pub wet: f64,
    /// Factors trained on; one that stands twice is drawn twice as often.
    pub factors: Vec<f64>,
    /// Fine fields are means over so many cells along each edge; several give several sizes of fine cells.
    #[serde(default = "as_they_are")]
    pub means: Vec<usize>,
    /// Whether states are anomalies from the mean over the times trained on: what is always there needs no model.
    #[serde(default)]
    pub climatology: bool,
    /// Whether windows are turned and mirrored: where no direction is special.
    #[serde(default)]
    pub symmetries: bool,
}

fn as_they_are() -> Vec<usize> {
    vec![1]
}

impl DataConfig {
    /// Nothing, if every number can be.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.files.is_empty() {
            return Err(ConfigError::new(
                "files",
                "nothing",
                "a NetCDF file of fields, or several",
            ));
        }
        self.quantity.check().map_err(|error| error.within("quantity"))?;
        require("edge", self.edge, |n| (16..=1024).contains(&n), "16 to 1024")?;
        require("wet", self.wet, |w| (0.0..1.0).contains(&w), "0 to below 1")?;
        let [least, most] = FACTORS;
        let edge = self.edge as f64;
        let fits = |&&factor: &&f64| !(least..=most).contains(&factor) || edge / factor < 4.0;
        if let Some(factor) = self.factors.iter().find(fits) {
            let allowed = "1.5 to 16, with four coarse cells in a window";
            return Err(ConfigError::new("factors", factor, allowed));
        }
        require("factors", self.factors.len(), |n| n > 0, "one or more")?;
        if let Some(count) = self.means.iter().find(|&&count| count == 0) {
            return Err(ConfigError::new("means", count, "1 or more"));
        }
        require("means", self.means.len(), |n| n > 0, "one or more")?;
        for (key, ranges) in
            [("columns", &self.columns), ("validation_columns", &self.validation_columns)]
        {
            if let Some([first, last]) =
                ranges.iter().find(|[first, last]| *first == 0 || last < first)
            {
                let found = format!("[{first}, {last}]");
                return Err(ConfigError::new(key, found, "first and last, counted from 1"));
            }
        }
        if self.climatology && matches!(self.quantity, Quantity::Amount { .. }) {
            return Err(ConfigError::new("climatology", true, "false for amounts"));
        }
        if self.train_times.is_some() && !self.validation_columns.is_empty() {
            let allowed = "nothing where there are data.validation_columns";
            return Err(ConfigError::new("train_times", "a number", allowed));
        }
        Ok(())
    }

    /// Whether something is held out.
    pub fn validates(&self) -> bool {
        self.train_times.is_some() || !self.validation_columns.is_empty()
    }
}
