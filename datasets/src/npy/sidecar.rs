//! What an array file cannot hold, as JSON beside it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use langevin_points::record::PointCloud;
use langevin_points::space::Geometry;
use serde::{Deserialize, Serialize};

use crate::{DatasetError, fingerprint};

/// The file beside an array file; unknown keys are left alone.
#[derive(Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct Sidecar {
    /// Where the points live.
    geometry: Geometry,
    /// Names of the columns.
    columns: Vec<String>,
    /// One label per point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<i64>>,
    /// Of the cloud that both files describe together.
    fingerprint: String,
    /// Where the points come from.
    #[serde(default)]
    provenance: serde_json::Map<String, serde_json::Value>,
}

/// The name of the file beside `path`.
pub(crate) fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(".json");
    name.into()
}

impl Sidecar {
    /// What `cloud` and its provenance say beyond the array.
    pub(crate) fn of(cloud: &PointCloud, provenance: &[(String, String)]) -> Self {
        Self {
            geometry: cloud.geometry(),
            columns: cloud.columns().to_vec(),
            labels: cloud.labels().map(<[i64]>::to_vec),
            fingerprint: fingerprint(cloud),
            provenance: provenance.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect(),
        }
    }

    /// The file beside `path`, if there is one.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, DatasetError> {
        let path = beside(path);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(DatasetError::Read { path, source }),
        };
        let sidecar = serde_json::from_slice(&text);
        sidecar.map(Some).map_err(|source| DatasetError::Sidecar { path, source })
    }

    /// The cloud of an array's `values`, row-major with `dimension` columns.
    pub(super) fn cloud(
        self,
        path: &Path,
        values: Vec<f64>,
        dimension: usize,
    ) -> Result<PointCloud, DatasetError> {
        let build = || {
            let cloud = PointCloud::new(values, dimension, self.geometry)?;
            let cloud = cloud.with_columns(self.columns)?;
            match self.labels {
                Some(labels) => cloud.with_labels(labels),
                None => Ok(cloud),
            }
        };
        // Two files cannot be replaced as one: after an interruption, or when somebody replaced the
        // array, they do not belong together.
        let stranger = || DatasetError::Stranger { path: beside(path), array: path.into() };
        let cloud = build().map_err(|_| stranger())?;
        if fingerprint(&cloud) == self.fingerprint { Ok(cloud) } else { Err(stranger()) }
    }
}
