//! The numbers of a data set, in memory's own types.

use ::hdf5::Dataset;
use ::hdf5::types::TypeDescriptor;

use super::failed;
use crate::array::exact;
use crate::{DatasetError, Place};

/// What its numbers are; `None` if they are none.
pub(crate) fn kind(dataset: &Dataset) -> Option<TypeDescriptor> {
    let kind = dataset.dtype().and_then(|dtype| dtype.to_descriptor()).ok()?;
    let number = matches!(
        kind,
        TypeDescriptor::Float(_) | TypeDescriptor::Integer(_) | TypeDescriptor::Unsigned(_)
    );
    number.then_some(kind)
}

/// Whether its numbers are integers.
pub(crate) fn is_whole(dataset: &Dataset) -> bool {
    matches!(kind(dataset), Some(TypeDescriptor::Integer(_) | TypeDescriptor::Unsigned(_)))
}

/// The numbers of a data set, integers without rounding.
pub(crate) fn doubles(
    place: &Place,
    dataset: &Dataset,
    columns: usize,
) -> Result<Vec<f64>, DatasetError> {
    match kind(dataset) {
        Some(TypeDescriptor::Float(_)) => buffer(place, dataset, 0.0),
        Some(_) => exact(place, &buffer(place, dataset, 0i64)?, columns),
        None => Err(wrong_type(place, dataset, "floating-point numbers or integers")),
    }
}

/// One integer per row.
pub(crate) fn integers(
    place: &Place,
    dataset: &Dataset,
    rows: usize,
) -> Result<Vec<i64>, DatasetError> {
    if !is_whole(dataset) {
        return Err(wrong_type(place, dataset, "integers, for labels"));
    }
    if dataset.shape() != [rows] {
        return Err(DatasetError::Labels {
            place: place.clone(),
            found: dataset.shape(),
            expected: rows,
        });
    }
    buffer(place, dataset, 0)
}

fn wrong_type(place: &Place, dataset: &Dataset, allowed: &'static str) -> DatasetError {
    let kind = dataset.dtype().and_then(|dtype| dtype.to_descriptor());
    let found = kind.map_or("one unknown here".into(), |kind| kind.to_string());
    DatasetError::Array { place: place.clone(), what: "the type", found, allowed }
}

/// All numbers, converted by the library; a shape larger than memory is an error, not an abort.
pub(crate) fn buffer<T>(place: &Place, dataset: &Dataset, zero: T) -> Result<Vec<T>, DatasetError>
where
    T: ::hdf5::H5Type + Copy,
{
    let mut values = Vec::new();
    let size = dataset.shape().iter().try_fold(1usize, |size, &n| size.checked_mul(n));
    if size.is_none_or(|size| values.try_reserve_exact(size).is_err()) {
        return Err(DatasetError::Array {
            place: place.clone(),
            what: "the shape",
            found: format!("{:?}", dataset.shape()),
            allowed: "as many numbers as fit into memory",
        });
    }
    values.resize(size.unwrap_or(0), zero);
    dataset.as_reader().read_into_raw(&mut values).map_err(failed(place))?;
    Ok(values)
}
