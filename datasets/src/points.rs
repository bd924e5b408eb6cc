//! One way in and one way out for every format.

use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use langevin_points::record::PointCloud;
use langevin_points::space::Geometry;
use serde::{Deserialize, Serialize};

use crate::{DatasetError, csv, hdf5, npy};
use langevin_files::Staged;

/// What a file alone does not say; all of it may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReadOptions {
    /// Where the points live. Left out: as the file says; text with the columns latitude and longitude
    /// lies on the sphere, all else is flat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub geometry: Option<Geometry>,
    /// The coordinates, in this order; left out: every column but the label. By name, or by number
    /// from "1" where columns have no names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// The column of integer labels; in HDF5 also the path of a data set with one axis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The path of an HDF5 data set; left out: the only one with two axes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// Whether the first row of a text names its columns; left out: it does if none of its fields is a
    /// number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
}

/// The points of a file: `.csv`, `.tsv`, `.txt`, `.dat` (each also with `.gz` behind it), `.npy`, `.h5`
/// or `.hdf5`.
///
/// # Errors
/// [`DatasetError`] with the place in the file, what was found there and what is allowed.
pub fn read_points(path: &Path, options: &ReadOptions) -> Result<PointCloud, DatasetError> {
    match Format::of(path)? {
        Format::Text { .. } => csv::read(path, options),
        Format::Npy => npy::read(path, options),
        Format::Hdf5 => hdf5::read(path, options),
    }
}

/// Nothing if points can be written to `path`: its extension names a format, and its folder is there.
///
/// # Errors
/// [`DatasetError::UnknownFormat`], and [`DatasetError::Write`] without a folder.
pub fn check_target(path: &Path) -> Result<(), DatasetError> {
    Format::of(path)?;
    check_folder(path)
}

/// Nothing if the folder of `path` is there.
pub(crate) fn check_folder(path: &Path) -> Result<(), DatasetError> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            let source = io::Error::new(io::ErrorKind::NotFound, "there is no such folder");
            Err(DatasetError::Write { path: path.to_path_buf(), source })
        }
        _ => Ok(()),
    }
}

/// Write `cloud` in the format of the file's extension, with provenance as (key, value).
///
/// The file appears whole or not at all, an old one only gives way to a finished new one, and only by
/// `force`. [`read_points`] gives back the same coordinates bit for bit, column names, labels and
/// geometry. Provenance is in comments of a text, in attributes of an HDF5 file, and for NPY in the
/// JSON file beside it, which replaces an old one after the array.
///
/// # Errors
/// [`DatasetError::Exists`] without `force`, [`DatasetError::Write`], [`DatasetError::Hdf5`] and
/// [`DatasetError::UnknownFormat`].
pub fn write_points(
    path: &Path,
    cloud: &PointCloud,
    provenance: &[(String, String)],
    force: bool,
) -> Result<(), DatasetError> {
    match Format::of(path)? {
        Format::Text { delimiter, packed } => {
            let fill = |out: &mut dyn Write| text(cloud, provenance, delimiter, packed, out);
            Staged::bytes(path, force, fill)?.publish()?;
        }
        Format::Npy => {
            // Both are on disk before either is seen. An interruption between the two names is
            // noticed on reading, by the fingerprint.
            let array = Staged::bytes(path, force, |out| npy::write(cloud, out))?;
            let sidecar = npy::Sidecar::of(cloud, provenance);
            let sidecar = Staged::bytes(&npy::beside(path), force, |out| {
                serde_json::to_writer_pretty(&mut *out, &sidecar).map_err(io::Error::from)?;
                out.write_all(b"\n")
            })?;
            array.publish()?;
            sidecar.publish()?;
        }
        Format::Hdf5 => {
            Staged::file(path, force, |temporary| hdf5::write(temporary, path, cloud, provenance))?
                .publish()?;
        }
    }
    Ok(())
}

fn text(
    cloud: &PointCloud,
    provenance: &[(String, String)],
    delimiter: char,
    packed: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    if !packed {
        return csv::write(cloud, provenance, delimiter, out);
    }
    let mut encoder = GzEncoder::new(out, Compression::default());
    csv::write(cloud, provenance, delimiter, &mut encoder)?;
    encoder.finish().map(|_| ())
}

/// A way to hold points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Text { delimiter: char, packed: bool },
    Npy,
    Hdf5,
}

impl Format {
    /// By the extension, in upper or lower case.
    fn of(path: &Path) -> Result<Self, DatasetError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let (name, packed) = match name.strip_suffix(".gz") {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        match (name.rsplit_once('.').map(|(_, extension)| extension), packed) {
            (Some("csv" | "txt" | "dat"), _) => Ok(Self::Text { delimiter: ',', packed }),
            (Some("tsv"), _) => Ok(Self::Text { delimiter: '\t', packed }),
            (Some("npy"), false) => Ok(Self::Npy),
            (Some("h5" | "hdf5"), false) => Ok(Self::Hdf5),
            _ => Err(DatasetError::UnknownFormat {
                path: path.into(),
                allowed: ".csv, .tsv, .txt, .dat (each also with .gz), .npy, .h5, .hdf5",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use langevin_files::FullDisk;

    #[test]
    fn the_extension_is_the_format() {
        let of = |name: &str| Format::of(Path::new(name)).map_err(|error| error.to_string());
        assert_eq!(of("a/b.CSV"), Ok(Format::Text { delimiter: ',', packed: false }));
        assert_eq!(of("b.c.tsv.gz"), Ok(Format::Text { delimiter: '\t', packed: true }));
        assert_eq!((of("b.npy"), of("b.hdf5")), (Ok(Format::Npy), Ok(Format::Hdf5)));
        for name in ["csv", "b.npy.gz", "b.parquet", "b.gz", ""] {
            let message = format!(
                "{name}: found no known extension, allowed: .csv, .tsv, .txt, .dat (each also \
                 with .gz), .npy, .h5, .hdf5"
            );
            assert_eq!(of(name), Err(message));
        }
    }

    /// Wherever the disk is full, the writer says so: no error is lost in a buffer or a compressor.
    #[test]
    fn a_full_disk_is_noticed_at_every_byte() {
        let cloud = PointCloud::flat((0..40).map(|i| f64::from(i).sqrt()).collect(), 2).unwrap();
        let provenance = [("seed".into(), "1".into())];
        type Fill<'a> = &'a dyn Fn(&mut dyn Write) -> io::Result<()>;
        let fills: [Fill; 3] = [
            &|out| text(&cloud, &provenance, ',', false, out),
            &|out| text(&cloud, &provenance, ',', true, out),
            &|out| npy::write(&cloud, out),
        ];
        for fill in fills {
            let mut whole = Vec::new();
            fill(&mut whole).unwrap();
            for room in 0..whole.len() {
                let error = fill(&mut FullDisk::new(io::sink(), room)).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{room}");
            }
            fill(&mut FullDisk::new(io::sink(), whole.len())).unwrap();
        }
    }
}
