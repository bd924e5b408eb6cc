//! Round trips through files made here.

use langevin_climate::regrid::Regridder;
use langevin_climate::weights::Rule;
use ndarray::Array2;

use super::*;

/// A file as archives have them: packed, north to south, 360-day calendar, a meridian twice.
fn archive(path: &std::path::Path) {
    let mut file = netcdf::create(path).unwrap();
    file.add_attribute("title", "a field").unwrap();
    file.add_attribute("history", "made").unwrap();
    file.add_unlimited_dimension("time").unwrap();
    for (name, length) in [("lat", 4), ("lon", 5), ("nv", 2)] {
        file.add_dimension(name, length).unwrap();
    }
    let mut time = file.add_variable::<f64>("time", &["time"]).unwrap();
    time.put_attribute("units", "days since 1870-09-01").unwrap();
    time.put_attribute("calendar", "360_day").unwrap();
    time.put_attribute("bounds", "time_bnds").unwrap();
    time.put_values(&[15.0, 45.0], 0..2).unwrap();
    let mut bounds = file.add_variable::<f64>("time_bnds", &["time", "nv"]).unwrap();
    bounds.put_values(&[0.0, 30.0, 30.0, 60.0], (0..2, ..)).unwrap();
    let mut lat = file.add_variable::<f32>("lat", &["lat"]).unwrap();
    lat.put_attribute("units", "degrees_north").unwrap();
    lat.put_values(&[67.5f32, 22.5, -22.5, -67.5], ..).unwrap();
    let mut lon = file.add_variable::<f64>("lon", &["lon"]).unwrap();
    lon.put_attribute("units", "degrees_east").unwrap();
    lon.put_values(&[0.0, 90.0, 180.0, 270.0, 360.0], ..).unwrap();
    let mut rain = file.add_variable::<i16>("pr", &["time", "lat", "lon"]).unwrap();
    rain.set_fill_value(-1i16).unwrap();
    rain.put_attribute("units", "mm h-1").unwrap();
    rain.put_attribute("scale_factor", 0.5f64).unwrap();
    rain.put_attribute("add_offset", 1.0f64).unwrap();
    let stored: Vec<i16> = (0..40).map(|i| if i == 7 { -1 } else { i }).collect();
    rain.put_values(&stored, (0..2, .., ..)).unwrap();
    file.close().unwrap();
}

#[test]
fn archives_are_read_and_what_they_say_of_time_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from.nc"), folder.path().join("to.nc"));
    archive(&from);
    let source = GridFile::open(&from).unwrap();
    assert_eq!(source.fields(), ["pr"]);
    let field = source.field(None).unwrap();
    assert_eq!((field.times, field.members, field.grid.shape()), (2, 1, (4, 4)));
    assert_eq!(field.grid.x.period(), Some(360.0));
    let frame = source.frame(&field, (0, 0)).unwrap();
    // Number 7 is row 1, column 2: missing; others are 1 + i/2.
    assert!(frame[(1, 2)].is_nan());
    assert_eq!((frame[(0, 3)], frame[(2, 0)]), (2.5, 6.0));
    let part = source.rows(&field, (1, 0), 1..3).unwrap();
    assert_eq!(part.dim(), (2, 4));
    assert_eq!(part[(0, 0)], 1.0 + 25.0 / 2.0);

    let fine = field.grid.refined(2.0);
    let regridder = Regridder::new(&field.grid, &fine, Rule::Nearest, 1.0);
    let options = WriteOptions {
        members: Some(3),
        times: vec![1],
        deflate: 4,
        history: "now: regrid".into(),
        provenance: vec![("seed".into(), "7".into())],
    };
    write_grid::<GridFileError>(&to, false, (&source, &field), &fine, &options, |writer| {
        let frame = regridder.apply(source.frame(&field, (1, 0))?.view());
        (0..3).try_for_each(|member| writer.put((0, member), &(&frame + member as f32)))
    })
    .unwrap();
    let made = GridFile::open(&to).unwrap();
    let again = made.field(Some("pr")).unwrap();
    assert_eq!((again.times, again.members, again.grid.shape()), (1, 3, (8, 8)));
    let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9);
    assert!(close(again.grid.y.bounds(), fine.y.bounds()));
    let third: Array2<f32> = made.frame(&again, (0, 2)).unwrap();
    assert_eq!(third[(0, 0)], 1.0 + 20.0 / 2.0 + 2.0);
    let time = made.file.variable("time").unwrap();
    let said = |name: &str| super::roles::text(&time, name).unwrap();
    assert_eq!(
        (said("units"), said("calendar")),
        ("days since 1870-09-01".into(), "360_day".into())
    );
    assert_eq!(time.get_values::<f64, _>(..).unwrap(), [45.0]);
    let bounds = made.file.variable("time_bnds").unwrap();
    assert_eq!(bounds.get_values::<f64, _>(..).unwrap(), [30.0, 60.0]);
    let history = made.file.attribute("history").unwrap().value().unwrap();
    assert_eq!(history, netcdf::AttributeValue::Str("now: regrid\nmade".into()));
    // It stands, and is not replaced unless asked.
    let refused =
        write_grid::<GridFileError>(&to, false, (&source, &field), &fine, &options, |_| Ok(()));
    assert!(matches!(refused, Err(GridFileError::Write(_))));
}

/// A climatology whose time is in nanoseconds, on a projection that is named with its coordinates.
fn climatology(path: &std::path::Path) {
    let mut file = netcdf::create(path).unwrap();
    for (name, length) in [("time", 2), ("y", 2), ("x", 2), ("nv", 2)] {
        file.add_dimension(name, length).unwrap();
    }
    let nanoseconds = [1_700_000_000_123_456_789i64, 1_700_000_000_123_456_791];
    let mut time = file.add_variable::<i64>("time", &["time"]).unwrap();
    time.put_attribute("units", "nanoseconds since 1970-01-01").unwrap();
    time.put_attribute("climatology", "normals").unwrap();
    time.put_values(&nanoseconds, ..).unwrap();
    let mut normals = file.add_variable::<i64>("normals", &["time", "nv"]).unwrap();
    normals.put_values(&[1i64, 2, 3, 4], ..).unwrap();
    let mut mapping = file.add_variable::<i16>("crs", &[]).unwrap();
    mapping.put_attribute("grid_mapping_name", "lambert_conformal_conic").unwrap();
    mapping.put_attribute("standard_parallel", vec![30.0f64, 60.0]).unwrap();
    mapping.put_values(&[7i16], ..).unwrap();
    let text = netcdf::types::NcVariableType::Char;
    let mut other = file.add_variable_with_type("wgs84", &[], &text).unwrap();
    other.put_attribute("grid_mapping_name", "latitude_longitude").unwrap();
    let mut field = file.add_variable::<f32>("tas", &["time", "y", "x"]).unwrap();
    field.put_attribute("missing_value", 1e20f64).unwrap();
    field.put_attribute("grid_mapping", "crs: x y wgs84: lat lon").unwrap();
    field.put_attribute("ancillary_variables", "flags").unwrap();
    field.put_attribute("cell_methods", "").unwrap();
    field.put_values(&[1.0f32, 1e20, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], ..).unwrap();
    file.close().unwrap();
}

#[test]
fn what_stands_beside_a_field_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from.nc"), folder.path().join("to.nc"));
    climatology(&from);
    let source = GridFile::open(&from).unwrap();
    let field = source.field(Some("tas")).unwrap();
    // A mark of double precision beside numbers of single precision.
    assert!(source.frame(&field, (0, 0)).unwrap()[(0, 1)].is_nan());
    let options = WriteOptions {
        members: None,
        times: vec![1],
        deflate: 0,
        history: "made".into(),
        provenance: vec![],
    };
    let own = (&source, &field);
    write_grid::<GridFileError>(&to, false, own, &field.grid, &options, |writer| {
        writer.put((0, 0), &source.frame(&field, (1, 0))?)
    })
    .unwrap();
    let made = GridFile::open(&to).unwrap();
    let of = |name: &str| made.file.variable(name).unwrap();
    let whole = |name: &str| of(name).get_values::<i64, _>(..).unwrap();
    assert_eq!(whole("time"), [1_700_000_000_123_456_791]);
    assert_eq!((whole("normals"), whole("crs")), (vec![3, 4], vec![7]));
    let said = |name: &str, what: &str| of(name).attribute_value(what).map(|x| x.unwrap());
    let parallels = netcdf::AttributeValue::Doubles(vec![30.0, 60.0]);
    assert_eq!(said("crs", "standard_parallel"), Some(parallels));
    let name = netcdf::AttributeValue::Str("latitude_longitude".into());
    assert_eq!(said("wgs84", "grid_mapping_name"), Some(name));
    assert_eq!(said("tas", "cell_methods"), Some(netcdf::AttributeValue::Str(String::new())));
    assert_eq!(said("tas", "ancillary_variables"), None);
    assert_eq!(said("tas", "coordinates"), None);
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("from.nc");
    archive(&path);
    let source = GridFile::open(&path).unwrap();
    let message = |name: &str| source.field(Some(name)).unwrap_err().to_string();
    assert!(message("prr").ends_with("found no variable prr, allowed: pr"), "{}", message("prr"));
    assert!(
        message("time").contains("variable time: found the dimensions time, needed: a latitude")
    );
    let bytes = std::fs::read(&path).unwrap();
    let cut = folder.path().join("cut.nc");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(GridFile::open(&cut), Err(GridFileError::Open { .. })));
    assert!(matches!(
        GridFile::open(&folder.path().join("no.nc")),
        Err(GridFileError::Open { .. })
    ));
}
