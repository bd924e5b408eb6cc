//! Coordinates on cells, brought to the cells of another grid.

use langevin_climate::axis::Axis;
use langevin_climate::grid::Grid;
use netcdf::{Extent, FileMut, Variable};

use super::coordinates::dimensions;
use super::file::FieldSource;
use super::packing::Packing;
use super::roles::Role;
use super::writer::{OF_STORAGE, WriteOptions, attributes};

/// Rows and columns of a chunk: coordinates are written row by row, so that a row of chunks is kept until it is full.
const CHUNK: [usize; 2] = [16, 4096];

/// A direction in space; the first number alone where nothing but a number is brought to other cells.
type Vector = [f64; 3];

/// What numbers on cells are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Number,
    Latitude,
    Longitude,
    /// A latitude and a longitude.
    Both,
}

/// Defines coordinates on the cells of `grid` and fills them, linear along both axes between the source's: a place on the
/// sphere as a direction in space, which knows no meridian where longitudes jump.
pub(super) fn bring(
    out: &mut FileMut,
    (kind, group): (Kind, &[Variable]),
    field: &FieldSource,
    grid: &Grid,
    options: &WriteOptions,
) -> netcdf::Result<()> {
    let name = |role| field.dimension(role).expect("a field has rows and columns");
    let (y, x) = (name(Role::Y), name(Role::X));
    let own = dimensions(&group[0]);
    let time = field.dimension(Role::Time).filter(|time| own.iter().any(|name| name == time));
    let names: Vec<&str> = time.into_iter().chain([y, x]).collect();
    for own in group {
        let mut variable = out.add_variable::<f64>(&own.name(), &names)?;
        variable.set_compression(options.deflate, true)?;
        let (rows, columns) = grid.shape();
        let mut chunk = vec![1; names.len() - 2];
        chunk.extend([rows.min(CHUNK[0]), columns.min(CHUNK[1])]);
        variable.set_chunking(&chunk)?;
        attributes(own, &mut variable, &[&OF_STORAGE[..], &["bounds"]].concat())?;
    }
    let (down, across) = (between(&field.grid.y, &grid.y), between(&field.grid.x, &grid.x));
    let steps = if time.is_some() { &options.times[..] } else { &[0] };
    for (k, &step) in steps.iter().enumerate() {
        let source = Source::read((kind, group), (time, step), [y, x])?;
        for (i, &row) in down.iter().enumerate() {
            let found = source.row(row, &across);
            for (part, own) in group.iter().enumerate() {
                let values: Vec<f64> = found.iter().map(|pair| pair[part]).collect();
                let whole = Extent::SliceCount { start: 0, count: values.len(), stride: 1 };
                let mut extents = vec![Extent::Index(k); names.len() - 2];
                extents.extend([Extent::Index(i), whole]);
                let mut variable = out.variable_mut(&own.name()).expect("it was defined above");
                variable.put_values(&values, extents)?;
            }
        }
    }
    Ok(())
}

/// Two cells of an axis, and how far from the first to the second.
type Between = ([usize; 2], f64);

/// Where the target's centres lie among the source's; those beyond the outermost on the line through the last two.
fn between(source: &Axis, target: &Axis) -> Vec<Between> {
    let (centres, n) = (source.centres(), source.len());
    if n == 1 {
        return vec![([0, 0], 0.0); target.len()];
    }
    let sign = (centres[1] - centres[0]).signum();
    let along = |x: f64| sign * (x - centres[0]);
    let place = |&x: &f64| {
        let period = source.period();
        let x = period.map_or(along(x), |period| along(x).rem_euclid(period));
        let last = if period.is_some() { n - 1 } else { n - 2 };
        let low = centres.partition_point(|&own| along(own) <= x).saturating_sub(1).min(last);
        let high = (low + 1) % n;
        let end = if high == 0 { period.unwrap_or_default() } else { along(centres[high]) };
        ([low, high], (x - along(centres[low])) / (end - along(centres[low])))
    };
    target.centres().iter().map(place).collect()
}

/// Coordinates on the source's cells at one step.
struct Source {
    kind: Kind,
    numbers: Vec<Vec<f64>>,
    columns: usize,
    /// Whether longitudes go from 0 to 360, not from -180 to 180.
    to_360: bool,
}

impl Source {
    fn read(
        (kind, group): (Kind, &[Variable]),
        (time, step): (Option<&str>, usize),
        [y, x]: [&str; 2],
    ) -> netcdf::Result<Self> {
        let extent = |d: &netcdf::Dimension| match d.name() {
            name if name == y || name == x => {
                Extent::SliceCount { start: 0, count: d.len(), stride: 1 }
            }
            name if Some(name.as_str()) == time => Extent::Index(step),
            _ => Extent::Index(0),
        };
        let numbers = |own: &Variable| -> netcdf::Result<Vec<f64>> {
            let extents: Vec<Extent> = own.dimensions().iter().map(extent).collect();
            let (stored, packing) = (own.get_values::<f64, _>(extents)?, Packing::of(own));
            Ok(stored.into_iter().map(|x| packing.number(x)).collect())
        };
        let numbers = group.iter().map(numbers).collect::<netcdf::Result<Vec<_>>>()?;
        let columns = group[0].dimensions().iter().find(|d| d.name() == x).map_or(1, |d| d.len());
        let to_360 = numbers.last().is_some_and(|all| all.iter().any(|&x| x > 180.0));
        Ok(Self { kind, numbers, columns, to_360 })
    }

    /// A row of the target: numbers, or latitudes with their longitudes.
    fn row(&self, (rows, down): Between, across: &[Between]) -> Vec<[f64; 2]> {
        let own = |j| blend(rows.map(|i| self.vector(i * self.columns + j)), down);
        let row: Vec<Vector> = (0..self.columns).map(own).collect();
        let cell = |(pair, part): &Between| self.of(blend(pair.map(|j| row[j]), *part));
        across.iter().map(cell).collect()
    }

    fn vector(&self, cell: usize) -> Vector {
        let own = |part: usize| self.numbers[part][cell];
        let (latitude, longitude) = match self.kind {
            Kind::Number | Kind::Latitude => return [own(0), 0.0, 0.0],
            Kind::Longitude => (0.0, own(0).to_radians()),
            Kind::Both => (own(0).to_radians(), own(1).to_radians()),
        };
        let (sin, cos) = longitude.sin_cos();
        [latitude.cos() * cos, latitude.cos() * sin, latitude.sin()]
    }

    fn of(&self, [x, y, z]: Vector) -> [f64; 2] {
        let longitude = y.atan2(x).to_degrees();
        let longitude = if self.to_360 { longitude.rem_euclid(360.0) } else { longitude };
        match self.kind {
            Kind::Number | Kind::Latitude => [x, 0.0],
            Kind::Longitude => [longitude, 0.0],
            Kind::Both => [z.atan2(x.hypot(y)).to_degrees(), longitude],
        }
    }
}

fn blend([a, b]: [Vector; 2], part: f64) -> Vector {
    std::array::from_fn(|k| a[k] + part * (b[k] - a[k]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longitudes_keep_their_turn() {
        let source = |all: [f64; 2]| Source {
            kind: Kind::Longitude,
            to_360: all.iter().any(|&x| x > 180.0),
            numbers: vec![all.to_vec()],
            columns: 2,
        };
        let middle = |all| source(all).row(([0, 0], 0.0), &[([0, 1], 0.5)])[0][0];
        assert!((middle([359.0, 2.0]) - 0.5).abs() < 1e-12);
        assert!((middle([179.0, 182.0]) - 180.5).abs() < 1e-12);
        assert!((middle([179.0, -178.0]) + 179.5).abs() < 1e-12);
    }
}
