//! Fields written beside what their source says of them: times, calendars, projections, attributes.

use std::path::Path;

use langevin_climate::axis::{Axis, Measure};
use langevin_climate::grid::Grid;
use langevin_files::Staged;
use ndarray::Array2;
use netcdf::types::{IntType, NcTypeDescriptor, NcVariableType};
use netcdf::{AttributeValue, Extent, FileMut, Variable};

use super::GridFileError;
use super::coordinates;
use super::file::{FieldSource, GridFile};
use super::roles::{self, Role};

/// The library's own mark of missing numbers of single precision.
const FILL: f32 = 9.969_21e36;

/// Attributes that tell how numbers were stored and what stood beside them, which is not how it is here.
pub(super) const OF_STORAGE: [&str; 13] = [
    "scale_factor",
    "add_offset",
    "_FillValue",
    "missing_value",
    "valid_range",
    "valid_min",
    "valid_max",
    "actual_range",
    "_Unsigned",
    "_ChunkSizes",
    "coordinates",
    "cell_measures",
    "ancillary_variables",
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
/// Time, its calendar and bounds, the grid's mapping, and attributes of variable and file are those of the source, and so
/// are coordinates that the variable names; those of cells are brought to the grid. Numbers are single floats. Cells have
/// bounds.
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
    mappings(&mut out, from, &own)?;
    let beside = coordinates::write(&mut out, from, field, grid, options)?;
    let dimensions: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut variable = out.add_variable::<f32>(&field.name, &dimensions)?;
    variable.set_fill_value(FILL)?;
    variable.set_compression(options.deflate, true)?;
    let (rows, columns) = grid.shape();
    let mut chunk = vec![1; dimensions.len() - 2];
    chunk.extend([rows.min(512), columns.min(512)]);
    variable.set_chunking(&chunk)?;
    attributes(&own, &mut variable, &OF_STORAGE)?;
    if !beside.is_empty() {
        variable.put_attribute("coordinates", beside.join(" "))?;
    }
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
pub(super) fn attributes(
    from: &Variable,
    to: &mut netcdf::VariableMut,
    without: &[&str],
) -> netcdf::Result<()> {
    for attribute in from.attributes().filter(|own| !without.contains(&own.name())) {
        to.put_attribute(attribute.name(), attribute.value()?)?;
    }
    Ok(())
}

/// The mappings of a variable's grid: one, or those named before colons. Only their attributes have a meaning.
fn mappings(out: &mut FileMut, from: &netcdf::File, own: &Variable) -> netcdf::Result<()> {
    let text = roles::text(own, "grid_mapping").unwrap_or_default();
    let several: Vec<&str> =
        text.split_whitespace().filter_map(|it| it.strip_suffix(':')).collect();
    let names = if several.is_empty() { vec![text.trim()] } else { several };
    for mapping in names.into_iter().filter_map(|name| from.variable(name)) {
        if matches!(mapping.vartype(), NcVariableType::Int(_) | NcVariableType::Float(_)) {
            copy_steps(out, &mapping, (None, &[]))?;
            continue;
        }
        let mut copy = out.add_variable_with_type(&mapping.name(), &[], &NcVariableType::Char)?;
        attributes(&mapping, &mut copy, &["_FillValue"])?;
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
    with_bounds(out, from, &variable, (Some(name), steps))
}

/// A variable and its bounds, at some steps where its first dimension is `time`.
pub(super) fn with_bounds(
    out: &mut FileMut,
    from: &netcdf::File,
    variable: &Variable,
    (time, steps): (Option<&str>, &[usize]),
) -> netcdf::Result<()> {
    copy_steps(out, variable, (time, steps))?;
    for role in ["bounds", "climatology"] {
        let bounds = roles::text(variable, role).and_then(|name| from.variable(&name));
        if let Some(bounds) = bounds.filter(|bounds| out.variable(&bounds.name()).is_none()) {
            copy_steps(out, &bounds, (time, steps))?;
        }
    }
    Ok(())
}

fn copy_steps(
    out: &mut FileMut,
    variable: &Variable,
    (time, steps): (Option<&str>, &[usize]),
) -> netcdf::Result<()> {
    match variable.vartype() {
        // Nanoseconds since 1970 have more digits than a double float.
        NcVariableType::Int(IntType::I64) => copy::<i64>(out, variable, (time, steps)),
        NcVariableType::Int(IntType::U64) => copy::<u64>(out, variable, (time, steps)),
        _ => copy::<f64>(out, variable, (time, steps)),
    }
}

/// A variable through numbers of type `T`. Dimensions of one are left out but for time: what they count has no dimension
/// here.
fn copy<T: NcTypeDescriptor + Copy>(
    out: &mut FileMut,
    variable: &Variable,
    (time, steps): (Option<&str>, &[usize]),
) -> netcdf::Result<()> {
    let is_time = |d: &netcdf::Dimension| time == Some(d.name().as_str());
    let all = variable.get_values::<T, _>(..)?;
    let (mut names, mut extents, mut width) = (Vec::new(), Vec::new(), all.len());
    let mut over_time = false;
    for (place, own) in variable.dimensions().iter().enumerate() {
        let mut count = own.len();
        if place == 0 && is_time(own) {
            (over_time, width, count) = (true, all.len() / count, steps.len());
        } else if count == 1 {
            continue;
        } else if out.dimension(&own.name()).is_none() {
            out.add_dimension(&own.name(), count)?;
        }
        names.push(own.name());
        extents.push(Extent::SliceCount { start: 0, count, stride: 1 });
    }
    let steps = if over_time { steps } else { &[0] };
    let rows = steps.iter().flat_map(|&step| all[step * width..][..width].iter().copied());
    let rows: Vec<T> = rows.collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut copy = out.add_variable_with_type(&variable.name(), &names, &variable.vartype())?;
    attributes(variable, &mut copy, &["_FillValue"])?;
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
