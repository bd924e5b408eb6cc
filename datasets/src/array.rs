//! From the numbers of a binary file to a cloud, with the row and column of what cannot be.

use langevin_points::record::{PointCloud, PointsError};
use langevin_points::space::Geometry;

use crate::{Column, DatasetError, Place};

/// The largest integer up to which every integer is a double.
pub(crate) const EXACT: u64 = 1 << 53;

/// A cloud of `values`, row-major; rows and columns in errors count from 1.
pub(crate) fn cloud(
    place: &Place,
    values: Vec<f64>,
    dimension: usize,
    geometry: Geometry,
) -> Result<PointCloud, DatasetError> {
    if values.is_empty() {
        return Err(DatasetError::Empty { place: place.clone() });
    }
    PointCloud::new(values, dimension, geometry).map_err(|error| located(place, error))
}

/// The error of a cloud, at its place in a file.
pub(crate) fn located(place: &Place, error: PointsError) -> DatasetError {
    let place = place.clone();
    match error {
        PointsError::NotFinite { point, coordinate, value } => DatasetError::Cell {
            place,
            row: point + 1,
            column: Column::Number(coordinate + 1),
            found: value.to_string(),
            allowed: "a finite number",
        },
        PointsError::NotUnit { point, length } => {
            DatasetError::NotUnit { place, row: point + 1, length }
        }
        source => DatasetError::Points { place, source },
    }
}

/// Integers as doubles, without rounding any.
pub(crate) fn exact(place: &Place, values: &[i64], columns: usize) -> Result<Vec<f64>, DatasetError> {
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
