//! A cloud from text, line by line.

use std::io::BufRead;
use std::path::Path;

use langevin_points::record::{PointCloud, UNIT_TOLERANCE};
use langevin_points::space::Geometry;

use super::{Delimiter, Field, GEOMETRY, LABEL, open};
use crate::array::{EXACT, located};
use crate::error::shown;
use crate::{Column, DatasetError, Place, ReadOptions};

/// Names under which latitude and longitude are known, in lower case.
const LATITUDES: [&str; 3] = ["lat", "latitude", "lat_deg"];
const LONGITUDES: [&str; 5] = ["lon", "long", "lng", "longitude", "lon_deg"];

/// The points of a text file, unpacked if its name ends in .gz.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<PointCloud, DatasetError> {
    let place = Place::file(path);
    let fail = |source| DatasetError::Read { path: path.to_path_buf(), source };
    let mut input = open(path)?;
    let mut reader = Reader { place, notes: Notes::default(), table: None, options };
    let (mut row, mut line) = (0, Vec::new());
    while input.read_until(b'\n', &mut line).map_err(fail)? > 0 {
        row += 1;
        reader.line(row, &line)?;
        line.clear();
    }
    reader.finish()
}

/// What comments before the header say.
#[derive(Default)]
struct Notes {
    geometry: Option<Geometry>,
    label: Option<String>,
}

impl Notes {
    fn read(&mut self, comment: &str) {
        let comment = comment.trim_start_matches('#').trim_start();
        if let Some(geometry) = comment.strip_prefix(GEOMETRY).map(str::trim) {
            let known = match geometry {
                "flat" => Some(Geometry::Flat),
                "sphere" => Some(Geometry::Sphere),
                // Somebody else's comment.
                _ => None,
            };
            self.geometry = self.geometry.or(known);
        }
        if let Some(label) = comment.strip_prefix(LABEL) {
            self.label.get_or_insert_with(|| label.trim().into());
        }
    }
}

struct Reader<'a> {
    place: Place,
    notes: Notes,
    table: Option<Table>,
    options: &'a ReadOptions,
}

impl Reader<'_> {
    fn line(&mut self, row: usize, bytes: &[u8]) -> Result<(), DatasetError> {
        let not_text = |_| DatasetError::NotText { place: self.place.clone(), row };
        let text = std::str::from_utf8(bytes).map_err(not_text)?;
        // Spreadsheets put a byte-order mark in front.
        let text = text.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']);
        if text.trim().is_empty() {
            return Ok(());
        }
        if let Some(comment) = text.trim_start().strip_prefix('#') {
            if self.table.is_none() {
                self.notes.read(comment);
            }
            return Ok(());
        }
        let delimiter = self.table.as_ref().map_or_else(|| Delimiter::of(text), |t| t.delimiter);
        let quote = || DatasetError::Quote { place: self.place.clone(), row };
        let fields = delimiter.split(text).ok_or_else(quote)?;
        if let Some(table) = &mut self.table {
            return table.push(&self.place, row, &fields);
        }
        let mut table =
            Table::new(&self.place, row, delimiter, &fields, &self.notes, self.options)?;
        if !table.header {
            table.push(&self.place, row, &fields)?;
        }
        self.table = Some(table);
        Ok(())
    }

    fn finish(self) -> Result<PointCloud, DatasetError> {
        let place = self.place;
        match self.table {
            Some(table) if !table.values.is_empty() => table.cloud(&place),
            _ => Err(DatasetError::Empty { place }),
        }
    }
}

/// The columns of a table, and what its rows have brought so far.
struct Table {
    delimiter: Delimiter,
    first: usize,
    header: bool,
    /// As in the header, or numbers from 1.
    names: Vec<String>,
    coordinates: Vec<usize>,
    label: Option<usize>,
    kind: Kind,
    values: Vec<f64>,
    labels: Vec<i64>,
}

/// What the coordinates are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Flat,
    UnitVectors,
    /// Latitude and longitude, in this order of the coordinates.
    Degrees,
}

impl Table {
    fn new(
        place: &Place,
        first: usize,
        delimiter: Delimiter,
        fields: &[Field],
        notes: &Notes,
        options: &ReadOptions,
    ) -> Result<Self, DatasetError> {
        let header = options.header.unwrap_or_else(|| !fields.iter().any(Field::is_number));
        let name = |(i, field): (usize, &Field)| match field.text.as_str() {
            text if header && !text.is_empty() => text.to_string(),
            _ => (i + 1).to_string(),
        };
        let names: Vec<String> = fields.iter().enumerate().map(name).collect();
        let find = |name: &String| {
            let missing = || DatasetError::NoColumn {
                place: place.clone(),
                name: name.clone(),
                columns: names.clone(),
            };
            names.iter().position(|n| n == name).ok_or_else(missing)
        };
        let noted = notes.label.as_ref().filter(|name| !name.is_empty());
        let label = options.label.as_ref().or(noted).map(find).transpose()?;
        let coordinates: Vec<usize> = match &options.columns {
            Some(columns) => columns.iter().map(find).collect::<Result<_, _>>()?,
            None => (0..names.len()).filter(|&i| Some(i) != label).collect(),
        };
        let mut table = Self {
            delimiter,
            first,
            header,
            names,
            coordinates,
            label,
            kind: Kind::Flat,
            values: Vec::new(),
            labels: Vec::new(),
        };
        table.place_on(place, options.geometry.or(notes.geometry))?;
        Ok(table)
    }

    /// Decide what the coordinates are, given where the points are said to live.
    fn place_on(&mut self, place: &Place, geometry: Option<Geometry>) -> Result<(), DatasetError> {
        if geometry == Some(Geometry::Flat) {
            return Ok(());
        }
        let called = |known: &[&str]| {
            let is = |&i: &usize| known.contains(&self.names[i].to_lowercase().as_str());
            self.coordinates.iter().copied().find(is)
        };
        if let (Some(latitude), Some(longitude)) = (called(&LATITUDES), called(&LONGITUDES)) {
            let other = |i: &&usize| **i != latitude && **i != longitude;
            let columns: Vec<String> =
                self.coordinates.iter().filter(other).map(|&i| self.names[i].clone()).collect();
            if !columns.is_empty() {
                return Err(DatasetError::BesidePosition { place: place.clone(), columns });
            }
            (self.coordinates, self.kind) = (vec![latitude, longitude], Kind::Degrees);
        } else if geometry == Some(Geometry::Sphere) {
            if self.coordinates.len() != 3 {
                return Err(DatasetError::Array {
                    place: place.clone(),
                    what: "columns of points on the sphere:",
                    found: self.coordinates.len().to_string(),
                    allowed: "latitude and longitude by these names, or 3",
                });
            }
            self.kind = Kind::UnitVectors;
        }
        Ok(())
    }

    fn push(&mut self, place: &Place, row: usize, fields: &[Field]) -> Result<(), DatasetError> {
        let (found, expected, first) = (fields.len(), self.names.len(), self.first);
        if found != expected {
            return Err(DatasetError::Width { place: place.clone(), row, found, expected, first });
        }
        let bad = |i: usize, allowed| DatasetError::Cell {
            place: place.clone(),
            row,
            column: if self.header {
                Column::Name(self.names[i].clone())
            } else {
                Column::Number(i + 1)
            },
            found: shown(&fields[i].text),
            allowed,
        };
        for (k, &i) in self.coordinates.iter().enumerate() {
            let allowed = match (self.kind, k) {
                (Kind::Degrees, 0) => (-90.0, 90.0, "a latitude from -90 to 90"),
                (Kind::Degrees, _) => (-180.0, 360.0, "a longitude from -180 to 360"),
                _ => (f64::MIN, f64::MAX, "a finite number"),
            };
            let value = fields[i].text.parse::<f64>().ok();
            // NaN and ±∞ are outside every range.
            let value = value.filter(|v| (allowed.0..=allowed.1).contains(v));
            self.values.push(value.ok_or_else(|| bad(i, allowed.2))?);
        }
        if let Some(i) = self.label {
            let label = integer(&fields[i].text).ok_or_else(|| bad(i, "an integer"))?;
            self.labels.push(label);
        }
        if self.kind == Kind::UnitVectors {
            let vector = &self.values[self.values.len() - 3..];
            let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
            if (length - 1.0).abs() > UNIT_TOLERANCE {
                return Err(DatasetError::NotUnit { place: place.clone(), row, length });
            }
        }
        Ok(())
    }

    fn cloud(self, place: &Place) -> Result<PointCloud, DatasetError> {
        let build = || {
            let cloud = match self.kind {
                Kind::Flat => PointCloud::flat(self.values, self.coordinates.len())?,
                Kind::UnitVectors => PointCloud::on_sphere(self.values)?,
                Kind::Degrees => {
                    let column =
                        |k| self.values.iter().skip(k).step_by(2).copied().collect::<Vec<_>>();
                    PointCloud::from_degrees(&column(0), &column(1))?
                }
            };
            let cloud = if self.header && self.kind != Kind::Degrees {
                cloud.with_columns(
                    self.coordinates.iter().map(|&i| self.names[i].clone()).collect(),
                )?
            } else {
                cloud
            };
            if self.label.is_some() { cloud.with_labels(self.labels) } else { Ok(cloud) }
        };
        build().map_err(|error| located(place, error))
    }
}

/// An integer, also written as a number without fraction.
fn integer(text: &str) -> Option<i64> {
    let whole = |v: &f64| v.fract() == 0.0 && v.abs() <= EXACT as f64;
    text.parse().ok().or_else(|| text.parse().ok().filter(whole).map(|v| v as i64))
}
