//! HDF5: a data set of points among others, with attributes.
//!
//! Written as the data set `points` (`[n, d]`, doubles) with the attributes `geometry` and `columns`,
//! beside it `labels` (`[n]`, 64-bit integers) if there are any, and provenance as attributes of the
//! file. Read from a data set by its path, or from the only one with two axes.

pub(crate) mod find;
pub(crate) mod numbers;
mod read;
mod write;

pub(crate) use read::read;
pub(crate) use write::{attribute, write};

use crate::{DatasetError, Place};

const POINTS: &str = "points";
const LABELS: &str = "labels";
const GEOMETRY: &str = "geometry";
const COLUMNS: &str = "columns";

/// What the library says, about this place.
pub(crate) fn failed(place: &Place) -> impl Fn(::hdf5::Error) -> DatasetError {
    let place = place.clone();
    move |source| DatasetError::Hdf5 { place: place.clone(), source }
}
