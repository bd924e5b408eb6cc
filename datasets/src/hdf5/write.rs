//! A cloud as a file with one data set, or two with labels.

use std::io::{self, ErrorKind};
use std::path::Path;

use ::hdf5::File;
use ::hdf5::types::VarLenUnicode;
use langevin_points::record::PointCloud;
use langevin_points::space::Geometry;

use super::{COLUMNS, GEOMETRY, LABELS, POINTS, failed};
use crate::{DatasetError, Place};

/// The cloud as a file of its own at `temporary`, a name that is still free; it will be `path`.
pub(crate) fn write(
    temporary: &Path,
    path: &Path,
    cloud: &PointCloud,
    provenance: &[(String, String)],
) -> Result<(), DatasetError> {
    // The library takes no text with a NUL in it.
    let text = |text: &str| {
        let no_nul = |_| DatasetError::Write {
            path: path.into(),
            source: io::Error::new(ErrorKind::InvalidInput, format!("found a NUL in {text:?}")),
        };
        text.parse::<VarLenUnicode>().map_err(no_nul)
    };
    let place = Place::file(path);
    let fail = failed(&place);
    let file = File::create_excl(temporary).map_err(&fail)?;
    let shape = [cloud.len(), cloud.dimension()];
    let points = file.new_dataset::<f64>().shape(shape).create(POINTS).map_err(&fail)?;
    points.as_writer().write_raw(cloud.points()).map_err(&fail)?;
    let geometry = match cloud.geometry() {
        Geometry::Flat => "flat",
        Geometry::Sphere => "sphere",
    };
    attribute(&points, GEOMETRY, &text(geometry)?).map_err(&fail)?;
    let names = cloud.columns().iter().map(|name| text(name)).collect::<Result<Vec<_>, _>>()?;
    let columns = points.new_attr::<VarLenUnicode>().shape(names.len()).create(COLUMNS);
    columns.and_then(|columns| columns.as_writer().write_raw(&names)).map_err(&fail)?;
    if let Some(labels) = cloud.labels() {
        let dataset = file.new_dataset::<i64>().shape(labels.len()).create(LABELS);
        dataset.and_then(|dataset| dataset.as_writer().write_raw(labels)).map_err(&fail)?;
    }
    for (key, value) in provenance {
        text(key)?;
        attribute(&file, key, &text(value)?).map_err(&fail)?;
    }
    // Closing a file with open data sets puts off what is left to write to where no error is seen.
    file.flush().map_err(&fail)?;
    file.close().map_err(&fail)
}

/// Text at a file, group or data set.
pub(crate) fn attribute(
    at: &::hdf5::Location,
    key: &str,
    value: &VarLenUnicode,
) -> ::hdf5::Result<()> {
    at.new_attr::<VarLenUnicode>().create(key)?.as_writer().write_scalar(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provenance_is_among_the_file_s_attributes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        let cloud = PointCloud::flat(vec![1.0, 2.0], 2).unwrap();
        write(&path, &path, &cloud, &[("config".into(), "[data]\nkind = \"moons\"".into())])
            .unwrap();
        let file = File::open(&path).unwrap();
        let text: VarLenUnicode = file.attr("config").unwrap().as_reader().read_scalar().unwrap();
        assert_eq!(text.as_str(), "[data]\nkind = \"moons\"");
        let other = folder.path().join("b.h5");
        let error = write(&other, &path, &cloud, &[("config".into(), "a\0b".into())]).unwrap_err();
        assert!(matches!(error, DatasetError::Write { path: named, .. } if named == path));
    }
}
