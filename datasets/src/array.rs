//! From the numbers of a binary file to a cloud, with the row and column of what cannot be.

use langevin_points::record::{PointCloud, PointsError};
use langevin_points::space::Geometry;

use crate::{Column, DatasetError, Place, ReadOptions};

/// The largest integer up to which every integer is a double.
pub(crate) const EXACT: u64 = 1 << 53;

/// Numbers with one or two axes, and what is known of them.
pub(crate) struct Matrix {
    pub(crate) place: Place,
    /// Row-major.
    pub(crate) values: Vec<f64>,
    columns: usize,
    /// Names of the columns, where the file has any.
    names: Option<Vec<String>>,
    labels: Option<Vec<i64>>,
    geometry: Option<Geometry>,
}

impl Matrix {
    /// Numbers of which nothing else is known.
    pub(crate) fn plain(place: Place, values: Vec<f64>, columns: usize) -> Self {
        Self { place, values, columns, names: None, labels: None, geometry: None }
    }

    /// A cloud that the file describes in full.
    pub(crate) fn of(place: Place, cloud: PointCloud) -> Self {
        Self {
            place,
            values: cloud.points().to_vec(),
            columns: cloud.dimension(),
            names: Some(cloud.columns().to_vec()),
            labels: cloud.labels().map(<[i64]>::to_vec),
            geometry: Some(cloud.geometry()),
        }
    }

    /// The same numbers with a name for each column.
    pub(crate) fn named(self, names: Vec<String>) -> Self {
        Self { names: Some(names), ..self }
    }

    /// The same numbers as points of `geometry`.
    pub(crate) fn within(self, geometry: Geometry) -> Self {
        Self { geometry: Some(geometry), ..self }
    }

    /// The same numbers with labels from elsewhere in the file.
    pub(crate) fn labelled(self, labels: Vec<i64>) -> Self {
        Self { labels: Some(labels), ..self }
    }

    /// Whether the options' label is a column of these numbers.
    pub(crate) fn has_column(&self, name: &str) -> bool {
        self.names().iter().any(|n| n == name)
    }

    /// An error at the first number that is not finite.
    pub(crate) fn finite(&self) -> Result<(), DatasetError> {
        let Some(at) = self.values.iter().position(|x| !x.is_finite()) else {
            return Ok(());
        };
        let found = self.values[at].to_string();
        Err(self.cell(at / self.columns, at % self.columns, found, "a finite number"))
    }

    /// The columns that the options choose, as a cloud; columns count from 1 where they have no names.
    pub(crate) fn cloud(self, options: &ReadOptions) -> Result<PointCloud, DatasetError> {
        if self.values.is_empty() {
            return Err(DatasetError::Empty { place: self.place });
        }
        let names = self.names();
        let find = |name: &String| {
            let missing = || DatasetError::NoColumn {
                place: self.place.clone(),
                name: name.clone(),
                columns: names.clone(),
            };
            names.iter().position(|n| n == name).ok_or_else(missing)
        };
        let label = options.label.as_ref().map(find).transpose()?;
        let chosen: Vec<usize> = match &options.columns {
            Some(columns) => columns.iter().map(find).collect::<Result<_, _>>()?,
            None => (0..self.columns).filter(|&j| Some(j) != label).collect(),
        };
        if chosen.is_empty() {
            return Err(DatasetError::NoCoordinate { place: self.place });
        }
        let rows = || self.values.chunks_exact(self.columns);
        let labels = match label {
            Some(j) => Some(self.integers(j)?),
            None => self.labels.clone(),
        };
        // Checked here, where columns still have the numbers of the file.
        for (i, row) in rows().enumerate() {
            if let Some(&j) = chosen.iter().find(|&&j| !row[j].is_finite()) {
                return Err(self.cell(i, j, row[j].to_string(), "a finite number"));
            }
        }
        let values = rows().flat_map(|row| chosen.iter().map(|&j| row[j])).collect();
        let whole = chosen.len() == self.columns && options.columns.is_none();
        // A choice of the columns of unit vectors is no unit vector.
        let geometry = options.geometry.or(self.geometry.filter(|_| whole));
        let build = || {
            let geometry = geometry.unwrap_or(Geometry::Flat);
            let mut cloud = PointCloud::new(values, chosen.len(), geometry)?;
            if self.names.is_some() {
                cloud = cloud.with_columns(chosen.iter().map(|&j| names[j].clone()).collect())?;
            }
            if let Some(labels) = labels { cloud.with_labels(labels) } else { Ok(cloud) }
        };
        build().map_err(|error| located(&self.place, error))
    }

    fn names(&self) -> Vec<String> {
        let numbers = || (1..=self.columns).map(|j| j.to_string()).collect();
        self.names.clone().unwrap_or_else(numbers)
    }

    /// Column `j` as labels.
    fn integers(&self, j: usize) -> Result<Vec<i64>, DatasetError> {
        let whole = |x: f64| x.fract() == 0.0 && x.abs() <= EXACT as f64;
        let column = self.values.iter().skip(j).step_by(self.columns).enumerate();
        let integer = |(i, &x): (usize, &f64)| {
            let allowed = "an integer of at most 2^53";
            if whole(x) { Ok(x as i64) } else { Err(self.cell(i, j, x.to_string(), allowed)) }
        };
        column.map(integer).collect()
    }

    fn cell(&self, i: usize, j: usize, found: String, allowed: &'static str) -> DatasetError {
        let named = self.names.as_ref().map(|names| Column::Name(names[j].clone()));
        let column = named.unwrap_or(Column::Number(j + 1));
        DatasetError::Cell { place: self.place.clone(), row: i + 1, column, found, allowed }
    }
}

/// The error of a cloud, at its place in a file.
pub(crate) fn located(place: &Place, error: PointsError) -> DatasetError {
    let place = place.clone();
    match error {
        PointsError::NotUnit { point, length } => {
            DatasetError::NotUnit { place, row: point + 1, length }
        }
        source => DatasetError::Points { place, source },
    }
}

/// Integers as doubles, without rounding any.
pub(crate) fn exact(
    place: &Place,
    values: &[i64],
    columns: usize,
) -> Result<Vec<f64>, DatasetError> {
    if let Some(at) = values.iter().position(|v| v.unsigned_abs() > EXACT) {
        return Err(DatasetError::Cell {
            place: place.clone(),
            row: at / columns + 1,
            column: Column::Number(at % columns + 1),
            found: values[at].to_string(),
            allowed: "an integer of at most 2^53, as a double holds it",
        });
    }
    Ok(values.iter().map(|&v| v as f64).collect())
}

/// Rows and columns of an array with one or two axes.
pub(crate) fn rows_columns(place: &Place, shape: &[usize]) -> Result<(usize, usize), DatasetError> {
    match *shape {
        [rows] => Ok((rows, 1)),
        [rows, columns] if columns > 0 => Ok((rows, columns)),
        _ => Err(DatasetError::Array {
            place: place.clone(),
            what: "the shape",
            found: format!("{shape:?}"),
            allowed: "[rows] or [rows, columns] with a column or more",
        }),
    }
}
