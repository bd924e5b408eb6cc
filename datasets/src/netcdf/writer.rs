//! Fields written beside what their source says of them: times, calendars, projections, attributes.

use std::path::Path;

use langevin_climate::axis::{Axis, Measure};
use langevin_climate::grid::Grid;
use langevin_files::Staged;
use ndarray::Array2;
use netcdf::{AttributeValue, Extent, FileMut, Variable};

use super::GridFileError;
use super::file::{FieldSource, GridFile};
use super::roles::{self, Role};

/// The library's own mark of missing numbers of single precision.
const FILL: f32 = 9.969_21e36;

/// Attributes that tell how numbers were stored, which is not how they are stored here.
const OF_STORAGE: [&str; 11] = [
    "scale_factor",
    "add_offset",
    "_FillValue",
    "missing_value",
    "valid_range",
    "valid_min",
    "valid_max",
    "_Unsigned",
    "_ChunkSizes",
    "coordinates",
    "cell_measures",
];

/// How a field is written.
#[derive(Debug, Clone)]
pub struct WriteOptions {
    /// Members along a dimension `realization`; nothing for a field without.
    pub members: Option<usize>,
    /// Steps of time that are written, in order; those of the source.
    pub times: Vec<usize>,
    /// zlib's level, 0 to 9.
    pub deflate: i32,
    /// What is added in front of the file's history: date and command.
    pub history: String,
    /// Attributes of the file: where its numbers come from.
    pub provenance: Vec<(String, String)>,
}

/// A file that is being filled.
#[derive(Debug)]
pub struct GridWriter<'a> {
    file: FileMut,
    field: &'a FieldSource,
    path: &'a Path,
    has_members: bool,
}

/// Makes the file `path` with the field of `source` on `grid`, filled by `fill`; whole or not at all.
///
/// Time, its calendar and bounds, the grid's mapping, and attributes of variable and file are those of the source; numbers
/// are single floats. Cells have bounds.
///
/// # Errors
/// [`GridFileError::Write`], [`GridFileError::Make`], and what `fill` returns.
pub fn write_grid<E: From<GridFileError> + From<langevin_files::WriteError>>(
    path: &Path,
    replace: bool,
    (source, field): (&GridFile, &FieldSource),
    grid: &Grid,
    options: &WriteOptions,
    fill: impl FnOnce(&mut GridWriter) -> Result<(), E>,
) -> Result<(), E> {
    let staged = Staged::file(path, replace, |temporary| -> Result<(), E> {
        let failed =
            |error: netcdf::Error| GridFileError::Make { path: path.into(), source: error.into() };
        let file = create(temporary, source, field, grid, options).map_err(failed)?;
        let has_members = options.members.is_some();
        let mut writer = GridWriter { file, field, path, has_members };
        fill(&mut writer)?;
        writer.file.close().map_err(failed)?;
        Ok(())
    })?;
    staged.publish()?;
    Ok(())
}

impl GridWriter<'_> {
    /// Writes the frame at a place among the written times and of a member, both from 0.
    ///
    /// # Errors
    /// [`GridFileError::Make`].
    ///
    /// # Panics
    /// If the frame does not have the shape of the grid.
    pub fn put(
        &mut self,
        (time, member): (usize, usize),
        frame: &Array2<f32>,
    ) -> Result<(), GridFileError> {
        let failed = |error: netcdf::Error| GridFileError::Make {
            path: self.path.into(),
            source: error.into(),
        };
        let mut extents = Vec::new();
        if self.field.dimension(Role::Time).is_some() {
            extents.push(Extent::Index(time));
        }
        if self.has_members {
            extents.push(Extent::Index(member));
        }
        for count in [frame.nrows(), frame.ncols()] {
            extents.push(Extent::SliceCount { start: 0, count, stride: 1 });
        }
        let stored: Vec<f32> = frame.iter().map(|&x| if x.is_nan() { FILL } else { x }).collect();
        let mut variable =
            self.file.variable_mut(&self.field.name).expect("the writer made the variable");
        variable.put_values(&stored, extents).map_err(failed)
    }
}

fn create(
    path: &Path,
    source: &GridFile,
    field: &FieldSource,
    grid: &Grid,
    options: &WriteOptions,
) -> netcdf::Result<FileMut> {
    let mut out = netcdf::create(path)?;
    let from = &source.file;
    for attribute in from.attributes().filter(|own| own.name() != "history") {
        out.add_attribute(attribute.name(), attribute.value()?)?;
    }
    if from.attribute("Conventions").is_none() {
        out.add_attribute("Conventions", "CF-1.11")?;
    }
    let before = match from.attribute("history").map(|own| own.value()).transpose()? {
        Some(AttributeValue::Str(text)) => format!("\n{text}"),
        _ => String::new(),
    };
    out.add_attribute("history", format!("{}{before}", options.history))?;
    for (key, value) in &options.provenance {
        out.add_attribute(key, value.as_str())?;
    }
    let mut names: Vec<String> = Vec::new();
    if let Some(time) = field.dimension(Role::Time) {
        out.add_unlimited_dimension(time)?;
        times(&mut out, from, time, &options.times)?;
        names.push(time.into());
    }
    if let Some(members) = options.members {
        let name = "realization";
        out.add_dimension(name, members)?;
        let mut variable = out.add_variable::<i32>(name, &[name])?;
        variable.put_attribute("standard_name", name)?;
        variable.put_attribute("units", "1")?;
        let numbers: Vec<i32> = (1..=members as i32).collect();
        variable.put_values(&numbers, ..)?;
        names.push(name.into());
    }
    for (role, axis) in [(Role::Y, &grid.y), (Role::X, &grid.x)] {
        let name = field.dimension(role).expect("a field has rows and columns");
        cells(&mut out, from, name, axis, role)?;
        names.push(name.into());
    }
    let own = from.variable(&field.name).expect("the field was read from it");
    if let Some(mapping) = roles::text(&own, "grid_mapping")
        && let Some(mapping) = from.variable(&mapping)
    {
        let mut copy = out.add_variable::<i32>(&mapping.name(), &[])?;
        attributes(&mapping, &mut copy, &[])?;
    }
    let dimensions: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut variable = out.add_variable::<f32>(&field.name, &dimensions)?;
    variable.set_fill_value(FILL)?;
    variable.set_compression(options.deflate, true)?;
    let (rows, columns) = grid.shape();
    let mut chunk = vec![1; dimensions.len() - 2];
    chunk.extend([rows.min(512), columns.min(512)]);
    variable.set_chunking(&chunk)?;
    attributes(&own, &mut variable, &OF_STORAGE)?;
    out.enddef().or_else(already_defined)?;
    Ok(out)
}

/// A NetCDF-4 file is always ready for data.
fn already_defined(error: netcdf::Error) -> netcdf::Result<()> {
    match error {
        netcdf::Error::Netcdf(_) => Ok(()),
        other => Err(other),
    }
}

/// Copies the attributes of a variable but for some.
fn attributes(
    from: &Variable,
    to: &mut netcdf::VariableMut,
    without: &[&str],
) -> netcdf::Result<()> {
    for attribute in from.attributes().filter(|own| !without.contains(&own.name())) {
        to.put_attribute(attribute.name(), attribute.value()?)?;
    }
    Ok(())
}

/// The steps of time as the source has them, with its calendar, units and bounds.
fn times(
    out: &mut FileMut,
    from: &netcdf::File,
    name: &str,
    steps: &[usize],
) -> netcdf::Result<()> {
    let Some(variable) = from.variable(name) else { return Ok(()) };
    copy_steps(out, &variable, steps)?;
    let bounds = roles::text(&variable, "bounds").and_then(|name| from.variable(&name));
    if let Some(bounds) = bounds {
        for dimension in bounds.dimensions().iter().skip(1) {
            if out.dimension(&dimension.name()).is_none() {
                out.add_dimension(&dimension.name(), dimension.len())?;
            }
        }
        copy_steps(out, &bounds, steps)?;
    }
    Ok(())
}

/// A variable whose first dimension is time, at some steps.
fn copy_steps(out: &mut FileMut, variable: &Variable, steps: &[usize]) -> netcdf::Result<()> {
    let names: Vec<String> = variable.dimensions().iter().map(|d| d.name()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let all = variable.get_values::<f64, _>(..)?;
    let width: usize = variable.dimensions().iter().skip(1).map(|d| d.len()).product();
    let rows = steps.iter().flat_map(|&step| all[step * width..][..width].iter().copied());
    let rows: Vec<f64> = rows.collect();
    let mut copy = out.add_variable_with_type(&variable.name(), &names, &variable.vartype())?;
    attributes(variable, &mut copy, &["_FillValue"])?;
    let mut extents = vec![Extent::SliceCount { start: 0, count: steps.len(), stride: 1 }];
    let whole = |d: &netcdf::Dimension| Extent::SliceCount { start: 0, count: d.len(), stride: 1 };
    extents.extend(variable.dimensions().iter().skip(1).map(whole));
    copy.put_values(&rows, extents)
}

/// The cells of an axis, with the attributes of the source's and bounds.
fn cells(
    out: &mut FileMut,
    from: &netcdf::File,
    name: &str,
    axis: &Axis,
    role: Role,
) -> netcdf::Result<()> {
    out.add_dimension(name, axis.len())?;
    if out.dimension("bnds").is_none() {
        out.add_dimension("bnds", 2)?;
    }
    let bounds = format!("{name}_bnds");
    let mut centres = out.add_variable::<f64>(name, &[name])?;
    match from.variable(name) {
        Some(own) => attributes(&own, &mut centres, &["bounds", "_FillValue"])?,
        None if axis.measure() == Measure::Sine => {}
        None => {
            let axis = if role == Role::Y { "Y" } else { "X" };
            centres.put_attribute("axis", axis)?;
        }
    }
    centres.put_attribute("bounds", bounds.as_str())?;
    centres.put_values(axis.centres(), ..)?;
    let mut ends = out.add_variable::<f64>(&bounds, &[name, "bnds"])?;
    let pairs: Vec<f64> = axis.bounds().windows(2).flatten().copied().collect();
    ends.put_values(&pairs, ..)
}
