//! Text files that cannot be read, each with the message it must give; and odd ones that can.

use std::error::Error;
use std::fs;
use std::io::Write;

use langevin_datasets::{DatasetError, ReadOptions, read_points};
use langevin_points::record::PointCloud;
use langevin_points::space::Geometry;

fn read(name: &str, bytes: &[u8], options: &ReadOptions) -> Result<PointCloud, DatasetError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    read_points(&path, options)
}

/// The message without the folder, and what lies beneath it.
fn message(name: &str, bytes: &[u8], options: &ReadOptions) -> String {
    let error = read(name, bytes, options).unwrap_err();
    let text = error.to_string();
    let start = text.find(name).unwrap_or_else(|| panic!("{text} names no file"));
    let before = if text.starts_with("cannot read") { "cannot read " } else { "" };
    let beneath = error.source().map(|source| format!(" <- {source}")).unwrap_or_default();
    format!("{before}{}{beneath}", &text[start..])
}

fn by_itself() -> ReadOptions {
    ReadOptions::default()
}

#[test]
fn what_is_wrong_is_named_with_its_row_and_column() {
    let corpus: [(&str, &str); 20] = [
        ("", "t.csv: found no row of numbers, allowed: at least one"),
        ("# only\n\nx,y\n", "t.csv: found no row of numbers, allowed: at least one"),
        (
            "x,y\n1,2\n3,abc\n",
            "t.csv, row 3, column \"y\": found \"abc\", allowed: a finite number",
        ),
        ("1,2\n3,abc\n", "t.csv, row 2, column 2: found \"abc\", allowed: a finite number"),
        ("1,abc\n3,4\n", "t.csv, row 1, column 2: found \"abc\", allowed: a finite number"),
        ("x,y\n1,\n", "t.csv, row 2, column \"y\": found nothing, allowed: a finite number"),
        (
            "x,y\n# note\n\n1,2\nnan,3\n",
            "t.csv, row 5, column \"x\": found \"nan\", allowed: a finite number",
        ),
        ("1,inf\n", "t.csv, row 1, column 2: found \"inf\", allowed: a finite number"),
        ("1,-1e999\n", "t.csv, row 1, column 2: found \"-1e999\", allowed: a finite number"),
        ("1;2\n3;4,5\n", "t.csv, row 2, column 2: found \"4,5\", allowed: a finite number"),
        ("1,2\n3\n", "t.csv, row 2: found 1 columns, allowed: 2, as in row 1"),
        ("a,b\n1,2\n3,4,\n", "t.csv, row 3: found 3 columns, allowed: 2, as in row 1"),
        ("1 2\n3 4 5\n", "t.csv, row 2: found 3 columns, allowed: 2, as in row 1"),
        (
            "\"x,y\n1,2\n",
            "t.csv, row 1: found a quote that does not end its field, allowed: \"…\" around a field",
        ),
        (
            "lat,lon\n10,20\n91,0\n",
            "t.csv, row 3, column \"lat\": found \"91\", allowed: a latitude from -90 to 90",
        ),
        (
            "Longitude,Latitude\n-181,0\n",
            "t.csv, row 2, column \"Longitude\": found \"-181\", allowed: a longitude from -180 to 360",
        ),
        (
            "lat,lon,depth,year\n1,2,3,4\n",
            "t.csv: found latitude and longitude beside depth, year, allowed: a choice of columns, or geometry = \"flat\"",
        ),
        (
            "# geometry: sphere\nx,y,z\n1,0,0\n1,1,0\n",
            "t.csv, row 4: found a vector of length 1.4142135623730951, allowed: 1 within 2e-6",
        ),
        (
            "# geometry: sphere\nx,y\n1,0\n",
            "t.csv: found columns of points on the sphere: 2, allowed: latitude and longitude by these names, or 3",
        ),
        (
            "x,x\n1,2\n",
            "t.csv holds no cloud of points <- column name \"x\" is empty, stands twice or holds a line break",
        ),
    ];
    for (text, expected) in corpus {
        assert_eq!(message("t.csv", text.as_bytes(), &by_itself()), expected, "{text:?}");
        // Line ends of another system and a byte-order mark change nothing.
        let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        assert_eq!(message("t.csv", windows.as_bytes(), &by_itself()), expected, "{windows:?}");
    }
    let long = format!("1,2\n1,{}\n", "z".repeat(99));
    let expected =
        format!("t.csv, row 2, column 2: found \"{}\" …, allowed: a finite number", "z".repeat(40));
    assert_eq!(message("t.csv", long.as_bytes(), &by_itself()), expected);
}

#[test]
fn what_is_asked_for_must_be_there() {
    let label = |name: &str| ReadOptions { label: Some(name.into()), ..by_itself() };
    assert_eq!(
        message("t.csv", b"x,y\n1,2\n", &label("class")),
        "t.csv: found no column \"class\", allowed: x, y"
    );
    assert_eq!(
        message("t.csv", b"1,2\n", &label("3")),
        "t.csv: found no column \"3\", allowed: 1, 2"
    );
    assert_eq!(
        message("t.csv", b"x,c\n1,2\n1,2.5\n", &label("c")),
        "t.csv, row 3, column \"c\": found \"2.5\", allowed: an integer"
    );
}

#[test]
fn bytes_that_are_no_text_and_names_that_are_no_format() {
    assert_eq!(
        message("t.csv", b"1,2\n\xff,1\n", &by_itself()),
        "t.csv, row 2: found bytes that are not UTF-8, allowed: text"
    );
    assert_eq!(
        message("t.csv.gz", b"x,y\n1,2\n3,4\n", &by_itself()),
        "cannot read t.csv.gz <- invalid gzip header"
    );
    let allowed = "allowed: .csv, .tsv, .txt, .dat (each also with .gz), .npy, .h5, .hdf5";
    for name in ["t.xyz", "t.npy.gz", "points"] {
        let expected = format!("{name}: found no known extension, {allowed}");
        assert_eq!(message(name, b"1,2\n", &by_itself()), expected);
    }
    let error = read_points("nowhere/t.csv".as_ref(), &by_itself()).unwrap_err();
    assert_eq!(error.to_string(), "cannot read nowhere/t.csv");
}

#[test]
fn a_packed_file_that_ends_early_is_refused() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    (0..1000).for_each(|i| writeln!(packed, "{i},{}", i * 7919 % 1000).unwrap());
    let packed = packed.finish().unwrap();
    assert_eq!(read("t.csv.gz", &packed, &by_itself()).unwrap().len(), 1000);
    let cut = message("t.csv.gz", &packed[..packed.len() / 2], &by_itself());
    assert!(cut.starts_with("cannot read t.csv.gz <- "), "{cut}");
}

#[test]
fn tables_as_people_write_them() {
    for text in [
        "1.5,-2\n3,4e2\n",
        "x,y\n1.5,-2\n3,4e2",
        "# made by hand\n\"x\" ; \"y\"\n1.5 ; -2\n3 ; 4e2\n",
        "x\ty\r\n1.5\t-2\r\n3\t4e2\r\n",
        "  x  y\n  1.5   -2\n  3  +4e2\n",
        "\u{feff}x,y\n\"1.5\",\"-2\"\n3,400\n",
    ] {
        let cloud = read("t.txt", text.as_bytes(), &by_itself()).unwrap();
        assert_eq!(cloud.points(), [1.5, -2.0, 3.0, 400.0], "{text:?}");
        assert_eq!(
            (cloud.columns(), cloud.labels()),
            (&["x".to_string(), "y".to_string()][..], None)
        );
    }
    // A header of numbers must be said to be one; text in the first row otherwise.
    let options = ReadOptions { header: Some(true), ..by_itself() };
    let cloud = read("t.csv", b"1990,2000\n1,2\n", &options).unwrap();
    assert_eq!((cloud.len(), cloud.columns()), (1, &["1990".to_string(), "2000".to_string()][..]));
    // The index column of a data frame has no name.
    let options = ReadOptions { columns: Some(vec!["b".into(), "a".into()]), ..by_itself() };
    let cloud = read("t.csv", b",a,b\n0,1,2\n1,3,4\n", &options).unwrap();
    assert_eq!(cloud.points(), [2.0, 1.0, 4.0, 3.0]);
    assert_eq!(cloud.columns(), ["b", "a"]);
}

#[test]
fn labels_are_found_by_name_or_number() {
    let options = ReadOptions { label: Some("class".into()), ..by_itself() };
    let cloud = read("t.csv", b"x,class,y\n1,-3,2\n4,7.0,5\n", &options).unwrap();
    assert_eq!((cloud.points(), cloud.labels()), (&[1.0, 2.0, 4.0, 5.0][..], Some(&[-3, 7][..])));
    let options = ReadOptions { label: Some("1".into()), ..by_itself() };
    let cloud = read("t.csv", b"9,1,2\n", &options).unwrap();
    assert_eq!((cloud.points(), cloud.labels()), (&[1.0, 2.0][..], Some(&[9][..])));
}

#[test]
fn latitude_and_longitude_are_points_of_the_sphere() {
    let text = b"# catalogue\nLatitude,Longitude\n90,12\n0,-90\n";
    let cloud = read("t.csv", text, &by_itself()).unwrap();
    assert_eq!(cloud.geometry(), Geometry::Sphere);
    assert_eq!(cloud.points(), [0.0, 0.0, 1.0, 0.0, -1.0, 0.0]);
    assert_eq!(cloud.columns(), ["x", "y", "z"]);

    let turned = read(
        "t.csv",
        b"id,lon,lat\n7,-90,0\n",
        &ReadOptions {
            columns: Some(vec!["lon".into(), "lat".into()]),
            label: Some("id".into()),
            ..by_itself()
        },
    );
    let turned = turned.unwrap();
    assert_eq!((turned.points(), turned.labels()), (&[0.0, -1.0, 0.0][..], Some(&[7][..])));

    let options = ReadOptions { geometry: Some(Geometry::Flat), ..by_itself() };
    let flat = read("t.csv", text, &options).unwrap();
    assert_eq!((flat.geometry(), flat.points()), (Geometry::Flat, &[90.0, 12.0, 0.0, -90.0][..]));
}
