//! Fields that no file was the source of.

use std::path::Path;

use langevin_climate::axis::Axis;
use langevin_climate::grid::Grid;
use langevin_files::Staged;
use ndarray::Array2;

use super::GridFileError;

/// What a variable on latitudes and longitudes says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// Of the variable.
    pub name: &'a str,
    /// By the conventions CF.
    pub standard_name: &'a str,
    /// Of its numbers.
    pub units: &'a str,
    /// Of the steps of time: `hours since 2020-01-01`.
    pub time: &'a str,
    /// First line of the file's history.
    pub history: &'a str,
}

/// Makes the file `path` with `frames` at times 0, 1, 2 … on a `grid` of degrees; whole or not at all.
///
/// # Errors
/// [`GridFileError::Write`], [`GridFileError::Make`].
///
/// # Panics
/// If a frame does not have the shape of the grid.
pub fn write_made(
    path: &Path,
    replace: bool,
    named: Named,
    grid: &Grid,
    frames: impl ExactSizeIterator<Item = Array2<f32>>,
) -> Result<(), GridFileError> {
    let staged = Staged::file(path, replace, |temporary| {
        let made = fill(temporary, named, grid, frames);
        made.map_err(|error| GridFileError::Make { path: path.into(), source: error.into() })
    })?;
    staged.publish()?;
    Ok(())
}

fn fill(
    path: &Path,
    named: Named,
    grid: &Grid,
    frames: impl ExactSizeIterator<Item = Array2<f32>>,
) -> netcdf::Result<()> {
    let mut file = netcdf::create(path)?;
    file.add_attribute("Conventions", "CF-1.11")?;
    file.add_attribute("history", named.history)?;
    file.add_unlimited_dimension("time")?;
    let mut time = file.add_variable::<f64>("time", &["time"])?;
    time.put_attribute("standard_name", "time")?;
    time.put_attribute("units", named.time)?;
    time.put_attribute("calendar", "standard")?;
    let steps: Vec<f64> = (0..frames.len()).map(|step| step as f64).collect();
    time.put_values(&steps, 0..steps.len())?;
    degrees(&mut file, "lat", ("latitude", "degrees_north"), &grid.y)?;
    degrees(&mut file, "lon", ("longitude", "degrees_east"), &grid.x)?;
    let mut variable = file.add_variable::<f32>(named.name, &["time", "lat", "lon"])?;
    variable.set_compression(4, true)?;
    variable.put_attribute("standard_name", named.standard_name)?;
    variable.put_attribute("units", named.units)?;
    for (step, frame) in frames.enumerate() {
        assert_eq!(frame.dim(), grid.shape(), "a number for each cell");
        let values: Vec<f32> = frame.into_iter().collect();
        variable.put_values(&values, (step, .., ..))?;
    }
    file.close()
}

fn degrees(
    file: &mut netcdf::FileMut,
    name: &str,
    (standard_name, units): (&str, &str),
    axis: &Axis,
) -> netcdf::Result<()> {
    file.add_dimension(name, axis.len())?;
    let mut centres = file.add_variable::<f64>(name, &[name])?;
    centres.put_attribute("standard_name", standard_name)?;
    centres.put_attribute("units", units)?;
    centres.put_values(axis.centres(), ..)
}
