//! A cloud of points, as somebody who has one means it: no tensors.

use std::f64::consts::FRAC_PI_2;

use crate::space::Geometry;

/// How far the length of a vector on the sphere may be from 1: the rounding of single precision,
/// and of text with six decimals.
pub const UNIT_TOLERANCE: f64 = 2e-6;

/// What cannot be a cloud of points.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PointsError {
    /// The numbers do not fill whole rows.
    #[error("{found} numbers are no whole rows of {dimension} coordinates")]
    Ragged {
        /// Number of numbers.
        found: usize,
        /// Coordinates of a point.
        dimension: usize,
    },
    /// NaN or ±∞.
    #[error("point {point}, coordinate {coordinate}: found {value}, allowed: a finite number")]
    NotFinite {
        /// Row, from 0.
        point: usize,
        /// Column, from 0.
        coordinate: usize,
        /// What stands there.
        value: f64,
    },
    /// A vector that is not on the unit sphere.
    #[error("point {point}: its length is {length}, allowed: 1 within {UNIT_TOLERANCE:e}")]
    NotUnit {
        /// Row, from 0.
        point: usize,
        /// Its Euclidean length.
        length: f64,
    },
    /// Points of the sphere are vectors of R³.
    #[error("points on the sphere have 3 coordinates, found {found}")]
    NotSpatial {
        /// Coordinates of a point.
        found: usize,
    },
    /// A latitude or longitude that is none.
    #[error("point {point}: {what} {degrees}° is outside [{minimum}°, {maximum}°]")]
    OutsideGlobe {
        /// Row, from 0.
        point: usize,
        /// "latitude" or "longitude".
        what: &'static str,
        /// The value found.
        degrees: f64,
        /// Smallest value allowed.
        minimum: f64,
        /// Largest value allowed.
        maximum: f64,
    },
    /// As many labels, names or coordinates are needed as there are points or columns.
    #[error("{found} {what} for {expected}")]
    Count {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there must be.
        expected: usize,
    },
    /// Column names must be told apart, and fit on one line.
    #[error("column name {name:?} is empty, stands twice or holds a line break")]
    ColumnName {
        /// The name.
        name: String,
    },
}

/// `n` points of `R^d`, or of the unit sphere in R³.
///
/// Every coordinate is finite; on the sphere every row has length 1 within [`UNIT_TOLERANCE`].
#[derive(Debug, Clone, PartialEq)]
pub struct PointCloud {
    points: Vec<f64>,
    dimension: usize,
    geometry: Geometry,
    columns: Vec<String>,
    labels: Option<Vec<i64>>,
}

impl PointCloud {
    /// Points of `R^d`, row-major.
    ///
    /// # Errors
    /// [`PointsError::Ragged`] and [`PointsError::NotFinite`].
    pub fn flat(points: Vec<f64>, dimension: usize) -> Result<Self, PointsError> {
        if dimension == 0 || !points.len().is_multiple_of(dimension) {
            return Err(PointsError::Ragged { found: points.len(), dimension });
        }
        if let Some(at) = points.iter().position(|x| !x.is_finite()) {
            let (point, coordinate) = (at / dimension, at % dimension);
            return Err(PointsError::NotFinite { point, coordinate, value: points[at] });
        }
        let columns = default_columns(dimension);
        Ok(Self { points, dimension, geometry: Geometry::Flat, columns, labels: None })
    }

    /// Unit vectors (x, y, z), row-major; kept as they are, not normalised again.
    ///
    /// # Errors
    /// Those of [`PointCloud::flat`], and [`PointsError::NotUnit`].
    pub fn on_sphere(points: Vec<f64>) -> Result<Self, PointsError> {
        let mut cloud = Self::flat(points, 3)?;
        for (point, row) in cloud.rows().enumerate() {
            let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            if (length - 1.0).abs() > UNIT_TOLERANCE {
                return Err(PointsError::NotUnit { point, length });
            }
        }
        cloud.geometry = Geometry::Sphere;
        Ok(cloud)
    }

    /// Points in `geometry`, row-major with `dimension` coordinates.
    ///
    /// # Errors
    /// Those of [`PointCloud::flat`] and [`PointCloud::on_sphere`], and [`PointsError::NotSpatial`].
    pub fn new(
        points: Vec<f64>,
        dimension: usize,
        geometry: Geometry,
    ) -> Result<Self, PointsError> {
        match geometry {
            Geometry::Flat => Self::flat(points, dimension),
            Geometry::Sphere if dimension == 3 => Self::on_sphere(points),
            Geometry::Sphere => Err(PointsError::NotSpatial { found: dimension }),
        }
    }

    /// Points of the globe; z points to the north pole, x to latitude and longitude 0.
    ///
    /// # Shapes and units
    /// - `latitudes` in [−90°, 90°], `longitudes` in [−180°, 360°]; one of each per point
    ///
    /// # Errors
    /// [`PointsError::Count`] and [`PointsError::OutsideGlobe`] (a NaN is outside).
    pub fn from_degrees(latitudes: &[f64], longitudes: &[f64]) -> Result<Self, PointsError> {
        if latitudes.len() != longitudes.len() {
            let (found, expected) = (longitudes.len(), latitudes.len());
            return Err(PointsError::Count { what: "longitudes", found, expected });
        }
        let mut points = Vec::with_capacity(3 * latitudes.len());
        for (point, (&latitude, &longitude)) in latitudes.iter().zip(longitudes).enumerate() {
            let outside = |what, degrees, minimum, maximum| {
                Err(PointsError::OutsideGlobe { point, what, degrees, minimum, maximum })
            };
            if !(-90.0..=90.0).contains(&latitude) {
                return outside("latitude", latitude, -90.0, 90.0);
            }
            if !(-180.0..=360.0).contains(&longitude) {
                return outside("longitude", longitude, -180.0, 360.0);
            }
            points.extend(unit_vector(latitude, longitude));
        }
        Self::on_sphere(points)
    }

    /// The same points with names for their columns.
    ///
    /// # Errors
    /// [`PointsError::Count`] and [`PointsError::ColumnName`].
    pub fn with_columns(mut self, columns: Vec<String>) -> Result<Self, PointsError> {
        if columns.len() != self.dimension {
            let (found, expected) = (columns.len(), self.dimension);
            return Err(PointsError::Count { what: "column names", found, expected });
        }
        for (i, name) in columns.iter().enumerate() {
            if name.is_empty() || name.contains(['\n', '\r']) || columns[..i].contains(name) {
                return Err(PointsError::ColumnName { name: name.clone() });
            }
        }
        self.columns = columns;
        Ok(self)
    }

    /// The same points with one label each.
    ///
    /// # Errors
    /// [`PointsError::Count`].
    pub fn with_labels(mut self, labels: Vec<i64>) -> Result<Self, PointsError> {
        if labels.len() != self.len() {
            let (found, expected) = (labels.len(), self.len());
            return Err(PointsError::Count { what: "labels", found, expected });
        }
        self.labels = Some(labels);
        Ok(self)
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.points.len() / self.dimension
    }

    /// No point at all.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Coordinates of a point; 3 on the sphere.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Where the points live.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// All coordinates, row-major.
    pub fn points(&self) -> &[f64] {
        &self.points
    }

    /// The points, one after the other.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, f64> {
        self.points.chunks_exact(self.dimension)
    }

    /// Names of the columns: as read, or x, y, z, or x1 … xd.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// One label per point, if there are labels.
    pub fn labels(&self) -> Option<&[i64]> {
        self.labels.as_deref()
    }

    /// Latitude in [−90°, 90°] and longitude in [−180°, 180°] of points on the sphere.
    pub fn to_degrees(&self) -> Option<Vec<[f64; 2]>> {
        let angles = |p: &[f64]| {
            // atan2, not asin: asin loses half its digits near the poles.
            let latitude = p[2].atan2(p[0].hypot(p[1]));
            [latitude.to_degrees(), p[1].atan2(p[0]).to_degrees()]
        };
        (self.geometry == Geometry::Sphere).then(|| self.rows().map(angles).collect())
    }

    /// The points `rows`, in that order and with repetition.
    ///
    /// # Panics
    /// If a row does not exist.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let d = self.dimension;
        let labels = |labels: &Vec<i64>| rows.iter().map(|&row| labels[row]).collect();
        Self {
            points: rows
                .iter()
                .flat_map(|&row| &self.points[row * d..(row + 1) * d])
                .copied()
                .collect(),
            columns: self.columns.clone(),
            labels: self.labels.as_ref().map(labels),
            ..*self
        }
    }
}

/// x, y, z up to three dimensions, else x1 … xd.
fn default_columns(dimension: usize) -> Vec<String> {
    match dimension {
        0..=3 => ["x", "y", "z"][..dimension].iter().map(|&name| name.into()).collect(),
        _ => (1..=dimension).map(|i| format!("x{i}")).collect(),
    }
}

/// The unit vector of a position in degrees.
///
/// One position has one vector, bit for bit: the poles at any longitude, and −180° as 180°.
pub(crate) fn unit_vector(latitude: f64, longitude: f64) -> [f64; 3] {
    let (sin_latitude, cos_latitude) = sin_cos_degrees(latitude);
    let (sin_longitude, cos_longitude) = sin_cos_degrees(longitude);
    // + 0.0 turns −0 into 0.
    [cos_latitude * cos_longitude, cos_latitude * sin_longitude, sin_latitude].map(|x| x + 0.0)
}

/// Sine and cosine, exact at multiples of 90°.
fn sin_cos_degrees(degrees: f64) -> (f64, f64) {
    let quarter = (degrees / 90.0).round();
    let (sin, cos) = ((degrees - 90.0 * quarter) / 90.0 * FRAC_PI_2).sin_cos();
    match (quarter as i64).rem_euclid(4) {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_labels_and_names_stay_together() {
        let cloud = PointCloud::flat(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2).unwrap();
        assert_eq!(cloud.columns(), ["x", "y"]);
        let cloud = cloud.with_labels(vec![7, 8, 9]).unwrap();
        let cloud = cloud.with_columns(vec!["a".into(), "b".into()]).unwrap();
        let some = cloud.select(&[2, 0]);
        assert_eq!((some.len(), some.points()), (2, &[5.0, 6.0, 1.0, 2.0][..]));
        assert_eq!((some.labels(), some.columns()), (Some(&[9, 7][..]), cloud.columns()));
    }

    #[test]
    fn what_is_no_cloud_says_why() {
        let message = |error: PointsError| error.to_string();
        assert_eq!(
            message(PointCloud::flat(vec![0.0; 5], 2).unwrap_err()),
            "5 numbers are no whole rows of 2 coordinates"
        );
        assert_eq!(
            message(PointCloud::flat(vec![0.0, 1.0, 2.0, f64::NAN], 2).unwrap_err()),
            "point 1, coordinate 1: found NaN, allowed: a finite number"
        );
        assert_eq!(
            message(PointCloud::on_sphere(vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0]).unwrap_err()),
            "point 1: its length is 1.7320508075688772, allowed: 1 within 2e-6"
        );
        assert_eq!(
            message(PointCloud::from_degrees(&[10.0, 90.5], &[0.0, 0.0]).unwrap_err()),
            "point 1: latitude 90.5° is outside [-90°, 90°]"
        );
        let cloud = PointCloud::flat(vec![0.0; 4], 2).unwrap();
        assert_eq!(message(cloud.clone().with_labels(vec![1]).unwrap_err()), "1 labels for 2");
        assert_eq!(
            message(cloud.with_columns(vec!["a".into(), "a".into()]).unwrap_err()),
            "column name \"a\" is empty, stands twice or holds a line break"
        );
    }

    #[test]
    fn a_position_has_one_vector() {
        assert_eq!(unit_vector(0.0, 0.0), [1.0, 0.0, 0.0]);
        assert_eq!(unit_vector(0.0, 270.0), unit_vector(0.0, -90.0));
        assert_eq!(unit_vector(12.0, -180.0), unit_vector(12.0, 180.0));
        for longitude in [-180.0, -17.0, 0.0, 90.0, 123.4] {
            assert_eq!(unit_vector(90.0, longitude), [0.0, 0.0, 1.0]);
        }
    }

    /// Degrees there and back. A few roundings of angles up to π, 4e-16, in degrees.
    #[test]
    fn degrees_are_recovered() {
        let (latitudes, longitudes) =
            ([-89.999, -30.2, 0.0, 64.42], [-178.47, 130.28, 15.004, -17.33]);
        let cloud = PointCloud::from_degrees(&latitudes, &longitudes).unwrap();
        for (i, [latitude, longitude]) in cloud.to_degrees().unwrap().into_iter().enumerate() {
            assert!((latitude - latitudes[i]).abs() < 1e-13, "{latitude}");
            // At 0.001° from the pole the longitude is worse by the cosine, 1.7e-5.
            let tolerance = if i == 0 { 1e-8 } else { 1e-13 };
            assert!((longitude - longitudes[i]).abs() < tolerance, "{longitude}");
        }
        assert_eq!(PointCloud::flat(vec![0.0; 3], 3).unwrap().to_degrees(), None);
    }
}
