//! One way in and one way out, whatever the format.

use std::path::Path;

use langevin_points::record::PointCloud;
use langevin_points::space::Geometry;
use serde::{Deserialize, Serialize};

use crate::atomic::Staged;
use crate::{DatasetError, csv, hdf5, npy};

/// What a file does not say of itself. Nothing need be given.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReadOptions {
    /// Where the points live. Without it: as the file says, on the sphere where a table has columns
    /// of latitude and longitude in degrees, else flat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub geometry: Option<Geometry>,
    /// Columns of a text table that are coordinates, in this order, by name or by number from 1 where
    /// there is no header. Without it: all but the labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// The column of a text table that holds integer labels. Without it: as the file says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether a text table has a header. Without it: if its first row holds no number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// The data set of an HDF5 file, `group/name`. Without it: the only one with two axes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
}

/// A format of files, by its extension.
enum Format {
    Text { gzip: bool },
    Npy,
    Hdf5,
}

impl Format {
    fn of(path: &Path) -> Result<Self, DatasetError> {
        let unknown = || DatasetError::UnknownFormat {
            path: path.to_path_buf(),
            allowed: ".csv, .tsv, .txt, .dat (each also with .gz), .npy, .h5, .hdf5",
        };
        let extension = |path: &Path| Some(path.extension()?.to_str()?.to_lowercase());
        let text = |path: &Path| {
            extension(path).is_some_and(|e| ["csv", "tsv", "txt", "dat"].contains(&e.as_str()))
        };
        match extension(path).as_deref() {
            Some("gz") if path.file_stem().is_some_and(|stem| text(Path::new(stem))) => {
                Ok(Self::Text { gzip: true })
            }
            Some("npy") => Ok(Self::Npy),
            Some("h5" | "hdf5") => Ok(Self::Hdf5),
            _ if text(path) => Ok(Self::Text { gzip: false }),
            _ => Err(unknown()),
        }
    }
}

/// The points of a CSV, NPY or HDF5 file.
///
/// An NPY file's column names, labels and geometry are in the JSON file beside it, if there is one.
///
/// # Errors
/// [`DatasetError`] with the file, and the row and column of what cannot be.
pub fn read_points(path: &Path, options: &ReadOptions) -> Result<PointCloud, DatasetError> {
    match Format::of(path)? {
        Format::Text { .. } => csv::read(path, options),
        Format::Npy => npy::read(path, options),
        Format::Hdf5 => hdf5::read(path, options),
    }
}

/// Write points so that [`read_points`] gives the same cloud back, bit for bit.
///
/// `provenance` stands in comments of a text file, in the JSON file beside an NPY file, and in the
/// attributes of an HDF5 file. A reader sees the old file or the new one, never a part of it; of an
/// NPY file and its JSON file each is whole, and both are on disk before either gets its name.
///
/// # Errors
/// [`DatasetError::Exists`] unless `force`, [`DatasetError::UnknownFormat`], [`DatasetError::Write`]
/// and [`DatasetError::Hdf5`]. The old file is then whole.
pub fn write_points(
    path: &Path,
    cloud: &PointCloud,
    provenance: &[(String, String)],
    force: bool,
) -> Result<(), DatasetError> {
    match Format::of(path)? {
        Format::Text { gzip: false } => {
            Staged::bytes(path, force, |out| csv::write(cloud, provenance, out))?.publish(force)
        }
        Format::Text { gzip: true } => {
            let fill = |out: &mut dyn std::io::Write| {
                let mut packed = flate2::write::GzEncoder::new(out, flate2::Compression::default());
                csv::write(cloud, provenance, &mut packed)?;
                packed.finish().map(|_| ())
            };
            Staged::bytes(path, force, fill)?.publish(force)
        }
        Format::Npy => {
            let description = npy::Sidecar::of(cloud, provenance);
            let beside =
                Staged::bytes(&npy::sidecar_path(path), force, |out| description.write(out))?;
            let points = Staged::bytes(path, force, |out| npy::write(cloud, out))?;
            beside.publish(force)?;
            points.publish(force)
        }
        Format::Hdf5 => {
            Staged::file(path, force, |temporary| hdf5::write(temporary, path, cloud, provenance))?
                .publish(force)
        }
    }
}
