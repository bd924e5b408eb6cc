//! What a field's attribute `coordinates` names, written beside it on another grid.

use langevin_climate::grid::Grid;
use netcdf::types::NcVariableType;
use netcdf::{FileMut, Variable};

use super::file::FieldSource;
use super::interpolated::{Kind, bring};
use super::roles::{self, Role};
use super::writer::{WriteOptions, with_bounds};

/// Where a coordinate is defined.
#[derive(PartialEq)]
enum Place {
    /// On no row and column: one number, or one for each step of time.
    Aside,
    /// On the cells.
    Cells,
    /// On what is not written, or it is no number.
    Elsewhere,
}

/// Writes the coordinates of `field`, those on cells brought to `grid`; returns the names that the field is to have, in the
/// source's order.
///
/// Levels of one cell, which have no dimension there, are coordinates too. Beside members they are written but not named.
pub(super) fn write(
    out: &mut FileMut,
    from: &netcdf::File,
    field: &FieldSource,
    grid: &Grid,
    options: &WriteOptions,
) -> netcdf::Result<Vec<String>> {
    let (mut kept, mut on_cells) = (Vec::new(), Vec::new());
    for name in names(from, field) {
        let Some(variable) = from.variable(&name) else { continue };
        if out.variable(&name).is_none() {
            match place(&variable, field) {
                Place::Aside => {
                    let time = field.dimension(Role::Time);
                    with_bounds(out, from, &variable, (time, &options.times))?;
                    // CDO takes members for levels and reads no field that has both.
                    if options.members.is_some() && is_level(&variable) {
                        continue;
                    }
                }
                Place::Cells => on_cells.push(variable),
                Place::Elsewhere => continue,
            }
        }
        kept.push(name);
    }
    for (kind, group) in together(on_cells) {
        bring(out, (kind, &group), field, grid, options)?;
    }
    Ok(kept)
}

/// The names, each once.
fn names(from: &netcdf::File, field: &FieldSource) -> Vec<String> {
    let own = from.variable(&field.name).expect("the field was read from it");
    let text = roles::text(&own, "coordinates").unwrap_or_default();
    let levels = field.dimensions.iter().filter(|(_, role)| *role == Role::Other);
    let mut found: Vec<String> = Vec::new();
    for name in text.split_whitespace().chain(levels.map(|(name, _)| name.as_str())) {
        if !found.iter().any(|own| own == name) {
            found.push(name.into());
        }
    }
    found
}

pub(super) fn dimensions(variable: &Variable) -> Vec<String> {
    variable.dimensions().iter().map(|own| own.name()).collect()
}

fn place(variable: &Variable, field: &FieldSource) -> Place {
    if !matches!(variable.vartype(), NcVariableType::Int(_) | NcVariableType::Float(_)) {
        return Place::Elsewhere;
    }
    let role = |name: &String| field.dimensions.iter().find(|(own, _)| own == name).map(|d| d.1);
    let roles: Option<Vec<Role>> = dimensions(variable).iter().map(role).collect();
    let Some(mut roles) = roles else { return Place::Elsewhere };
    roles.retain(|role| !matches!(role, Role::Time | Role::Other));
    match roles[..] {
        [] => Place::Aside,
        [Role::Y, Role::X] => Place::Cells,
        _ => Place::Elsewhere,
    }
}

/// Whether a coordinate says that it is vertical.
fn is_level(variable: &Variable) -> bool {
    let says = |name: &str| roles::text(variable, name);
    says("positive").is_some() || says("axis").is_some_and(|axis| axis.eq_ignore_ascii_case("z"))
}

fn kind(variable: &Variable) -> Kind {
    let units = roles::text(variable, "units").unwrap_or_default().to_lowercase();
    let standard = roles::text(variable, "standard_name").filter(|_| units.starts_with("degree"));
    match standard.as_deref() {
        _ if roles::is_north(&units) => Kind::Latitude,
        _ if roles::is_east(&units) => Kind::Longitude,
        Some("latitude") => Kind::Latitude,
        Some("longitude") => Kind::Longitude,
        _ => Kind::Number,
    }
}

/// The first latitude with the first longitude, where both are defined on the same; others by themselves.
fn together(mut all: Vec<Variable>) -> Vec<(Kind, Vec<Variable>)> {
    let first = |wanted| all.iter().position(|own| kind(own) == wanted);
    let mut groups = Vec::new();
    if let (Some(i), Some(j)) = (first(Kind::Latitude), first(Kind::Longitude))
        && dimensions(&all[i]) == dimensions(&all[j])
    {
        let (late, early) = (all.remove(i.max(j)), all.remove(i.min(j)));
        let pair = if i < j { vec![early, late] } else { vec![late, early] };
        groups.push((Kind::Both, pair));
    }
    groups.extend(all.into_iter().map(|own| (kind(&own), vec![own])));
    groups
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ndarray::Array2;

    use super::super::{GridFile, GridFileError, write_grid};
    use super::*;

    /// The place of rotated coordinates: turned by 50 degrees about the y axis, then by 170 about the pole, so that the grid
    /// below lies around the north pole and over the date line.
    fn turned(latitude: f64, longitude: f64) -> [f64; 2] {
        let (f, l, tilt) = (latitude.to_radians(), longitude.to_radians(), 50f64.to_radians());
        let [x, y, z] = [f.cos() * l.cos(), f.cos() * l.sin(), f.sin()];
        let [x, z] = [x * tilt.cos() - z * tilt.sin(), x * tilt.sin() + z * tilt.cos()];
        let east = (y.atan2(x).to_degrees() + 170.0 + 180.0).rem_euclid(360.0) - 180.0;
        [z.asin().to_degrees(), east]
    }

    /// A rotated grid with all kinds of coordinates: its field names some that cannot be written.
    fn rotated(path: &Path) -> netcdf::Result<()> {
        let mut file = netcdf::create(path)?;
        for (name, length) in [("time", 3), ("level", 1), ("rlat", 40), ("rlon", 30), ("nv", 2)] {
            file.add_dimension(name, length)?;
        }
        let put = |file: &mut FileMut, name: &str, on: &[&str], said: [&str; 2], all: &[f64]| {
            let mut variable = file.add_variable::<f64>(name, on)?;
            variable.put_attribute(said[0], said[1])?;
            variable.put_values(all, ..)
        };
        let rlat: Vec<f64> = (0..40).map(|i| 30.0 + 0.5 * f64::from(i)).collect();
        let rlon: Vec<f64> = (0..30).map(|j| -5.0 + 0.5 * f64::from(j)).collect();
        let places: Vec<[f64; 2]> =
            rlat.iter().flat_map(|&f| rlon.iter().map(move |&l| turned(f, l))).collect();
        let part = |k: usize| -> Vec<f64> { places.iter().map(|place| place[k]).collect() };
        let days = ["units", "days since 2000-01-01"];
        put(&mut file, "time", &["time"], days, &[0.0, 1.0, 2.0])?;
        put(&mut file, "rlat", &["rlat"], ["standard_name", "grid_latitude"], &rlat)?;
        put(&mut file, "rlon", &["rlon"], ["standard_name", "grid_longitude"], &rlon)?;
        put(&mut file, "lat", &["rlat", "rlon"], ["units", "degrees_north"], &part(0))?;
        put(&mut file, "lon", &["rlat", "rlon"], ["units", "degrees_east"], &part(1))?;
        put(&mut file, "height", &[], ["bounds", "height_bnds"], &[2.0])?;
        file.variable_mut("height").expect("it was made").put_attribute("positive", "up")?;
        put(&mut file, "height_bnds", &["nv"], ["units", "m"], &[1.5, 2.5])?;
        put(&mut file, "level", &["level"], ["units", "hPa"], &[850.0])?;
        put(&mut file, "lead", &["time"], ["units", "hours"], &[6.0, 12.0, 18.0])?;
        put(&mut file, "row", &["rlat"], ["units", "1"], &rlat)?;
        let moving: Vec<f64> = (0..3 * 1200).map(|i| f64::from(i / 1200 + i % 30)).collect();
        put(&mut file, "angle", &["time", "rlat", "rlon"], ["units", "degrees"], &moving)?;
        let named = ["coordinates", "lon lat height lead row gone angle"];
        put(&mut file, "tas", &["time", "level", "rlat", "rlon"], named, &moving)?;
        file.close()
    }

    /// Coordinates of the source and of what is written of its step 2, each cell cut in three.
    fn refined(folder: &Path, members: Option<usize>) -> (GridFile, Grid) {
        let (from, to) = (folder.join("from.nc"), folder.join("to.nc"));
        rotated(&from).unwrap();
        let source = GridFile::open(&from).unwrap();
        let field = source.field(Some("tas")).unwrap();
        let grid = field.grid.refined(3.0);
        let options = WriteOptions {
            members,
            times: vec![1],
            deflate: 1,
            history: "made".into(),
            provenance: vec![],
        };
        write_grid::<GridFileError>(&to, false, (&source, &field), &grid, &options, |writer| {
            let count = members.unwrap_or(1);
            (0..count).try_for_each(|member| writer.put((0, member), &Array2::zeros(grid.shape())))
        })
        .unwrap();
        (GridFile::open(&to).unwrap(), grid)
    }

    /// Latitudes and longitudes of cells cut in three are those of the rotation, at the pole and over the date line too.
    ///
    /// Tolerance: an arc of 0.5 degrees is 1e-5 of a radian off its chord (h²/8), outside of the outermost centres, a third
    /// of a cell away, less than that: 6e-4 degrees. A cell is 0.17 degrees.
    #[test]
    fn places_of_finer_cells_are_those_of_the_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let (made, grid) = refined(folder.path(), None);
        let all = |name: &str| made.file.variable(name).unwrap().get_values::<f64, _>(..).unwrap();
        let (lat, lon) = (all("lat"), all("lon"));
        let vector = |f: f64, l: f64| {
            let (f, l) = (f.to_radians(), l.to_radians());
            [f.cos() * l.cos(), f.cos() * l.sin(), f.sin()]
        };
        let mut worst = 0.0f64;
        for (i, &y) in grid.y.centres().iter().enumerate() {
            for (j, &x) in grid.x.centres().iter().enumerate() {
                let (cell, [f, l]) = (i * grid.x.len() + j, turned(y, x));
                let (a, b) = (vector(f, l), vector(lat[cell], lon[cell]));
                let gap = (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt();
                worst = worst.max(gap.to_degrees());
            }
        }
        assert!(worst < 6e-4, "{worst} degrees");
        assert!(lat.iter().any(|&f| f > 89.8), "the grid lies around the pole");
        assert!(lon.iter().all(|l| (-180.0..=180.0).contains(l)));
        assert!(lon.iter().any(|&l| l > 179.0) && lon.iter().any(|&l| l < -179.0));
    }

    #[test]
    fn coordinates_survive_and_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let (made, _) = refined(folder.path(), None);
        let field = made.file.variable("tas").unwrap();
        let named = roles::text(&field, "coordinates");
        assert_eq!(named.as_deref(), Some("lon lat height lead angle level"));
        assert_eq!(dimensions(&field), ["time", "rlat", "rlon"]);
        let of = |name: &str| {
            let variable = made.file.variable(name).unwrap();
            (dimensions(&variable), variable.get_values::<f64, _>(..).unwrap())
        };
        assert_eq!(of("height"), (vec![], vec![2.0]));
        assert_eq!(of("height_bnds"), (vec!["nv".into()], vec![1.5, 2.5]));
        assert_eq!(of("level"), (vec![], vec![850.0]));
        assert_eq!(of("lead"), (vec!["time".into()], vec![12.0]));
        let (on, angle) = of("angle");
        assert_eq!(on, ["time", "rlat", "rlon"]);
        // 1 at step 2, plus the number of the column; a third of a cell beyond the first one's centre.
        assert!((angle[0] - (1.0 - 1.0 / 3.0)).abs() < 1e-12, "{}", angle[0]);
        assert!((angle[89] - (1.0 + 29.0 + 1.0 / 3.0)).abs() < 1e-12, "{}", angle[89]);
        assert_eq!(made.fields(), ["tas"]);
    }

    #[test]
    fn a_height_beside_members_is_not_named() {
        let folder = tempfile::tempdir().unwrap();
        let (made, _) = refined(folder.path(), Some(2));
        let field = made.file.variable("tas").unwrap();
        assert_eq!(dimensions(&field), ["time", "realization", "rlat", "rlon"]);
        let named = roles::text(&field, "coordinates");
        assert_eq!(named.as_deref(), Some("lon lat lead angle level"));
        assert!(made.file.variable("height").is_some());
    }
}
