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
