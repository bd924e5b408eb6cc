//! What is written is read back bit for bit, in every format; and it is written whole or not at all.

use std::fs;
use std::path::Path;

use langevin_core::rng::ids;
use langevin_core::{Purpose, Rng, Seed};
use langevin_datasets::{DatasetError, ReadOptions, read_points, write_points};
use langevin_points::record::PointCloud;
use langevin_points::toy::{SphereComponent, SphereMixtureConfig, Toy, sample};

const NAMES: [&str; 7] = ["p.csv", "p.tsv", "p.txt", "p.csv.gz", "p.npy", "p.h5", "p.hdf5"];

fn provenance() -> Vec<(String, String)> {
    [
        ("command", "langevin points sample"),
        ("config", "[data]\nkind = \"moons\"\r# ü"),
        ("label column", "x"),
    ]
    .map(|(key, value)| (key.to_string(), value.to_string()))
    .to_vec()
}

fn draws(toy: &Toy, n: usize) -> PointCloud {
    let law = toy.build().unwrap();
    sample(&*law, &mut Rng::new(Seed(1), Purpose::Data, ids(0, n), 0)).unwrap()
}

/// Clouds with everything that a format could lose.
fn clouds() -> Vec<PointCloud> {
    // The largest and smallest doubles, a subnormal, −0, and numbers that need 17 digits.
    let odd = vec![
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        -0.0,
        0.0,
        0.1 + 0.2,
        1.0 / 3.0,
        1e16,
        -123456789.125,
    ];
    let odd = PointCloud::flat(odd, 2).unwrap();
    let names = ["label", "1.5", "# a \"quoted\", name;", "x y", "ü"].map(String::from).to_vec();
    let named = PointCloud::flat(odd.points().to_vec(), 5).unwrap().with_columns(names).unwrap();
    let spots = [(80.0, 0.0), (-10.0, 170.0)].map(|(latitude_degrees, longitude_degrees)| {
        SphereComponent { weight: 1.0, latitude_degrees, longitude_degrees, concentration: 20.0 }
    });
    vec![
        named.clone().with_labels(vec![i64::MIN, i64::MAX]).unwrap(),
        named,
        odd,
        PointCloud::flat(vec![1.5], 1).unwrap(),
        draws(&Toy::eight_gaussians(5.0, 1.0), 200),
        draws(&Toy::standard_normal(7), 50),
        draws(&Toy::SphereMixture(SphereMixtureConfig { components: spots.to_vec() }), 100),
        PointCloud::from_degrees(&[12.3, 90.0], &[45.6, 0.0]).unwrap(),
    ]
}

fn bits(cloud: &PointCloud) -> Vec<u64> {
    cloud.points().iter().map(|x| x.to_bits()).collect()
}

#[test]
fn every_format_gives_the_same_cloud_back() {
    let folder = tempfile::tempdir().unwrap();
    for name in NAMES {
        let path = folder.path().join(name);
        for cloud in clouds() {
            write_points(&path, &cloud, &provenance(), true).unwrap();
            let back = read_points(&path, &ReadOptions::default()).unwrap();
            assert_eq!(back, cloud, "{name}");
            assert_eq!(bits(&back), bits(&cloud), "{name}");
        }
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_is_overwritten_only_by_force() {
    let (old, new) = (draws(&Toy::paper_moons(), 10), draws(&Toy::paper_s_curve(), 5));
    for name in NAMES {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        write_points(&path, &old, &[], false).unwrap();
        let refused = write_points(&path, &new, &[], false).unwrap_err();
        assert!(matches!(refused, DatasetError::Exists { .. }), "{name}: {refused}");
        assert_eq!(read_points(&path, &ReadOptions::default()).unwrap(), old, "{name}");
        write_points(&path, &new, &[], true).unwrap();
        assert_eq!(read_points(&path, &ReadOptions::default()).unwrap(), new, "{name}");
        let expected = if name == "p.npy" { vec!["p.npy", "p.npy.json"] } else { vec![name] };
        assert_eq!(names(folder.path()), expected);
    }
}

#[test]
fn a_description_of_something_else_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let (npy, json) = (folder.path().join("p.npy"), folder.path().join("p.npy.json"));
    fs::write(&json, "{}").unwrap();
    let cloud = draws(&Toy::paper_moons(), 10);
    let refused = write_points(&npy, &cloud, &[], false).unwrap_err();
    assert!(matches!(refused, DatasetError::Exists { path } if path == json));
    assert_eq!(names(folder.path()), ["p.npy.json"]);
}

#[test]
fn provenance_is_where_each_format_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = draws(&Toy::paper_moons(), 3);
    let path = |name: &str| folder.path().join(name);
    for name in ["p.csv", "p.npy", "p.h5"] {
        write_points(&path(name), &cloud, &provenance(), false).unwrap();
    }
    let text = fs::read_to_string(path("p.csv")).unwrap();
    let comments: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
    assert_eq!(comments[..2], ["# geometry: flat", "# label column: label"]);
    assert_eq!(
        comments[2..5],
        ["# command: langevin points sample", "# config: [data]", "# kind = \"moons\""]
    );
    assert_eq!(comments[5..], ["# # ü", "# label column: x"]);

    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(path("p.npy.json")).unwrap()).unwrap();
    let file = hdf5::File::open(path("p.h5")).unwrap();
    for (key, value) in provenance() {
        assert_eq!(json["provenance"][&key], value.as_str());
        let attribute =
            file.attr(&key).unwrap().read_scalar::<hdf5::types::VarLenUnicode>().unwrap();
        assert_eq!(attribute.as_str(), value);
    }
}

#[test]
fn a_description_that_does_not_fit_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.npy");
    write_points(&path, &draws(&Toy::paper_moons(), 3), &[], false).unwrap();
    let json = folder.path().join("p.npy.json");
    let read = || read_points(&path, &ReadOptions::default());

    let text = fs::read_to_string(&json).unwrap();
    fs::write(&json, text.replace("\"labels\": [", "\"labels\": [7,")).unwrap();
    let error = read().unwrap_err();
    let expected = format!(
        "{}: found the description of another array than {}, allowed: its own, or none",
        json.display(),
        path.display()
    );
    assert_eq!(error.to_string(), expected);
    // An array replaced by a program that knows nothing of the file beside it.
    fs::write(&json, &text).unwrap();
    assert_eq!(read().unwrap().len(), 3);
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 0x80;
    fs::write(&path, bytes).unwrap();
    assert_eq!(read().unwrap_err().to_string(), expected);

    fs::write(&json, "{").unwrap();
    assert_eq!(
        read().unwrap_err().to_string(),
        format!("{}: found no description of points", json.display())
    );
    fs::remove_file(&json).unwrap();
    assert_eq!(read().unwrap().labels(), None);
}

#[test]
fn an_array_with_a_number_that_is_none_names_its_row_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.npy");
    write_points(&path, &draws(&Toy::standard_normal(3), 4), &[], false).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() - 8 * 2;
    bytes[at..at + 8].copy_from_slice(&f64::NAN.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    let error = read_points(&path, &ReadOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{}, row 4, column 2: found NaN, allowed: a finite number", path.display())
    );
}
