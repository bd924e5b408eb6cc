//! Pairs of an ensemble and what was observed, step by step.

use std::path::Path;

use anyhow::{Result, anyhow};
use langevin_climate::axis::Measure;
use langevin_datasets::{FieldSource, GridFile};
use ndarray::{Array1, Array2, Array3, Axis};

use crate::{bad_input, refused};

/// How far cells of two grids may lie apart, as a part of a cell.
const SAME: f64 = 0.01;

/// Cells along the shorter side that a spectrum needs.
const SHORTEST: usize = 4;

/// A file of forecasts and the file of what was observed.
pub struct Cases {
    forecast: (GridFile, FieldSource),
    observed: (GridFile, FieldSource),
    climatology: Option<(GridFile, FieldSource)>,
    /// Of each cell, with mean 1.
    pub weights: Array1<f64>,
}

/// One step of time.
pub struct Case {
    /// `[members, rows, columns]`.
    pub ensemble: Array3<f32>,
    /// `[rows, columns]`.
    pub observed: Array2<f32>,
    /// `[rows, columns]`: what anomalies are from.
    pub climatology: Option<Array2<f32>>,
}

impl Case {
    /// Members on cells: `[members, cells]`.
    pub fn cells(&self) -> Array2<f32> {
        let members = self.ensemble.len_of(Axis(0));
        let cells = self.observed.len();
        let flat: Vec<f32> = self.ensemble.iter().copied().collect();
        Array2::from_shape_vec((members, cells), flat).expect("as many as there are")
    }

    /// What was observed on cells.
    pub fn observed_cells(&self) -> Array1<f32> {
        self.observed.iter().copied().collect()
    }

    /// Whether every cell has a value, observed and in all members.
    pub fn whole(&self) -> bool {
        let whole = |x: &f32| x.is_finite();
        self.observed.iter().all(whole) && self.ensemble.iter().all(whole)
    }

    /// Whether it has spectra: it is whole and no side too short for one.
    pub fn has_spectra(&self) -> bool {
        let (rows, columns) = self.observed.dim();
        rows.min(columns) >= SHORTEST && self.whole()
    }
}

impl Cases {
    /// Both files opened, their fields on one grid and as long.
    ///
    /// # Errors
    /// A file or a variable that is not there; grids or lengths that differ.
    pub fn open(
        (forecast, name): (&Path, Option<&str>),
        (observed, own_name): (&Path, Option<&str>),
    ) -> Result<Self> {
        let forecast = open(forecast, name)?;
        let observed = open(observed, own_name.or(Some(&forecast.1.name)))?;
        check_alike(&forecast, &observed)?;
        let rows = observed.1.grid.row_weights();
        let columns = observed.1.grid.x.len();
        let weights = rows.iter().flat_map(|&w| std::iter::repeat_n(w, columns)).collect();
        Ok(Self { forecast, observed, climatology: None, weights })
    }

    /// The same with the fields of a file, by the name of what was observed, that anomalies are from: one for all
    /// steps, or as many as there are.
    ///
    /// # Errors
    /// A file or a variable that is not there; a grid or a length that differs.
    pub fn with_climatology(mut self, path: &Path) -> Result<Self> {
        let climatology = open(path, Some(&self.observed.1.name))?;
        check_grids(&climatology, &self.observed)?;
        let (steps, members) = (climatology.1.times, climatology.1.members);
        if (steps != 1 && steps != self.len()) || members != 1 {
            let (path, most) = (path.display(), self.len());
            return refused(format!(
                "{path}: found {steps} steps of {members} members, allowed: 1 or {most} steps of one member"
            ));
        }
        self.climatology = Some(climatology);
        Ok(self)
    }

    /// Steps of time.
    pub fn len(&self) -> usize {
        self.forecast.1.times
    }

    /// Members.
    pub fn members(&self) -> usize {
        self.forecast.1.members
    }

    /// Name, unit and grid of what was observed.
    pub fn field(&self) -> &FieldSource {
        &self.observed.1
    }

    /// Latitudes of rows that go all around the globe.
    pub fn circles(&self) -> Option<&[f64]> {
        let grid = &self.observed.1.grid;
        let (first, last) = (grid.x.bounds().first()?, grid.x.bounds().last()?);
        let around =
            grid.x.period().is_some_and(|whole| ((last - first).abs() - whole).abs() < 1e-3);
        (around && grid.y.measure() == Measure::Sine).then(|| grid.y.centres())
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        self.observed.1.grid.shape()
    }

    /// The step at `time`, from 0.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn at(&self, time: usize) -> Result<Case> {
        let (file, field) = &self.forecast;
        let frames = (0..field.members).map(|member| file.frame(field, (time, member)));
        let frames = frames.collect::<Result<Vec<_>, _>>().map_err(bad_input)?;
        let views: Vec<_> = frames.iter().map(|frame| frame.view()).collect();
        let climatology = self.climatology.as_ref().map(|(file, field)| {
            let step = if field.times == 1 { 0 } else { time };
            file.frame(field, (step, 0)).map_err(bad_input)
        });
        let climatology = climatology.transpose()?;
        let (file, field) = &self.observed;
        Ok(Case {
            climatology,
            ensemble: ndarray::stack(Axis(0), &views).map_err(|error| anyhow!("{error}"))?,
            observed: file.frame(field, (time, 0)).map_err(bad_input)?,
        })
    }
}

fn open(path: &Path, name: Option<&str>) -> Result<(GridFile, FieldSource)> {
    let file = GridFile::open(path).map_err(bad_input)?;
    let field = file.field(name).map_err(bad_input)?;
    Ok((file, field))
}

fn named(file: &GridFile, field: &FieldSource) -> String {
    format!("{}, {}", file.path().display(), field.name)
}

fn check_grids(
    (forecast, a): &(GridFile, FieldSource),
    (observed, b): &(GridFile, FieldSource),
) -> Result<()> {
    let (left, right) = (named(forecast, a), named(observed, b));
    if a.grid.shape() != b.grid.shape() {
        let ((h, w), (rows, columns)) = (a.grid.shape(), b.grid.shape());
        return refused(format!(
            "{left}: found {h} by {w} cells, allowed: {rows} by {columns}, as {right}; langevin climate regrid brings \
             fields to another grid"
        ));
    }
    for (name, own, other) in [("row", &a.grid.y, &b.grid.y), ("column", &a.grid.x, &b.grid.x)] {
        let apart = own.centres().iter().zip(other.centres()).zip(own.bounds().windows(2));
        let apart = apart.map(|((x, y), cell)| (x - y).abs() / (cell[1] - cell[0]).abs());
        if let Some((place, _)) = apart.enumerate().find(|(_, apart)| *apart > SAME) {
            let (x, y) = (own.centres()[place], other.centres()[place]);
            let place = place + 1;
            return refused(format!(
                "{left}: found {name} {place} at {x}, allowed: {y}, as {right}"
            ));
        }
    }
    Ok(())
}

fn check_alike(
    forecasts: &(GridFile, FieldSource),
    observations: &(GridFile, FieldSource),
) -> Result<()> {
    check_grids(forecasts, observations)?;
    let ((forecast, a), (observed, b)) = (forecasts, observations);
    let (left, right) = (named(forecast, a), named(observed, b));
    if a.times != b.times {
        let (found, needed) = (a.times, b.times);
        return refused(format!("{left}: found {found} steps, allowed: {needed}, as {right}"));
    }
    if b.members > 1 {
        let found = b.members;
        return refused(format!(
            "{right}: found {found} members, allowed: what was observed, once"
        ));
    }
    Ok(())
}
