//! HDF5: one data set of points, its labels beside it, and attributes.
//!
//! Written are `points` (`[n, d]`, doubles) with the attributes `geometry` and `columns`, `labels`
//! (`[n]`, integers) where there are any, and the provenance as attributes of the file. Read is the
//! data set that is asked for, or the only one with two axes.

use std::path::Path;

use ::hdf5::types::{TypeDescriptor, VarLenUnicode};
use ::hdf5::{Dataset, File, Group};
use langevin_points::record::PointCloud;
use langevin_points::space::Geometry;
use ndarray::ArrayView2;

use crate::array::{cloud, exact, located, rows_columns};
use crate::{DatasetError, Place, ReadOptions};

/// Groups within groups are searched to this depth: a link may lead back to its own group.
const DEPTH: usize = 8;

/// The points of an HDF5 file.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<PointCloud, DatasetError> {
    // The library's own message for a file that is not there is a page long.
    std::fs::metadata(path)
        .map_err(|source| DatasetError::Read { path: path.to_path_buf(), source })?;
    let mut place = Place::file(path);
    let file = File::open(path).map_err(failed(&place))?;
    let dataset = match &options.dataset {
        Some(name) => {
            place.dataset = Some(name.clone());
            file.dataset(name).map_err(failed(&place))?
        }
        None => only(&place, &file)?,
    };
    place.dataset = Some(dataset.name().trim_start_matches('/').to_string());

    let (values, columns) = numbers(&place, &dataset)?;
    let geometry = match (options.geometry, text(&place, &dataset, "geometry")?) {
        (Some(geometry), _) => geometry,
        (None, Some(found)) => named_geometry(&place, &found)?,
        (None, None) => Geometry::Flat,
    };
    let mut points = cloud(&place, values, columns, geometry)?;
    if dataset.attr_names().map_err(failed(&place))?.iter().any(|name| name == "columns") {
        let names = dataset.attr("columns").and_then(|a| a.read_raw::<VarLenUnicode>());
        let names = names.map_err(failed(&place))?.iter().map(|name| name.to_string()).collect();
        points = points.with_columns(names).map_err(|error| located(&place, error))?;
    }
    let labels = match dataset.name().rsplit_once('/') {
        Some((group, _)) => format!("{group}/labels"),
        None => "labels".into(),
    };
    if dataset.name() != labels && file.link_exists(&labels) {
        let place = Place { dataset: Some(labels.trim_start_matches('/').into()), ..place };
        let labels = file.dataset(&labels).map_err(failed(&place))?;
        points = points
            .with_labels(integers(&place, &labels)?)
            .map_err(|error| located(&place, error))?;
    }
    Ok(points)
}

/// Write to `temporary` what will be the file at `path`.
pub(crate) fn write(
    temporary: &Path,
    path: &Path,
    cloud: &PointCloud,
    provenance: &[(String, String)],
) -> Result<(), DatasetError> {
    let shape = (cloud.len(), cloud.dimension());
    let points = ArrayView2::from_shape(shape, cloud.points()).expect("a cloud holds whole rows");
    let fill = || {
        let file = File::create_excl(temporary)?;
        let dataset = file.new_dataset_builder().with_data(points).create("points")?;
        let geometry = match cloud.geometry() {
            Geometry::Flat => "flat",
            Geometry::Sphere => "sphere",
        };
        dataset.new_attr::<VarLenUnicode>().create("geometry")?.write_scalar(&unicode(geometry)?)?;
        let columns = cloud.columns().iter().map(|name| unicode(name));
        let columns = columns.collect::<::hdf5::Result<Vec<_>>>()?;
        dataset.new_attr_builder().with_data(&columns).create("columns")?;
        if let Some(labels) = cloud.labels() {
            file.new_dataset_builder().with_data(labels).create("labels")?;
        }
        for (key, value) in provenance {
            file.new_attr::<VarLenUnicode>().create(key.as_str())?.write_scalar(&unicode(value)?)?;
        }
        // A full disk shows here at the latest.
        file.flush()?;
        file.close()
    };
    fill().map_err(failed(&Place::file(path)))
}

/// Text without the zero byte at which HDF5 strings end.
fn unicode(text: &str) -> ::hdf5::Result<VarLenUnicode> {
    text.parse().map_err(|_| ::hdf5::Error::from("text with a zero byte"))
}

fn failed(place: &Place) -> impl Fn(::hdf5::Error) -> DatasetError {
    let place = place.clone();
    move |source| DatasetError::Hdf5 { place: place.clone(), source }
}

/// The only data set with two axes.
fn only(place: &Place, file: &File) -> Result<Dataset, DatasetError> {
    let mut found = Vec::new();
    collect(file, DEPTH, &mut found).map_err(failed(place))?;
    match <[Dataset; 1]>::try_from(found) {
        Ok([dataset]) => Ok(dataset),
        Err(found) => {
            let names: Vec<String> =
                found.iter().map(|d| d.name().trim_start_matches('/').to_string()).collect();
            Err(DatasetError::Array {
                place: place.clone(),
                what: "data sets with two axes:",
                found: if names.is_empty() { "none".into() } else { names.join(", ") },
                allowed: "exactly one, or the choice of one by its name",
            })
        }
    }
}

fn collect(group: &Group, depth: usize, found: &mut Vec<Dataset>) -> ::hdf5::Result<()> {
    found.extend(group.datasets()?.into_iter().filter(|dataset| dataset.ndim() == 2));
    if depth > 0 {
        group.groups()?.iter().try_for_each(|inner| collect(inner, depth - 1, found))?;
    }
    Ok(())
}

/// The numbers of a data set, row-major, and its columns.
fn numbers(place: &Place, dataset: &Dataset) -> Result<(Vec<f64>, usize), DatasetError> {
    let (_, columns) = rows_columns(place, &dataset.shape())?;
    let values = match kind(place, dataset)? {
        TypeDescriptor::Float(_) => dataset.read_raw::<f64>().map_err(failed(place))?,
        TypeDescriptor::Integer(_) | TypeDescriptor::Unsigned(_) => {
            let values = dataset.read_raw::<i64>().map_err(failed(place))?;
            exact(place, &values, columns)?
        }
        other => {
            return Err(DatasetError::Array {
                place: place.clone(),
                what: "the number type",
                found: other.to_string(),
                allowed: "floating-point numbers or integers",
            });
        }
    };
    Ok((values, columns))
}

fn integers(place: &Place, dataset: &Dataset) -> Result<Vec<i64>, DatasetError> {
    match kind(place, dataset)? {
        TypeDescriptor::Integer(_) | TypeDescriptor::Unsigned(_) => {
            dataset.read_raw().map_err(failed(place))
        }
        other => Err(DatasetError::Array {
            place: place.clone(),
            what: "the type of labels",
            found: other.to_string(),
            allowed: "integers",
        }),
    }
}

fn kind(place: &Place, dataset: &Dataset) -> Result<TypeDescriptor, DatasetError> {
    dataset.dtype().and_then(|dtype| dtype.to_descriptor()).map_err(failed(place))
}

/// The attribute `name` of a data set, if it has one.
fn text(place: &Place, dataset: &Dataset, name: &str) -> Result<Option<String>, DatasetError> {
    if !dataset.attr_names().map_err(failed(place))?.iter().any(|n| n == name) {
        return Ok(None);
    }
    let value = dataset.attr(name).and_then(|attr| attr.read_scalar::<VarLenUnicode>());
    value.map(|value| Some(value.to_string())).map_err(failed(place))
}

fn named_geometry(place: &Place, name: &str) -> Result<Geometry, DatasetError> {
    match name {
        "flat" => Ok(Geometry::Flat),
        "sphere" => Ok(Geometry::Sphere),
        _ => Err(DatasetError::Array {
            place: place.clone(),
            what: "the geometry",
            found: name.into(),
            allowed: "flat or sphere",
        }),
    }
}
