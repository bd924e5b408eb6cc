//! `<name>.json` beside `<name>.npy`: what an array has no place for.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use langevin_points::record::{PointCloud, PointsError};
use langevin_points::space::Geometry;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::DatasetError;

/// What is known of the points of an NPY file besides their coordinates.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sidecar {
    pub(super) geometry: Geometry,
    columns: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<i64>>,
    provenance: Map<String, Value>,
}

impl Sidecar {
    pub(crate) fn of(cloud: &PointCloud, provenance: &[(String, String)]) -> Self {
        Self {
            geometry: cloud.geometry(),
            columns: cloud.columns().to_vec(),
            labels: cloud.labels().map(<[i64]>::to_vec),
            provenance: provenance.iter().map(|(k, v)| (k.clone(), v.as_str().into())).collect(),
        }
    }

    /// That of the NPY file at `npy`; `None` if there is no file of that name.
    pub(super) fn read(npy: &Path) -> Result<Option<Self>, DatasetError> {
        let path = path(npy);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(DatasetError::Read { path, source }),
        };
        serde_json::from_slice(&text).map(Some).map_err(|source| DatasetError::Sidecar { path, source })
    }

    /// The points with their names and labels.
    pub(super) fn apply(self, cloud: PointCloud) -> Result<PointCloud, PointsError> {
        let cloud = cloud.with_columns(self.columns)?;
        self.labels.map_or(Ok(cloud.clone()), |labels| cloud.with_labels(labels))
    }

    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        writeln!(out)
    }
}

/// `points.npy` has its description in `points.json`.
pub(crate) fn path(npy: &Path) -> PathBuf {
    npy.with_extension("json")
}
