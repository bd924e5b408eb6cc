//! A file of fields, opened.

use std::path::{Path, PathBuf};

use langevin_climate::axis::{Axis, Measure};
use langevin_climate::grid::Grid;
use ndarray::Array2;
use netcdf::{Extent, Variable};

use super::GridFileError;
use super::packing::Packing;
use super::roles::{self, Role, role};

/// A NetCDF file; fields are read frame by frame, so that memory does not grow with it.
#[derive(Debug)]
pub struct GridFile {
    pub(super) file: netcdf::File,
    path: PathBuf,
}

/// A field of a file: what is needed to read its frames.
#[derive(Debug, Clone)]
pub struct FieldSource {
    /// Its variable.
    pub name: String,
    /// Unit of its values, if the file says.
    pub units: Option<String>,
    /// Its grid.
    pub grid: Grid,
    /// Length of a unit of its coordinates; nothing if they do not say which it is.
    pub kilometres: Option<f64>,
    /// Steps of time; 1 where there is no time.
    pub times: usize,
    /// Members; 1 where it is no ensemble.
    pub members: usize,
    /// Names and roles of its dimensions, in the order of the file.
    pub(super) dimensions: Vec<(String, Role)>,
    /// Columns that the file has; one more than the grid where a meridian stands twice.
    columns: usize,
    packing: Packing,
}

impl FieldSource {
    /// The name of the dimension of a role, if there is one.
    pub(super) fn dimension(&self, wanted: Role) -> Option<&str> {
        let found = self.dimensions.iter().find(|(_, role)| *role == wanted);
        found.map(|(name, _)| name.as_str())
    }
}

impl GridFile {
    /// Opens `path`.
    ///
    /// # Errors
    /// [`GridFileError::Open`].
    pub fn open(path: &Path) -> Result<Self, GridFileError> {
        let opened = netcdf::open(path);
        let file = opened
            .map_err(|source| GridFileError::Open { path: path.into(), source: source.into() })?;
        Ok(Self { file, path: path.into() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names of the variables that are fields: they have rows and columns.
    pub fn fields(&self) -> Vec<String> {
        let is_field = |variable: &Variable| {
            let roles = self.roles(variable);
            let has = |wanted| roles.iter().any(|(_, role)| *role == wanted);
            let name = variable.name();
            has(Role::Y) && has(Role::X) && !self.is_about_others(&name)
        };
        self.file.variables().filter(is_field).map(|variable| variable.name()).collect()
    }

    /// Whether a variable is a coordinate or a bound of others: named by their attributes.
    fn is_about_others(&self, name: &str) -> bool {
        let names = ["coordinates", "bounds", "ancillary_variables", "cell_measures"];
        self.file.variables().any(|variable| {
            let of = |attribute: &&str| roles::text(&variable, attribute);
            names.iter().filter_map(of).any(|text| text.split_whitespace().any(|own| own == name))
        })
    }

    /// The field of a name, or the only one.
    ///
    /// # Errors
    /// [`GridFileError`] naming file, variable and axis.
    pub fn field(&self, name: Option<&str>) -> Result<FieldSource, GridFileError> {
        let name = match name {
            Some(name) => name.to_owned(),
            None => self.only()?,
        };
        let Some(variable) = self.file.variable(&name) else {
            let mut allowed = self.fields();
            allowed.sort_by_key(|own| distance(own, &name));
            return Err(GridFileError::NoVariable { path: self.path.clone(), name, allowed });
        };
        let dimensions = self.roles(&variable);
        let no_grid = |why: String| GridFileError::NoGrid {
            path: self.path.clone(),
            variable: name.clone(),
            why,
        };
        let place = |wanted| dimensions.iter().position(|(_, role)| *role == wanted);
        let (Some(y), Some(x)) = (place(Role::Y), place(Role::X)) else {
            let names: Vec<&str> = dimensions.iter().map(|(name, _)| name.as_str()).collect();
            return Err(no_grid(format!(
                "found the dimensions {}, needed: a latitude and a longitude, or y and x, by their units, \
                 standard_name, axis or name",
                names.join(", ")
            )));
        };
        if x < y {
            return Err(no_grid("found columns before rows, allowed: y before x".into()));
        }
        let lengths: Vec<usize> = variable.dimensions().iter().map(|d| d.len()).collect();
        if let Some(other) =
            (0..lengths.len()).find(|&i| dimensions[i].1 == Role::Other && lengths[i] > 1)
        {
            let (name, length) = (&dimensions[other].0, lengths[other]);
            return Err(no_grid(format!(
                "found the dimension {name} of {length}, allowed: time, members, rows, columns, and others of 1"
            )));
        }
        let count = |wanted| place(wanted).map_or(1, |i| lengths[i]);
        let grid = self.grid(&dimensions[y].0, &dimensions[x].0, (lengths[y], lengths[x]))?;
        Ok(FieldSource {
            times: count(Role::Time),
            members: count(Role::Member),
            columns: lengths[x],
            units: roles::text(&variable, "units"),
            kilometres: self.kilometres(&dimensions[x].0),
            packing: Packing::of(&variable),
            grid,
            dimensions,
            name,
        })
    }

    fn only(&self) -> Result<String, GridFileError> {
        let mut found = self.fields();
        if found.len() == 1 {
            return Ok(found.remove(0));
        }
        Err(GridFileError::WhichVariable { path: self.path.clone(), found })
    }

    /// Names and roles of a variable's dimensions.
    fn roles(&self, variable: &Variable) -> Vec<(String, Role)> {
        let of = |dimension: &netcdf::Dimension| {
            let name = dimension.name();
            let coordinate = self.file.variable(&name);
            let role = role(&name, coordinate.as_ref());
            (name, role)
        };
        variable.dimensions().iter().map(of).collect()
    }

    fn grid(
        &self,
        y: &str,
        x: &str,
        (rows, columns): (usize, usize),
    ) -> Result<Grid, GridFileError> {
        let is = |name: &str, fits: fn(&str) -> bool, standard: &str| {
            let coordinate = self.file.variable(name);
            coordinate.is_some_and(|variable| {
                let units = roles::text(&variable, "units").map(|units| units.to_lowercase());
                units.is_some_and(|units| fits(&units))
                    || roles::text(&variable, "standard_name").as_deref() == Some(standard)
            })
        };
        // Rotated latitudes are latitudes of a sphere too.
        let of_sphere = |name: &str| {
            is(name, roles::is_north, "latitude") || is(name, |_| false, "grid_latitude")
        };
        let measure = if of_sphere(y) { Measure::Sine } else { Measure::Length };
        let around = is(x, roles::is_east, "longitude").then_some(360.0);
        Ok(Grid {
            y: self.axis(y, rows, measure, None)?,
            x: self.axis(x, columns, Measure::Length, around)?,
        })
    }

    /// Length of the unit of a coordinate; degrees are those of a great circle.
    fn kilometres(&self, name: &str) -> Option<f64> {
        const DEGREE: f64 = 6371.0 * std::f64::consts::PI / 180.0;
        let units = roles::text(&self.file.variable(name)?, "units")?.trim().to_lowercase();
        match units.as_str() {
            "km" | "kilometer" | "kilometers" | "kilometre" | "kilometres" => Some(1.0),
            "m" | "meter" | "meters" | "metre" | "metres" => Some(1e-3),
            "degrees" | "degree" => Some(DEGREE),
            _ => (roles::is_east(&units) || roles::is_north(&units)).then_some(DEGREE),
        }
    }

    /// The axis of a dimension: its coordinates with their bounds, or whole numbers if it has none.
    fn axis(
        &self,
        name: &str,
        length: usize,
        measure: Measure,
        period: Option<f64>,
    ) -> Result<Axis, GridFileError> {
        let fail =
            |source| GridFileError::Axis { path: self.path.clone(), axis: name.into(), source };
        let coordinate = self.file.variable(name).filter(|own| own.dimensions().len() == 1);
        let Some(variable) = coordinate else {
            let centres = (0..length).map(|i| i as f64).collect();
            return Axis::new(centres, Measure::Length, None).map_err(fail);
        };
        let mut centres = self.numbers(&variable)?;
        // A meridian that stands twice is no cell of its own.
        if let (Some(period), [first, .., last]) = (period, &centres[..])
            && ((last - first).abs() - period).abs() < 1e-6 * period
        {
            centres.pop();
        }
        let bounds = roles::text(&variable, "bounds").and_then(|name| self.file.variable(&name));
        if let Some(bounds) = bounds {
            let ends = self.numbers(&bounds)?;
            let ends: Vec<[f64; 2]> = ends.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect();
            let ends = &ends[..centres.len().min(ends.len())];
            return Axis::with_bounds(centres, ends, measure, period).map_err(fail);
        }
        Axis::new(centres, measure, period).map_err(fail)
    }

    pub(super) fn numbers(&self, variable: &Variable) -> Result<Vec<f64>, GridFileError> {
        variable.get_values::<f64, _>(..).map_err(|source| GridFileError::Read {
            path: self.path.clone(),
            variable: variable.name(),
            frame: None,
            source: source.into(),
        })
    }

    /// The numbers of the field's time axis, in their own unit; those of the steps, where they are without a coordinate.
    ///
    /// # Errors
    /// [`GridFileError::Read`].
    pub fn times(&self, field: &FieldSource) -> Result<Vec<f64>, GridFileError> {
        let name = field.dimension(Role::Time);
        match name.and_then(|name| self.file.variable(name)) {
            Some(variable) => self.numbers(&variable),
            None => Ok((0..field.times).map(|step| step as f64).collect()),
        }
    }

    /// The field at a step of time of a member, both from 0; missing cells are NaN.
    ///
    /// # Errors
    /// [`GridFileError::Read`].
    pub fn frame(
        &self,
        field: &FieldSource,
        (time, member): (usize, usize),
    ) -> Result<Array2<f32>, GridFileError> {
        let rows = field.grid.y.len();
        self.rows(field, (time, member), 0..rows)
    }

    /// Some rows of [`GridFile::frame`].
    ///
    /// # Errors
    /// [`GridFileError::Read`].
    pub fn rows(
        &self,
        field: &FieldSource,
        (time, member): (usize, usize),
        rows: std::ops::Range<usize>,
    ) -> Result<Array2<f32>, GridFileError> {
        let extent = |(_, role): &(String, Role)| match role {
            Role::Time => Extent::Index(time),
            Role::Member => Extent::Index(member),
            Role::Other => Extent::Index(0),
            Role::Y => Extent::SliceCount { start: rows.start, count: rows.len(), stride: 1 },
            Role::X => Extent::SliceCount { start: 0, count: field.columns, stride: 1 },
        };
        let extents: Vec<Extent> = field.dimensions.iter().map(extent).collect();
        let variable = self.file.variable(&field.name);
        let read = variable
            .ok_or_else(|| netcdf::Error::NotFound(field.name.clone()))
            .and_then(|variable| variable.get_values::<f64, _>(extents));
        let stored = read.map_err(|source| GridFileError::Read {
            path: self.path.clone(),
            variable: field.name.clone(),
            frame: Some(time * field.members + member + 1),
            source: source.into(),
        })?;
        let width = field.grid.x.len();
        Ok(Array2::from_shape_fn((rows.len(), width), |(i, j)| {
            field.packing.value(stored[i * field.columns + j])
        }))
    }
}

/// Changes of letters that make one name another: to offer near ones first.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = before + usize::from(x != y);
            before = row[j + 1];
            row[j + 1] = changed.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
