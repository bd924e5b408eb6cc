//! A cloud from a data set.

use std::fs::File as Bytes;
use std::path::Path;

use ::hdf5::types::VarLenUnicode;
use ::hdf5::{Dataset, File};
use langevin_points::record::PointCloud;
use langevin_points::space::Geometry;

use super::find::{holds_dataset, only, tables};
use super::numbers::{doubles, integers, is_whole};
use super::{COLUMNS, GEOMETRY, LABELS, failed};
use crate::array::{Matrix, rows_columns};
use crate::{DatasetError, Place, ReadOptions};

/// The points of a data set.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<PointCloud, DatasetError> {
    // Whether there is such a file is better said by the operating system.
    Bytes::open(path).map_err(|source| DatasetError::Read { path: path.into(), source })?;
    let mut place = Place::file(path);
    let file = File::open(path).map_err(failed(&place))?;
    let name = match &options.dataset {
        Some(name) => name.trim_start_matches('/').to_string(),
        None => only(&place, tables(&file).map_err(failed(&place))?)?,
    };
    if !holds_dataset(&file, &name) {
        let names = tables(&file).map_err(failed(&place))?;
        return Err(DatasetError::NoDataset { place, name, names });
    }
    place.dataset = Some(name.clone());
    let dataset = file.dataset(&name).map_err(failed(&place))?;
    let (rows, columns) = rows_columns(&place, &dataset.shape())?;
    let values = doubles(&place, &dataset, columns)?;

    let mut matrix = Matrix::plain(place.clone(), values, columns);
    let geometry = geometry(&dataset);
    if let Some(names) = column_names(&dataset, columns) {
        matrix = matrix.named(names);
    }
    if let Some(geometry) = geometry {
        matrix = matrix.within(geometry);
    }
    let beside =
        name.rsplit_once('/').map_or(LABELS.into(), |(folder, _)| format!("{folder}/{LABELS}"));
    // Another program's data set of this name counts only if it can be meant.
    let fits =
        |labels: &Dataset| geometry.is_some() || (is_whole(labels) && labels.shape() == [rows]);
    let own = (name != beside && file.dataset(&beside).is_ok_and(|labels| fits(&labels)))
        .then_some(beside);
    let asked = options.label.as_ref();
    let asked = asked.filter(|name| !matrix.has_column(name) && holds_dataset(&file, name));
    let Some(labels) = asked.cloned().or(own) else {
        return matrix.cloud(options);
    };
    let options = match asked {
        Some(_) => &ReadOptions { label: None, ..options.clone() },
        None => options,
    };
    let place = Place { dataset: Some(labels.clone()), ..place };
    let dataset = file.dataset(&labels).map_err(failed(&place))?;
    matrix.labelled(integers(&place, &dataset, rows)?).cloud(options)
}

/// What an attribute of this name says; anything else is somebody else's.
fn geometry(dataset: &Dataset) -> Option<Geometry> {
    let text = dataset.attr(GEOMETRY).ok()?.as_reader().read_scalar::<VarLenUnicode>().ok()?;
    match text.as_str() {
        "flat" => Some(Geometry::Flat),
        "sphere" => Some(Geometry::Sphere),
        _ => None,
    }
}

fn column_names(dataset: &Dataset, columns: usize) -> Option<Vec<String>> {
    let attribute = dataset.attr(COLUMNS).ok()?;
    let names: Vec<VarLenUnicode> = attribute.as_reader().read_raw().ok()?;
    (names.len() == columns).then(|| names.iter().map(|name| name.to_string()).collect())
}

#[cfg(test)]
mod tests {
    use ::hdf5::Group;

    use super::*;

    /// A file made by `fill`, and what reading it with `options` says, without the folder's name.
    fn read_made(
        options: &ReadOptions,
        fill: impl FnOnce(&File) -> ::hdf5::Result<()>,
    ) -> Result<PointCloud, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        let file = File::create(&path).unwrap();
        fill(&file).unwrap();
        file.close().unwrap();
        let prefix = format!("{}/", folder.path().display());
        read(&path, options).map_err(|error| error.to_string().replace(&prefix, ""))
    }

    fn table<T: ::hdf5::H5Type>(
        at: &Group,
        name: &str,
        values: &[T],
        shape: &[usize],
    ) -> ::hdf5::Result<()> {
        at.new_dataset::<T>().shape(shape).create(name)?.as_writer().write_raw(values)
    }

    fn at(dataset: &str) -> ReadOptions {
        ReadOptions { dataset: Some(dataset.into()), ..ReadOptions::default() }
    }

    #[test]
    fn the_only_table_is_found_wherever_it_is() {
        let cloud = read_made(&ReadOptions::default(), |file| {
            let group = file.create_group("run")?.create_group("day")?;
            table(&group, "x", &[1i32, 2, 3, 4, 5, 6], &[3, 2])?;
            table(file, "one axis", &[0.5], &[1])?;
            // A group within itself.
            file.link_hard("run", "run/day/again")?;
            file.link_soft("/nowhere", "gone")
        });
        let cloud = cloud.unwrap();
        assert_eq!((cloud.len(), cloud.points()), (3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0][..]));
    }

    #[test]
    fn a_data_set_is_chosen_by_its_path_and_labels_by_theirs() {
        let fill = |file: &File| {
            table(file, "a", &[1.0f32, 2.5], &[1, 2])?;
            table(&file.create_group("g")?, "b", &[3u8, 4, 5, 6], &[2, 2])?;
            table(file, "class", &[7i16, -8], &[2])
        };
        let message = read_made(&ReadOptions::default(), fill).unwrap_err();
        assert_eq!(
            message,
            "a.h5: found several data sets with two axes, allowed: one, or the path of one of a, g/b"
        );
        let options = ReadOptions { label: Some("class".into()), ..at("/g/b") };
        let cloud = read_made(&options, fill).unwrap();
        assert_eq!(
            (cloud.points(), cloud.labels()),
            (&[3.0, 4.0, 5.0, 6.0][..], Some(&[7, -8][..]))
        );
        assert_eq!(read_made(&at("a"), fill).unwrap().points(), [1.0, 2.5]);
        let options = ReadOptions { label: Some("class".into()), ..at("a") };
        assert_eq!(
            read_made(&options, fill).unwrap_err(),
            "a.h5, data set class: found labels of shape [2], allowed: [1], one per point"
        );
        assert_eq!(
            read_made(&at("c"), fill).unwrap_err(),
            "a.h5: found no data set c, allowed: a, g/b"
        );
    }

    #[test]
    fn a_data_set_that_is_no_cloud_says_where() {
        let bad = |fill: fn(&File) -> ::hdf5::Result<()>, message: &str| {
            assert_eq!(read_made(&ReadOptions::default(), fill).unwrap_err(), message);
        };
        bad(
            |file| table(file, "x", &[0.0, 1.0, 2.0, f64::NAN], &[2, 2]),
            "a.h5, data set x, row 2, column 2: found NaN, allowed: a finite number",
        );
        bad(
            |file| table(file, "x", &[0, (1i64 << 53) + 1], &[1, 2]),
            "a.h5, data set x, row 1, column 2: found 9007199254740993, allowed: an integer of at \
             most 2^53, as a double holds it",
        );
        bad(
            |file| table::<f64>(file, "x", &[], &[0, 2]),
            "a.h5, data set x: found no row of numbers, allowed: at least one",
        );
        bad(
            |file| table(file, "x", &[true], &[1, 1]),
            "a.h5: found data sets of numbers with two axes: none, allowed: one, or the path of a \
             data set",
        );
        let cube = |file: &File| table(file, "x", &[1.0], &[1, 1, 1]);
        assert_eq!(
            read_made(&at("x"), cube).unwrap_err(),
            "a.h5, data set x: found the shape [1, 1, 1], allowed: [rows] or [rows, columns] with a \
             column or more"
        );
        let truth = |file: &File| table(file, "x", &[true], &[1, 1]);
        assert_eq!(
            read_made(&at("x"), truth).unwrap_err(),
            "a.h5, data set x: found the type bool, allowed: floating-point numbers or integers"
        );
        // 2^60 numbers that nobody wrote.
        let vast = |file: &File| {
            let builder = file.new_dataset::<f64>().chunk((1, 2));
            builder.shape((1usize << 59, 2usize)).create("x").map(|_| ())
        };
        assert_eq!(
            read_made(&at("x"), vast).unwrap_err(),
            "a.h5, data set x: found the shape [576460752303423488, 2], allowed: as many numbers as \
             fit into memory"
        );
    }

    #[test]
    fn what_is_no_file_of_this_kind_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        let read = || read(&path, &ReadOptions::default()).unwrap_err();
        assert!(matches!(read(), DatasetError::Read { .. }));
        std::fs::write(&path, b"a,b\n1,2\n").unwrap();
        assert!(matches!(read(), DatasetError::Hdf5 { .. }));
    }
}
