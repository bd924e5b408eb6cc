//! Frames of the files that a model is trained on.

use std::path::Path;

use anyhow::Result;
use langevin_climate::config::DataConfig;
use langevin_climate::frame::Frame;
use langevin_climate::grid::Grid;
use langevin_climate::reference::Mean;
use langevin_climate::space::Climatology;
use langevin_datasets::{FieldSource, GridFile};
use ndarray::{Array2, Axis as Along, concatenate, s};

use super::experiment::unit;
use crate::{bad_input, refused};

/// Files to be read, and what is known of them before.
pub struct Reading<'a> {
    config: &'a DataConfig,
    /// Unit of the first file's values.
    pub units: String,
    /// Mean over the times trained on, if the config asks for it.
    pub climatology: Option<Climatology>,
    /// The same, cell by cell.
    mean: Option<Array2<f32>>,
}

impl<'a> Reading<'a> {
    /// Opens the first file, and reads all where their mean is needed.
    ///
    /// # Errors
    /// If a file cannot be used.
    pub fn new(config: &'a DataConfig) -> Result<Self> {
        let (_, first) = open(&config.files[0], config)?;
        let units = first.units.clone().unwrap_or_default();
        let mut reading = Self { config, units, climatology: None, mean: None };
        if config.climatology {
            let mean = reading.mean(&first.grid)?;
            reading.climatology = Some(Climatology::new(first.grid, &mean));
            reading.mean = Some(mean);
        }
        Ok(reading)
    }

    /// The mean over the times trained on.
    fn mean(&self, grid: &Grid) -> Result<Array2<f32>> {
        let mut mean = Mean::new(grid.shape());
        for path in &self.config.files {
            let (file, field) = open(path, self.config)?;
            if field.grid != *grid {
                let path = path.display();
                return refused(format!(
                    "{path}: found another grid than the first file's, allowed: the same, for data.climatology"
                ));
            }
            for place in places(self.config, &field, false) {
                mean.add(&file.frame(&field, place).map_err(bad_input)?);
            }
        }
        Ok(mean.finish())
    }

    /// The frames to train on, or those that are held out: cut into their ranges of columns.
    ///
    /// # Errors
    /// If a file cannot be used.
    pub fn frames(&self, held_out: bool) -> Result<Vec<Frame>> {
        let config = self.config;
        let ranges = if held_out { &config.validation_columns } else { &config.columns };
        let mut frames = Vec::new();
        for path in &config.files {
            let (file, field) = open(path, config)?;
            let width = field.grid.x.len();
            let whole = [[1, width]];
            let ranges = if ranges.is_empty() { &whole[..] } else { ranges };
            if let Some([first, last]) = ranges.iter().find(|[_, last]| *last > width) {
                let path = path.display();
                return refused(format!(
                    "data.columns: found {first}..{last}, allowed: within the {width} of {path}"
                ));
            }
            let rows = Rows::of(&file, &field)?;
            for place in places(config, &field, held_out) {
                let mut values = file.frame(&field, place).map_err(bad_input)?;
                if let Some(mean) = &self.mean {
                    values -= mean;
                }
                for [first, last] in ranges {
                    let part = values.slice(s![.., first - 1..*last]).to_owned();
                    let around = field.grid.x.period().is_some() && part.ncols() == width;
                    let part = if around { continued(part, config.edge) } else { part };
                    frames.push(rows.frame(part));
                }
            }
        }
        Ok(frames)
    }
}

/// What the rows of a file's frames are.
struct Rows {
    areas: Vec<f64>,
    edges: Vec<f64>,
}

impl Rows {
    fn of(file: &GridFile, field: &FieldSource) -> Result<Self> {
        let (kilometres, grid) = (unit(file, field)?, &field.grid);
        let edges = (0..grid.y.len()).map(|i| grid.cell_edge(i, kilometres)).collect();
        Ok(Self { areas: grid.y.sizes(), edges })
    }

    fn frame(&self, values: Array2<f32>) -> Frame {
        Frame { values, areas: self.areas.clone(), edges: self.edges.clone() }
    }
}

/// A file and its field.
fn open(path: &Path, config: &DataConfig) -> Result<(GridFile, FieldSource)> {
    let file = GridFile::open(path).map_err(bad_input)?;
    let field = file.field(config.variable.as_deref()).map_err(bad_input)?;
    Ok((file, field))
}

/// Steps and members that are trained on, or those that are held out.
fn places(config: &DataConfig, field: &FieldSource, held_out: bool) -> Vec<(usize, usize)> {
    let times = match config.train_times {
        None => 0..field.times,
        Some(count) if held_out => count.min(field.times)..field.times,
        Some(count) => 0..count.min(field.times),
    };
    times.flat_map(|time| (0..field.members).map(move |member| (time, member))).collect()
}

/// A field that goes around, with so many of its first columns again after its last.
fn continued(field: Array2<f32>, columns: usize) -> Array2<f32> {
    let again = field.slice(s![.., ..columns.min(field.ncols())]);
    concatenate(Along(1), &[field.view(), again]).expect("both have the same rows")
}
